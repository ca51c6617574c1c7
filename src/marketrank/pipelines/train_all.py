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
from marketrank.ports import BlobStore, ListingStore


def train_all(
    store: ListingStore,
    blobs: BlobStore,
    home: Path,
    registry: Registry,
    *,
    seed: int,
    at: datetime,
    threads: int,
    currency: str = "GBP",
    device: str = "auto",
    progress: Progress = silent,
) -> Published:
    """Baselines, text and multimodal; then `publish`. What was finished on the same data, seed
    and recipe is not done again, and what was killed goes on. The multimodal training tunes the
    photo tower, so that a vision training of its own would add nothing here."""
    common: dict[str, Any] = {"seed": seed, "at": at, "progress": progress}
    train_baselines(store, blobs, home, currency=currency, reuse=True, **common)
    train_text(store, home, device=device, reuse=True, **common)
    train_multimodal(
        store,
        blobs,
        home,
        threads=threads,
        currency=currency,
        device=device,
        reuse=True,
        **common,
    )
    return publish(store, blobs, home, registry, currency=currency, **common)
