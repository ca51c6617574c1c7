"""Nearest vectors on disk: an exact matrix while small, an inverted file with rescoring (FAISS)
above.

    keys.npy       (n,) int64, ascending
    vectors.json   {"format", "kind", "count", "dim", "probes", "files": {name: sha256}}
    vectors.npy    "exact": (n, dim) float32, the rows of keys.npy
    lists.faiss    "ivf": an inverted file of codes, two bits a component
    words.faiss    "ivf": another, of the components that queries of words fill, where the index
                   was built for such queries and they leave some components empty
    codes.npy      "ivf": (n, dim) int16, the rows of keys.npy (see short_rows)
    scales.npy     "ivf": (n,) float32

All but the lists are memory-mapped, so processes share them. An inverted file takes about 2.3
bytes a component, whole: .9 GB for a million vectors of width 384. That of words alone adds a
quarter of a byte for each of its own.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import DTypeLike, NDArray
from threadpoolctl import threadpool_limits

from marketrank.asking import Hits
from marketrank.durable import sync
from marketrank.errors import BadInput, Corrupt
from marketrank.retrieval.exact_index import (
    allowed_rows,
    best,
    check_query,
    gathered_scores,
    scan,
)
from marketrank.retrieval.inverted_lists import Lists, Source, read_lists, write_lists
from marketrank.retrieval.short_rows import ShortRows, shorten, spoken
from marketrank.types import Mask, Vectors

FORMAT = 2
Keys = NDArray[np.int64]
Rows = NDArray[np.bool_]

_MANIFEST = "vectors.json"
_WHOLE, _WORDS = "lists.faiss", "words.faiss"
_REFINE = 4  # candidates rescored exactly, per result
_MIN_REFINE = 800
_REMEDY = "run `marketrank index --rebuild`"


def limit_threads(n: int) -> None:
    """Let each matrix product of this process (NumPy's and FAISS's BLAS) use n threads.

    A process that answers requests calls it with 1: two BLAS pools that wait for each other on
    few cores took 7 ms for a product that takes one thread 0.25 (20,000 × 64, 2 cores).
    """
    threadpool_limits(limits=n)


def build(
    folder: Path,
    keys: Keys,
    vectors: Vectors,
    *,
    exact_below: int,
    asked: Callable[[], Vectors] | None = None,
) -> None:
    """Write an index of unit vectors, shape (n, dim), by key; of a key given twice the last counts.

    With fewer than `exact_below` vectors every search is exact. `asked` gives queries of words,
    (m, dim), as many are to come; where all are 0 after some component, such queries get lists of
    their own. `folder` must not exist. `vectors` may be memory-mapped: it is read in blocks. What
    is written is on disk when this returns. Raises BadInput for shapes that do not fit.
    """
    if vectors.ndim != 2 or len(keys) != len(vectors):
        raise BadInput(f"{len(keys)} keys with vectors of shape {vectors.shape}: one row a key")
    folder.mkdir(parents=True)
    # Ascending keys: equal scores of neighbouring rows come out in the order that ties need.
    last = len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1]
    np.save(folder / "keys.npy", keys[last].astype(np.int64))
    dim = vectors.shape[1]
    source = Source(vectors, last, dim)
    kind = "exact" if len(last) < max(exact_below, 1) else "ivf"
    probes: dict[str, int] = {}
    if kind == "exact":
        np.save(folder / "vectors.npy", source.rows(np.arange(len(last))))
    else:
        _write_rows(folder, source)
        probes = _write_lists(folder, source, None if asked is None else asked())
    files = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
    manifest = {
        "format": FORMAT,
        "kind": kind,
        "count": len(last),
        "dim": dim,
        "probes": probes.get(_WHOLE, 0),
        "words_probes": probes.get(_WORDS, 0),
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

    Of `exact` (n, dim) and `lists` one is None. `words` are lists for queries that are 0 after
    the components they look at.
    """

    keys: Keys
    dim: int
    exact: Vectors | None
    lists: Lists | None
    words: Lists | None = None

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
            lists = read_lists(folder / _WHOLE, near, int(manifest["probes"]))
            probes = int(manifest.get("words_probes", 0))  # older versions wrote no such lists
            words = read_lists(folder / _WORDS, near, probes) if probes else None
            return Base(keys, dim, None, lists, words)
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
        lists = self._lists_for(flat)
        chosen = lists.candidates(flat[: lists.width], max(_REFINE * k, _MIN_REFINE), rows)
        return best(self.keys[chosen], lists.near.scores(flat, chosen), k)

    def _lists_for(self, query: NDArray[np.float32]) -> Lists:
        if self.words is not None and not query[self.words.width :].any():
            return self.words
        assert self.lists is not None
        return self.lists

    def rows_of(self, allowed: Mask) -> Rows:
        """Shape (n,), the caller's own: which of this index's rows the mask allows."""
        first = self._first()
        if first is not None and first + len(self.keys) <= len(allowed):
            return allowed[first : first + len(self.keys)].copy()
        return allowed_rows(self.keys, allowed)

    def vectors_of(self, keys: Keys) -> Vectors:
        """See ports.VectorIndex."""
        out = np.zeros((len(keys), self.dim), np.float32)
        rows, held = self._places(keys)
        out[held] = self._rows(rows)
        return out

    def scores_of(self, query: Vectors, keys: Keys) -> NDArray[np.float32]:
        """See ports.VectorIndex."""
        flat = check_query(query, self.dim)
        out = np.zeros(len(keys), np.float32)
        rows, held = self._places(keys)
        if self.exact is not None:
            out[held] = gathered_scores(flat, self.exact, rows)
        else:
            assert self.lists is not None
            out[held] = self.lists.near.scores(flat, rows)
        return out

    def _first(self) -> int | None:
        """The first key, where all from it to the last are here: a key's row is how far it is from
        that. None where some are missing."""
        keys = self.keys
        whole = len(keys) and int(keys[-1]) - int(keys[0]) == len(keys) - 1
        return int(keys[0]) if whole else None

    def _places(self, keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The rows of those of the keys (n,) that are here, and which those are, (n,)."""
        if not len(self.keys):
            return np.empty(0, np.int64), np.zeros(len(keys), np.bool_)
        first = self._first()
        if first is not None:
            held = (keys >= first) & (keys < first + len(self.keys))
            return keys[held] - first, held
        rows = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        held = self.keys[rows] == keys
        return rows[held], held

    def _rows(self, rows: NDArray[np.int64]) -> Vectors:
        if self.exact is not None:
            return self.exact[rows]
        assert self.lists is not None
        return self.lists.near.vectors(rows)


def _write_rows(folder: Path, source: Source) -> None:
    codes = np.lib.format.open_memmap(
        folder / "codes.npy", mode="w+", dtype=np.int16, shape=(len(source), source.width)
    )
    scales = np.empty(len(source), np.float32)
    for start, block in source.blocks():
        small = shorten(block)
        codes[start : start + len(block)] = small.codes
        scales[start : start + len(block)] = small.scales
    codes.flush()
    np.save(folder / "scales.npy", scales)


def _write_lists(folder: Path, source: Source, asked: Vectors | None) -> dict[str, int]:
    """How many lists to probe, by the file that was written."""
    words = 0 if asked is None else spoken(np.abs(asked).sum(axis=0)).stop
    if asked is None or not 0 < words < source.width:
        half = source.width // 2
        halves = (slice(None, half), slice(half, None))
        # Of a learned space queries of words fill all of a vector.
        typed = asked if words == source.width else None
        return {_WHOLE: write_lists(folder / _WHOLE, source, alone=halves, asked=typed)}
    of_words = replace(source, width=words)
    return {
        _WHOLE: write_lists(folder / _WHOLE, source, alone=(slice(words, None),)),
        _WORDS: write_lists(folder / _WORDS, of_words, asked=asked[:, :words]),
    }


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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
