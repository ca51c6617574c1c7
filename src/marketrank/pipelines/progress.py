"""How long work reports itself: a callable, so that pipelines know no terminal."""

from typing import Protocol


class Progress(Protocol):
    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """`done` of `total` (None: not known yet) items of a named stage are finished."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Report nothing."""
