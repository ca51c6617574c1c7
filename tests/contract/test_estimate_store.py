"""What every EstimateStore does, run against each implementation."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import Engine

from marketrank.ports import EstimateStore, ListingStore
from marketrank.storage.estimates import PostgresEstimates
from marketrank.storage.postgres import PostgresListings
from marketrank.types import Listing, ListingId, ListingKey, ModelVersion, Seq

T0 = datetime(2026, 3, 1, tzinfo=UTC)
V1, V2 = ModelVersion("model-1"), ModelVersion("model-2")
IMPLEMENTATIONS = {"postgres": (PostgresListings, PostgresEstimates)}


@pytest.fixture(params=IMPLEMENTATIONS)
def stores(
    request: pytest.FixtureRequest, database_engine: Engine
) -> tuple[ListingStore, EstimateStore]:
    """With three listings, whose keys are 1 to 3."""
    listings, estimates = IMPLEMENTATIONS[request.param]
    store = listings(database_engine)
    store.apply([Listing(ListingId(f"l{n}"), "Oak table") for n in range(3)], at=T0)
    return store, estimates(database_engine)


def read(estimates: EstimateStore, version: ModelVersion, minor: int | None) -> None:
    hashes = estimates.missing(version, Seq(0), 100)
    estimates.put_estimates(version, {key: (hash, minor) for key, hash in hashes.items()})


def test_live_listings_are_missing_until_a_version_has_read_them(
    stores: tuple[ListingStore, EstimateStore],
) -> None:
    listings, estimates = stores
    listings.end([ListingId("l1")], at=T0)
    assert list(estimates.missing(V1, Seq(0), 100)) == [ListingKey(1), ListingKey(3)]
    assert list(estimates.missing(V1, Seq(0), 1)) == [ListingKey(1)]
    assert list(estimates.missing(V1, Seq(1), 100)) == [ListingKey(3)]
    read(estimates, V1, None)
    assert estimates.missing(V1, Seq(0), 100) == {}
    assert len(estimates.missing(V2, Seq(0), 100)) == 2


def test_what_has_changed_is_missing_again(stores: tuple[ListingStore, EstimateStore]) -> None:
    listings, estimates = stores
    read(estimates, V1, 500)
    held = listings.get([ListingId("l0")])[ListingId("l0")]
    listings.set_findings({})
    listings.apply([replace(held.listing, title="Pine table")], at=T0)
    assert list(estimates.missing(V1, Seq(0), 100)) == [held.key]


def test_estimates_come_in_order_once_and_by_their_latest(
    stores: tuple[ListingStore, EstimateStore],
) -> None:
    _, estimates = stores
    estimates.put_estimates(V1, {ListingKey(2): ("h", 500), ListingKey(1): ("h", None)})
    keys, minor, seq = estimates.estimates_after(Seq(0), 100)
    assert keys.tolist() == [2, 1]
    assert minor[0] == 500
    assert np.isnan(minor[1])
    assert len(estimates.estimates_after(seq, 100)[0]) == 0
    estimates.put_estimates(V2, {ListingKey(2): ("h", 700)})
    keys, minor, later = estimates.estimates_after(seq, 100)
    assert (keys.tolist(), minor.tolist()) == ([2], [700])
    assert later > seq
    assert len(estimates.estimates_after(Seq(0), 1)[0]) == 1
