"""The default recipes one after another, and what they make together."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from marketrank.pipelines import train_text as text
from marketrank.pipelines.gate import Contest, Limits
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.publishing import Published, publish
from marketrank.pipelines.train_baselines import train_baselines
from marketrank.pipelines.train_multimodal import train_multimodal
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
    progress: Progress = silent,
) -> dict[str, Path]:
    """The run folders by kind. The multimodal training tunes the photo tower, so that a vision
    training of its own would add nothing here."""
    common: dict[str, Any] = {"at": at, "reuse": True, "progress": progress}
    baselines = train_baselines(data, blobs, home, currency=currency, **common)
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
