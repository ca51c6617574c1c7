"""The default recipes one after another, and what they make together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from marketrank.pipelines import train_text as text
from marketrank.pipelines.gate import Contest, Limits
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.publishing import Published, publish
from marketrank.pipelines.runs import finished_run
from marketrank.pipelines.train_baselines import train_baselines
from marketrank.pipelines.train_multimodal import KIND, identity_of, prepare, train_multimodal
from marketrank.pipelines.train_text import train_text
from marketrank.pipelines.training_data import TrainingData
from marketrank.ports import BlobStore


@dataclass(frozen=True, slots=True)
class Lengths:
    """Epochs of the text tower and of the photo tower; None is the trainings' own."""

    text: int | None = None
    photos: int | None = None


RECIPES = {"default": Lengths(), "quick": Lengths(text=1, photos=1)}
"""By name. The quick one is for trying things out: its models are worse."""


Together = Callable[[str], None]
"""Trains one of `train_together.KINDS` by several processes."""


def unfinished(data: TrainingData, home: Path, lengths: Lengths) -> list[str]:
    """Which networks have no finished run of these data and epochs."""
    from marketrank.models.multimodal_training import Schedule

    schedule = Schedule()
    schedule = replace(schedule, tower_epochs=lengths.photos or schedule.tower_epochs)
    identities = {
        text.KIND: text.identity_of(data, lengths.text or text.EPOCHS),
        KIND: identity_of(data, schedule),
    }
    return [kind for kind, one in identities.items() if finished_run(home, kind, one) is None]


def train_all(
    contest: Contest,
    *,
    at: datetime,
    limits: Limits,
    device: str = "auto",
    progress: Progress = silent,
) -> Published:
    """Baselines, text and multimodal; then `publish`. What was finished on the same data and
    recipe is not done again, and what was killed goes on."""
    train_runs(
        contest.data,
        contest.blobs,
        contest.home,
        at=at,
        threads=contest.threads,
        currency=contest.currency,
        device=device,
        progress=progress,
    )
    return publish(contest, at=at, limits=limits, progress=progress)


def train_runs(
    data: TrainingData,
    blobs: BlobStore,
    home: Path,
    *,
    at: datetime,
    threads: int,
    currency: str,
    device: str = "auto",
    lengths: Lengths = RECIPES["default"],
    together: Together | None = None,
    progress: Progress = silent,
) -> dict[str, Path]:
    """The run folders by kind. The multimodal training tunes the photo tower, so that a vision
    training of its own would add nothing here. With `together` several processes train the
    networks; their finished runs are found here."""
    common: dict[str, Any] = {"at": at, "reuse": True, "progress": progress}
    baselines = train_baselines(data, blobs, home, currency=currency, **common)
    if together is not None:
        prepare(data, blobs, home, threads=threads, progress=progress)
        for kind in unfinished(data, home, lengths):
            together(kind)
    words = train_text(data, home, epochs=lengths.text or text.EPOCHS, device=device, **common)
    both = train_multimodal(
        data,
        blobs,
        home,
        threads=threads,
        currency=currency,
        epochs=lengths.photos,
        device=device,
        **common,
    )
    return {"baselines": baselines.folder, "text": words.folder, "multimodal": both.folder}
