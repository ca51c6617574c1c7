"""What shoppers can find: the market's adverts as columns, with what an engine could know of them
and what it could not."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from marketrank.simulate.adverts import Advert
from marketrank.simulate.catalogue import departments
from marketrank.simulate.kinds import Kind
from marketrank.simulate.shopper_words import Words
from marketrank.simulate.towns import town_positions
from marketrank.types import ListingId, SellerId

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
STYLE = 16
_KIND = 24


@dataclass(frozen=True, slots=True)
class Kinds:
    """All kinds on sale. `level[a, b]` says how alike two are: 3 the same, 2 of one category,
    1 of one root, 0 neither; `weights` (n,) is how often each is sold."""

    kinds: tuple[Kind, ...]
    roots: tuple[str, ...]
    """The root of each kind."""
    places: dict[str, int]
    level: NDArray[np.int8]
    weights: NDArray[np.float64]
    category: Ints
    """The number of each kind's category."""
    root: Ints
    """The number of each kind's root."""


@lru_cache(maxsize=1)
def all_kinds() -> Kinds:
    rows = [
        (one.root, kind, one.share * kind.weight / sum(each.weight for each in one.kinds))
        for one in departments()
        for kind in one.kinds
    ]
    paths = [(root, *kind.category) for root, kind, _ in rows]
    category = np.unique([" / ".join(path) for path in paths], return_inverse=True)[1]
    root = np.unique([path[0] for path in paths], return_inverse=True)[1]
    level = (root[:, None] == root).astype(np.int8) + (category[:, None] == category)
    np.fill_diagonal(level, 3)
    weights = np.array([weight for *_, weight in rows])
    return Kinds(
        kinds=tuple(kind for _, kind, _ in rows),
        roots=tuple(root for root, *_ in rows),
        places={kind.name: place for place, (_, kind, _) in enumerate(rows)},
        level=level.astype(np.int8),
        weights=weights / weights.sum(),
        category=category.astype(np.int64),
        root=root.astype(np.int64),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """n listings, in the order of the market. Arrays have shape (n,) unless said otherwise.

    An engine could know: `adverts`, `vectors` (n, dim) unit float32 (what an encoder would say),
    `price` and `estimate` in pounds (0: for free), `created` (seconds of Unix time), `spot` (n, 2)
    in kilometres on a plane, `photos`, `trade`, `seller` and `words`.
    It could not: `kind`, `colour`, `style` (n, STYLE), `appeal`, `condition` (deviations of 1).
    """

    adverts: tuple[Advert, ...]
    ids: tuple[ListingId, ...]
    vectors: Floats
    price: NDArray[np.float64]
    estimate: NDArray[np.float64]
    created: NDArray[np.float64]
    spot: Floats
    photos: Ints
    trade: NDArray[np.bool_]
    seller: Ints
    sellers: tuple[SellerId, ...]
    words: Words
    kind: Ints
    colour: Ints
    style: Floats
    appeal: Floats
    condition: Floats
    spaces: "Spaces"
    kinds: Kinds = field(default_factory=all_kinds)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Spaces:
    """Where kinds (n, 24) and colours (m, STYLE) lie; `colours` names the latter."""

    kinds: Floats
    colours: tuple[str, ...]
    colour_vectors: Floats

    def encoded(self, kind: Ints, style: Floats, rng: np.random.Generator) -> Floats:
        """Unit vectors as a tower would give them: kind and style, not quite. (n, 40)"""
        both = np.concatenate([self.kinds[kind], 0.6 * style], axis=1)
        noisy = both + rng.normal(0, 0.06, both.shape)
        return unit(noisy.astype(np.float32))


def unit(rows: Floats) -> Floats:
    """The rows at length 1; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def stock_of(
    adverts: Sequence[Advert], traders: frozenset[str] = frozenset(), *, seed: int = 7
) -> Stock:
    """The columns of these adverts; `traders` are ids of sellers. What adverts do not say (appeal,
    condition, the encoder's errors) is drawn from `seed`."""
    kinds = all_kinds()
    rng = np.random.default_rng([seed, 1])
    kind = np.array([kinds.places[one.truth.kind] for one in adverts], np.int64)
    colours = tuple(sorted({one.truth.colour for one in adverts}))
    colour = np.searchsorted(colours, [one.truth.colour for one in adverts]).astype(np.int64)
    materials, material = np.unique([one.truth.material for one in adverts], return_inverse=True)
    spaces = _spaces(kinds, colours, seed)
    of_material = _drawn(len(materials), STYLE, seed, 2)
    own = rng.normal(0, 0.125, (len(kind), STYLE))
    mixed = spaces.colour_vectors[colour] * 0.7 + of_material[material] * 0.5 + own
    style = unit(mixed.astype(np.float32))
    price = np.array([_pounds(one.price) for one in adverts])
    typical = np.array([one.price for one in kinds.kinds])[kind]
    positions = town_positions()
    sellers, seller = np.unique([one.seller for one in adverts], return_inverse=True)
    return Stock(
        adverts=tuple(adverts),
        ids=tuple(ListingId(one.id) for one in adverts),
        vectors=spaces.encoded(kind, style, rng),
        price=price,
        estimate=typical * rng.lognormal(0, 0.15, len(kind)),
        created=np.array([_seconds(one.created) for one in adverts]),
        spot=np.array([positions[one.location.split(", ")[0]] for one in adverts], np.float32),
        photos=np.array([len(one.photos) for one in adverts], np.int64),
        trade=np.isin([one.seller for one in adverts], sorted(traders)),
        seller=seller.astype(np.int64),
        sellers=tuple(SellerId(str(one)) for one in sellers),
        words=Words.of([one.title for one in adverts]),
        kind=kind,
        colour=colour,
        style=style,
        appeal=rng.normal(0, 1, len(kind)).astype(np.float32),
        condition=rng.normal(0, 1, len(kind)).astype(np.float32),
        spaces=spaces,
    )


def draw_stock(*, listings: int = 5_000, seed: int = 7, at: datetime) -> Stock:
    """The market that `write_market` writes for the same arguments, before its dirt and without
    its photos: adverts of the 90 days before `at`, the end of the simulation. Five thousand take
    1.5 s."""
    from marketrank.simulate.market import make_adverts
    from marketrank.simulate.sellers import make_sellers

    sellers = make_sellers(listings, random.Random(f"{seed}/sellers"))
    traders = frozenset(one.id for one in sellers if one.trade)
    return stock_of(make_adverts(listings, seed, at.astimezone(UTC)), traders, seed=seed)


def _spaces(kinds: Kinds, colours: tuple[str, ...], seed: int) -> Spaces:
    """Kinds of one root and of one category lie near each other."""
    root = _drawn(kinds.root.max() + 1, _KIND, seed, 3)[kinds.root]
    category = _drawn(kinds.category.max() + 1, _KIND, seed, 4)[kinds.category]
    own = _drawn(len(kinds.kinds), _KIND, seed, 5)
    vectors = unit((0.5 * root + 0.6 * category + 0.6 * own).astype(np.float32))
    return Spaces(vectors, colours, _drawn(len(colours), STYLE, seed, 6))


def _drawn(n: int, dim: int, seed: int, stream: int) -> Floats:
    return unit(np.random.default_rng([seed, stream]).normal(size=(n, dim)).astype(np.float32))


def _pounds(price: str) -> float:
    return 0.0 if price == "Free" else float(price.lstrip("£").replace(",", ""))


def _seconds(created: str) -> float:
    return datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
