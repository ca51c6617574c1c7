"""Listings as rows and back.

Rows travel to the server as one JSON text that it unfolds with json_populate_recordset: 24,000
listings/s here, where executemany gives 8,000 and COPY 16,000 (256 a batch, two photos each).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Row

from marketrank.storage.schema import listings, photos
from marketrank.types import (
    Attributes,
    BlobKey,
    Flag,
    ImageId,
    Listing,
    ListingId,
    ListingKey,
    Money,
    Original,
    Photo,
    Place,
    SellerId,
    Seq,
    Signal,
    Stored,
)

LISTING_COLUMNS = ", ".join(column.name for column in listings.columns)
PHOTO_COLUMNS = ", ".join(column.name for column in photos.columns)
ATTRIBUTE_COLUMNS = (
    "key, id, seq, live, category, price_minor, latitude, longitude, "
    "coalesce(created_at, first_seen)"
)


def encode_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as the JSON text for json_populate_recordset."""
    return orjson.dumps(list(rows)).decode()


def listing_row(
    listing: Listing, *, key: int, seq: int, content_hash: str, at: datetime
) -> dict[str, Any]:
    """The row of a live listing that is written at `at`, without signals."""
    price, place, original = listing.price, listing.place, listing.original
    return {
        "key": key,
        "id": listing.id,
        "title": listing.title,
        "description": listing.description,
        "category": listing.category,
        "price_minor": price.minor if price else None,
        "currency": price.currency if price else None,
        "town": place.town if place else None,
        "county": place.county if place else None,
        "country": place.country if place else None,
        "latitude": place.latitude if place else None,
        "longitude": place.longitude if place else None,
        "seller": listing.seller,
        "seller_type": listing.seller_type,
        "created_at": listing.created_at,
        "flags": listing.flags,
        "signals": (),
        "original": (
            {"title": original.title, "description": original.description} if original else None
        ),
        "content_hash": content_hash,
        "live": True,
        "seq": seq,
        "first_seen": at,
        "updated_at": at,
        "ended_at": None,
    }


def photo_row(photo: Photo, key: int) -> dict[str, Any]:
    return {
        "listing_key": key,
        "position": photo.position,
        "image_id": photo.id,
        "blob": photo.blob,
        "source_sha256": photo.source_sha256,
        "width": photo.width,
        "height": photo.height,
        "phash": photo.phash,
    }


def to_photo(row: Row[Any]) -> Photo:
    return Photo(
        id=ImageId(row.image_id),
        position=row.position,
        blob=BlobKey(row.blob),
        source_sha256=row.source_sha256,
        width=row.width,
        height=row.height,
        phash=row.phash,
    )


def to_stored(row: Row[Any], held: Sequence[Photo]) -> Stored:
    """A row of `listings` and its photos in the order of their positions."""
    price = None if row.price_minor is None else Money(row.price_minor, row.currency)
    place = (
        None
        if row.town is None
        else Place(row.town, row.county, row.country, row.latitude, row.longitude)
    )
    return Stored(
        listing=Listing(
            id=ListingId(row.id),
            title=row.title,
            description=row.description,
            category=tuple(row.category),
            price=price,
            place=place,
            seller=None if row.seller is None else SellerId(row.seller),
            seller_type=row.seller_type,
            created_at=None if row.created_at is None else row.created_at.astimezone(UTC),
            photos=tuple(held),
            flags=tuple(Flag(flag) for flag in row.flags),
            original=None if row.original is None else Original(**row.original),
        ),
        key=ListingKey(row.key),
        seq=Seq(row.seq),
        live=row.live,
        first_seen=row.first_seen.astimezone(UTC),
        signals=tuple(Signal(signal) for signal in row.signals),
    )


def to_attributes(row: Sequence[Any]) -> Attributes:
    """A row of ATTRIBUTE_COLUMNS."""
    key, id_, seq, live, category, price_minor, latitude, longitude, listed_at = row
    return Attributes(
        key=key,
        id=id_,
        seq=seq,
        live=live,
        category=tuple(category),
        price_minor=price_minor,
        latitude=latitude,
        longitude=longitude,
        listed_at=listed_at.astimezone(UTC),
    )
