"""What every OutreachLog does, run against each implementation."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from marketrank.people import Buyer, Purpose
from marketrank.ports import OutreachLog
from marketrank.storage.buyers import PostgresBuyers
from marketrank.storage.keys import KeyFolder
from marketrank.storage.outreach import PostgresOutreach
from marketrank.types import BuyerId, ListingId
from small_outreach import SmallOutreach

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN, BEN, EVE = BuyerId("ann"), BuyerId("ben"), BuyerId("eve")
A, B = ListingId("a"), ListingId("b")
IMPLEMENTATIONS: dict[str, Callable[[Engine, KeyFolder], OutreachLog]] = {
    "postgres": PostgresOutreach,
    "small": lambda engine, keys: SmallOutreach(),
}


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys")


@pytest.fixture
def buyers(database_engine: Engine, keys: KeyFolder) -> PostgresBuyers:
    found = PostgresBuyers(database_engine, keys)
    for id in (ANN, BEN, EVE):
        found.put(Buyer(id, consents={Purpose.OUTREACH: T0}), at=T0)
    return found


@pytest.fixture(params=IMPLEMENTATIONS)
def log(
    request: pytest.FixtureRequest, database_engine: Engine, keys: KeyFolder, buyers: PostgresBuyers
) -> OutreachLog:
    return IMPLEMENTATIONS[request.param](database_engine, keys)


def test_a_buyer_is_offered_so_many_listings_a_day_and_each_counts_once(log: OutreachLog) -> None:
    both = [ANN, BEN]
    assert log.open_to(A, both, at=T0, cap=1) == {ANN, BEN}
    for _ in range(3):
        assert log.tell(A, [ANN], at=T0, cap=1) == {ANN}
    assert log.open_to(A, both, at=T0, cap=1) == {ANN, BEN}
    assert log.open_to(B, both, at=T0, cap=1) == {BEN}
    assert log.tell(B, both, at=T0, cap=1) == {BEN}
    assert log.open_to(B, both, at=T0, cap=2) == {ANN, BEN}
    assert log.open_to(B, both, at=T0 + timedelta(days=1), cap=1) == {ANN, BEN}
    assert log.tell(A, [], at=T0, cap=1) == set()


def test_earlier_days_are_forgotten(log: OutreachLog) -> None:
    log.tell(A, [ANN, BEN], at=T0, cap=5)
    tomorrow = T0 + timedelta(days=1)
    log.tell(B, [ANN], at=tomorrow, cap=5)
    assert log.drop_before(tomorrow) == 2
    assert log.open_to(B, [ANN], at=T0, cap=1) == {ANN}
    assert log.open_to(A, [ANN], at=tomorrow, cap=1) == set()


def test_all_processes_count_together(
    database_engine: Engine, keys: KeyFolder, buyers: PostgresBuyers
) -> None:
    """At the same moment, too: of twenty who offer one buyer two may."""

    def tell(n: int) -> set[BuyerId]:
        other = PostgresOutreach(database_engine, KeyFolder(keys._folder))
        return other.tell(ListingId(f"l{n}"), [ANN], at=T0, cap=2)

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(tell, range(20)))
    assert sum(ANN in one for one in told) == 2


def test_erasure_and_withdrawal_forget_and_an_export_tells(
    database_engine: Engine, keys: KeyFolder, buyers: PostgresBuyers
) -> None:
    log = PostgresOutreach(database_engine, keys)
    log.tell(A, [ANN, BEN, EVE], at=T0, cap=1)
    assert buyers.export(ANN)["offered"] == [{"day": "2026-03-01", "listing": "a"}]
    assert rows(database_engine) == 3
    buyers.erase(ANN)
    assert rows(database_engine) == 2
    assert log.open_to(B, [ANN], at=T0, cap=1) == set()  # there is nobody
    buyers.put(Buyer(ANN, consents={Purpose.OUTREACH: T0}), at=T0)
    assert log.open_to(B, [ANN, BEN], at=T0, cap=1) == {ANN}
    buyers.put(Buyer(BEN), at=T0)
    assert rows(database_engine) == 1
    assert buyers.export(BEN)["offered"] == []


def test_rows_name_neither_buyer_nor_listing(
    database_engine: Engine, keys: KeyFolder, buyers: PostgresBuyers
) -> None:
    log = PostgresOutreach(database_engine, keys)
    log.tell(ListingId("marker1"), [ANN, BEN], at=T0, cap=1)
    with database_engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM offered")).all()
    assert len({bytes(row.digest) for row in found}) == 2  # not joined by the listing either
    assert not any(mark in repr(found) for mark in ("marker1", "ann", "ben"))


def rows(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM offered")).scalar_one())
