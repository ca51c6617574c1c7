"""What is asked of a marketplace and what it answers. The conventions of `types` hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from marketrank.types import (
    BuyerId,
    Finding,
    Listing,
    ListingId,
    ModelVersion,
    Place,
    ReleaseId,
    RequestId,
)


@dataclass(frozen=True, slots=True)
class Near:
    """A point (WGS84 degrees) and, where the request limits it, a radius in kilometres. `label` is
    the place's name, for people."""

    latitude: float
    longitude: float
    within_km: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Filters:
    """Hard constraints. `category` is a path prefix; prices are minor units, inclusive; a listing
    without a price or a place fails a constraint on it."""

    category: tuple[str, ...] = ()
    price_low: int | None = None
    price_high: int | None = None
    near: Near | None = None


class Sort(StrEnum):
    """How results are ordered, as the API names it; DISTANCE needs a place in the filters."""

    RELEVANCE = "relevance"
    PRICE = "price"
    PRICE_DESC = "-price"
    NEWEST = "newest"
    DISTANCE = "distance"


class ParseKind(StrEnum):
    """What a part of a query can mean."""

    PRICE = "price"
    NEAR = "near"
    CONDITION = "condition"
    WANTED = "wanted"
    SIZE = "size"
    BRAND = "brand"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: text, photo, both, "like this listing", or nothing (the home feed)."""

    id: RequestId
    at: datetime
    text: str = ""
    photo: bytes | None = None
    like: ListingId | None = None
    buyer: BuyerId | None = None
    filters: Filters = field(default_factory=Filters)
    sort: Sort = Sort.RELEVANCE
    offset: int = 0
    k: int = 24
    ignore: tuple[ParseKind, ...] = ()
    """Kinds of parses that the user took back: their words are words again."""
    spelling: bool = True
    """Whether slips of the pen may be corrected."""
    profiling: bool = True
    """Whether what is known of the buyer may shape the answer, as far as they agreed to it."""
    explain: bool = False
    """Whether results come with the numbers behind them."""
    places: bool = False
    """Whether the answer says where its results are."""


@dataclass(frozen=True, slots=True)
class Parse:
    """What a part of a query was taken to mean. `words` are the query's own. `value` is what the
    API's parameter of that name takes ("..50", "Leeds", "Pets"), for kinds without a parameter
    a word of ours ("new", "6ft"); `within` is the radius that goes with a place ("5mi") or "".
    `hard`: it excludes listings; otherwise it lifts those that fit."""

    kind: ParseKind
    words: str
    value: str
    label: str
    hard: bool
    within: str = ""


@dataclass(frozen=True, slots=True)
class Boosts:
    """What lifts listings without excluding others. `price_low` and `price_high` are minor units,
    inclusive; `words` holds alternatives by kind, any of which a listing may use; `categories`
    the probability of paths from the root. `near`: what is near the place of the filters, which
    has no radius there, is lifted."""

    near: bool = False
    cheap: bool = False
    price_low: int | None = None
    price_high: int | None = None
    words: tuple[tuple[ParseKind, str], ...] = ()
    categories: Mapping[tuple[str, ...], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Understood:
    """A query as it was understood: the text that is left to look for, the request's filters with
    those that were parsed, what lifts listings, and every parse that is in force."""

    text: str = ""
    filters: Filters = field(default_factory=Filters)
    boosts: Boosts = field(default_factory=Boosts)
    parses: tuple[Parse, ...] = ()


@dataclass(frozen=True, slots=True)
class Hits:
    """One retriever's answer, best first, ties by key. Shapes (n,) and (n,). `whole`: of what it
    was allowed to find, nothing else has a score at all."""

    keys: NDArray[np.int64]
    scores: NDArray[np.float32]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Candidates:
    """Fused hits, best first. `ranks[retriever]` has shape (n,); -1 where it did not find it.
    `parts[retriever]`, shape (n,), is its score of every candidate as a share of the best that
    could be, where the fusion knows it; its fields are arrays in the order of `keys`."""

    keys: NDArray[np.int64]
    scores: NDArray[np.float32]
    ranks: Mapping[str, NDArray[np.int32]]
    parts: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def take(self, order: NDArray[np.int64]) -> "Candidates":
        """Those at these places, in this order."""
        return Candidates(
            self.keys[order],
            self.scores[order],
            {name: ranks[order] for name, ranks in self.ranks.items()},
            {name: scores[order] for name, scores in self.parts.items()},
        )


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a result was computed from: features that a learned ranker saw, by name, and what each
    added to its score (empty where none ranked it); its rank, from 0, by retriever, and its share
    of the best score where the fusion knows that; what else was known of it, in `facts`."""

    features: Mapping[str, float] = field(default_factory=dict)
    contributions: Mapping[str, float] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Traces:
    """What listings share with those that repeat them. `titles` tells for each title how many of
    its words another may lack; `sources` and `blobs` are of the same photo files, `hashes` of
    photos that look the same where they are at most `bits` apart."""

    titles: Mapping[str, int]
    sources: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()
    hashes: tuple[int, ...] = ()
    bits: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One result. `distance_km` only where the request names a place and the listing has one."""

    listing: Listing
    score: float
    distance_km: float | None = None
    found_by: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    repeats: tuple[ListingId, ...] = ()
    """Further candidates with the same words, shown as this one."""
    why: tuple[str, ...] = ()
    """Reasons in plain words, the strongest first."""
    numbers: Numbers | None = None
    """Only where the request asks for them."""
    arm: str = ""
    """Of the ranking's experiment, that put it there; for the log alone."""


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value of a facet: what the filter takes, what people read, how many results have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """How many of the results are at a place."""

    place: Place
    count: int


@dataclass(frozen=True, slots=True)
class Correction:
    """How the words of a query were probably meant. `text` is `original` where nothing is to be
    corrected; `certain` says that it is searched for, not only offered."""

    original: str
    text: str
    certain: bool = False

    @property
    def changed(self) -> bool:
        """Whether there is anything to correct or to offer."""
        return self.text != self.original

    @property
    def searched(self) -> str:
        """What is looked for."""
        return self.text if self.certain else self.original


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a search box offers. `count` listings have it in their title, `category_count` of them
    in `category`, which holds most of them; () where none does."""

    text: str
    count: int
    category: tuple[str, ...] = ()
    category_count: int = 0


@dataclass(frozen=True, slots=True)
class Ranking:
    """An answer. `total` counts all that matched; `items` is the page asked for; `facets` are by
    name; `stages_ms` is the time of each stage (milliseconds). `corrected` is
    None where the words were searched for as they were typed and nothing better is known."""

    request: RequestId
    release: ReleaseId
    items: tuple[Item, ...]
    total: int
    facets: Mapping[str, tuple[FacetValue, ...]]
    stages_ms: Mapping[str, float]
    understood: Understood = field(default_factory=Understood)
    corrected: Correction | None = None
    experiment: str = ""
    """Which it was part of; for the log alone."""
    model: ModelVersion = ModelVersion("")
    """Whose encoder made the vectors of query and listings."""
    places: tuple[PlaceCount, ...] = ()
    """Only where the request asks for them; see whereabouts."""
