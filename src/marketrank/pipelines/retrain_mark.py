"""That a retraining is at work, and what it is at: one at a time works in a home, and one that was
cut off (killed, out of memory, the machine stopped) is not silent.

    <home>/retrain/.lock          locked for as long as one works
    <home>/retrain/running.json   what it is at; gone once it has ended with a report
"""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from time import sleep

import orjson

from marketrank.durable import write
from marketrank.errors import NotReady

FOLDER = "retrain"
"""Of a home."""
_LOCK, _MARK = ".lock", "running.json"
_TRIES, _PAUSE = 5, 0.05  # seconds: a reader of `read_cut_off` holds the lock for a moment
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mark:
    """When the retraining began, the step that it is at, and what it was asked for."""

    begun: datetime
    step: str
    why: str
    recipe: str
    seed: int


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold a home's retraining until the block ends. Raises NotReady where somebody else does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a") as file:
        for attempt in range(_TRIES):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if attempt == _TRIES - 1:
                    raise NotReady(
                        f"{folder} is being worked in by another retraining; wait until it has "
                        "ended"
                    ) from error
                sleep(_PAUSE)
        yield


def write_mark(folder: Path, mark: Mark) -> None:
    """Raises OSError where the disk takes no more."""
    write(folder / _MARK, orjson.dumps(asdict(mark)))


def clear_mark(folder: Path) -> None:
    """It has ended, and its report is kept."""
    (folder / _MARK).unlink(missing_ok=True)


def read_mark(folder: Path) -> Mark | None:
    """What the last one was at that has not ended with a report; None where there is none."""
    try:
        raw = orjson.loads((folder / _MARK).read_bytes())
        return Mark(**{**raw, "begun": datetime.fromisoformat(raw["begun"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        _log.warning("%s is left out: %r", folder / _MARK, error)
        return None


def read_cut_off(folder: Path) -> Mark | None:
    """The mark of a retraining that is at work no more; None while it is. It only reads."""
    if read_mark(folder) is None:
        return None
    try:
        with (folder / _LOCK).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return read_mark(folder)  # it may have ended between the two
    except OSError:
        return None
