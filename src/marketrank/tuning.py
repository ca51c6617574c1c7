"""What the engine does beyond retrieving and fusing, as values that settings fill in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from marketrank.config import Settings
from marketrank.ranking.rerank import Rules
from marketrank.ranking.similar import Affinity
from marketrank.retrieval.feed import FRESH, POPULAR, TASTE, FeedRetriever, fresh_retriever
from marketrank.retrieval.understand.boosting import Weights


@dataclass(frozen=True, slots=True)
class Depths:
    """How many hits each step keeps: the text retriever, the vector retriever, and a sort by
    anything but relevance, which reorders only the best matches: at most `sort` of them, each
    with at least the share `sort_floor` of its retriever's best score. `fusion` is a name of
    retrieval.hybrid.METHODS."""

    text: int
    vector: int
    sort: int
    sort_floor: float
    fusion_k: int
    fusion: str


@dataclass(frozen=True, slots=True)
class Refine:
    """Words about a photo or a listing: their `share` of the query vector, and among how many of
    the best matches of that vector they choose."""

    share: float
    depth: int


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a request is understood and its answer ordered; see `config` for the settings.
    `feed_weights` are those of the feed's retrievers, 1 where not named; `taste` is how much a
    search is lifted where it is like what the buyer turned to."""

    refine: Refine
    similar: Affinity
    rerank: Rules
    feed: Mapping[str, FeedRetriever]
    feed_weights: Mapping[str, float] = field(default_factory=dict)
    taste: float = 0.0


PLAIN = Tuning(
    refine=Refine(share=0.2, depth=100),
    similar=Affinity(category=0.0, price=0.0, same=2.0),
    rerank=Rules(0, 0.0, 0, 1.0, 1.0, False),
    feed={FRESH: fresh_retriever(30.0)},
)
"""Nothing is reordered: the order of similarity and fusion."""


def depths_of(settings: Settings) -> Depths:
    """What the settings say."""
    return Depths(
        text=settings.retrieve_depth,
        vector=settings.vector_depth,
        sort=settings.sort_depth,
        sort_floor=settings.sort_floor,
        fusion_k=settings.fusion_k,
        fusion=settings.fusion,
    )


def lifts_of(settings: Settings) -> Weights:
    """How much what a query hints at lifts a listing."""
    return Weights(
        near=settings.near_boost,
        near_km=settings.near_km,
        price=settings.price_boost,
        words=settings.words_boost,
        category=settings.category_boost,
    )


def from_settings(settings: Settings) -> Tuning:
    """What the settings of the same names say."""
    return Tuning(
        refine=Refine(settings.refine_share, settings.refine_depth),
        similar=Affinity(settings.similar_category, settings.similar_price, settings.similar_same),
        rerank=Rules(
            window=settings.rerank_window,
            diversity=settings.diversity,
            seller_cap=settings.seller_cap,
            half_life_days=settings.half_life_days,
            freshness_floor=settings.freshness_floor,
            collapse_repeats=settings.collapse_repeats,
        ),
        feed={FRESH: fresh_retriever(settings.half_life_days)},
        feed_weights={TASTE: settings.feed_taste, POPULAR: settings.feed_popular},
        taste=settings.taste_boost,
    )
