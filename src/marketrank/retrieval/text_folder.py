"""The folder of the text index: which of its sub-folders is in use, and up to which change.

    <folder>/writer.lock        held by the one process that writes
    <folder>/applied.json       {"schema", "seq", "index"}: which sub-folder is in use, and up to
                                which change it is complete; replaced after each commit
    <folder>/index-<n>/…        the files of the index

A sub-folder that cannot be read, or is of an older schema, is left to the readers that hold it; the
writer starts the next one from zero, and readers move over with its first commit.
"""

import fcntl
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from marketrank import durable
from marketrank.errors import NotReady
from marketrank.types import Seq

SCHEMA = 2  # raise it when fields or analysis change: indexes of another number are rebuilt
_APPLIED = "applied.json"


@dataclass(frozen=True, slots=True)
class State:
    """What applied.json says."""

    schema: int
    seq: int
    index: str


def applied(folder: Path) -> Seq:
    """The change up to which the index in `folder` is complete, without opening it; 0 where there
    is none of this schema."""
    state = usable(folder)
    return Seq(state.seq) if state else Seq(0)


def usable(folder: Path) -> State | None:
    """The state of an index of this schema that is there; None where there is none."""
    state = read_state(folder)
    if state is None or state.schema != SCHEMA or not (folder / state.index).is_dir():
        return None
    return state


def read_state(folder: Path) -> State | None:
    """None where applied.json is missing or torn."""
    try:
        raw = orjson.loads((folder / _APPLIED).read_bytes())
        return State(int(raw["schema"]), int(raw["seq"]), str(raw["index"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_state(folder: Path, state: State) -> None:
    """Replace applied.json, durably."""
    durable.write(folder / _APPLIED, orjson.dumps(asdict(state)))


def stamp(folder: Path) -> durable.Stamp | None:
    """Differs after each commit; None before the first."""
    return durable.stamp(folder / _APPLIED)


def start(folder: Path) -> State:
    """Make an empty sub-folder of a name that was not used yet, also where the one in use has
    vanished; its state is to be written with the first commit."""
    held = read_state(folder)
    names = [path.name for path in folder.glob("index-*")] + ([held.index] if held else [])
    numbers = [int(name[6:]) for name in names if name[6:].isdigit()]
    fresh = State(SCHEMA, 0, f"index-{max(numbers, default=0) + 1}")
    (folder / fresh.index).mkdir()
    return fresh


def remove_others(folder: Path, state: State) -> None:
    """Delete the sub-folders that are not in use."""
    for path in folder.glob("index-*"):
        if path.name != state.index:
            shutil.rmtree(path, ignore_errors=True)


def take_lock(folder: Path) -> Any:
    """A file to close when writing ends. Raises NotReady where another process writes."""
    file = (folder / "writer.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise NotReady(
            f"another process writes the text index in {folder}; stop it first, or let it do the "
            "work"
        ) from error
    return file
