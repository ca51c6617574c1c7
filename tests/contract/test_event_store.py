"""What every EventStore does, run against each implementation."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from marketrank.errors import BadInput
from marketrank.people import (
    Buyer,
    Counted,
    EventId,
    Impression,
    Interaction,
    InteractionKind,
    Recorded,
    Session,
    Surface,
)
from marketrank.ports import EventStore
from marketrank.storage.buyers import PostgresBuyers
from marketrank.storage.events import PostgresEvents
from marketrank.storage.keys import KeyFolder
from marketrank.types import BuyerId, ListingId, RequestId, Seq
from small_events import ANN, BEN, T0, event, hours, impression

IMPLEMENTATIONS: dict[str, Callable[[Engine, KeyFolder], EventStore]] = {"postgres": PostgresEvents}


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys")


@pytest.fixture(params=IMPLEMENTATIONS)
def events(request: pytest.FixtureRequest, database_engine: Engine, keys: KeyFolder) -> EventStore:
    return IMPLEMENTATIONS[request.param](database_engine, keys)


def introduce(engine: Engine, keys: KeyFolder, *buyers: BuyerId) -> None:
    for buyer in buyers:
        PostgresBuyers(engine, keys).put(Buyer(buyer), at=T0)


def test_what_is_recorded_comes_back_in_commit_order(events: EventStore) -> None:
    first = [event("b", at=hours(2)), event("a", BEN, request=RequestId("r"))]
    assert events.record(first, at=T0) == Recorded(new=2)
    later = event("c", at=hours(-5), kind=InteractionKind.SOLD, listing=ListingId('é " 7'))
    events.record([later], at=T0)
    found = events.after(Seq(0), 10)
    assert [one for _, one in found] == [*first, later]
    numbers = [seq for seq, _ in found]
    assert numbers == sorted(set(numbers))
    assert events.after(numbers[1], 10) == found[2:]
    assert events.after(Seq(0), 2) == found[:2]
    assert events.last_seq() == numbers[-1]
    assert events.after(numbers[-1], 10) == []


def test_the_same_id_is_the_same_event(events: EventStore) -> None:
    original = event("a")
    assert events.record([original, event("a", BEN), event("b")], at=T0) == Recorded(2, 1)
    again = event("a", kind=InteractionKind.SAVE, at=hours(3))
    assert events.record([again], at=hours(4)) == Recorded(0, 1)
    assert [one for _, one in events.after(Seq(0), 10)] == [original, event("b")]
    assert events.known([EventId("a"), EventId("z")]) == {"a"}


def test_the_latest_of_a_buyer_come_first(events: EventStore) -> None:
    mixed = [event(f"e{n}", at=hours(n)) for n in (3, 50, 1, 49, 2)]
    events.record([*mixed, event("other", BEN, at=hours(90))], at=T0)
    assert [one.id for one in events.of_buyer(ANN, 3)] == ["e50", "e49", "e3"]
    assert [one.id for one in events.of_buyer(ANN, 99)] == ["e50", "e49", "e3", "e2", "e1"]
    assert events.of_buyer(ANN, 0) == []
    assert events.of_buyer(BuyerId("nobody"), 5) == []


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ages=st.lists(st.integers(0, 200), max_size=12), limit=st.integers(1, 14))
def test_the_latest_are_those_that_sorting_gives(
    events: EventStore, ages: list[int], limit: int
) -> None:
    buyer = BuyerId(f"b{events.last_seq()}")
    some = [event(f"{buyer} {n}", buyer, at=hours(-age)) for n, age in enumerate(ages)]
    events.record(some, at=T0)
    ordered = sorted(some, key=lambda one: (-one.at.timestamp(), one.id))
    assert events.of_buyer(buyer, limit) == ordered[:limit]


def test_what_a_buyer_hides_is_theirs(events: EventStore) -> None:
    hide = InteractionKind.HIDE
    events.record(
        [event("a", kind=hide), event("b", listing=ListingId("l2")), event("c", BEN)], at=T0
    )
    assert events.hidden(ANN) == {"l1"}
    assert events.hidden(BEN) == set()
    assert events.hidden(BuyerId("nobody")) == set()


def test_anonymous_events_have_no_buyer(events: EventStore) -> None:
    some = [event("a"), event("b", kind=InteractionKind.SAVE, at=hours(13)), event("c", BEN)]
    written = events.record(some, at=T0, anonymous={EventId("b"), EventId("c")})
    assert written == Recorded(new=3)
    assert [one.id for _, one in events.after(Seq(0), 10)] == ["a"]
    found = events.counted(Seq(0), 10)
    assert [one for _, one in found] == [
        Counted(ListingId("l1"), InteractionKind.SAVE, date(2026, 3, 15)),
        Counted(ListingId("l1"), InteractionKind.CLICK, date(2026, 3, 14)),
    ]
    assert events.counted(found[0][0], 10) == found[1:]
    assert events.counted(Seq(0), 1) == found[:1]
    assert events.last_seq() == max(found[-1][0], events.after(Seq(0), 10)[0][0])
    assert events.of_buyer(BEN, 5) == []
    assert events.record([event("b")], at=T0) == Recorded(0, 1)
    assert events.known([EventId("b")]) == {"b"}


def test_nothing_joins_what_was_counted_with_what_was_kept(
    events: EventStore, database_engine: Engine
) -> None:
    """As where a buyer who agreed to nothing looks at one thing and hides another."""
    first = []
    for n in range(12):
        hidden = event(f"h{n}", kind=InteractionKind.HIDE)
        events.record([event(f"c{n}"), hidden], at=T0, anonymous={EventId(f"c{n}")})
        with database_engine.connect() as connection:
            query = "SELECT CAST(xmin AS text), max(seq) OVER () FROM {} ORDER BY seq DESC LIMIT 1"
            rows = [
                connection.execute(text(query.format(table))).one()
                for table in ("events", "counted")
            ]
        assert rows[0][0] != rows[1][0]
        first.append(rows[0][1] < rows[1][1])
    assert set(first) == {True, False}  # in an order of chance


def test_days_that_are_over_are_mixed_once(events: EventStore, database_engine: Engine) -> None:
    for n in range(40):
        one = event(f"c{n}", listing=ListingId(f"l{n}"))
        events.record([one], at=T0, anonymous={one.id})
    tomorrow = event("new", at=hours(24))
    events.record([tomorrow], at=T0, anonymous={tomorrow.id})
    before = events.counted(Seq(0), 100)
    assert events.mix(hours(24).date()) == 1
    after = events.counted(Seq(0), 100)
    assert [seq for seq, _ in after] == [seq for seq, _ in before]
    assert after[-1] == before[-1]  # of a day that is not over
    assert sorted(one.listing for _, one in after) == sorted(one.listing for _, one in before)
    assert [one.listing for _, one in after] != [one.listing for _, one in before]
    with database_engine.connect() as connection:
        query = "SELECT count(DISTINCT CAST(xmin AS text)) FROM counted WHERE listing LIKE 'l%'"
        assert connection.execute(text(query + " AND day < '2026-03-15'")).scalar_one() == 1
    assert events.mix(hours(24).date()) == 0
    assert events.known([EventId("c3")]) == {"c3"}  # a repetition is still one


def test_following_can_start_at_a_day(events: EventStore) -> None:
    assert events.seq_before(T0.date()) == 0
    events.record([event("old", at=hours(-100))], at=T0)
    assert events.seq_before(T0.date()) == events.last_seq()
    events.record([event("new"), event("late", at=hours(-100))], at=T0)
    start = events.seq_before(T0.date())
    assert [one.id for _, one in events.after(start, 10)] == ["new", "late"]
    events.record([event("counted", at=hours(48))], at=T0, anonymous={EventId("counted")})
    start = events.seq_before(T0.date() + timedelta(days=1))
    assert [one.day for _, one in events.counted(start, 10)] == [date(2026, 3, 16)]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (event("a", at=datetime(2026, 3, 14)), "no zone"),
        (event(""), "between 1"),
        (event("a", BuyerId("x\0")), "NUL"),
        (event("a", listing=ListingId("x" * 1001)), "between 1"),
        (event("a", request=RequestId("\0")), "NUL"),
    ],
)
def test_what_cannot_be_stored_stores_nothing(
    events: EventStore, bad: Interaction, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        events.record([event("good"), bad], at=T0)
    assert events.last_seq() == 0


# --- impressions ------------------------------------------------------------------------------


def same(found: Session, impression: Impression, *ids: str) -> bool:
    np.testing.assert_array_equal(found.impression.features, impression.features)
    np.testing.assert_array_equal(found.impression.positions, impression.positions)
    assert found.impression.features.dtype == np.float32
    plain = replace(found.impression, features=impression.features, positions=impression.positions)
    assert [getattr(plain, n) for n in plain.__slots__] == [
        getattr(impression, n) for n in impression.__slots__
    ]
    assert [one.id for one in found.interactions] == list(ids)
    return True


def test_sessions_are_what_was_shown_and_what_followed(
    events: EventStore, database_engine: Engine, keys: KeyFolder
) -> None:
    introduce(database_engine, keys, ANN, BEN)
    first = impression("r1", query="q", experiment="e", arms=("a", "b", "a"))
    second = impression("r2", BEN, at=hours(0.5), surface=Surface.FEED, names=("x", "y"))
    nobodys = impression("r3", None, at=hours(0.25))
    events.log([second, first, nobodys])
    one, two = RequestId("r1"), RequestId("r2")
    events.record(
        [
            event("late", request=one, at=hours(50)),
            event("soon", request=one, at=hours(0.1)),
            event("bens", BEN, request=two, at=hours(1)),
            event("another's", BEN, request=one),
            event("none"),
        ],
        at=T0,
    )
    found = list(events.sessions(T0, hours(1)))
    assert same(found[0], first, "soon", "late")
    assert same(found[1], nobodys)
    assert same(found[2], second, "bens")
    assert len(found) == 3


def test_sessions_are_of_a_span_of_time(
    events: EventStore, database_engine: Engine, keys: KeyFolder
) -> None:
    introduce(database_engine, keys, ANN)
    times = [-30, -1, -0.01, 0, 0.01, 0.99, 1, 30]
    events.log([impression(f"r{hour}", at=hours(hour)) for hour in times])
    found = [one.impression.at for one in events.sessions(T0, hours(1))]
    assert found == [hours(hour) for hour in (0, 0.01, 0.99)]
    assert len(list(events.sessions(hours(-100), hours(100)))) == len(times)


def test_of_whom_nothing_is_held_no_impression_is_kept(events: EventStore) -> None:
    # Nobody becomes known by looking; and one that waited while its buyer was erased goes too.
    events.log([impression("r1"), impression("r2", None)])
    found = list(events.sessions(T0, hours(1)))
    assert [one.impression.request for one in found] == ["r2"]
    events.record([event("a", request=RequestId("r1"))], at=T0)
    assert len(list(events.sessions(T0, hours(1)))) == 1


def test_whole_days_are_forgotten(events: EventStore) -> None:
    times = [hours(-48), hours(-24), hours(-23), hours(0)]
    events.log([impression(f"r{n}", None, at=at) for n, at in enumerate(times)])
    events.record([event("old", at=hours(-30))], at=T0, anonymous={EventId("old")})
    assert events.drop_before(hours(5)) == 2
    assert [one.impression.request for one in events.sessions(hours(-99), hours(9))] == ["r3"]
    assert events.counted(Seq(0), 5) == []
    assert events.drop_before(hours(5)) == 0
    events.log([impression("again", None, at=hours(-48))])
    assert len(list(events.sessions(hours(-99), hours(9)))) == 2


def test_an_impression_has_a_row_for_each_listing(events: EventStore) -> None:
    bad = impression("r", features=np.zeros((2, 2), np.float32))
    with pytest.raises(BadInput, match="give a row each"):
        events.log([bad])
    with pytest.raises(BadInput, match="no zone"):
        events.log([impression("r", at=datetime(2026, 3, 14))])
    events.log([])
    assert list(events.sessions(hours(-9), hours(9))) == []
