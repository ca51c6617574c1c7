"""What the ranker of sessions sees of a candidate: named numbers, in one visible table.

The words and vectors of a query are those of `features`; the rest is what a buyer sees and who they
are. What is not known is NaN, which trees send the way that lost least in training, so a feature
may be missing for some, be masked, or be new.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.ranking import features

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class Part(StrEnum):
    """What a feature is about; whole parts can be masked."""

    WORDS = "words"
    VECTORS = "vectors"
    LISTING = "listing"
    PRICE = "price"
    PLACE = "place"
    SELLER = "seller"
    POPULARITY = "popularity"
    TASTE = "taste"
    """What the buyer did: Purpose.HISTORY."""
    DEMOGRAPHICS = "demographics"
    """Who the buyer is: Purpose.DEMOGRAPHICS, and never for sensitive categories."""


PROFILE = frozenset({Part.TASTE, Part.DEMOGRAPHICS})
"""What a request without profiling goes without."""


@dataclass(frozen=True, slots=True)
class Feature:
    name: str
    meaning: str
    unit: str
    part: Part


_WORDS = tuple(
    Feature(name, features.meaning(name), "share, cosine or logarithm", part)
    for name in features.NAMES
    for part in [Part.VECTORS if name.startswith(("vector", "feedback")) else Part.WORDS]
)
FEATURES = (
    *_WORDS,
    Feature("search", "1 for a search, 0 for the feed", "flag", Part.WORDS),
    Feature("category_match", "shared part of its path and the one asked for", "share", Part.WORDS),
    Feature("price_log", "its price, as ln(1 + pounds or the like)", "logarithm", Part.PRICE),
    Feature("price_to_budget", "ln(price / the most that may be paid)", "logarithm", Part.PRICE),
    Feature(
        "price_to_estimate",
        "ln(price / what the like asks, by the price model)",
        "logarithm",
        Part.PRICE,
    ),
    Feature("price_to_others", "ln(price / median of the candidates)", "logarithm", Part.PRICE),
    Feature(
        "distance_log",
        "ln(1 + kilometres) from the place asked for; from the buyer's own where none was",
        "logarithm",
        Part.PLACE,
    ),
    Feature("age_log", "ln(1 + days) since it was listed", "logarithm", Part.LISTING),
    Feature("photos", "how many photos it has", "count", Part.LISTING),
    Feature("photo_pixels_log", "ln(1 + pixels) of its first photo", "logarithm", Part.LISTING),
    Feature("trade", "1 where the seller is a trader, 0 if private", "flag", Part.SELLER),
    Feature("seller_share", "share of the candidates of the same seller", "share", Part.SELLER),
    Feature("seller_log", "ln(1 + listings of its seller so far)", "logarithm", Part.SELLER),
    Feature("popularity_log", "ln(1 + recent interactions, decayed)", "logarithm", Part.POPULARITY),
    Feature("saves_log", "ln(1 + recent saves, decayed)", "logarithm", Part.POPULARITY),
    Feature("taste", "cosine with what the buyer has looked at", "cosine", Part.TASTE),
    Feature("taste_category", "share of the buyer's interactions in its root", "share", Part.TASTE),
    Feature("taste_price", "|ln(price / what the buyer looks at)|", "logarithm", Part.TASTE),
    Feature("tower", "inner product with the buyer tower's vector", "cosine", Part.DEMOGRAPHICS),
    Feature(
        "demographic_affinity",
        "inner product with the tower's vector of demographics alone",
        "cosine",
        Part.DEMOGRAPHICS,
    ),
    Feature("home_distance_log", "ln(1 + kilometres) from home", "logarithm", Part.DEMOGRAPHICS),
)
DISTANCE = "distance_log"
"""From the place asked for; where none was, from the buyer's own as far as they agreed to that: so
it is of two parts."""
NAMES = tuple(feature.name for feature in FEATURES)
"""The columns of `table`, in order."""
_PLACES = {name: place for place, name in enumerate(NAMES)}


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What is known of n candidates, each (n,) or None where it is not known of any; NaN within.

    `words` is the table of `features`, (n, len(features.NAMES)). `prices`, `estimates` and `budget`
    are minor units (`budget` 0: none was named); `prices` and `estimates` are NaN where unknown and
    `usual_price` is what the buyer looks at. `sellers` are numbers, 0 where not known."""

    n: int
    words: Floats | None = None
    category_match: Doubles | None = None
    prices: Doubles | None = None
    budget: float = 0.0
    estimates: Doubles | None = None
    usual_price: float = 0.0
    distances_km: Doubles | None = None
    ages_days: Doubles | None = None
    photos: Doubles | None = None
    pixels: Doubles | None = None
    trade: Doubles | None = None
    sellers: NDArray[np.int64] | None = None
    seller_listings: Doubles | None = None
    popularity: Doubles | None = None
    saves: Doubles | None = None
    search: Doubles | None = None
    taste: Doubles | None = None
    taste_category: Doubles | None = None
    tower: Doubles | None = None
    demographic_affinity: Doubles | None = None
    home_km: Doubles | None = None


def table(facts: Facts) -> Floats:
    """Shape (n, len(NAMES)), float32."""
    out = np.full((facts.n, len(NAMES)), np.nan, np.float32)
    if facts.words is not None:
        out[:, : len(features.NAMES)] = facts.words
    prices = facts.prices
    columns: Mapping[str, Doubles | None] = {
        "search": facts.search,
        "category_match": facts.category_match,
        "price_log": None if prices is None else np.log1p(prices / 100),
        "price_to_budget": _ratio(prices, facts.budget),
        "price_to_estimate": _ratio(prices, facts.estimates),
        "price_to_others": _ratio(prices, _median(prices)),
        "distance_log": _log(facts.distances_km),
        "age_log": _log(facts.ages_days),
        "photos": facts.photos,
        "photo_pixels_log": _log(facts.pixels),
        "trade": facts.trade,
        "seller_share": _seller_share(facts.sellers),
        "seller_log": _log(facts.seller_listings),
        "popularity_log": _log(facts.popularity),
        "saves_log": _log(facts.saves),
        "taste": facts.taste,
        "taste_category": facts.taste_category,
        "taste_price": _distance(_ratio(prices, facts.usual_price)),
        "tower": facts.tower,
        "demographic_affinity": facts.demographic_affinity,
        "home_distance_log": _log(facts.home_km),
    }
    for name, values in columns.items():
        if values is not None:
            out[:, _PLACES[name]] = values
    return out


def masked(
    values: Floats,
    names: Sequence[str],
    parts: Collection[Part],
    rows: NDArray[np.bool_],
    *,
    placed: bool,
) -> Floats:
    """A copy of features (n, len(names)) without what is about these parts, in the rows that are
    True: NaN stands there. A name that is not in the table is left as it is. `placed` says whether
    a place was asked for: else distances, too, are from the buyer's own, which is demographics."""
    hidden = {feature.name for feature in FEATURES if feature.part in parts}
    if Part.DEMOGRAPHICS in parts and not placed:
        hidden.add(DISTANCE)
    out = values.copy()
    columns = np.array([name in hidden for name in names], np.bool_)
    out[rows[:, np.newaxis] & columns] = np.nan
    return out


def columns_of(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where the wanted columns stand among `names`. Raises BadInput for one that is missing."""
    places = {name: place for place, name in enumerate(names)}
    missing = [name for name in wanted if name not in places]
    if missing:
        raise BadInput(
            f"the features {', '.join(missing)} are not there; known are {', '.join(names)}"
        )
    return [places[name] for name in wanted]


def _log(values: Doubles | None) -> Doubles | None:
    return None if values is None else np.log1p(np.maximum(values, 0))


def _ratio(prices: Doubles | None, whole: Doubles | float | None) -> Doubles | None:
    """ln of the ratio; NaN where a side is not known or not above 0."""
    if prices is None or whole is None:
        return None
    other = np.asarray(whole, np.float64)
    known = (prices > 0) & (other > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(known, np.log(prices / other), np.nan)


def _median(prices: Doubles | None) -> float:
    known = None if prices is None else prices[prices > 0]
    return 0.0 if known is None or not len(known) else float(np.median(known))


def _distance(values: Doubles | None) -> Doubles | None:
    return None if values is None else np.abs(values)


def _seller_share(sellers: NDArray[np.int64] | None) -> Doubles | None:
    if sellers is None:
        return None
    same = (sellers[:, np.newaxis] == sellers).sum(axis=1) / max(len(sellers), 1)
    return np.where(sellers > 0, same, np.nan)
