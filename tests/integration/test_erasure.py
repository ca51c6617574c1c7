"""Nothing of a buyer can be read in any store, and once they are erased nothing ever can.

The bytes of the whole home folder are searched: tables, indexes and write-ahead log of the embedded
PostgreSQL, its server log with every statement and its parameters, the indexes of words and
vectors, keys, caches and our own log.
"""

import base64
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from marketrank.asking import Request
from marketrank.config import load
from marketrank.people import Buyer, EventId, Interaction, InteractionKind, Purpose
from marketrank.storage import embedded, erasure
from marketrank.storage.buyers import PostgresBuyers
from marketrank.types import BuyerId, Listing, ListingId, Place, RequestId, SellerId
from marketrank.wiring import Marketplace, now

ID = BuyerId("Marker0Buyer0Zanzibar")
MARKS = {
    "id": ID,
    "attribute": "Marker1Attribute",
    "value": "Marker2Value",
    "town": "Marker3Town",
    "seller": "Marker4Seller",
    "event": "Marker5Event",
    "request": "Marker6Request",
    "query": "marker7query",
}
CONTROL = "Marker9Control"


@pytest.fixture(scope="module")
def home(encoder_folder: Path) -> Iterator[Path]:
    """A home with an embedded server that logs all that it is told (not in pytest's folder, which
    is closed to the user that the server runs as)."""
    folder = Path(tempfile.mkdtemp(prefix="marketrank-erasure-"))
    folder.chmod(0o755)
    (folder / "models").mkdir()
    (folder / "models" / encoder_folder.name).symlink_to(encoder_folder)
    market = Marketplace(load(folder))
    market.listings.apply(
        [Listing(ListingId(f"l{n}"), f"oak lamp {n}", CONTROL) for n in range(30)], at=now()
    )
    market.index(rebuild=False)
    with market.database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER SYSTEM SET log_statement = 'all'"))
        connection.execute(text("SELECT pg_reload_conf()"))
    market.database.dispose()
    yield folder
    embedded.leave(folder)
    embedded.stop(folder)
    shutil.rmtree(folder)


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        handler.close()


@dataclass(frozen=True)
class Search:
    """Where some bytes were found, as text, hexadecimal, base64 or UTF-16."""

    home: Path

    def found(self, marks: dict[str, bytes]) -> set[tuple[str, str]]:
        wanted = {name: _written(mark) for name, mark in marks.items()}
        hits = set()
        for path in self.home.rglob("*"):
            if path.is_symlink() or not path.is_file():
                continue
            data = path.read_bytes().lower()
            hits |= {
                (name, path.relative_to(self.home).as_posix())
                for name, ways in wanted.items()
                if any(way in data for way in ways)
            }
        return hits


def _written(mark: bytes) -> list[bytes]:
    # Three ways to stand in base64, without the letters that depend on their neighbours.
    coded = [base64.b64encode(b"x" * n + mark)[4:-4].lower() for n in range(3)]
    wide = mark.decode("latin-1").encode("utf-16-le")
    return [mark.lower(), mark.hex().encode(), wide.lower(), *coded]


def do_everything(market: Marketplace) -> None:
    """All that can be done with a buyer, as it is done by the API."""
    consents = dict.fromkeys(Purpose, now())
    place = Place(MARKS["town"], latitude=51.0, longitude=-2.0)
    attributes = {MARKS["attribute"]: MARKS["value"]}
    buyer = Buyer(ID, attributes, place, SellerId(MARKS["seller"]), consents)
    market.people.change(ID, lambda held: buyer, now())
    for n, asked in enumerate(({"text": "oak"}, {}, {"text": MARKS["query"]})):
        request = Request(RequestId(f"{MARKS['request']} {n}"), now(), buyer=ID, **asked)  # type: ignore[arg-type]
        market.answer(request)
    kinds = list(InteractionKind)
    taken = market.people.take(
        {n: _event(n, kind) for n, kind in enumerate(kinds) if kind is not InteractionKind.SOLD},
        now(),
    )
    assert taken.recorded.new == len(kinds) - 1
    assert market.people.take({0: _event(0, kinds[0])}, now()).recorded.repeated == 1
    market.people.follower.refresh()
    assert len(market.people.export(ID)["interactions"]) == len(kinds) - 1


def _event(n: int, kind: InteractionKind) -> Interaction:
    id_, request = EventId(f"{MARKS['event']} {n}"), RequestId(f"{MARKS['request']} 0")
    return Interaction(id_, ID, ListingId(f"l{n}"), kind, now(), request)


def settle(market: Marketplace, home: Path) -> None:
    """Bring everything that is in memory to the disk."""
    with market.database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
    market.database.dispose()
    embedded.stop(home)


def test_nothing_can_be_read_and_after_the_erasure_nothing_ever_can(home: Path) -> None:
    marks = {name: mark.encode() for name, mark in MARKS.items()}
    with logging_to(home / "our.log"):
        market = Marketplace(load(home))
        with market.running():
            do_everything(market)
        assert market.people.impression_log.written == 3
        keys = market.people.keys.find(ID)
        assert keys is not None
        shown = market.people.export(ID)["impressions"]
        assert [one["request"] for one in shown] == [f"{MARKS['request']} {n}" for n in range(3)]
        settle(market, home)

        search = Search(home)
        # The search finds what is there to be found: in tables and in the log of writes.
        control = {path for _, path in search.found({"control": CONTROL.encode()})}
        assert any(path.startswith("postgres/data/base/") for path in control)
        assert any(path.startswith("postgres/data/pg_wal/") for path in control)
        assert "INSERT INTO events" in (home / "postgres" / "log").read_text(errors="replace")
        secret = {"profile": keys.profile, "history": keys.history}
        assert {path.split("/")[1] for _, path in search.found(secret)} == {"names", "of"}

        # Before the erasure: nothing can be read, in the database or anywhere.
        assert search.found(marks) == set()

        market = Marketplace(load(home))
        assert market.people.erase(ID)
        settle(market, home)
    # After it: the keys are nowhere, so that what is left of the rows can never be read.
    assert search.found(marks | secret) == set()
    market = Marketplace(load(home))
    assert market.people.get(ID) is None
    market.database.dispose()


def test_taking_back_history_destroys_the_key_of_it(home: Path) -> None:
    market = Marketplace(load(home))
    buyer = Buyer(ID, consents=dict.fromkeys(Purpose, now()))
    market.people.change(ID, lambda held: buyer, now())
    market.people.take({0: _event(17, InteractionKind.CLICK)}, now())
    before = market.people.keys.find(ID)
    assert before is not None
    market.people.change(ID, lambda held: Buyer(ID), now())
    settle(market, home)
    found = Search(home).found({"history": before.history, "profile": before.profile})
    assert {name for name, _ in found} == {"profile"}
    market = Marketplace(load(home))
    assert market.people.erase(ID)
    settle(market, home)


def test_an_erasure_that_fails_halfway_is_ended_later(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = Marketplace(load(home))
    market.people.change(ID, lambda held: Buyer(ID, {"age": "25-34"}), now())

    def fail(*_: object) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "drop_buyer", fail)
        with pytest.raises(OSError, match="power"):
            market.people.erase(ID)
    assert market.people.get(ID) is None  # the key was first
    assert rows(market) == 1
    assert isinstance(market.buyers, PostgresBuyers)
    assert market.buyers.finish_erasing() == 1
    assert rows(market) == 0
    assert market.buyers.finish_erasing() == 0
    settle(market, home)


def rows(market: Marketplace) -> int:
    with market.database.connect() as connection:
        query = text("SELECT count(*) FROM buyers WHERE sealed IS NOT NULL")
        return int(connection.execute(query).scalar_one())
