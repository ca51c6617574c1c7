"""The nearest lists of an inverted file (FAISS), and the best of them rescored exactly.

Lists look at the first `width` components of vectors. An index whose vectors hold words and then
photos has lists over all of a vector, and others over the words' part alone: a query of words is 0
in the rest, so half of each code would be read for nothing, and rows that were gathered by their
photos as well lie in more lists than rows gathered by their words.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from marketrank.retrieval.short_rows import ShortRows
from marketrank.types import Vectors

Rows = NDArray[np.bool_]

_LISTS_PER_ROOT = 4  # nlist = 4·sqrt(n): FAISS's own guideline for up to a million vectors
_TRAIN_PER_LIST = 64
_MIN_TRAIN = 39 * 16  # what FAISS wants for the 16 centroids of a product quantiser's part
_TARGET_SHARE = 0.995  # of the top 10 in the lists that are probed, for each kind of sampled query
# Of queries as people type them a few need many more lists than all others: a sample of 97 gave 192
# at .995, others of 193 gave 485 and 621 (docs/adr/0220). What is asked for here is a share that a
# sample can tell: lists for .99 of them hold .994 of the ten nearest, those for .998 hold .998 and
# take half as long again (docs/adr/0240).
_ASKED_SHARE = 0.99
_QUERIES_PER_KIND = 48
_COPY_ROWS = 65_536
# A search compares at least so many vectors: by their codes about 0.1 ms.
_MIN_COMPARED = 4_000
# A filter may allow only far things, where the lists say little about what is nearest: compare at
# least this share of what is allowed, times the share that is not (0 where all may be returned).
_FAR_SHARE = 0.25
# Comparing one gathered row costs as much as reading so many codes in their lists: .3 to .5 µs of
# processor time, where 10,000 are gathered, against .026 (100,000 × 384).
_CODES_PER_ROW = 16
_SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Lists:
    """The inverted file. `centroids` (lists, width); `list_of` (n,) names each row's list;
    `sizes` (lists,) counts their rows; `near` holds the rows for rescoring."""

    index: Any  # faiss.IndexIVF
    near: ShortRows
    centroids: Vectors
    list_of: NDArray[np.int32]
    sizes: NDArray[np.int64]
    probes: int

    @property
    def width(self) -> int:
        """How many components they look at."""
        return int(self.centroids.shape[1])

    @property
    def budget(self) -> int:
        """How many vectors a search without a mask compares."""
        return len(self.list_of) * self.probes // len(self.sizes)

    def candidates(
        self, query: NDArray[np.float32], n: int, rows: Rows | None
    ) -> NDArray[np.int64]:
        """The allowed rows of the n nearest by their codes, ascending; or all allowed rows, where
        comparing those costs less. `query` has shape (width,).

        Reads the nearest lists, passing over those without an allowed row, until enough allowed
        vectors were compared. So recall falls neither with the share that is allowed nor where
        all of it is far from the query; a fixed number of lists found a third of the top 10
        under a mask of 1 % (docs/adr/0052).
        """
        sizes, enough = self.sizes, self.budget
        count = len(self.list_of)
        if rows is not None:
            count = int(np.count_nonzero(rows))
            if count <= enough:
                return np.flatnonzero(rows)
            sizes = self._sizes_among(rows, count)
            enough = max(enough, int(_FAR_SHARE * count * (1 - count / len(rows))))
        affinity = self.centroids @ query
        order = np.argsort(-affinity, kind="stable")
        order = order[sizes[order] > 0]
        reached = int(np.searchsorted(np.cumsum(sizes[order]), enough)) + 1
        chosen = order[: max(reached, self.probes)].astype(np.int64)
        if rows is not None and count * _CODES_PER_ROW <= int(self.sizes[chosen].sum()):
            return np.flatnonzero(rows)
        return self._read(query, n, chosen, affinity[chosen], rows)

    def _sizes_among(self, rows: Rows, count: int) -> NDArray[np.int64]:
        """How many allowed rows each list has; shape (lists,)."""
        lists = len(self.sizes)
        if 2 * count < len(rows):
            return np.bincount(self.list_of[rows], minlength=lists)
        return self.sizes - np.bincount(self.list_of[~rows], minlength=lists)

    def _read(
        self,
        query: NDArray[np.float32],
        n: int,
        chosen: NDArray[np.int64],
        affinity: NDArray[np.float32],
        rows: Rows | None,
    ) -> NDArray[np.int64]:
        options = _options(len(chosen))
        if rows is not None:
            bits = np.packbits(rows, bitorder="little")
            options.sel = faiss.IDSelectorBitmap(len(rows), faiss.swig_ptr(bits))
        scores, found = np.empty(n, np.float32), np.empty(n, np.int64)
        # The wrapper without _c takes no options (faiss 1.15).
        self.index.search_preassigned_c(
            1,
            faiss.swig_ptr(query),
            n,
            faiss.swig_ptr(chosen),
            faiss.swig_ptr(affinity),
            faiss.swig_ptr(scores),
            faiss.swig_ptr(found),
            False,
            options,
        )
        return np.sort(found[found >= 0])


@dataclass(frozen=True, slots=True)
class Source:
    """The vectors to build from, shape (any, dim), how many of their components, and which of them,
    in which order."""

    vectors: Vectors
    order: NDArray[np.int64]
    width: int

    def __len__(self) -> int:
        return len(self.order)

    def rows(self, numbers: NDArray[np.int64]) -> Vectors:
        """A copy of some rows; shape (n, width)."""
        return np.ascontiguousarray(self.vectors[self.order[numbers], : self.width], np.float32)

    def blocks(self) -> Iterator[tuple[int, Vectors]]:
        """All rows, in blocks, each with the number of its first."""
        for start in range(0, len(self), _COPY_ROWS):
            yield start, self.rows(np.arange(start, min(start + _COPY_ROWS, len(self))))


def write_lists(
    path: Path, source: Source, *, alone: Sequence[slice] = (), asked: Vectors | None = None
) -> int:
    """Write an inverted file; returns how many lists to probe. `alone` are components of which
    some queries have nothing else, `asked` (m, width) queries as they come."""
    count, dim = len(source), source.width
    # FAISS complains about fewer than 39 points a list.
    nlist = max(1, min(int(_LISTS_PER_ROOT * math.sqrt(count)), count // 39))
    # Two components in four bits, read 32 vectors at a time: a part of one takes twice as long, and
    # finds no more once a few hundred are rescored (docs/adr/0240).
    parts = dim // 2 if dim % 2 == 0 else dim
    kind = f"IVF{nlist},PQ{parts}x4fs"
    index: Any = faiss.index_factory(dim, kind, faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid = _TRAIN_PER_LIST
    rng = np.random.default_rng(_SEED)
    sample = np.sort(rng.choice(count, min(count, nlist * _TRAIN_PER_LIST), replace=False))
    index.train(source.rows(np.resize(sample, max(len(sample), _MIN_TRAIN))))
    for _, block in source.blocks():
        index.add(block)
    faiss.write_index(index, str(path))
    kinds = [(queries, _TARGET_SHARE) for queries in _sample_queries(source, rng, alone)]
    if asked is not None and len(asked):
        kinds.append((asked, _ASKED_SHARE))
    return _calibrate(index, source, kinds)


def read_lists(path: Path, near: ShortRows, probes: int) -> Lists:
    """The inverted file of a path, over the vectors of `near`."""
    # Read, not mapped: lists of this kind are copied out of a mapping, and then count twice.
    index: Any = faiss.read_index(str(path))
    centroids, list_of, sizes = _layout(index, len(near.scales))
    return Lists(index, near, centroids, list_of, sizes, probes)


def _calibrate(index: Any, source: Source, kinds: Sequence[tuple[Vectors, float]]) -> int:
    """How many lists hold the wanted share of the nearest, for every kind of query."""
    centroids, list_of, _ = _layout(index, len(source))
    probes = min(math.ceil(_MIN_COMPARED * index.nlist / len(source)), index.nlist)
    for queries, share in kinds:
        truth = list_of[_nearest(source, queries, 10)]
        affinity = queries @ centroids.T
        reached = np.take_along_axis(affinity, truth.astype(np.int64), 1)
        ranks = (affinity[:, None, :] > reached[:, :, None]).sum(axis=2)
        probes = max(probes, math.ceil(np.quantile(ranks, share)) + 1)
    return int(min(probes, index.nlist))


def _layout(index: Any, count: int) -> tuple[Vectors, NDArray[np.int32], NDArray[np.int64]]:
    """Centroids (lists, width), the list of each row (count,), and how many each has (lists,)."""
    centroids = faiss.downcast_index(index.quantizer).reconstruct_n(0, index.nlist)
    inverted = faiss.downcast_InvertedLists(index.invlists)
    sizes = np.array([inverted.list_size(i) for i in range(index.nlist)], np.int64)
    list_of = np.zeros(count, np.int32)
    for number in np.flatnonzero(sizes).tolist():
        ids = faiss.rev_swig_ptr(inverted.get_ids(number), int(sizes[number]))
        list_of[ids] = number
    return centroids, list_of, sizes


def _nearest(source: Source, queries: Vectors, k: int) -> NDArray[np.int64]:
    """The rows of the k best of each query, exactly; shape (queries, at most k)."""
    k = min(k, len(source))
    rows = np.empty((len(queries), 0), np.int64)
    scores = np.empty((len(queries), 0), np.float32)
    for start, block in source.blocks():
        scores = np.concatenate([scores, queries @ block.T], axis=1)
        here = np.arange(start, start + len(block))
        rows = np.concatenate([rows, np.broadcast_to(here, (len(queries), len(here)))], axis=1)
        top = np.argpartition(-scores, min(k, scores.shape[1]) - 1, axis=1)[:, :k]
        rows, scores = np.take_along_axis(rows, top, 1), np.take_along_axis(scores, top, 1)
    return rows


def _options(probes: int) -> Any:
    options: Any = faiss.SearchParametersIVF()
    options.nprobe = probes
    return options


def _sample_queries(
    source: Source, rng: np.random.Generator, alone: Sequence[slice]
) -> list[Vectors]:
    """Rows ("more like this"), points between four rows (as far from their nearest as typed
    queries are: a cosine of .68, and .67), and rows of which a part is left alone: where text and
    photo features are concatenated, a query of one of them is zero in the other's half, and
    needs several times the probes."""
    pick = rng.integers(0, len(source), (5 + len(alone), _QUERIES_PER_KIND))
    rows = [source.rows(numbers) for numbers in pick]
    kinds = [rows[0], _unit(rows[1] + rows[2] + rows[3] + rows[4])]
    for part, whole in zip(alone, rows[5:], strict=True):
        bare = np.zeros_like(whole)
        bare[:, part] = whole[:, part]
        kinds.append(_unit(bare))
    return kinds


def _unit(rows: Vectors) -> Vectors:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), np.float32)
