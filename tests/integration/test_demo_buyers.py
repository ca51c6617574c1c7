"""The made-up buyers of a demo, in the stores."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from marketrank.people import InteractionKind, Purpose
from marketrank.pipelines.demo_buyers import DEMO_BUYERS, make_demo_buyers
from marketrank.storage.buyers import PostgresBuyers
from marketrank.storage.events import PostgresEvents
from marketrank.storage.keys import KeyFolder
from marketrank.storage.postgres import PostgresListings
from marketrank.types import Listing, ListingId

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.fixture
def stores(
    database_engine: Engine, tmp_path: Path
) -> tuple[PostgresBuyers, PostgresEvents, PostgresListings]:
    keys = KeyFolder(tmp_path / "keys")
    listings = PostgresListings(database_engine)
    roots = ("Home & Garden", "Sports & Outdoors", "Books, Music & Films", "Phones & Wearables")
    made = [
        Listing(ListingId(f"{root}-{number}"), f"Thing {number}", category=(root, "Things"))
        for root in roots
        for number in range(8)
    ]
    listings.apply(made, at=AT)
    return PostgresBuyers(database_engine, keys), PostgresEvents(database_engine, keys), listings


def test_they_did_what_they_agreed_to_be_remembered(
    stores: tuple[PostgresBuyers, PostgresEvents, PostgresListings],
) -> None:
    buyers, events, listings = stores
    assert make_demo_buyers(buyers, events, listings, at=AT) == len(DEMO_BUYERS)
    for one in DEMO_BUYERS:
        held = buyers.get(one.id)
        assert held is not None
        assert set(held.consents) == set(one.agrees)
        assert held.place == one.place
        did = events.of_buyer(one.id, 100)
        assert bool(did) == (Purpose.HISTORY in one.agrees)
        assert {each.listing.rpartition("-")[0] for each in did} <= set(one.roots)
        assert all(each.at < AT for each in did)
        kinds = {each.kind for each in did}
        assert kinds <= {InteractionKind.SAVE, InteractionKind.CLICK}


def test_what_they_chose_since_stays(
    stores: tuple[PostgresBuyers, PostgresEvents, PostgresListings],
) -> None:
    buyers, events, listings = stores
    make_demo_buyers(buyers, events, listings, at=AT)
    first, second = DEMO_BUYERS[:2]
    held = buyers.get(first.id)
    assert held is not None
    buyers.put(type(held)(first.id), at=AT)
    buyers.erase(second.id)
    later = AT.replace(hour=13)
    assert make_demo_buyers(buyers, events, listings, at=later) == 1
    again = buyers.get(first.id)
    assert again is not None and again.consents == {}
    assert events.of_buyer(second.id, 100)
