"""The default recipes one after another, and what they make together."""

from datetime import datetime
from pathlib import Path
from typing import Any

from marketrank.models.registry import Registry
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.publishing import Published, publish
from marketrank.pipelines.train_baselines import train_baselines
from marketrank.pipelines.train_multimodal import train_multimodal
from marketrank.pipelines.train_text import train_text
from marketrank.pipelines.training_data import TrainingData
from marketrank.ports import BlobStore


def train_all(
    data: TrainingData,
    blobs: BlobStore,
    home: Path,
    registry: Registry,
    *,
    at: datetime,
    threads: int,
    currency: str = "GBP",
    device: str = "auto",
    progress: Progress = silent,
) -> Published:
    """Baselines, text and multimodal; then `publish`. What was finished on the same data and
    recipe is not done again, and what was killed goes on. The multimodal training tunes the photo
    tower, so that a vision training of its own would add nothing here."""
    common: dict[str, Any] = {"at": at, "progress": progress}
    train_baselines(data, blobs, home, currency=currency, reuse=True, **common)
    train_text(data, home, device=device, reuse=True, **common)
    train_multimodal(
        data,
        blobs,
        home,
        threads=threads,
        currency=currency,
        device=device,
        reuse=True,
        **common,
    )
    return publish(data, blobs, home, registry, currency=currency, **common)
