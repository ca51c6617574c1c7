"""Which model version is in use, and which were before.

    <folder>/CURRENT             the name of the version in use; it alone decides
    <folder>/promotions.jsonl    one line a promotion or rollback, the oldest first

Readers need no lock: CURRENT is replaced as a whole, and lines are only ever added.
"""

import errno
import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path

import orjson

from marketrank.durable import write
from marketrank.errors import BadInput
from marketrank.types import ModelVersion

CURRENT = "CURRENT"
LOG = "promotions.jsonl"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Promotion:
    """A line of the log: at `at`, `version` took the place of `previous`. `rollback`: back to
    it."""

    version: ModelVersion
    previous: ModelVersion | None
    at: datetime
    why: str
    rollback: bool = False


def current(folder: Path) -> ModelVersion | None:
    """The version that CURRENT names, or None before the first promotion."""
    try:
        name = (folder / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return ModelVersion(name) or None


def read(folder: Path) -> list[Promotion]:
    """The lines of the log, the oldest first; torn ones are warned of and left out. A line was
    not carried out, as its writer was killed, where its `previous` is still current after it (in
    the next line's `previous`, at the end in CURRENT)."""
    try:
        lines = (folder / LOG).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            raw = orjson.loads(line)
            found.append(Promotion(**{**raw, "at": datetime.fromisoformat(raw["at"])}))
        except (ValueError, TypeError, KeyError) as error:
            _log.warning("%s, line %d is left out: %s", folder / LOG, number, error)
    return found


@contextmanager
def taking_turns(folder: Path) -> Iterator[FileIO]:
    """The log, held by one process at a time. The lock is not the one of those who publish: a
    rollback must not wait until a model is written.

    Raises BadInput where the block meets an OSError.
    """
    try:
        with (folder / LOG).open("a+b", buffering=0) as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            yield log
    except OSError as error:
        raise BadInput(
            f"{folder / LOG} or {CURRENT} beside it cannot be written: {error}; mend that, or "
            "make room, and try again"
        ) from error


def switch(folder: Path, log: FileIO, promotion: Promotion) -> None:
    """Make `promotion.version` the current one, durably."""
    # The line comes first. A line that CURRENT does not bear out can be told from the others; of
    # a change without a line nobody could say what it was.
    _append(log, orjson.dumps(asdict(promotion)) + b"\n")
    write(folder / CURRENT, f"{promotion.version}\n".encode())


def earlier(promotions: Sequence[Promotion], present: ModelVersion | None) -> list[ModelVersion]:
    """Where a rollback from `present` may go, the first choice first: what was current before it,
    without what earlier rollbacks have left behind."""
    stack: list[ModelVersion] = []
    followed = [*(line.previous for line in promotions), present][1:]
    for line, after in zip(promotions, followed, strict=True):
        if line.previous is not None and stack[-1:] != [line.previous]:
            stack.append(line.previous)  # someone wrote CURRENT by hand
        if line.previous == after:
            continue  # not carried out
        if line.rollback and line.version in stack:
            while stack[-1] != line.version:
                stack.pop()
        else:
            stack.append(line.version)
    # Not the last alone: a version may have been promoted more than once.
    return [version for version in reversed(stack) if version != present]


def _append(log: FileIO, line: bytes) -> None:
    size = log.seek(0, os.SEEK_END)
    if size and os.pread(log.fileno(), 1, size - 1) != b"\n":
        line = b"\n" + line  # after what a writer that was killed has left
    try:
        if log.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(log.fileno())
    except OSError:
        log.truncate(size)
        raise
