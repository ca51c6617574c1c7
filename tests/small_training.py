"""Training on photos in seconds: of 64 pixels a side, with two variants and hardly any epochs, and
without a text tower. Shared by the tests of trainings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from marketrank.models import multimodal, multimodal_training
from marketrank.models.multimodal import Recipe
from marketrank.models.multimodal_training import Schedule
from marketrank.pipelines import train_multimodal
from marketrank.pipelines.progress import Progress
from marketrank.types import Vectors

SIZE = 64
SCHEDULE = Schedule(size=SIZE, head_epochs=4, tower_epochs=2, tower_batch=16)
RECIPE = Recipe(batch=16)  # with the usual batch an epoch of so few listings is one step


class Killed(BaseException):
    """What ends a process where it stands."""


def killing(stage: str, after: int) -> Progress:
    """Dies when so many epochs of a stage are done."""

    def report(name: str, done: int, total: int | None) -> None:
        if (name, done) == (stage, after):
            raise Killed

    return report


@contextmanager
def hastened() -> Iterator[pytest.MonkeyPatch]:
    """One thread: such small products lose by being shared out."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multimodal_training, "Schedule", lambda: SCHEDULE)
        patch.setattr(multimodal, "Recipe", lambda **other: replace(RECIPE, **other))
        patch.setattr(train_multimodal, "VARIANTS", 2)
        yield patch
    torch.set_num_threads(threads)


def hashed_words(folder: Path, texts: Sequence[str], **_: object) -> Vectors:
    """Stands in for `multimodal_training.encode_texts`: sums of random vectors of the words."""
    rows = [sum(_vector(word) for word in text.split()) for text in texts]
    found = np.array(rows, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _vector(word: str) -> Vectors:
    return np.random.default_rng(list(word.encode())).standard_normal(384)
