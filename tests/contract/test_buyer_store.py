"""What every BuyerStore does, run against each implementation."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import Engine

from marketrank.errors import BadInput
from marketrank.people import Buyer, InteractionKind, Purpose
from marketrank.ports import BuyerStore, EventStore
from marketrank.storage.buyers import PostgresBuyers
from marketrank.storage.events import PostgresEvents
from marketrank.storage.keys import KeyFolder
from marketrank.types import BuyerId, ListingId, Place, RequestId, SellerId, Seq
from small_events import ANN, BEN, T0, event, hours, impression

T1 = T0 + timedelta(days=1)
FULL = Buyer(
    ANN,
    {"age": "25-34", "sex": "f"},
    Place("Bath", "Somerset", "GB", 51.38, -2.36),
    SellerId("ann's attic"),
    {Purpose.HISTORY: T0, Purpose.OUTREACH: T1},
)
IMPLEMENTATIONS: dict[str, Callable[[Engine, KeyFolder], BuyerStore]] = {"postgres": PostgresBuyers}


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys")


@pytest.fixture(params=IMPLEMENTATIONS)
def buyers(request: pytest.FixtureRequest, database_engine: Engine, keys: KeyFolder) -> BuyerStore:
    return IMPLEMENTATIONS[request.param](database_engine, keys)


@pytest.fixture
def events(database_engine: Engine, keys: KeyFolder) -> EventStore:
    return PostgresEvents(database_engine, keys)


def test_a_buyer_comes_back_as_put(buyers: BuyerStore) -> None:
    assert buyers.get(ANN) is None
    buyers.put(FULL, at=T0)
    assert buyers.get(ANN) == FULL
    bare = Buyer(BuyerId("é/ 7"))
    buyers.put(bare, at=T0)
    assert buyers.get(bare.id) == bare
    changed = replace(FULL, attributes={}, place=None, seller=None)
    buyers.put(changed, at=T1)
    assert buyers.get(ANN) == changed
    assert buyers.find([ANN, bare.id, BEN]) == {ANN: changed, bare.id: bare}
    assert buyers.find([BEN]) == {}


def test_changes_of_one_buyer_are_made_one_after_the_other(buyers: BuyerStore) -> None:
    def more(n: int) -> Callable[[Buyer], Buyer]:
        return lambda held: replace(held, attributes={**held.attributes, f"a{n}": "x"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: buyers.change(ANN, more(n), at=T0), range(16)))
    held = buyers.get(ANN)
    assert held is not None
    assert len(held.attributes) == 16
    with pytest.raises(BadInput, match="cannot become"):
        buyers.change(ANN, lambda held: Buyer(BEN), at=T0)


def test_a_pseudonym_lasts_and_says_nothing(buyers: BuyerStore) -> None:
    assert buyers.pseudonym(ANN) is None
    buyers.put(Buyer(ANN), at=T0)
    first = buyers.pseudonym(ANN)
    buyers.put(FULL, at=T1)
    assert buyers.pseudonym(ANN) == first
    buyers.erase(ANN)
    buyers.put(FULL, at=T1)
    assert buyers.pseudonym(ANN) not in (None, first)


def test_those_who_agreed_to_all(buyers: BuyerStore) -> None:
    both = {Purpose.HISTORY: T0, Purpose.OUTREACH: T0}
    buyers.put(Buyer(BEN, consents=both), at=T0)
    buyers.put(Buyer(ANN, consents=both), at=T0)
    buyers.put(Buyer(BuyerId("cat"), consents={Purpose.HISTORY: T0}), at=T0)
    assert [one.id for one in buyers.agreed([Purpose.HISTORY])] == [ANN, BEN, "cat"]
    assert [one.id for one in buyers.agreed(list(both))] == [ANN, BEN]
    assert list(buyers.agreed([Purpose.DEMOGRAPHICS])) == []
    assert len(list(buyers.agreed([]))) == 3


def test_changes_follow_the_order_of_commits(buyers: BuyerStore, events: EventStore) -> None:
    buyers.put(FULL, at=T0)
    events.record([event("a", BEN)], at=T0)
    ann, ben = buyers.changes(Seq(0), 10)
    assert (ann.buyer, ben.buyer) == (FULL, Buyer(BEN))
    assert (ann.pseudonym, ben.pseudonym) == (buyers.pseudonym(ANN), buyers.pseudonym(BEN))
    assert buyers.changes(Seq(0), 1) == [ann]
    buyers.put(Buyer(BEN, {"age": "65+"}), at=T1)
    buyers.erase(ANN)
    changed, erased = buyers.changes(ben.seq, 10)
    assert changed.buyer == Buyer(BEN, {"age": "65+"})
    assert (erased.pseudonym, erased.buyer) == (ann.pseudonym, None)
    assert erased.seq == events.last_seq()


def test_agreements_are_recorded_with_their_times(buyers: BuyerStore) -> None:
    buyers.put(Buyer(ANN, consents={Purpose.HISTORY: T0}), at=hours(1))
    buyers.put(Buyer(ANN, {"age": "25-34"}, consents={Purpose.HISTORY: T0}), at=hours(2))
    buyers.put(Buyer(ANN, consents={Purpose.OUTREACH: hours(3)}), at=hours(3))
    found = buyers.export(ANN)
    assert found["consents"] == {"outreach": hours(3).isoformat()}
    assert found["agreements"] == [
        {"purpose": "history", "given": True, "at": T0.isoformat()},
        {"purpose": "history", "given": False, "at": hours(3).isoformat()},
        {"purpose": "outreach", "given": True, "at": hours(3).isoformat()},
    ]


def test_the_export_has_all_that_is_held(buyers: BuyerStore, events: EventStore) -> None:
    buyers.put(FULL, at=T0)
    events.record([event("a", request=RequestId("r")), event("b", BEN)], at=T0)
    hide = event("h", kind=InteractionKind.HIDE, listing=ListingId("l9"), at=hours(1))
    events.record([hide], at=T0)
    events.log([impression("r", query="q"), impression("other", BEN), impression("x", None)])
    found = orjson.loads(orjson.dumps(buyers.export(ANN)))
    assert found["id"] == "ann"
    assert found["attributes"] == FULL.attributes
    assert found["place"]["town"] == "Bath"
    assert found["seller"] == "ann's attic"
    assert [one["id"] for one in found["interactions"]] == ["h", "a"]
    assert found["interactions"][1] == {
        "id": "a",
        "listing": "l1",
        "kind": "click",
        "at": T0.isoformat(),
        "request": "r",
    }
    (shown,) = found["impressions"]
    assert (shown["request"], shown["query"], shown["positions"]) == ("r", "q", [0, 1, -1])
    assert shown["features"]["vector"] == [1.0, None, pytest.approx(1e-7)]
    with pytest.raises(BadInput, match="nothing is held"):
        buyers.export(BuyerId("nobody"))


def test_erasing_leaves_nothing(buyers: BuyerStore, events: EventStore, keys: KeyFolder) -> None:
    assert not buyers.erase(ANN)
    for buyer in (ANN, BEN):
        buyers.put(replace(FULL, id=buyer), at=T0)
        events.record([event(f"{buyer} 1", buyer, request=RequestId("r"))], at=T0)
        events.record([event(f"{buyer} 2", buyer, kind=InteractionKind.HIDE)], at=T0)
        events.log([impression(f"r {buyer}", buyer)])
    assert buyers.erase(ANN)
    assert buyers.get(ANN) is None
    assert keys.find(ANN) is None
    assert events.of_buyer(ANN, 9) == []
    assert events.hidden(ANN) == set()
    assert {one.buyer for _, one in events.after(Seq(0), 9)} == {BEN}
    assert [one.impression.buyer for one in events.sessions(T0, T1)] == [BEN]
    assert [one.id for one in buyers.agreed([])] == [BEN]
    with pytest.raises(BadInput):
        buyers.export(ANN)
    assert not buyers.erase(ANN)
    assert buyers.get(BEN) is not None


def test_one_who_comes_back_starts_anew(buyers: BuyerStore, events: EventStore) -> None:
    buyers.put(FULL, at=T0)
    events.record([event("a")], at=T0)
    buyers.erase(ANN)
    events.record([event("b")], at=T1)
    assert [one.id for one in events.of_buyer(ANN, 9)] == ["b"]
    assert buyers.get(ANN) == Buyer(ANN)


def test_taking_back_history_destroys_it(buyers: BuyerStore, events: EventStore) -> None:
    buyers.put(FULL, at=T0)
    hide = event("h", kind=InteractionKind.HIDE, listing=ListingId("l9"))
    events.record([event("a", request=RequestId("r")), hide], at=T0)
    events.log([impression("r")])
    without = replace(FULL, consents={Purpose.OUTREACH: T1})
    buyers.put(without, at=T1)
    assert buyers.get(ANN) == without
    assert [one.id for one in events.of_buyer(ANN, 9)] == ["h"]
    assert events.hidden(ANN) == {"l9"}
    assert list(events.sessions(T0, T1)) == []
    buyers.put(FULL, at=T1)
    events.record([event("c")], at=T1)
    assert {one.id for one in events.of_buyer(ANN, 9)} == {"h", "c"}


def test_keeping_history_keeps_it(buyers: BuyerStore, events: EventStore) -> None:
    buyers.put(FULL, at=T0)
    events.record([event("a")], at=T0)
    buyers.put(replace(FULL, consents={Purpose.HISTORY: T0}), at=T1)
    assert [one.id for one in events.of_buyer(ANN, 9)] == ["a"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (Buyer(BuyerId("")), "between 1"),
        (Buyer(ANN, {"age": "\0"}), "NUL"),
        (Buyer(ANN, place=Place("\0")), "NUL"),
        (Buyer(ANN, consents={Purpose.HISTORY: datetime(2026, 3, 14)}), "no zone"),
    ],
)
def test_what_cannot_be_stored_is_refused(buyers: BuyerStore, bad: Buyer, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        buyers.put(bad, at=datetime(2026, 3, 14, tzinfo=UTC))
    assert list(buyers.agreed([])) == []
