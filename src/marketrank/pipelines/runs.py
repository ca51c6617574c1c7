"""Run folders: what a training left behind, whole or not at all.

<home>/runs/<kind>-<UTC time>/
"""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from marketrank.errors import BadInput, NotReady

_RUNS = "runs"
_STAGING = ".unfinished-"


def write_run(home: Path, kind: str, *, at: datetime, fill: Callable[[Path], None]) -> Path:
    """Have `fill` write into an empty folder, which then appears under its final name, durable.
    Returns that folder.

    Raises BadInput where a run of the same kind and second is there already, or where the disk
    takes no more: then nothing is left behind.
    """
    name = f"{kind}-{at.astimezone(UTC):%Y%m%dT%H%M%S}"
    final = home / _RUNS / name
    if final.exists():
        raise BadInput(f"run {final} is there already; runs are a second apart")
    staging = home / _RUNS / f"{_STAGING}{name}-{os.getpid()}"
    try:
        staging.mkdir(parents=True)
        fill(staging)
        for path in (*staging.rglob("*"), staging):
            _sync(path)
        staging.rename(final)
        _sync(final.parent)
    except OSError as error:
        raise BadInput(f"run folder {final} cannot be written: {error}; make room there") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return final


def newest_run(home: Path, kind: str, *, command: str) -> Path:
    """The last run of a kind. Raises NotReady, naming the command that makes one."""
    runs = sorted((home / _RUNS).glob(f"{kind}-*"))
    if not runs:
        raise NotReady(f"{home} has no run of {kind} yet; run `{command}`")
    return runs[-1]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
