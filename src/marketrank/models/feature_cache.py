"""What frozen layers make of the training data, computed once and kept on disk.

A stage of training whose lower layers are frozen reads their outputs here instead of running them
in every epoch: that is what lets a CPU train. Rows are appended, so a killed run goes on where it
stopped, and a full disk is an error at a known row instead of a signal in the middle of training
(as it would be with a file that is mapped before it is filled).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank.errors import BadInput

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
    identity: str,
    batch: int,
    stage: str = "cache features",
    progress: Report | None = None,
) -> Arrays:
    """Features of `items` by name, shape (len(items), *spec.shape), read-only and mapped from
    disk.

    `compute` is given `batch` items at a time and returns an array for each name of `specs`; it
    is not called for what is cached. Caches are told apart by the items, the specs and
    `identity`: all else that decides what `compute` returns, such as the sha256 of its weights.
    One process at a time may fill a folder. Raises BadInput where `compute` returns other shapes
    or the disk is full.
    """
    place = folder / _digest(items, specs, identity)
    place.mkdir(parents=True, exist_ok=True)
    files = {name: place / f"{name}.raw" for name in specs}
    done = _whole_rows(files, specs)
    with ExitStack() as opened:
        handles = {name: opened.enter_context(path.open("r+b")) for name, path in files.items()}
        for name, handle in handles.items():
            handle.truncate(done * specs[name].row_bytes)
            handle.seek(0, 2)
        for start in range(done, len(items), batch):
            if progress:
                progress(stage, start, len(items))
            some = items[start : start + batch]
            rows = _checked(compute(some), specs, len(some))
            try:
                for name, handle in handles.items():
                    handle.write(rows[name])
                    handle.flush()
            except OSError as error:
                raise BadInput(
                    f"features cannot be written to {place}: {error}; make room and run again: "
                    f"it goes on after {start} of {len(items)}"
                ) from error
    if progress:
        progress(stage, len(items), len(items))
    return {name: _mapped(files[name], spec, len(items)) for name, spec in specs.items()}


def _digest(items: Sequence[str], specs: Mapping[str, Spec], identity: str) -> str:
    described = {name: [list(spec.shape), spec.dtype] for name, spec in specs.items()}
    content = orjson.dumps([list(items), described, identity], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()[:16]


def _whole_rows(files: Mapping[str, Path], specs: Mapping[str, Spec]) -> int:
    """How many rows all files have; makes files that are not there."""
    for path in files.values():
        path.touch()
    return min(path.stat().st_size // specs[name].row_bytes for name, path in files.items())


def _checked(found: Arrays, specs: Mapping[str, Spec], n: int) -> dict[str, bytes]:
    rows = {}
    for name, spec in specs.items():
        array = np.ascontiguousarray(found[name], dtype=spec.dtype)
        if array.shape != (n, *spec.shape):
            raise BadInput(f"feature {name!r} has shape {array.shape}, not {(n, *spec.shape)}")
        rows[name] = array.tobytes()
    return rows


def _mapped(path: Path, spec: Spec, n: int) -> NDArray[Any]:
    if n == 0:  # an empty file cannot be mapped
        return np.empty((0, *spec.shape), spec.dtype)
    return np.memmap(path, dtype=spec.dtype, mode="r", shape=(n, *spec.shape))
