"""Locks between processes."""

import pytest
from sqlalchemy import Engine, event, text

from marketrank.storage import database, locks


@pytest.fixture
def other_engine(database_url: str) -> Engine:
    return database.connect(database_url)


def test_one_holder_at_a_time(database_engine: Engine, other_engine: Engine) -> None:
    mine, theirs = locks.hold(database_engine, "indexer"), locks.hold(other_engine, "indexer")
    assert not mine.held()
    assert mine.try_acquire()
    assert mine.try_acquire()  # still
    assert mine.held()
    assert not theirs.try_acquire()
    assert not theirs.held()
    mine.release()
    assert not mine.held()
    assert theirs.try_acquire()
    assert not mine.try_acquire()
    theirs.release()


def test_as_a_context_manager(database_engine: Engine, other_engine: Engine) -> None:
    with locks.hold(database_engine, "indexer") as mine:
        assert mine.held()
        with locks.hold(other_engine, "indexer") as theirs:
            assert not theirs.held()
    with locks.hold(other_engine, "indexer") as theirs:
        assert theirs.held()


def test_names_are_different_locks(database_engine: Engine) -> None:
    with locks.hold(database_engine, "a") as a, locks.hold(database_engine, "b") as b:
        assert a.held()
        assert b.held()


def test_two_claims_in_one_process_are_two(database_engine: Engine) -> None:
    """A session may take its own lock twice; claims must not share one."""
    with (
        locks.hold(database_engine, "indexer") as first,
        locks.hold(database_engine, "indexer") as second,
    ):
        assert first.held()
        assert not second.held()


def test_a_lost_connection_shows(database_engine: Engine, other_engine: Engine) -> None:
    mine, theirs = locks.hold(database_engine, "indexer"), locks.hold(other_engine, "indexer")
    assert mine.try_acquire()
    with other_engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks"
                " WHERE locktype = 'advisory' AND granted"
            )
        )
    assert theirs.try_acquire()
    assert not mine.held()
    assert not mine.try_acquire()
    theirs.release()
    assert mine.try_acquire()
    mine.release()


def test_a_claim_takes_no_place_in_the_pool(database_engine: Engine) -> None:
    claims = [locks.hold(database_engine, str(n)) for n in range(20)]  # the pool holds 15
    assert all(claim.try_acquire() for claim in claims)
    with database_engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    for claim in claims:
        claim.release()


def test_asking_in_vain_opens_no_connections(database_engine: Engine, other_engine: Engine) -> None:
    opened: list[object] = []
    event.listen(database_engine, "connect", lambda connection, record: opened.append(connection))
    with locks.hold(other_engine, "taken"):
        claim = locks.hold(database_engine, "taken")
        assert [claim.try_acquire() for _ in range(5)] == [False] * 5
    assert len(opened) <= 1
    assert claim.try_acquire()
    claim.release()
