"""Run folders: what a training left behind, whole or not at all.

<home>/runs/<kind>-<UTC time>/             a finished run
<home>/runs/.unfinished-<kind>-<digest>/   one that goes on when the same command comes again
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from marketrank.durable import sync
from marketrank.errors import BadInput, NotReady

_RUNS = "runs"
_STAGING = ".unfinished-"


@dataclass(frozen=True)
class Run:
    """A finished training: its folder, and its scores on the test part."""

    folder: Path
    metrics: dict[str, Any]


def identify(**identity: Any) -> str:
    """A digest of all that decides what comes out of a training: data, seed, recipe."""
    content = orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()[:12]


def open_run(home: Path, kind: str, identity: str) -> Path:
    """The folder in which a training of this kind works until `finish_run`: where one of the same
    identity was killed, the folder that it left."""
    folder = home / _RUNS / f"{_STAGING}{kind}-{identity}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def finished_run(home: Path, kind: str, identity: str) -> Run | None:
    """The newest finished training of this identity, by the `identity` in its config.json."""
    for folder in runs_of(home, kind):
        try:
            if orjson.loads((folder / "config.json").read_bytes()).get("identity") == identity:
                return Run(folder, orjson.loads((folder / "metrics.json").read_bytes()))
        except (OSError, ValueError):
            continue
    return None


def finish_run(folder: Path, home: Path, kind: str, *, at: datetime) -> Path:
    """Give a run its final name, durably; returns its folder. Raises BadInput where there is a run
    of the same kind and second, or where the disk takes no more: then it can be finished later."""
    final = home / _RUNS / f"{kind}-{at.astimezone(UTC):%Y%m%dT%H%M%S}"
    if final.exists():
        raise BadInput(f"run {final} is there already; runs are a second apart")
    try:
        _publish(folder, final)
    except OSError as error:
        raise BadInput(f"run {final} cannot be written: {error}; make room there") from error
    return final


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
        _publish(staging, final)
    except OSError as error:
        raise BadInput(f"run folder {final} cannot be written: {error}; make room there") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return final


def runs_of(home: Path, kind: str) -> list[Path]:
    """The finished runs of a kind, newest first."""
    return sorted((home / _RUNS).glob(f"{kind}-*"), reverse=True)


def folder_of(home: Path, name: str) -> Path:
    """Where the finished run of this name lies, or lay."""
    return home / _RUNS / name


def newest_run(home: Path, kind: str, *, command: str) -> Path:
    """The last run of a kind. Raises NotReady, naming the command that makes one."""
    runs = runs_of(home, kind)
    if not runs:
        raise NotReady(f"{home} has no run of {kind} yet; run `{command}`")
    return runs[0]


def _publish(folder: Path, final: Path) -> None:
    """Rename a folder when all in it is on the disk."""
    for path in (*folder.rglob("*"), folder):
        sync(path)
    folder.rename(final)
    sync(final.parent)
