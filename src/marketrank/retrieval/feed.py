"""What the home feed is made of when nothing is asked: named retrievers, each with its own idea of
what somebody may want to see.

The engine takes them as a table, `{"fresh": …, "popular": …}`, and fuses what they find by rank.
What the buyer likes is found beside them: see `personal`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from marketrank.asking import Hits, Request
from marketrank.retrieval.follow import View
from marketrank.retrieval.fresh import fresh
from marketrank.types import Mask

FRESH, POPULAR, TASTE = "fresh", "popular", "taste"
FUSION_K = 10
"""The constant of reciprocal ranks in a feed. With the usual 60 one list twice as heavy as another
is alone in the first sixty places; a page should hold some of each."""
WEIGHTS: Mapping[str, float] = {FRESH: 1.0, POPULAR: 1.0, TASTE: 2.0}
_MOST_POPULAR = 300


class Popular(Protocol):
    """What is popular now, of nobody in particular."""

    def top(self, k: int, allowed: Mask, at: datetime) -> Hits:
        """The k most popular of the allowed, best first, ties by key."""


class FeedRetriever(Protocol):
    def __call__(self, view: View, request: Request, k: int, allowed: Mask) -> Hits:
        """The k best among `allowed`, best first, ties by key; fewer where it knows no more."""


def fresh_retriever(half_life_days: float) -> FeedRetriever:
    """The newest first; scores halve every `half_life_days`."""

    def retrieve(view: View, request: Request, k: int, allowed: Mask) -> Hits:
        return fresh(view.catalogue, k, allowed, at=request.at, half_life_days=half_life_days)

    return retrieve


def popular_retriever(popular: Popular) -> FeedRetriever:
    """What buyers turn to now, at most 300."""

    def retrieve(view: View, request: Request, k: int, allowed: Mask) -> Hits:
        return popular.top(min(k, _MOST_POPULAR), allowed, request.at)

    return retrieve
