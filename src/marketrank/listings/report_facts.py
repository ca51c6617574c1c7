"""What the data report counts, gathered in one pass over the listings."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from marketrank.types import Flag, Listing, ListingId, Signal, Stored

Point = tuple[float, float]
"""Latitude and longitude in degrees."""

FIELDS: Mapping[str, Callable[[Listing], bool]] = {
    "description": lambda one: bool(one.description),
    "category": lambda one: bool(one.category),
    "price": lambda one: one.price is not None,
    "place": lambda one: one.place is not None,
    "county": lambda one: one.place is not None and one.place.county is not None,
    "coordinates": lambda one: one.place is not None and one.place.latitude is not None,
    "seller": lambda one: one.seller is not None,
    "seller type": lambda one: one.seller_type is not None,
    "time of creation": lambda one: one.created_at is not None,
    "photos": lambda one: bool(one.photos),
}
"""By name: whether a listing has it."""

_LETTERS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_FEWEST_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """Counts over live listings. `prices` holds amounts in minor units by currency and root
    category ("" for none); words are counted once a listing; `titles` has those asked for."""

    live: Counter[bool] = field(default_factory=Counter)
    days: set[datetime] = field(default_factory=set)
    prices: dict[str, dict[str, list[int]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    categories: Counter[tuple[str, ...]] = field(default_factory=Counter)
    points: Counter[Point] = field(default_factory=Counter)
    towns: dict[str, Counter[Point]] = field(default_factory=lambda: defaultdict(Counter))
    photos: Counter[int] = field(default_factory=Counter)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    title_words: Counter[str] = field(default_factory=Counter)
    description_words: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    flags: Counter[Flag] = field(default_factory=Counter)
    signals: Counter[Signal] = field(default_factory=Counter)
    titles: dict[ListingId, str] = field(default_factory=dict)


def gather(listings: Iterable[Stored], *, titles_of: Collection[ListingId] = ()) -> Facts:
    """Count. An ended listing only counts as ended."""
    facts = Facts()
    for stored in listings:
        facts.live[stored.live] += 1
        listing = stored.listing
        if listing.id in titles_of:
            facts.titles[listing.id] = listing.title
        if stored.live:
            _add(facts, listing)
            facts.signals.update(stored.signals)
    return facts


def _add(facts: Facts, one: Listing) -> None:
    facts.categories[one.category[:2]] += 1
    facts.flags.update(one.flags)
    facts.missing.update(name for name, has in FIELDS.items() if not has(one))
    facts.photos[len(one.photos)] += 1
    facts.sizes.update((photo.width, photo.height) for photo in one.photos)
    facts.title_words.update(_words(one.title))
    facts.description_words.update(_words(one.description))
    if one.price is not None:
        facts.prices[one.price.currency]["".join(one.category[:1])].append(one.price.minor)
    if one.created_at is not None:
        facts.days.add(one.created_at.replace(hour=0, minute=0, second=0, microsecond=0))
    place = one.place
    if place is not None and place.latitude is not None and place.longitude is not None:
        point = (place.latitude, place.longitude)
        facts.points[point] += 1
        facts.towns[place.town][point] += 1


def _words(text: str) -> set[str]:
    return {word for word in _LETTERS.findall(text.casefold()) if len(word) >= _FEWEST_LETTERS}
