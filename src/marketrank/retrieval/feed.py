"""What the home feed is made of when nothing is asked: named retrievers, each with its own idea of
what somebody may want to see.

The engine takes them as a table, `{"fresh": …}`, and fuses what they find as it fuses words and
vectors. One that needs events (what is popular, what a buyer likes) is one more entry.
"""

from typing import Protocol

from marketrank.retrieval.follow import View
from marketrank.retrieval.fresh import fresh
from marketrank.types import Hits, Mask, Request

FRESH = "fresh"


class FeedRetriever(Protocol):
    def __call__(self, view: View, request: Request, k: int, allowed: Mask) -> Hits:
        """The k best among `allowed`, best first, ties by key; fewer where it knows no more."""


def fresh_retriever(half_life_days: float) -> FeedRetriever:
    """The newest first; scores halve every `half_life_days`."""

    def retrieve(view: View, request: Request, k: int, allowed: Mask) -> Hits:
        return fresh(view.catalogue, k, allowed, at=request.at, half_life_days=half_life_days)

    return retrieve
