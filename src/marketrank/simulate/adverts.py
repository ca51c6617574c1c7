"""One advertisement: what is sold, by whom, for how much, in which words, with which photos."""

import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from marketrank.simulate import wording
from marketrank.simulate.kinds import Kind
from marketrank.simulate.palette import COLOURS, looks
from marketrank.simulate.photos import Subject
from marketrank.simulate.phrases import phrases
from marketrank.simulate.sellers import Seller, choose_kind
from marketrank.simulate.wording import Item

_DAYS = 90
_FREE_SHARE = 0.017
_SHOTS = ((0, 1, 2, 3), (0.015, 0.4, 0.42, 0.165))
_HOURS = (1, 1, 0, 0, 0, 1, 2, 4, 6, 7, 8, 8, 8, 7, 7, 7, 8, 9, 11, 13, 13, 11, 7, 3)


@dataclass(frozen=True, slots=True)
class Truth:
    """What the thing really is, for tests and evaluations; no ranker may read it."""

    kind: str
    colour: str
    material: str
    category: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Advert:
    """`price` is as the feed writes it; `photos` are image ids; `banner` is written on the first
    photo, "" for none; `seed` decides how the photos look."""

    id: str
    title: str
    category: str
    description: str
    price: str
    location: str
    created: str
    seller: str
    truth: Truth
    subject: Subject
    photos: tuple[str, ...]
    banner: str
    seed: str


def new_id(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def make_advert(seller: Seller, *, at: datetime, seed: str) -> Advert:
    """An advertisement by this seller, created in the 90 days before `at` (UTC)."""
    rng = random.Random(seed)
    root, kind = choose_kind(seller, rng)
    material = rng.choice(kind.materials)
    told = rng.choice(kind.colours)
    colour, drawn, name = looks(material, told)
    condition = _choose_condition(kind, seller, rng)
    pounds = _price(kind, condition, rng)
    free = rng.random() < _FREE_SHARE and pounds < 150
    item = Item(
        kind=kind,
        noun=rng.choice(kind.nouns),
        colour=name,
        material=material,
        brand=rng.choice(kind.brands) if kind.brands and rng.random() < 0.6 else "",
        size=rng.choice(kind.sizes) if kind.sizes else "",
        spec=rng.choice(kind.specs) if kind.specs and rng.random() < 0.7 else "",
        condition=condition,
        pounds=pounds,
        town=seller.town,
    )
    if seller.trade and rng.random() < 0.7:
        text = wording.trade_description(item, seller.hand, rng)
    else:
        text = wording.description(item, seller.hand, rng, free=free, contact=rng.random() < 0.045)
    return Advert(
        id=new_id(rng),
        title=wording.title(item, seller.hand, rng),
        category=" / ".join((root, *kind.category)),
        description=text,
        price=rng.choice(("Free", "£0.00")) if free else f"£{pounds:,.2f}",
        location=seller.town if seller.town == seller.county else f"{seller.town}, {seller.county}",
        created=_created(at, rng),
        seller=seller.id,
        truth=Truth(kind.name, name, material, (root, *kind.category)),
        subject=Subject(kind.shape, colour, _accent(rng), drawn, kind.place),
        photos=tuple(new_id(rng) for _ in range(rng.choices(*_SHOTS)[0])),
        banner=rng.choice(phrases().banners) if seller.trade and rng.random() < 0.3 else "",
        seed=seed,
    )


def _accent(rng: random.Random) -> tuple[float, float, float]:
    return COLOURS[rng.choice(list(COLOURS))]


def _choose_condition(kind: Kind, seller: Seller, rng: random.Random) -> str:
    names = list(phrases().conditions)
    shares = [phrases().conditions[name].share for name in names]
    if kind.wear == "sealed" or seller.trade:
        shares = [
            share * factor for share, factor in zip(shares, (8, 3, 1, 1, 0.1, 0), strict=True)
        ]
    return rng.choices(names, shares)[0]


def _price(kind: Kind, condition: str, rng: random.Random) -> float:
    """Log-normal around the kind's median, by condition, rounded as people round."""
    raw = (
        kind.price
        * phrases().conditions[condition].price
        * rng.lognormvariate(0, kind.spread * 0.75)
    )
    if raw < 3:
        return max(0.5, round(raw * 2) / 2)
    if raw < 20:
        return float(round(raw)) if rng.random() < 0.75 else round(raw) + rng.choice((-0.01, 0.5))
    step = 5 if raw < 150 else 10 if raw < 500 else 25 if raw < 1_000 else 50
    rounded = float(max(step, round(raw / step) * step))
    return rounded - 1 if rng.random() < 0.07 else rounded


def _created(at: datetime, rng: random.Random) -> str:
    """A time in the last days, more of them recent, mostly in the evening."""
    days = int(_DAYS * rng.random() ** 1.4)
    day = at - timedelta(days=days + 1)
    hour = rng.choices(range(24), _HOURS)[0]
    moment = day.replace(hour=hour, minute=rng.randrange(60), second=rng.randrange(60))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
