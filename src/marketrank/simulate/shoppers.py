"""Made-up shoppers: who they are and what they like. How to simulate, in memory:

    stock = draw_stock(listings=5_000, seed=7, at=datetime(2026, 2, 21, 12, tzinfo=UTC))
    params = ShopperParameters(buyers=2_000, sessions=20_000)
    shoppers = draw_shoppers(stock, params, seed=7)
    log = simulate_sessions(stock, shoppers, params, seed=7)      # shopper_sessions
    for session, relevance in zip(log.sessions(), log.relevance): # people.Session, (n,) truth
        ...

The same arguments give the same bytes. What is true (tastes, relevance, examination) serves tests
and evaluations; no ranker may read it. docs/simulate.md describes the model.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from marketrank.people import Buyer, Purpose
from marketrank.simulate.shopper_parameters import ShopperParameters
from marketrank.simulate.shopper_stock import Floats, Ints, Stock
from marketrank.simulate.shopper_tastes import ATTRIBUTES, Tastes, draw_tastes, groups
from marketrank.simulate.towns import places, town_coordinates, town_positions
from marketrank.types import BuyerId, Place

DAY = 86_400.0
_HOURS = np.array([1, 1, 0, 0, 0, 1, 2, 4, 6, 7, 8, 8, 8, 7, 7, 7, 8, 9, 11, 13, 13, 11, 7, 3])


@dataclass(frozen=True, slots=True, eq=False)
class Shoppers:
    """b buyers; arrays have shape (b,) unless said otherwise.

    `members[attribute]` are places in `groups()[attribute]`. `joined` is in seconds of Unix time.
    `spot` (b, 2) is in kilometres on the plane of `Stock.spot`. `known`: their demographics may be
    used. `seller` is who they are in `Stock.seller`, -1 for most. `activity` weighs how often they
    come. `tastes` is the truth."""

    ids: tuple[BuyerId, ...]
    members: dict[str, Ints]
    towns: tuple[tuple[str, str], ...]
    region: Ints
    spot: Floats
    joined: NDArray[np.float64]
    known: NDArray[np.bool_]
    outreach: NDArray[np.bool_]
    seller: Ints
    activity: NDArray[np.float64]
    start: float
    tastes: Tastes

    def __len__(self) -> int:
        return len(self.ids)

    def attributes(self, buyer: int) -> dict[str, str]:
        """As {"age": "25-34"}; {} for one who keeps them."""
        if not self.known[buyer]:
            return {}
        named = {name: groups()[name][self.members[name][buyer]].name for name in ATTRIBUTES}
        return {**named, "county": self.towns[buyer][1]}

    def place(self, buyer: int) -> Place:
        town, county = self.towns[buyer]
        latitude, longitude = town_coordinates()[town]
        return Place(town, county, latitude=latitude, longitude=longitude)

    def buyers(self, stock: Stock) -> tuple[Buyer, ...]:
        """All of them as the system knows them. A buyer who keeps their demographics has neither
        attributes nor a place."""
        return tuple(self._buyer(i, stock) for i in range(len(self)))

    def _buyer(self, i: int, stock: Stock) -> Buyer:
        joined = datetime.fromtimestamp(self.joined[i], UTC)
        agreed = [Purpose.HISTORY]
        agreed += [Purpose.DEMOGRAPHICS] if self.known[i] else []
        agreed += [Purpose.OUTREACH] if self.outreach[i] else []
        return Buyer(
            id=self.ids[i],
            attributes=self.attributes(i),
            place=self.place(i) if self.known[i] else None,
            seller=stock.sellers[self.seller[i]] if self.seller[i] >= 0 else None,
            consents=dict.fromkeys(agreed, joined),
        )


def draw_shoppers(
    stock: Stock, params: ShopperParameters, seed: int = 7, *, end: datetime | None = None
) -> Shoppers:
    """`params.buyers` shoppers for `params.days` days before the one (UTC) of `end`, which is the
    day after the stock's last advert where it is not given."""
    rng = np.random.default_rng([seed, 11])
    b = params.buyers
    last = np.floor(end.timestamp() / DAY if end else stock.created.max() / DAY + 1) * DAY
    start = last - params.days * DAY
    members = {
        name: rng.choice(len(groups()[name]), b, p=[one.share for one in groups()[name]])
        for name in ATTRIBUTES
    }
    every, weights = places()
    chosen = rng.choice(len(every), b, p=np.array(weights) / sum(weights))
    towns = tuple(every[i] for i in chosen)
    counties = sorted({county for _, county in every})
    region = np.searchsorted(counties, [county for _, county in towns]).astype(np.int64)
    positions = town_positions()
    sells = rng.random(b) < params.seller_share
    late = rng.random(b) < params.new_share
    return Shoppers(
        ids=tuple(BuyerId(f"b{rng.integers(1 << 40):010x}") for _ in range(b)),
        members=members,
        towns=towns,
        region=region,
        spot=np.array([positions[town] for town, _ in towns], np.float32),
        joined=start + np.where(late, rng.random(b) * params.days, -30 * rng.random(b)) * DAY,
        known=rng.random(b) < params.demographics_share,
        outreach=rng.random(b) < params.outreach_share,
        seller=np.where(sells, rng.integers(len(stock.sellers), size=b), -1),
        activity=rng.lognormal(0, params.activity_spread, b),
        start=start,
        tastes=draw_tastes(members, region, stock.kinds, params, rng),
    )


def hours_of_day(n: int, low: float, high: float, rng: np.random.Generator) -> Floats:
    """n times of day between two hours, sorted, in hours."""
    weights = _HOURS[int(low) : max(int(np.ceil(high)), int(low) + 1)] + 0.1
    hours = int(low) + rng.choice(len(weights), n, p=weights / weights.sum()) + rng.random(n)
    return np.sort(np.clip(hours, low, high - 1e-3)).astype(np.float32)


def share_of_day(low: float, high: float) -> float:
    """The share of a day's sessions that falls between two hours."""
    edges = np.concatenate([[0], np.cumsum(_HOURS + 0.1)])
    at = np.interp([low, high], np.arange(25), edges)
    return float((at[1] - at[0]) / edges[-1])
