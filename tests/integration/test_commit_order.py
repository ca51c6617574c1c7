"""Numbers follow the order of commits: a reader that polls never skips a change.

The hazard is a transaction that takes its number early and commits late. Each scenario runs on the
store as it is, where nothing may be skipped, and the decisive one also with a plain sequence in
the place of `numbers`, where the reader must miss a change: else the test would prove nothing.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, event, text

from marketrank.storage import database, numbers
from marketrank.storage.postgres import PostgresListings
from marketrank.storage.vectors import PostgresVectors
from marketrank.types import Listing, ListingId, ListingKey, ModelVersion, Seq

# A writer that fails in its thread fails the test.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

T0 = datetime(2026, 3, 1, tzinfo=UTC)
VERSION = ModelVersion("towers-1")


class RolledBack(Exception):
    """Raised in the place of a commit."""


@contextmanager
def writer(url: str, before_commit: Callable[[], None]) -> Iterator[Engine]:
    """An engine that calls `before_commit` when all is written and the commit comes next."""
    engine = database.connect(url)

    @event.listens_for(engine, "commit")
    def _(connection: Connection) -> None:
        before_commit()

    yield engine
    engine.dispose()


def listing(id_: str, title: str = "Oak table") -> Listing:
    return Listing(ListingId(id_), title)


class Reader:
    """Follows the listings as an index does: only what is above the last number it saw."""

    def __init__(self, engine: Engine) -> None:
        self._store = PostgresListings(engine)
        self._after = Seq(0)
        self.seen: list[str] = []

    def poll(self) -> None:
        for change in self._store.changes(self._after, 1000):
            self.seen.append(f"{change.listing.id} {change.listing.title}")
            self._after = change.seq


def follow_a_late_commit(url: str) -> list[str]:
    """The first writer commits only when the second has been given its time; what a reader that
    polls after each step has seen."""
    reader_engine = database.connect(url)
    reader = Reader(reader_engine)
    written, release, done = threading.Event(), threading.Event(), threading.Event()

    def wait() -> None:
        written.set()
        assert release.wait(20)

    def write_late() -> None:
        with writer(url, wait) as engine:
            PostgresListings(engine).apply([listing("late")], at=T0)

    def write_soon() -> None:
        with writer(url, lambda: None) as engine:
            PostgresListings(engine).apply([listing("soon")], at=T0)
        done.set()

    late, soon = threading.Thread(target=write_late), threading.Thread(target=write_soon)
    late.start()
    assert written.wait(20)
    soon.start()
    done.wait(0.5)  # a store that keeps the order makes it wait
    reader.poll()
    release.set()
    late.join(20)
    soon.join(20)
    reader.poll()
    reader_engine.dispose()
    return reader.seen


def test_a_late_commit_is_not_skipped(database_url: str) -> None:
    assert follow_a_late_commit(database_url) == ["late Oak table", "soon Oak table"]


def test_a_plain_sequence_would_skip_it(
    database_url: str, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database_engine.begin() as connection:
        connection.execute(text("CREATE SEQUENCE naive_seq"))
        connection.execute(text("CREATE SEQUENCE naive_key"))

    def take(connection: Connection, name: str, n: int) -> range:
        query = text(f"SELECT nextval('naive_{name}') FROM generate_series(1, :n)")
        given = connection.scalars(query, {"n": n}).all()
        return range(given[0], given[-1] + 1) if given else range(0)

    monkeypatch.setattr(numbers, "wait_for_turn", lambda connection: None)
    monkeypatch.setattr(numbers, "take", take)
    assert follow_a_late_commit(database_url) == ["soon Oak table"]


def test_what_is_rolled_back_leaves_no_gap_and_no_key(
    database_url: str, database_engine: Engine
) -> None:
    def fail() -> None:
        raise RolledBack

    with writer(database_url, fail) as engine, pytest.raises(RolledBack):
        PostgresListings(engine).apply([listing("a"), listing("b")], at=T0)
    store = PostgresListings(database_engine)
    assert store.last_seq() == 0
    store.apply([listing("c")], at=T0)
    found = store.get([ListingId("c")])[ListingId("c")]
    assert (found.key, found.seq) == (1, 1)


def test_a_reader_among_many_writers_sees_every_change(
    database_url: str, database_engine: Engine
) -> None:
    """Four writers with random pauses before the commit, one in five rolled back, on listings of
    their own and on shared ones; two more put vectors. The reader polls without a pause."""
    committed: list[str] = []
    stop_at = time.monotonic() + 2.5

    def write(number: int) -> None:
        chance = random.Random(number)

        def hesitate() -> None:
            time.sleep(chance.choice((0, 0, 0.001, 0.02)))
            if chance.random() < 0.2:
                raise RolledBack

        with writer(database_url, hesitate) as engine:
            store = PostgresListings(engine)
            for n in range(10_000):
                if time.monotonic() > stop_at:
                    return
                batch = [listing(f"w{number}-{n}"), listing("shared", f"by {number} at {n}")]
                try:
                    store.apply(batch, at=T0)
                except RolledBack:
                    continue
                committed.extend((f"{batch[0].id} Oak table", f"shared {batch[1].title}"))

    PostgresListings(database_engine).apply([listing(f"v{n}") for n in range(50)], at=T0)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    embedders = [
        threading.Thread(target=embed, args=(database_url, number, stop_at)) for number in range(2)
    ]
    reader, after = Reader(database_engine), Seq(0)
    numbered: set[tuple[int, ...]] = set()
    vectors = PostgresVectors(database_engine)
    for thread in threads + embedders:
        thread.start()
    while any(thread.is_alive() for thread in threads + embedders):
        reader.poll()
        batch = vectors.vectors_after(VERSION, after, 1000)
        numbered.update(map(tuple, batch.vectors.astype(int).tolist()))
        after = batch.seq
    reader.poll()
    batch = vectors.vectors_after(VERSION, after, 1000)
    numbered.update(map(tuple, batch.vectors.astype(int).tolist()))

    # Between two polls a listing may change twice, and the reader is told of the newer state.
    own = [change for change in committed if change.startswith("w")]
    assert len(own) > 50
    assert set(own) <= set(reader.seen)
    last_shared = [change for change in reader.seen if change.startswith("shared")][-1]
    store = PostgresListings(database_engine)
    final = store.get([ListingId("shared")])[ListingId("shared")].listing
    assert last_shared == f"shared {final.title}"
    assert not [change for change in reader.seen if change not in committed and change[0] == "w"]
    stored = vectors.vectors_after(VERSION, Seq(0), 1000).vectors.astype(int).tolist()
    assert len(stored) == 50
    assert set(map(tuple, stored)) <= numbered


def embed(url: str, number: int, stop_at: float) -> None:
    """Put vectors of half of the first 50 listings, again and again, with random pauses."""
    chance = random.Random(number)
    with writer(url, lambda: time.sleep(chance.choice((0, 0.01)))) as engine:
        store = PostgresVectors(engine)
        for n in range(10_000):
            keys = [ListingKey(key) for key in range(1 + number, 51, 2)]
            rows = np.array([[key, n] for key in keys], np.float32)
            store.put_vectors(VERSION, keys, ["h"] * len(keys), rows)
            if time.monotonic() > stop_at:
                return
