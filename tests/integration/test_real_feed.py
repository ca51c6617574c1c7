"""The seeds' own feed: nothing lost, nothing leaked, places found."""

import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from marketrank.listings.clean import clean_record
from marketrank.listings.places import Gazetteer
from marketrank.listings.sources import ImageRow, Record, read_images_table, read_products
from marketrank.types import Flag, Listing, Rejected

DATA = os.environ.get("MARKETRANK_TEST_DATA")
pytestmark = pytest.mark.skipif(
    DATA is None, reason="MARKETRANK_TEST_DATA does not name the folder with the real feed"
)
COUNT = 5_788


def path(name: str) -> str:
    return str(Path(DATA or "") / "gumtree" / name)


@cache
def records(name: str = "Products.csv") -> Sequence[Record | Rejected]:
    return list(read_products(path(name)))


@cache
def listings() -> Sequence[Listing]:
    gazetteer = Gazetteer.load()
    cleaned = [
        clean_record(
            record,
            source="feed",
            gazetteer=gazetteer,
            currency="GBP",
            country="GB",
            keep_original=False,
        )
        for record in records()
        if isinstance(record, Record)
    ]
    return [one for one in cleaned if isinstance(one, Listing)]


def test_both_variants_give_the_same_records_and_none_is_lost() -> None:
    assert records() == records("Products.crlf.csv")
    assert all(isinstance(record, Record) for record in records())
    assert len(records()) == len(listings()) == COUNT
    assert len({listing.id for listing in listings()}) == COUNT


def test_every_field_of_the_feed_is_full() -> None:
    for record in records():
        assert isinstance(record, Record)
        assert all(record.values.values())
        title, location = record.values["title"], record.values["location"]
        assert str(title).endswith(f"| in {location} | Gumtree")


def test_all_rows_of_the_images_table() -> None:
    rows = list(read_images_table(path("Images.csv")))
    assert len(rows) == 10_173
    assert all(isinstance(row, ImageRow) for row in rows)


def test_no_label_leaks() -> None:
    for listing in listings():
        text = f"{listing.title}\n{listing.description}"
        assert not re.search(r"posted by .* in |\| gumtree", text, re.IGNORECASE)
    dated = [listing for listing in listings() if listing.created_at]
    assert 0.07 < len(dated) / COUNT < 0.09


def test_categories_and_prices() -> None:
    assert len({listing.category[0] for listing in listings()}) == 13
    assert all(listing.category[-1] != "Private" for listing in listings())
    assert {one for listing in listings() for one in listing.category if "/" in one} == {
        "Ham/Amateur Radios"
    }
    assert 0.02 < sum(one.seller_type == "private" for one in listings()) / COUNT < 0.05
    minors = sorted(listing.price.minor for listing in listings() if listing.price)
    assert len(minors) == COUNT
    assert minors[COUNT // 2] == 4_000


def test_most_towns_are_located() -> None:
    found = {
        (listing.place.town, listing.place.county): listing.place.latitude is not None
        for listing in listings()
        if listing.place
    }
    assert sum(found.values()) / len(found) >= 0.85
    lost = sum(Flag.PLACE_NOT_FOUND in listing.flags for listing in listings())
    assert 1 - lost / COUNT >= 0.9


def test_contact_details_are_masked_at_the_rate_they_occur() -> None:
    texts = [f"{listing.title}\n{listing.description}" for listing in listings()]
    assert 0.045 < sum("[tel]" in text for text in texts) / COUNT < 0.065
    assert 0.034 < sum("[postcode]" in text for text in texts) / COUNT < 0.065
    left = [match[0] for text in texts for match in re.finditer(r"(?<!\d)07\d{9}(?!\d)", text)]
    assert left == []
