"""Nearest vectors on disk: an exact matrix while small, an inverted file with exact rescoring
(FAISS) above.

    keys.npy       (n,) int64, ascending
    vectors.npy    (n, dim) float32, the rows of keys.npy
    lists.faiss    IVF with 8-bit codes, only where kind is "ivf"
    vectors.json   {"format", "kind", "count", "dim", "probes", "files": {name: sha256}}

All are memory-mapped, so processes share them.
"""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import orjson
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from marketrank.durable import sync
from marketrank.errors import BadInput, Corrupt
from marketrank.retrieval.exact_index import (
    ExactRows,
    ExactSegment,
    allowed_rows,
    best,
    check_query,
    gathered_scores,
    scan,
)
from marketrank.types import Hits, Mask, Vectors

FORMAT = 1
Keys = NDArray[np.int64]
Rows = NDArray[np.bool_]

_MANIFEST = "vectors.json"
_LISTS_PER_ROOT = 4  # nlist = 4·sqrt(n): FAISS's own guideline for up to a million vectors
_TRAIN_PER_LIST = 64
_REFINE = 4  # candidates rescored exactly, per result
_MIN_REFINE = 100
_TARGET_RECALL = 0.99  # of the top 10, at build time, for each kind of sampled query
_QUERIES_PER_KIND = 24
_COPY_ROWS = 65_536
# A search compares at least so many vectors: about 0.2 ms by their codes, and 0.8 exactly, which
# is what happens where a mask allows no more (768 dims).
_MIN_COMPARED = 4_000
# A filter may allow only far things, where the lists say little about what is nearest: compare at
# least this share of what is allowed, times the share that is not (0 where all may be returned).
_FAR_SHARE = 0.25
_SEED = 20_260_101


def limit_threads(n: int) -> None:
    """Let each matrix product of this process (NumPy's and FAISS's BLAS) use n threads.

    A process that answers requests calls it with 1: two BLAS pools that wait for each other on
    few cores took 7 ms for a product that takes one thread 0.25 (20,000 × 64, 2 cores).
    """
    threadpool_limits(limits=n)


def build(folder: Path, keys: Keys, vectors: Vectors, *, exact_below: int) -> None:
    """Write an index of unit vectors, shape (n, dim), by key; of a key given twice the last counts.

    With fewer than `exact_below` vectors every search is exact. `folder` must not exist. What is
    written is on disk when this returns. Raises BadInput for shapes that do not fit.
    """
    if vectors.ndim != 2 or len(keys) != len(vectors):
        raise BadInput(f"{len(keys)} keys with vectors of shape {vectors.shape}: one row a key")
    folder.mkdir(parents=True)
    # Ascending keys: equal scores of neighbouring rows come out in the order that ties need.
    last = len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1]
    np.save(folder / "keys.npy", keys[last].astype(np.int64))
    matrix = _write_matrix(folder / "vectors.npy", vectors, last)
    kind = "exact" if len(last) < max(exact_below, 1) else "ivf"
    probes = _write_lists(folder / "lists.faiss", matrix) if kind == "ivf" else 0
    files = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
    manifest = {
        "format": FORMAT,
        "kind": kind,
        "count": len(last),
        "dim": vectors.shape[1],
        "probes": probes,
        "files": files,
    }
    (folder / _MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    for path in [*sorted(folder.iterdir()), folder]:
        sync(path)


@dataclass(frozen=True, slots=True)
class Base:
    """An index that was built and does not change. Implements ports.VectorIndex."""

    keys: Keys
    vectors: Vectors
    lists: "_Lists | None"  # None where every search is exact

    @staticmethod
    def open(folder: Path, verify: bool = False) -> "Base":
        """Map the files of a folder that `build` wrote; `verify` reads them for their checksums.

        Raises Corrupt, naming the file, where one is missing or not as it was written.
        """
        remedy = "run `marketrank index --rebuild`"
        try:
            manifest = orjson.loads((folder / _MANIFEST).read_bytes())
            if manifest["format"] != FORMAT:
                raise Corrupt(
                    f"{folder / _MANIFEST} has format {manifest['format']}, this version reads "
                    f"{FORMAT}; {remedy}"
                )
            for name, expected in manifest["files"].items() if verify else ():
                if _sha256(folder / name) != expected:
                    raise Corrupt(f"{folder / name} does not match its checksum; {remedy}")
            keys = np.load(folder / "keys.npy")
            shape = (manifest["count"], manifest["dim"])
            vectors = _map_matrix(folder / "vectors.npy", shape)
            if keys.shape != shape[:1] or vectors.shape != shape:
                raise Corrupt(f"{folder} does not hold {shape[0]} vectors as it says; {remedy}")
            lists = None
            if manifest["kind"] == "ivf":
                lists = _read_lists(folder / "lists.faiss", shape[0], int(manifest["probes"]))
            return Base(keys, vectors, lists)
        except (OSError, EOFError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise Corrupt(
                f"the vector index in {folder} is unreadable ({error}); {remedy}"
            ) from error

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> Hits:
        """The k best among `allowed` (None: all). `query` has shape (1, dim)."""
        rows = None if allowed is None else allowed_rows(self.keys, allowed)
        return self.search_rows(query, k, rows)

    def search_rows(self, query: Vectors, k: int, rows: Rows | None) -> Hits:
        """As `search`, with a mask over this index's own rows, shape (n,)."""
        flat = check_query(query, self.vectors.shape[1])
        if self.lists is None:
            return scan(flat, self.keys, self.vectors, k, rows)
        chosen = None if rows is None else np.flatnonzero(rows)
        if chosen is None or len(chosen) > self.lists.budget:
            chosen = self.lists.candidates(flat, max(_REFINE * k, _MIN_REFINE), rows)
        return best(self.keys[chosen], gathered_scores(flat, self.vectors, chosen), k)

    def vectors_of(self, keys: Keys) -> Vectors:
        """See ports.VectorIndex."""
        out = np.zeros((len(keys), self.vectors.shape[1]), np.float32)
        if len(self.keys):
            rows = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            held = self.keys[rows] == keys
            out[held] = self.vectors[rows[held]]
        return out


@dataclass(frozen=True, slots=True)
class _Lists:
    """The inverted file. `centroids` (lists, dim); `list_of` (n,) names each row's list;
    `sizes` (lists,) counts their rows."""

    index: Any  # faiss.IndexIVF
    centroids: Vectors
    list_of: NDArray[np.int32]
    sizes: NDArray[np.int64]
    probes: int

    @property
    def budget(self) -> int:
        """How many vectors a search without a mask compares."""
        return len(self.list_of) * self.probes // len(self.sizes)

    def candidates(
        self, query: NDArray[np.float32], n: int, rows: Rows | None
    ) -> NDArray[np.int64]:
        """The allowed rows of the n nearest by their 8-bit codes, ascending.

        Reads the nearest lists, passing over those without an allowed row, until enough allowed
        vectors were compared. So recall falls neither with the share that is allowed nor where
        all of it is far from the query; a fixed number of lists found a third of the top 10
        under a mask of 1 % (docs/adr/0052).
        """
        sizes, enough = self.sizes, self.budget
        if rows is not None:
            sizes = np.bincount(self.list_of[rows], minlength=len(self.sizes))
            count = int(sizes.sum())
            enough = max(enough, int(_FAR_SHARE * count * (1 - count / len(rows))))
        affinity = self.centroids @ query
        order = np.argsort(-affinity, kind="stable")
        order = order[sizes[order] > 0]
        reached = int(np.searchsorted(np.cumsum(sizes[order]), enough)) + 1
        chosen = order[: max(reached, self.probes)].astype(np.int64)
        return self._read(query, n, chosen, affinity[chosen], rows)

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


class LayeredIndex:
    """What arrived since the build, over the build: a key in the segment hides its older vector
    in the base. Implements ports.VectorIndex."""

    def __init__(self, base: Base, segment: ExactSegment) -> None:
        self._base = base
        self._segment = segment
        self._hidden: tuple[ExactRows | None, NDArray[np.int64]] = (None, np.empty(0, np.int64))

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> Hits:
        """The k best among `allowed` (None: all). `query` has shape (1, dim)."""
        fresh = self._segment.rows()
        hidden = self._hidden_rows(fresh)
        rows = None
        if allowed is not None:
            rows = allowed_rows(self._base.keys, allowed)
            rows[hidden] = False
        elif len(hidden):
            rows = np.ones(len(self._base.keys), np.bool_)
            rows[hidden] = False
        old = self._base.search_rows(query, k, rows)
        if len(fresh.keys) == 0:
            return old
        new = fresh.search(query, k, allowed)
        return best(
            np.concatenate([old.keys, new.keys]), np.concatenate([old.scores, new.scores]), k
        )

    def vectors_of(self, keys: Keys) -> Vectors:
        """See ports.VectorIndex."""
        held, fresh = self._segment.found(keys)
        return np.where(held[:, None], fresh, self._base.vectors_of(keys))

    def _hidden_rows(self, fresh: ExactRows) -> NDArray[np.int64]:
        """The base's rows whose keys are in the segment; worked out once per state of it."""
        held, rows = self._hidden
        if held is not fresh:
            rows = np.flatnonzero(np.isin(self._base.keys, fresh.keys))
            self._hidden = (fresh, rows)
        return rows


def _write_matrix(path: Path, vectors: Vectors, order: NDArray[np.int64]) -> Vectors:
    """Write rows in an order without holding a second copy; returns them mapped."""
    shape = (len(order), vectors.shape[1])
    if len(order) == 0:  # a file of no bytes cannot be mapped
        np.save(path, np.empty(shape, np.float32))
        return np.empty(shape, np.float32)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, len(order), _COPY_ROWS):
        part = order[start : start + _COPY_ROWS]
        out[start : start + len(part)] = vectors[part]
    out.flush()
    return out


def _map_matrix(path: Path, shape: tuple[int, int]) -> Vectors:
    if shape[0] == 0:
        return np.asarray(np.load(path), np.float32)
    # A plain array over the mapping: np.memmap's own class costs time in every operation.
    return np.asarray(np.load(path, mmap_mode="r")).view(np.ndarray)


def _write_lists(path: Path, matrix: Vectors) -> int:
    """Write the inverted file; returns how many lists to probe."""
    count, dim = matrix.shape
    # FAISS complains about fewer than 39 points a list.
    nlist = max(1, min(int(_LISTS_PER_ROOT * math.sqrt(count)), count // 39))
    index: Any = faiss.index_factory(dim, f"IVF{nlist},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid = _TRAIN_PER_LIST
    rng = np.random.default_rng(_SEED)
    sample = np.sort(rng.choice(count, min(count, nlist * _TRAIN_PER_LIST), replace=False))
    index.train(np.ascontiguousarray(matrix[sample]))
    for start in range(0, count, _COPY_ROWS):
        index.add(np.ascontiguousarray(matrix[start : start + _COPY_ROWS]))
    faiss.write_index(index, str(path))
    return _calibrate(index, matrix, rng)


def _read_lists(path: Path, count: int, probes: int) -> _Lists:
    # Mapped as plain arrays. (IO_FLAG_MMAP reads lists with a pool of 32 threads that it starts
    # for every search: 0.4 ms where this takes 0.07.)
    index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    centroids = faiss.downcast_index(index.quantizer).reconstruct_n(0, index.nlist)
    inverted = faiss.downcast_InvertedLists(index.invlists)
    sizes = np.array([inverted.list_size(i) for i in range(index.nlist)], np.int64)
    list_of = np.zeros(count, np.int32)
    for number in np.flatnonzero(sizes).tolist():
        ids = faiss.rev_swig_ptr(inverted.get_ids(number), int(sizes[number]))
        list_of[ids] = number
    return _Lists(index, centroids, list_of, sizes, probes)


def _calibrate(index: Any, matrix: Vectors, rng: np.random.Generator) -> int:
    """The fewest probes, doubling, that reach the target recall for every kind of query."""
    probes: int = min(math.ceil(_MIN_COMPARED * index.nlist / len(matrix)), index.nlist)
    for queries in _sample_queries(matrix, rng):
        truth = [best(np.arange(len(matrix)), matrix @ query, 10).keys for query in queries]
        while probes < index.nlist:
            _, found = index.search(queries, _MIN_REFINE, params=_options(probes))
            hit = [np.isin(want, got).mean() for want, got in zip(truth, found, strict=True)]
            if float(np.mean(hit)) >= _TARGET_RECALL:
                break
            probes = min(2 * probes, index.nlist)
    return probes


def _options(probes: int) -> Any:
    options: Any = faiss.SearchParametersIVF()
    options.nprobe = probes
    return options


def _sample_queries(matrix: Vectors, rng: np.random.Generator) -> list[Vectors]:
    """Rows ("more like this"), points between two rows (typed queries lie off the listings), and
    rows without their second or first half: where text and photo features are concatenated, a
    query of one of them is zero in the other's half, and needs several times the probes."""
    pick = rng.integers(0, len(matrix), (5, _QUERIES_PER_KIND))
    half = matrix.shape[1] // 2
    between = matrix[pick[1]] + matrix[pick[2]]
    first, second = matrix[pick[3]], matrix[pick[4]]
    first[:, half:] = 0
    second[:, :half] = 0
    return [matrix[pick[0]], _unit(between), _unit(first), _unit(second)]


def _unit(rows: Vectors) -> Vectors:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), np.float32)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
