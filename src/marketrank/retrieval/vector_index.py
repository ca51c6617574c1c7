"""Nearest vectors on disk: an exact matrix while small, an inverted file with rescoring (FAISS)
above.

    keys.npy       (n,) int64, ascending
    vectors.json   {"format", "kind", "count", "dim", "probes", "files": {name: sha256}}
    vectors.npy    "exact": (n, dim) float32, the rows of keys.npy
    lists.faiss    "ivf": an inverted file of codes, four bits a component
    codes.npy      "ivf": (n, dim) int16, the rows of keys.npy (see short_rows)
    scales.npy     "ivf": (n,) float32

All but the lists are memory-mapped, so processes share them. An inverted file takes about 2.6
bytes a component, whole: 1 GB for a million vectors of width 384.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import orjson
from numpy.typing import DTypeLike, NDArray
from threadpoolctl import threadpool_limits

from marketrank.durable import sync
from marketrank.errors import BadInput, Corrupt
from marketrank.retrieval.exact_index import allowed_rows, best, check_query, scan
from marketrank.retrieval.short_rows import ShortRows, shorten
from marketrank.types import Hits, Mask, Vectors

FORMAT = 2
Keys = NDArray[np.int64]
Rows = NDArray[np.bool_]

_MANIFEST = "vectors.json"
_LISTS_PER_ROOT = 4  # nlist = 4·sqrt(n): FAISS's own guideline for up to a million vectors
_TRAIN_PER_LIST = 64
_MIN_TRAIN = 39 * 16  # what FAISS wants for the 16 centroids of a product quantiser's part
_REFINE = 4  # candidates rescored exactly, per result
_MIN_REFINE = 200
_TARGET_SHARE = 0.995  # of the top 10 in the lists that are probed, for each kind of sampled query
_QUERIES_PER_KIND = 48
_COPY_ROWS = 65_536
# A search compares at least so many vectors: by their codes about 0.1 ms.
_MIN_COMPARED = 4_000
# A filter may allow only far things, where the lists say little about what is nearest: compare at
# least this share of what is allowed, times the share that is not (0 where all may be returned).
_FAR_SHARE = 0.25
# Comparing one gathered row costs as much as reading so many codes in their lists: 0.25 µs of
# processor time against 0.03 (100,000 × 384).
_CODES_PER_ROW = 8
_SEED = 20_260_101
_REMEDY = "run `marketrank index --rebuild`"


def limit_threads(n: int) -> None:
    """Let each matrix product of this process (NumPy's and FAISS's BLAS) use n threads.

    A process that answers requests calls it with 1: two BLAS pools that wait for each other on
    few cores took 7 ms for a product that takes one thread 0.25 (20,000 × 64, 2 cores).
    """
    threadpool_limits(limits=n)


def build(folder: Path, keys: Keys, vectors: Vectors, *, exact_below: int) -> None:
    """Write an index of unit vectors, shape (n, dim), by key; of a key given twice the last counts.

    With fewer than `exact_below` vectors every search is exact. `folder` must not exist. `vectors`
    may be memory-mapped: it is read in blocks. What is written is on disk when this returns.
    Raises BadInput for shapes that do not fit.
    """
    if vectors.ndim != 2 or len(keys) != len(vectors):
        raise BadInput(f"{len(keys)} keys with vectors of shape {vectors.shape}: one row a key")
    folder.mkdir(parents=True)
    # Ascending keys: equal scores of neighbouring rows come out in the order that ties need.
    last = len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1]
    np.save(folder / "keys.npy", keys[last].astype(np.int64))
    source = _Source(vectors, last)
    kind = "exact" if len(last) < max(exact_below, 1) else "ivf"
    probes = 0
    if kind == "exact":
        np.save(folder / "vectors.npy", source.rows(np.arange(len(last))))
    else:
        _write_rows(folder, source)
        probes = _write_lists(folder / "lists.faiss", source)
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


def is_readable(folder: Path) -> bool:
    """Whether an index of this version's format lies in the folder; opens none of its files."""
    try:
        return bool(orjson.loads((folder / _MANIFEST).read_bytes())["format"] == FORMAT)
    except (OSError, ValueError, TypeError, KeyError):
        return False


def read_keys(folder: Path) -> Keys:
    """The keys of an index, ascending, mapped; opens no other of its files."""
    return np.asarray(np.load(folder / "keys.npy", mmap_mode="r"))


@dataclass(frozen=True, slots=True)
class Base:
    """An index that was built and does not change. Implements ports.VectorIndex.

    Of `exact` (n, dim) and `lists` one is None.
    """

    keys: Keys
    dim: int
    exact: Vectors | None
    lists: "_Lists | None"

    @staticmethod
    def open(folder: Path, verify: bool = False) -> "Base":
        """Map the files of a folder that `build` wrote; `verify` reads them for their checksums.

        Raises Corrupt, naming the file, where one is missing or not as it was written.
        """
        try:
            manifest = orjson.loads((folder / _MANIFEST).read_bytes())
            if manifest["format"] != FORMAT:
                raise Corrupt(
                    f"{folder / _MANIFEST} has format {manifest['format']}, this version reads "
                    f"{FORMAT}; {_REMEDY}"
                )
            for name, expected in manifest["files"].items() if verify else ():
                if _sha256(folder / name) != expected:
                    raise Corrupt(f"{folder / name} does not match its checksum; {_REMEDY}")
            count, dim = int(manifest["count"]), int(manifest["dim"])
            keys = _mapped(folder / "keys.npy", np.int64, (count,))
            if manifest["kind"] == "exact":
                exact = _mapped(folder / "vectors.npy", np.float32, (count, dim))
                return Base(keys, dim, exact, None)
            near = ShortRows(
                _mapped(folder / "codes.npy", np.int16, (count, dim)),
                _mapped(folder / "scales.npy", np.float32, (count,)),
            )
            lists = _read_lists(folder / "lists.faiss", near, int(manifest["probes"]))
            return Base(keys, dim, None, lists)
        except (OSError, EOFError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise Corrupt(
                f"the vector index in {folder} is unreadable ({error}); {_REMEDY}"
            ) from error

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> Hits:
        """The k best among `allowed` (None: all). `query` has shape (1, dim)."""
        return self.search_rows(query, k, None if allowed is None else self.rows_of(allowed))

    def search_rows(self, query: Vectors, k: int, rows: Rows | None) -> Hits:
        """As `search`, with a mask over this index's own rows, shape (n,)."""
        flat = check_query(query, self.dim)
        if self.exact is not None:
            return scan(flat, self.keys, self.exact, k, rows)
        assert self.lists is not None
        chosen = self.lists.candidates(flat, max(_REFINE * k, _MIN_REFINE), rows)
        return best(self.keys[chosen], self.lists.near.scores(flat, chosen), k)

    def rows_of(self, allowed: Mask) -> Rows:
        """Shape (n,), the caller's own: which of this index's rows the mask allows."""
        keys = self.keys
        if len(keys) and int(keys[-1]) == len(keys) - 1 and len(keys) <= len(allowed):
            return allowed[: len(keys)].copy()  # ascending keys without a gap are row numbers
        return allowed_rows(keys, allowed)

    def vectors_of(self, keys: Keys) -> Vectors:
        """See ports.VectorIndex."""
        out = np.zeros((len(keys), self.dim), np.float32)
        if len(self.keys):
            rows = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            held = self.keys[rows] == keys
            out[held] = self._rows(rows[held])
        return out

    def _rows(self, rows: NDArray[np.int64]) -> Vectors:
        if self.exact is not None:
            return self.exact[rows]
        assert self.lists is not None
        return self.lists.near.vectors(rows)


@dataclass(frozen=True, slots=True)
class _Lists:
    """The inverted file. `centroids` (lists, dim); `list_of` (n,) names each row's list;
    `sizes` (lists,) counts their rows; `near` holds the rows for rescoring."""

    index: Any  # faiss.IndexIVF
    near: ShortRows
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
        """The allowed rows of the n nearest by their codes, ascending; or all allowed rows, where
        comparing those costs less.

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
class _Source:
    """The vectors to build from, shape (any, dim), and which of them, in which order."""

    vectors: Vectors
    order: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.order)

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def rows(self, numbers: NDArray[np.int64]) -> Vectors:
        """A copy of some rows; shape (n, dim)."""
        return np.ascontiguousarray(self.vectors[self.order[numbers]], np.float32)

    def blocks(self) -> Iterator[tuple[int, Vectors]]:
        """All rows, in blocks, each with the number of its first."""
        for start in range(0, len(self), _COPY_ROWS):
            yield start, self.rows(np.arange(start, min(start + _COPY_ROWS, len(self))))


def _write_rows(folder: Path, source: _Source) -> None:
    codes = np.lib.format.open_memmap(
        folder / "codes.npy", mode="w+", dtype=np.int16, shape=(len(source), source.dim)
    )
    scales = np.empty(len(source), np.float32)
    for start, block in source.blocks():
        small = shorten(block)
        codes[start : start + len(block)] = small.codes
        scales[start : start + len(block)] = small.scales
    codes.flush()
    np.save(folder / "scales.npy", scales)


def _mapped(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """A plain array over the file (np.memmap's own class costs time in every operation)."""
    if 0 in shape:  # a file of no bytes cannot be mapped
        return np.empty(shape, dtype)
    held = np.load(path, mmap_mode="r").view(np.ndarray)
    if held.shape != shape or held.dtype != dtype:
        raise Corrupt(
            f"{path} holds {held.dtype} of shape {held.shape} where {shape} is due; {_REMEDY}"
        )
    return np.asarray(held)


def _write_lists(path: Path, source: _Source) -> int:
    """Write the inverted file; returns how many lists to probe."""
    count, dim = len(source), source.dim
    # FAISS complains about fewer than 39 points a list.
    nlist = max(1, min(int(_LISTS_PER_ROOT * math.sqrt(count)), count // 39))
    # Four bits a component, read 32 vectors at a time: as near as SQ8 in half the time.
    kind = f"IVF{nlist},PQ{dim}x4fs"
    index: Any = faiss.index_factory(dim, kind, faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid = _TRAIN_PER_LIST
    rng = np.random.default_rng(_SEED)
    sample = np.sort(rng.choice(count, min(count, nlist * _TRAIN_PER_LIST), replace=False))
    index.train(source.rows(np.resize(sample, max(len(sample), _MIN_TRAIN))))
    for _, block in source.blocks():
        index.add(block)
    faiss.write_index(index, str(path))
    return _calibrate(index, source, rng)


def _read_lists(path: Path, near: ShortRows, probes: int) -> _Lists:
    # Read, not mapped: lists of this kind are copied out of a mapping, and then count twice.
    index: Any = faiss.read_index(str(path))
    centroids, list_of, sizes = _layout(index, len(near.scales))
    return _Lists(index, near, centroids, list_of, sizes, probes)


def _calibrate(index: Any, source: _Source, rng: np.random.Generator) -> int:
    """How many lists hold the target share of the nearest, for every kind of query."""
    centroids, list_of, _ = _layout(index, len(source))
    probes = min(math.ceil(_MIN_COMPARED * index.nlist / len(source)), index.nlist)
    for queries in _sample_queries(source, rng):
        truth = list_of[_nearest(source, queries, 10)]
        affinity = queries @ centroids.T
        reached = np.take_along_axis(affinity, truth.astype(np.int64), 1)
        ranks = (affinity[:, None, :] > reached[:, :, None]).sum(axis=2)
        probes = max(probes, math.ceil(np.quantile(ranks, _TARGET_SHARE)) + 1)
    return int(min(probes, index.nlist))


def _layout(index: Any, count: int) -> tuple[Vectors, NDArray[np.int32], NDArray[np.int64]]:
    """Centroids (lists, dim), the list of each row (count,), and how many each has (lists,)."""
    centroids = faiss.downcast_index(index.quantizer).reconstruct_n(0, index.nlist)
    inverted = faiss.downcast_InvertedLists(index.invlists)
    sizes = np.array([inverted.list_size(i) for i in range(index.nlist)], np.int64)
    list_of = np.zeros(count, np.int32)
    for number in np.flatnonzero(sizes).tolist():
        ids = faiss.rev_swig_ptr(inverted.get_ids(number), int(sizes[number]))
        list_of[ids] = number
    return centroids, list_of, sizes


def _nearest(source: _Source, queries: Vectors, k: int) -> NDArray[np.int64]:
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


def _sample_queries(source: _Source, rng: np.random.Generator) -> list[Vectors]:
    """Rows ("more like this"), points between four rows (as far from their nearest as typed
    queries are: a cosine of .68, and .67), and rows without their second or first half: where text
    and photo features are concatenated, a query of one of them is zero in the other's half, and
    needs several times the probes."""
    pick = rng.integers(0, len(source), (7, _QUERIES_PER_KIND))
    half = source.dim // 2
    rows = [source.rows(numbers) for numbers in pick]
    first, second = rows[5], rows[6]
    first[:, half:] = 0
    second[:, :half] = 0
    between = rows[1] + rows[2] + rows[3] + rows[4]
    return [rows[0], _unit(between), _unit(first), _unit(second)]


def _unit(rows: Vectors) -> Vectors:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), np.float32)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
