"""What frozen layers make of the training data, computed once and kept on disk.

A stage of training whose lower layers are frozen reads their outputs here instead of running them
in every epoch: that is what lets a CPU train. Rows are appended, so a killed run goes on where it
stopped, and a full disk is an error at a known row instead of a signal in the middle of training
(as it would be with a file that is mapped before it is filled).

    <folder>/<kind>-<digest>/<name>.raw   the rows of one feature
                             items        a digest of 16 bytes for each row's item; written anew at
                                          each use, so its time says when that was
                             made_by      digest of the specs and the identity

A marketplace changes between two trainings by a few listings: what an older cache of the kind
has of the items is copied from there. Older ones go when the new one is complete, but for what the
caller has room for: those used last.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank.errors import BadInput

_ITEMS, _MADE_BY = "items", "made_by"
_DIGEST_BYTES = 16
_HEX_DIGEST = "[0-9a-f]" * 2 * _DIGEST_BYTES  # a pattern: other kinds may begin with the same word
Arrays = Mapping[str, NDArray[Any]]
Report = Callable[[str, int, int | None], None]
"""Called with the name of the stage, how much is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One row of a feature: its shape and NumPy's name of its type, such as "float16"."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


def cached(
    folder: Path,
    items: Sequence[str],
    specs: Mapping[str, Spec],
    compute: Callable[[Sequence[str]], Arrays],
    *,
    kind: str,
    identity: str,
    batch: int,
    keep_bytes: int = 0,
    stage: str = "cache features",
    progress: Report | None = None,
) -> Arrays:
    """Features of `items` by name, shape (len(items), *spec.shape), read-only and mapped from
    disk.

    `compute` is given at most `batch` items at a time and returns an array for each name of
    `specs`; it is not called for what is cached. `identity` is all else that decides what it
    returns, such as the sha256 of its weights. Beside this cache a folder keeps older ones of its
    `kind`, at most `keep_bytes` of them, those used last. Of several processes that want the same
    cache one fills it and the others wait. Raises BadInput where `compute` returns other shapes or
    the disk is full.
    """
    digests = [_digest(item.encode()) for item in items]
    made_by = _made_by(specs, identity)
    place = folder / f"{kind}-{_digest(b''.join([made_by, *digests])).hex()}"
    place.mkdir(parents=True, exist_ok=True)
    (place / _ITEMS).write_bytes(b"".join(digests))
    (place / _MADE_BY).write_bytes(made_by)
    files = {name: place / f"{name}.raw" for name in specs}
    with ExitStack() as opened:
        fcntl.flock(opened.enter_context((place / _ITEMS).open("rb")), fcntl.LOCK_EX)
        older = [path for path in folder.glob(f"{kind}-{_HEX_DIGEST}") if path != place]
        done = _whole_rows(files, specs)
        earlier = _Earlier.of(older if done < len(items) else [], specs, made_by, digests)
        handles = {name: opened.enter_context(path.open("r+b")) for name, path in files.items()}
        for name, handle in handles.items():
            handle.truncate(done * specs[name].row_bytes)
            handle.seek(0, 2)
        for start in range(done, len(items), batch):
            if progress:
                progress(stage, start, len(items))
            rows = slice(start, start + batch)
            found = earlier.completed(items[rows], digests[rows], specs, compute)
            try:
                for name, handle in handles.items():
                    handle.write(found[name])
                    handle.flush()
            except OSError as error:
                raise BadInput(
                    f"features cannot be written to {place}: {error}; make room and run again: "
                    f"it goes on after {start} of {len(items)}"
                ) from error
    if progress:
        progress(stage, len(items), len(items))
    for path in _beyond(older, keep_bytes):
        shutil.rmtree(path, ignore_errors=True)
    return {name: _mapped(files[name], spec, len(items)) for name, spec in specs.items()}


@dataclass(frozen=True, slots=True)
class _Earlier:
    """Rows of an older cache: their place by the digest of their item."""

    rows: Mapping[bytes, int]
    features: Arrays

    @staticmethod
    def of(
        folders: Sequence[Path],
        specs: Mapping[str, Spec],
        made_by: bytes,
        wanted: Sequence[bytes],
    ) -> "_Earlier":
        """Of these, made the same way, the one with most of what is wanted; nothing where none has
        any."""
        best, most = _Earlier({}, {}), 0
        for folder in folders:
            try:
                if (folder / _MADE_BY).read_bytes() != made_by:
                    continue
                held = (folder / _ITEMS).read_bytes()
                files = {name: folder / f"{name}.raw" for name in specs}
                n = min(_whole_rows(files, specs), len(held) // _DIGEST_BYTES)
            except OSError:
                continue
            starts = range(0, n * _DIGEST_BYTES, _DIGEST_BYTES)
            rows = {held[i : i + _DIGEST_BYTES]: row for row, i in enumerate(starts)}
            shared = sum(digest in rows for digest in wanted)
            if shared > most:
                most = shared
                best = _Earlier(
                    rows, {name: _mapped(files[name], spec, n) for name, spec in specs.items()}
                )
        return best

    def completed(
        self,
        items: Sequence[str],
        digests: Sequence[bytes],
        specs: Mapping[str, Spec],
        compute: Callable[[Sequence[str]], Arrays],
    ) -> dict[str, bytes]:
        """The rows of these items as bytes: copied where they are held, else computed."""
        at = [self.rows.get(digest, -1) for digest in digests]
        missing = [item for item, row in zip(items, at, strict=True) if row < 0]
        made = _checked(compute(missing), specs, len(missing)) if missing else {}
        if len(missing) == len(items):
            return {name: array.tobytes() for name, array in made.items()}
        held = np.array(at) >= 0
        whole = {}
        for name, spec in specs.items():
            rows = np.empty((len(items), *spec.shape), spec.dtype)
            rows[held] = self.features[name][[row for row in at if row >= 0]]
            if missing:
                rows[~held] = made[name]
            whole[name] = rows.tobytes()
        return whole


def _beyond(older: Sequence[Path], keep_bytes: int) -> list[Path]:
    """Those that were used before the last ones that fit."""
    by_use = sorted(((*_used(path), path) for path in older), reverse=True)
    fill = accumulate(size for _, size, _ in by_use)
    return [path for (_, _, path), whole in zip(by_use, fill, strict=True) if whole > keep_bytes]


def _used(place: Path) -> tuple[int, int]:
    """When a cache was used last, and its size in bytes."""
    try:
        size = sum(path.stat().st_size for path in place.iterdir())
        return (place / _ITEMS).stat().st_mtime_ns, size
    except OSError:  # being removed, or never begun
        return 0, 0


def _made_by(specs: Mapping[str, Spec], identity: str) -> bytes:
    described = {name: [list(spec.shape), spec.dtype] for name, spec in specs.items()}
    return _digest(orjson.dumps([described, identity], option=orjson.OPT_SORT_KEYS))


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _whole_rows(files: Mapping[str, Path], specs: Mapping[str, Spec]) -> int:
    """How many rows all files have; makes files that are not there."""
    for path in files.values():
        path.touch()
    return min(path.stat().st_size // specs[name].row_bytes for name, path in files.items())


def _checked(found: Arrays, specs: Mapping[str, Spec], n: int) -> dict[str, NDArray[Any]]:
    rows = {}
    for name, spec in specs.items():
        rows[name] = np.ascontiguousarray(found[name], dtype=spec.dtype)
        if rows[name].shape != (n, *spec.shape):
            raise BadInput(f"feature {name!r} has shape {rows[name].shape}, not {(n, *spec.shape)}")
    return rows


def _mapped(path: Path, spec: Spec, n: int) -> NDArray[Any]:
    if n == 0:  # an empty file cannot be mapped
        return np.empty((0, *spec.shape), spec.dtype)
    return np.memmap(path, dtype=spec.dtype, mode="r", shape=(n, *spec.shape))
