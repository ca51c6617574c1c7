"""What PostgreSQL cannot hold, found before it is sent: the message names the listing."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from marketrank.errors import BadInput
from marketrank.types import Listing, Photo

_LONGEST_ID = 1_000  # bytes; an index entry holds 2,704 at most
_BIGINT = range(-(2**63), 2**63)
_INT = range(2**31)


def check_text(what: str, texts: Iterable[str]) -> None:
    """Raise BadInput where a text holds a NUL or half of a surrogate pair. `what` names the
    record."""
    for text in texts:
        if "\0" in text:
            raise BadInput(f"{what}: {text[:60]!r} holds a NUL character: strip it first")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise BadInput(
                    f"{what}: {text[:60]!r} holds a lone surrogate: strip it first"
                ) from None


def check_time(what: str, at: datetime | None) -> None:
    """Raise BadInput where a time has no zone."""
    if at is not None and at.tzinfo is None:
        raise BadInput(f"{what}: the time {at.isoformat()} has no zone: make it UTC")


def check_id(what: str, id_: str) -> None:
    check_text(what, [id_])
    if not 0 < len(id_.encode()) <= _LONGEST_ID:
        raise BadInput(f"{what}: the id has {len(id_)} characters: between 1 and {_LONGEST_ID} fit")


def check_listings(listings: Sequence[Listing]) -> None:
    """Raise BadInput where a listing cannot be stored or is named twice."""
    seen: set[str] = set()
    for listing in listings:
        if listing.id in seen:
            raise BadInput(f"listing {listing.id!r} is twice in one batch: keep one of them")
        seen.add(listing.id)
        _check_listing(listing)


def _check_listing(listing: Listing) -> None:
    what = f"listing {listing.id[:60]!r}"
    check_id(what, listing.id)
    texts = [listing.title, listing.description, *listing.category]
    texts += [text for text in (listing.seller, listing.seller_type) if text is not None]
    if listing.original is not None:
        texts += [listing.original.title, listing.original.description]
    check_time(what, listing.created_at)
    if listing.price is not None:
        texts.append(listing.price.currency)
        _check_number(what, "price", listing.price.minor, _BIGINT)
    if (place := listing.place) is not None:
        texts += [text for text in (place.town, place.county, place.country) if text is not None]
        where = (place.latitude, place.longitude)
        if (where[0] is None) != (where[1] is None) or not all(
            number is None or math.isfinite(number) for number in where
        ):
            raise BadInput(f"{what}: coordinates {where}: give two numbers or none")
    check_text(what, texts)
    if listing.photos:
        _check_photos(what, listing.photos)


def _check_photos(what: str, photos: Sequence[Photo]) -> None:
    positions = [photo.position for photo in photos]
    if positions != sorted(set(positions)):
        raise BadInput(f"{what}: photo positions {positions}: they must increase")
    if len({photo.id for photo in photos}) < len(photos):
        raise BadInput(f"{what}: an image id is there twice: {[photo.id for photo in photos]}")
    for photo in photos:
        check_id(what, photo.id)
        check_text(what, (photo.blob, photo.source_sha256))
        for name, number in (
            ("position", photo.position),
            ("width", photo.width),
            ("height", photo.height),
        ):
            _check_number(what, f"photo {name}", number, _INT)
        _check_number(what, "photo phash", photo.phash, _BIGINT)


def _check_number(what: str, name: str, number: int, allowed: range) -> None:
    if number not in allowed:
        raise BadInput(f"{what}: {name} {number}: between {allowed[0]} and {allowed[-1]} fit")
