"""Exact nearest neighbours in memory: what arrived since the index was built, and small indexes."""

from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Hits
from marketrank.errors import BadInput
from marketrank.types import Mask, Vectors

Keys = NDArray[np.int64]
_FIRST_CAPACITY = 256
# Below this share of allowed rows, gathering them and multiplying less beats one product over
# all rows (measured: gathered rows cost about three times as much as streamed ones).
_GATHER_SHARE = 0.3
_BLOCK = 1_024  # rows gathered at once: a block stays in the cache between copy and product


def allowed_rows(keys: Keys, allowed: Mask) -> NDArray[np.bool_]:
    """Shape (n,): which of `keys` the mask allows; keys beyond its end are not."""
    inside = keys < len(allowed)
    if inside.all():
        return np.asarray(allowed[keys])
    rows = np.zeros(len(keys), np.bool_)
    rows[inside] = allowed[keys[inside]]
    return rows


def best(keys: Keys, scores: NDArray[np.float32], k: int) -> Hits:
    """The k highest scores, best first, ties by key. Shapes (n,) and (n,)."""
    if k <= 0:
        return Hits(np.empty(0, np.int64), np.empty(0, np.float32))
    if k < len(scores):
        # All that reach the k-th score, so that ties at the border are settled by key.
        border = np.partition(scores, len(scores) - k)[len(scores) - k]
        reach = np.flatnonzero(scores >= border)
        keys, scores = keys[reach], scores[reach]
    order = np.lexsort((keys, -scores))[:k]
    return Hits(keys=keys[order], scores=scores[order])


def check_query(query: Vectors, dim: int) -> NDArray[np.float32]:
    """The query as shape (dim,). Raises BadInput where it does not fit the index."""
    if query.shape != (1, dim):
        raise BadInput(
            f"a query vector of shape {query.shape} does not fit an index of dim {dim}: encoder "
            "and index are of different models; run `marketrank index --rebuild`"
        )
    return np.ascontiguousarray(query[0], dtype=np.float32)


def scan(
    query: NDArray[np.float32],
    keys: Keys,
    vectors: Vectors,
    k: int,
    rows: NDArray[np.bool_] | None = None,
) -> Hits:
    """Compare the query, shape (dim,), with every row that `rows` allows (None: with all)."""
    if rows is None:
        return best(keys, vectors @ query, k)
    chosen = np.flatnonzero(rows)
    if len(chosen) >= _GATHER_SHARE * len(keys):
        return best(keys[chosen], (vectors @ query)[chosen], k)
    return best(keys[chosen], gathered_scores(query, vectors, chosen), k)


def gathered_scores(
    query: NDArray[np.float32], vectors: Vectors, chosen: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Inner products of the query, shape (dim,), with the chosen rows alone."""
    scores = np.empty(len(chosen), np.float32)
    for start in range(0, len(chosen), _BLOCK):
        block = chosen[start : start + _BLOCK]
        scores[start : start + len(block)] = vectors[block] @ query
    return scores


@dataclass(frozen=True, slots=True)
class ExactRows:
    """One state of a segment; never changes. `current` is False in rows that a later one of the
    same key replaced. Shapes (n,), (n, dim), (n,)."""

    keys: Keys
    vectors: Vectors
    current: NDArray[np.bool_]
    replaced: int

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> Hits:
        """The k best among `allowed` (None: all), exactly."""
        flat = check_query(query, self.vectors.shape[1])
        rows = self.current if self.replaced else None
        if allowed is not None:
            rows = allowed_rows(self.keys, allowed) & self.current
        return scan(flat, self.keys, self.vectors, k, rows)

    def current_keys(self) -> Keys:
        return self.keys[self.current]


class ExactSegment:
    """A growing set of vectors by key. One writer, any number of readers.

    Rows are only appended: a state that a reader holds covers the rows below its count, which no
    later `put` touches. Buffers double when they are full, and are written anew without the
    replaced rows when those are more than half.
    """

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._lock = Lock()
        self._row_of: dict[int, int] = {}
        self._keys: Keys = np.empty(_FIRST_CAPACITY, np.int64)
        self._vectors: Vectors = np.empty((_FIRST_CAPACITY, dim), np.float32)
        self._rows = ExactRows(self._keys[:0], self._vectors[:0], np.empty(0, np.bool_), replaced=0)
        self._ordered: tuple[ExactRows, Keys, NDArray[np.int64]] = (
            self._rows,
            np.empty(0, np.int64),
            np.empty(0, np.int64),
        )

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._rows.keys) - self._rows.replaced

    def rows(self) -> ExactRows:
        """The newest state."""
        return self._rows

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> Hits:
        """The k best among `allowed` (None: all), exactly. `query` has shape (1, dim)."""
        return self._rows.search(query, k, allowed)

    def vectors_of(self, keys: Keys) -> Vectors:
        """See ports.VectorIndex."""
        return self.found(keys)[1]

    def scores_of(self, query: Vectors, keys: Keys) -> NDArray[np.float32]:
        """See ports.VectorIndex."""
        out = np.zeros(len(keys), np.float32)
        held, scores = self.found_scores(query, keys)
        out[held] = scores
        return out

    def found(self, keys: Keys) -> tuple[NDArray[np.bool_], Vectors]:
        """Which keys there are, shape (n,), and their vectors, (n, dim), zeros for others."""
        out = np.zeros((len(keys), self._dim), np.float32)
        state, held, rows = self._places(keys)
        out[held] = state.vectors[rows]
        return held, out

    def found_scores(
        self, query: Vectors, keys: Keys
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Which keys there are, shape (n,), and the inner products of those with the query,
        (1, dim)."""
        state, held, rows = self._places(keys)
        return held, gathered_scores(query[0], state.vectors, rows)

    def _places(self, keys: Keys) -> tuple[ExactRows, NDArray[np.bool_], NDArray[np.int64]]:
        """One state, which of the keys it has, and the rows of those there. The order of its keys
        is worked out once: asking a dictionary for each of 1,000 keys took 0.1 ms a time."""
        state, ordered, row_of = self._ordered
        if state is not self._rows:
            state = self._rows
            current = np.flatnonzero(state.current)
            row_of = current[np.argsort(state.keys[current])]
            ordered = state.keys[row_of]
            self._ordered = (state, ordered, row_of)
        if len(ordered) == 0:
            return state, np.zeros(len(keys), np.bool_), np.empty(0, np.int64)
        places = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
        held = ordered[places] == keys
        return state, held, row_of[places[held]]

    def put(self, keys: Keys, vectors: Vectors) -> None:
        """Add, or replace by key; of a key given twice the last counts. Shapes (n,), (n, dim).

        Readers see all of it or nothing. Raises BadInput for vectors of another shape.
        """
        if vectors.shape != (len(keys), self._dim):
            raise BadInput(
                f"{len(keys)} keys with vectors of shape {vectors.shape} do not fit a segment of "
                f"dim {self._dim}: the encoder has changed; run `marketrank index --rebuild`"
            )
        if len(keys) == 0:
            return
        with self._lock:
            self._append(np.asarray(keys, np.int64), vectors)

    def _append(self, keys: Keys, vectors: Vectors) -> None:
        old = self._rows
        count = len(old.keys)
        total = count + len(keys)
        self._reserve(count, total)
        self._keys[count:total] = keys
        self._vectors[count:total] = vectors
        current = np.ones(total, np.bool_)
        current[:count] = old.current
        for row, key in enumerate(keys.tolist(), start=count):
            before = self._row_of.get(key)
            if before is not None:
                current[before] = False
            self._row_of[key] = row
        replaced = total - len(self._row_of)
        if replaced > total // 2:
            self._compact(np.flatnonzero(current))
        else:
            self._rows = ExactRows(self._keys[:total], self._vectors[:total], current, replaced)

    def _reserve(self, count: int, total: int) -> None:
        if total <= len(self._keys):
            return
        capacity = max(total, 2 * len(self._keys))
        keys = np.empty(capacity, np.int64)
        vectors = np.empty((capacity, self._dim), np.float32)
        keys[:count] = self._keys[:count]
        vectors[:count] = self._vectors[:count]
        self._keys, self._vectors = keys, vectors

    def _compact(self, rows: NDArray[np.int64]) -> None:
        # New buffers: readers may hold states over the old ones.
        self._keys, self._vectors = self._keys[rows], self._vectors[rows]
        self._row_of = {key: row for row, key in enumerate(self._keys.tolist())}
        self._rows = ExactRows(self._keys, self._vectors, np.ones(len(rows), np.bool_), replaced=0)
