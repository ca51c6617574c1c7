"""A record of a feed becomes a listing, or is rejected with a reason. Pure functions."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from marketrank.listings.addresses import shown
from marketrank.listings.contacts import mask, mask_raw
from marketrank.listings.prices import parse_price
from marketrank.listings.sources import Record, present
from marketrank.listings.texts import mend, strip_posted, strip_site, unglue
from marketrank.listings.times import parse_time
from marketrank.types import (
    Flag,
    Listing,
    ListingId,
    Original,
    Photo,
    Place,
    Reason,
    Rejected,
    SellerId,
)


class Places(Protocol):
    """What cleaning needs of `places.Gazetteer`."""

    def locate(self, town: str, county: str | None) -> Place: ...


def clean_record(
    record: Record,
    *,
    source: str,
    gazetteer: Places,
    currency: str,
    country: str,
    keep_original: bool,
) -> Listing | Rejected:
    """The listing that a record states, with what it lacks in its flags; Rejected where it has no
    id or no title.

    Contact details are masked in title and description; with `keep_original` the texts before
    that are kept where they differ. `currency` (ISO 4217) holds for prices that name none,
    `country` (ISO 3166) for phone numbers. Photos, and their flag, come with `with_photos`.
    """
    values = {name: present(value) for name, value in record.values.items()}
    id = values.get("id")
    if id is None:
        return _reject(record, f"row {record.row}", Reason.MISSING_ID, source, country)
    title = " ".join(strip_site(mend(values.get("title") or "")).split())
    if not title:
        return _reject(record, id, Reason.MISSING_TITLE, source, country)
    description, posted = strip_posted(mend(values.get("description") or ""))
    description = unglue(description)
    category, seller_type = parse_category(values.get("category"))
    place = parse_place(
        values.get("location"), values.get("latitude"), values.get("longitude"), gazetteer
    )
    price = parse_price(values.get("price"), values.get("currency") or currency)
    masked_title, masked_description = mask(title, country), mask(description, country)
    masked = bool(masked_title.kinds or masked_description.kinds)
    seller = values.get("seller_id")
    listing = Listing(
        id=ListingId(id),
        title=masked_title.text,
        description=masked_description.text,
        category=category,
        price=price,
        place=place,
        seller=SellerId(seller) if seller else None,
        seller_type=seller_type,
        created_at=parse_time(values.get("created_at")) or parse_time(posted),
        original=Original(title, description) if keep_original and masked else None,
    )
    return replace(listing, flags=flags_of(listing, masked))


def with_photos(listing: Listing, photos: Sequence[Photo]) -> Listing:
    """The listing with these photos instead of its own, and the flag that says if it has none."""
    others = tuple(flag for flag in listing.flags if flag is not Flag.NO_PHOTOS)
    flags = others if photos else (Flag.NO_PHOTOS, *others)
    return replace(listing, photos=tuple(photos), flags=flags)


def flags_of(listing: Listing, masked: bool) -> tuple[Flag, ...]:
    """What a listing without photos lacks; `masked`: contact details were hidden in its texts."""
    place = listing.place
    noticed = {
        Flag.NO_PRICE: listing.price is None,
        Flag.NO_DESCRIPTION: not listing.description,
        Flag.NO_CATEGORY: not listing.category,
        Flag.NO_PLACE: place is None,
        Flag.PLACE_NOT_FOUND: place is not None and place.latitude is None,
        Flag.CONTACT_MASKED: masked,
    }
    return tuple(flag for flag, seen in noticed.items() if seen)


def _reject(record: Record, key: str, reason: Reason, source: str, country: str) -> Rejected:
    what = "id" if reason is Reason.MISSING_ID else "title"
    known = ", ".join(name for name, value in record.values.items() if present(value))
    detail = f"row {record.row} has no {what}; it has {known or 'nothing'}"
    raw = json.dumps(dict(record.values), ensure_ascii=False)
    return Rejected("listing", key, reason, detail, shown(source), mask_raw(raw, country))


# Categories.

_LEVEL = re.compile(r"\s+[/>›»]\s+")
_SELLER_TYPES = {"private": "private", "trade": "trade"}


def parse_category(text: str | None) -> tuple[tuple[str, ...], str | None]:
    """The path from the root and the seller type ("private", "trade" or None), which sites put
    behind the path. Levels are parted by " / " with its spaces: "Ham/Amateur Radios" is one."""
    levels = [" ".join(level.split()) for level in _LEVEL.split(mend(text or ""))]
    path = [level for level in (level.strip("/ ") for level in levels) if level]
    seller_type = _SELLER_TYPES.get(path[-1].lower()) if len(path) > 1 else None
    return tuple(path[:-1] if seller_type else path), seller_type


# Places.

_COUNTRIES = frozenset(["uk", "united kingdom", "great britain", "gb"])


def parse_place(
    text: str | None, latitude: str | None, longitude: str | None, gazetteer: Places
) -> Place | None:
    """The place "Town, County" with coordinates: the feed's own where it has valid ones, else the
    gazetteer's, else none. None where the feed names no place."""
    parts = [" ".join(part.split()) for part in mend(text or "").split(",")]
    parts = [part for part in parts if part]
    if len(parts) > 1 and parts[-1].lower() in _COUNTRIES:
        parts.pop()
    point = _point(latitude, longitude)
    if not parts and point is None:
        return None
    county = parts[-1] if len(parts) > 1 else None
    town = ", ".join(parts[:-1] if county else parts)
    place = gazetteer.locate(town, county)
    if point is not None:
        return replace(place, latitude=point[0], longitude=point[1])
    if place.latitude is None and len(parts) > 2:  # "Old Town, Swindon, Wiltshire"
        wider = gazetteer.locate(parts[-2], county)
        return replace(place, latitude=wider.latitude, longitude=wider.longitude)
    return place


def _point(latitude: str | None, longitude: str | None) -> tuple[float, float] | None:
    try:
        point = float(latitude or ""), float(longitude or "")
    except ValueError:
        return None
    # Feeds write 0, 0 for "unknown"; NaN is in no range.
    return point if abs(point[0]) <= 90 and abs(point[1]) <= 180 and any(point) else None
