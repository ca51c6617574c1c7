"""Listings to store, and the implementations that store them."""

import dataclasses
from datetime import UTC, datetime, timedelta

from marketrank.ports import ListingStore
from marketrank.storage.postgres import PostgresListings
from marketrank.types import (
    BlobKey,
    Finding,
    Flag,
    ImageId,
    Listing,
    ListingId,
    Money,
    Original,
    Photo,
    Place,
    SellerId,
    Signal,
    Stored,
)

T0 = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
T1 = T0 + timedelta(hours=1)
REPEAT = Finding(Signal.DUPLICATE, "It repeats another.")
IMPLEMENTATIONS = {"postgres": PostgresListings}


def photo(listing: str, position: int, phash: int = 7) -> Photo:
    return Photo(
        id=ImageId(f"{listing}-{position}"),
        position=position,
        blob=BlobKey(f"{position:064x}"),
        source_sha256=f"{position + 100:064x}",
        width=640,
        height=480,
        phash=phash,
    )


def listing(id_: str = "a", title: str = "Oak table", **fields: object) -> Listing:
    return dataclasses.replace(Listing(ListingId(id_), title), **fields)  # type: ignore[arg-type]


FULL = listing(
    "full",
    "Café chairs ☕ 'four' \\ \"as new\"",
    description="Line one\nline two\ttab, back\\slash {brace} %s :bind",
    category=("Home, garden", 'Dining "sets"', "{}", "NULL", ""),
    price=Money(123_456, "EUR"),
    place=Place("Bristol", "Avon", "GB", 51.4545, -2.5879),
    seller=SellerId("s1"),
    seller_type="private",
    created_at=T0 - timedelta(days=3),
    photos=(photo("full", 0, -(2**63)), photo("full", 1, 2**63 - 1), photo("full", 5)),
    flags=(Flag.CONTACT_MASKED, Flag.NO_PRICE),
    original=Original("title with 07700 900123", "a@example.com"),
)


def ids(*names: str) -> list[ListingId]:
    return [ListingId(name) for name in names]


def one(store: ListingStore, id_: str) -> Stored:
    return store.get(ids(id_))[ListingId(id_)]
