"""How far prices lie from their estimates: an interval that holds a stated share of them.

Conformal prediction by root category (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random
World, 2005; Mondrian: chapter 4.5): the quantiles of what a model missed on listings that it had
not seen, laid around its estimate. No distribution is assumed.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.models.price import MOST, PriceModel
from marketrank.types import Listing, Money

SHARE = 0.8
FEWEST = 50
"""A category with fewer held-out prices takes the quantiles of all."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PriceInterval:
    """`share` of prices lie within [estimate + low, estimate + high], in log price. `roots` has the
    pairs of categories that speak for themselves, `others` that of all."""

    share: float
    roots: Mapping[str, tuple[float, float]]
    others: tuple[float, float]

    def around(self, listings: Sequence[Listing], log_prices: NDArray[Any]) -> Floats:
        """Shape (n, 2): the ends, in log price, around the estimates (n,) of the listings."""
        margins = [self.roots.get(root_of(listing), self.others) for listing in listings]
        rows = np.array(margins, np.float64).reshape(-1, 2)
        return rows + np.asarray(log_prices, np.float64)[:, None]

    def as_json(self) -> dict[str, Any]:
        return {"share": self.share, "roots": dict(self.roots), "others": self.others}

    @staticmethod
    def from_json(raw: Mapping[str, Any]) -> "PriceInterval":
        """Raises KeyError, TypeError or ValueError for what `as_json` did not write."""
        roots = {str(name): _pair(margins) for name, margins in raw["roots"].items()}
        return PriceInterval(float(raw["share"]), roots, _pair(raw["others"]))


@dataclass(frozen=True, slots=True)
class PriceRange:
    """What listings like one ask: `middle`, and the interval that `share` of them lie in; None
    where the model knows no interval."""

    middle: Money
    low: Money | None
    high: Money | None
    share: float | None


def fit_interval(
    listings: Sequence[Listing], missed: NDArray[Any], *, share: float = SHARE
) -> PriceInterval:
    """From `missed` (n,), the log prices minus what a model that had not seen these listings said.

    An end is cut at the ⌈(n+1)(1+share)/2⌉-th smallest of n misses on its side, so that the chance
    of each end is right for any n. Raises BadInput for fewer than FEWEST.
    """
    if len(missed) < FEWEST:
        raise BadInput(
            f"{len(missed)} held-out listings have a price; an interval needs {FEWEST}: "
            "ingest more listings"
        )
    by_root: dict[str, list[float]] = defaultdict(list)
    for listing, miss in zip(listings, np.asarray(missed, np.float64).tolist(), strict=True):
        by_root[root_of(listing)].append(miss)
    roots = {
        root: _margins(misses, share)
        for root, misses in sorted(by_root.items())
        if root and len(misses) >= FEWEST
    }
    return PriceInterval(share, roots, _margins(np.asarray(missed).tolist(), share))


def price_range(model: PriceModel, interval: PriceInterval | None, listing: Listing) -> PriceRange:
    """The estimate of one listing and its interval, rounded as people write prices: the ends
    outwards, so that rounding never leaves a price out."""
    said = model.log_prices([listing])
    middle = _money(_pounds(float(said[0])), model.currency, round)
    if interval is None:
        return PriceRange(middle, None, None, None)
    low, high = (_pounds(end) for end in interval.around([listing], said)[0].tolist())
    return PriceRange(
        middle,
        _money(low, model.currency, math.floor),
        _money(high, model.currency, math.ceil),
        interval.share,
    )


def root_of(listing: Listing) -> str:
    """ "" for a listing without a category."""
    return listing.category[0] if listing.category else ""


def _margins(missed: Sequence[float], share: float) -> tuple[float, float]:
    ordered = sorted(missed)
    n = len(ordered)
    last = min(n, math.ceil((n + 1) * (1 + share) / 2)) - 1
    return ordered[n - 1 - last], ordered[last]


def _pair(raw: Any) -> tuple[float, float]:
    low, high = raw
    return float(low), float(high)


def _pounds(log_price: float) -> float:
    """Within what the model was taught: 0 to MOST."""
    return min(max(math.expm1(log_price), 0.0), float(MOST))


def _money(pounds: float, currency: str, whole: Any) -> Money:
    """Two significant digits in whole units, one unit at least: 437 → 440."""
    step = max(1, 10 ** (math.floor(math.log10(max(pounds, 1))) - 1))
    return Money(max(0, int(whole(pounds / step)) * step) * 100, currency)
