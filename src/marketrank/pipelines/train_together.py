"""The trainings of networks by several processes, which torchrun starts.

One process goes on as before: it first makes what all need (features of the frozen towers, in the
home's cache), has the processes train, and then finds their runs finished. Each of them does the
whole of a training, sharing the costly part of each batch (`models.team`); the first one's run is
kept in the home, the others work in homes that are thrown away. They end with the one that asked
and with torchrun, however those end: what is left of a training is one that can go on.
"""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from marketrank.errors import MarketrankError, MissingExtra, NotReady
from marketrank.pipelines import train_text as text
from marketrank.pipelines.end_with import end_with
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.retrain_mark import FOLDER
from marketrank.pipelines.train_multimodal import train_multimodal
from marketrank.pipelines.train_text import train_text
from marketrank.pipelines.training_data import TrainingData
from marketrank.ports import BlobStore

KINDS = ("text", "multimodal")
_SHARED = "cache"
_ERROR = "error.txt"
_NOTHING_SAID = "one of them was killed, ran out of memory, or has told why in its messages alone"
_log = logging.getLogger(__name__)


def torchrun(processes: int, command: Sequence[str], home: Path) -> None:
    """Run `marketrank COMMAND` in so many processes on this machine. Raises NotReady where one of
    them fails: torchrun ends the others."""
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    run += ["--nproc-per-node", str(processes), "-m", "marketrank", *command]
    # Cores are shared among them; torchrun alone would give each just one thread.
    threads = max(1, (os.cpu_count() or 1) // processes)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    _log.info("training with %d processes", processes)
    _clear(home)  # of one that was killed
    try:
        ended = subprocess.run(run, check=False, stdout=sys.stderr, env=environment).returncode
        said = _said(home)
    finally:
        _clear(home)
    if ended:
        raise NotReady(
            f"training with {processes} processes ended with {ended}: {said}; the same command "
            "goes on after the last whole epoch"
        )


def train_share(
    kind: str,
    data: TrainingData,
    blobs: BlobStore,
    home: Path,
    *,
    at: datetime,
    threads: int,
    currency: str,
    device: str,
    epochs: int | None,
    asked_by: int,
    progress: Progress = silent,
) -> None:
    """What each of the processes does: a training of KINDS, for as long as torchrun lives and the
    process of the number `asked_by`."""
    try:
        from marketrank.models.team import joined
    except ImportError as error:
        raise MissingExtra("training with several processes", "train") from error
    end_with([os.getppid(), asked_by])
    with _telling(home), joined(device) as (team, where), _home_of(home, team.rank) as own:
        shown = progress if team.leads else silent
        if kind == text.KIND:
            train_text(data, own, epochs=epochs or text.EPOCHS, device=where, at=at, progress=shown)
        else:
            train_multimodal(
                data,
                blobs,
                own,
                at=at,
                threads=threads,
                currency=currency,
                epochs=epochs,
                device=where,
                progress=shown,
            )


@contextmanager
def _home_of(home: Path, rank: int) -> Iterator[Path]:
    """The home itself, or for all but the first a folder in it with its cache, gone afterwards;
    `torchrun` clears what a process has left that was ended."""
    if rank == 0:
        yield home
        return
    folder = _folder_of_others(home) / str(rank)
    folder.mkdir(parents=True)
    (home / _SHARED).mkdir(exist_ok=True)
    (folder / _SHARED).symlink_to((home / _SHARED).absolute())
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _telling(home: Path) -> Iterator[None]:
    """Leave what has failed here for the one that asked, which torchrun tells nothing."""
    try:
        yield
    except Exception as error:
        kind = "" if isinstance(error, MarketrankError) else f"{type(error).__name__}: "
        told = f"{kind}{error}".partition("\n")[0]
        with suppress(OSError):  # the first of several tells; a full disk tells nothing
            _folder_of_others(home).mkdir(parents=True, exist_ok=True)
            with (_folder_of_others(home) / _ERROR).open("x", encoding="utf-8") as file:
                file.write(told)
        raise


def _said(home: Path) -> str:
    try:
        return (_folder_of_others(home) / _ERROR).read_text("utf-8") or _NOTHING_SAID
    except OSError:
        return _NOTHING_SAID


def _clear(home: Path) -> None:
    shutil.rmtree(_folder_of_others(home), ignore_errors=True)


def _folder_of_others(home: Path) -> Path:
    return home / FOLDER / ".together"
