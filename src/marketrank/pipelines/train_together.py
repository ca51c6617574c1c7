"""The trainings of networks by several processes, which torchrun starts.

One process goes on as before: it first makes what all need (features of the frozen towers, in the
home's cache), has the processes train, and then finds their runs finished. Each of them does the
whole of a training, sharing the costly part of each batch (`models.team`); the first one's run is
kept in the home, the others work in homes that are thrown away.
"""

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from marketrank.errors import MissingExtra, NotReady
from marketrank.pipelines import train_text as text
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.train_multimodal import train_multimodal
from marketrank.pipelines.train_text import train_text
from marketrank.pipelines.training_data import TrainingData
from marketrank.ports import BlobStore

KINDS = ("text", "multimodal")
_SHARED = "cache"
_log = logging.getLogger(__name__)


def torchrun(processes: int, command: Sequence[str]) -> None:
    """Run `marketrank COMMAND` in so many processes on this machine. Raises NotReady where one of
    them fails: torchrun ends the others."""
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    run += ["--nproc-per-node", str(processes), "-m", "marketrank", *command]
    # Cores are shared among them; torchrun alone would give each just one thread.
    threads = max(1, (os.cpu_count() or 1) // processes)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    _log.info("training with %d processes", processes)
    ended = subprocess.run(run, check=False, stdout=sys.stderr, env=environment).returncode
    if ended:
        raise NotReady(
            f"training with {processes} processes ended with {ended}; its messages say why, and "
            "the same command goes on after the last whole epoch"
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
    progress: Progress = silent,
) -> None:
    """What each of the processes does: a training of KINDS."""
    try:
        from marketrank.models.team import joined
    except ImportError as error:
        raise MissingExtra("training with several processes", "train") from error
    with joined(device) as (team, where), _home_of(home, team.leads) as own:
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
def _home_of(home: Path, leads: bool) -> Iterator[Path]:
    """The home itself, or for all but the first a folder with its cache, gone afterwards."""
    if leads:
        yield home
        return
    with tempfile.TemporaryDirectory() as folder:
        (home / _SHARED).mkdir(exist_ok=True)
        (Path(folder) / _SHARED).symlink_to((home / _SHARED).absolute())
        yield Path(folder)
