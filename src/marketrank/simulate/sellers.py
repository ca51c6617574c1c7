"""People and traders who sell: where they live, how they type, what they tend to sell."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from marketrank.simulate.catalogue import Department, departments
from marketrank.simulate.kinds import Kind
from marketrank.simulate.towns import choose_town
from marketrank.simulate.typing_slips import Hand, choose_hand

_TRADE_SHARE = 0.09
_LISTINGS_PER_SELLER = 2_000 / 700


@dataclass(frozen=True, slots=True)
class Seller:
    """`favourites` are the kinds that a seller's listings mostly are: a trader's stock, or a
    child's room being cleared; () for no favourites."""

    id: str
    town: str
    county: str
    hand: Hand
    trade: bool
    favourites: tuple[tuple[str, Kind], ...]
    busyness: float


def make_sellers(listings: int, rng: random.Random) -> tuple[Seller, ...]:
    """As many sellers as such a marketplace has: most with one listing or two, a few with many."""
    count = max(6, round(listings / _LISTINGS_PER_SELLER))
    return tuple(_seller(rng) for _ in range(count))


def _seller(rng: random.Random) -> Seller:
    town, county = choose_town(rng)
    trade = rng.random() < _TRADE_SHARE
    department = _choose_department(rng)
    picked = rng.sample(department.kinds, min(4, len(department.kinds)))
    kinds = [(department.root, kind) for kind in picked]
    favourites = (
        tuple(kinds[: rng.randint(1, 3)]) if trade else tuple(kinds) if rng.random() < 0.4 else ()
    )
    busyness = rng.paretovariate(1.3) * (3.0 if trade else 1.0)
    return Seller(
        f"u{rng.getrandbits(40):010x}",
        town,
        county,
        choose_hand(rng),
        trade,
        favourites,
        min(busyness, 30.0),
    )


def choose_sellers(sellers: Sequence[Seller], n: int, rng: random.Random) -> list[Seller]:
    """Who sells each of n listings, the busy ones more often."""
    weights = list(accumulate(seller.busyness for seller in sellers))
    return rng.choices(sellers, cum_weights=weights, k=n)


def choose_kind(seller: Seller, rng: random.Random) -> tuple[str, Kind]:
    """A root category and a kind of it."""
    if seller.favourites and rng.random() < (0.95 if seller.trade else 0.5):
        return rng.choice(seller.favourites)
    department = _choose_department(rng)
    weights = [kind.weight for kind in department.kinds]
    return department.root, rng.choices(department.kinds, weights)[0]


def _choose_department(rng: random.Random) -> Department:
    every = departments()
    return rng.choices(every, [department.share for department in every])[0]
