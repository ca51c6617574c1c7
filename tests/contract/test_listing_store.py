"""What every ListingStore does, run against each implementation."""

import dataclasses
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from marketrank.errors import BadInput
from marketrank.ports import ListingStore
from marketrank.storage.postgres import PostgresListings
from marketrank.types import (
    Applied,
    Attributes,
    Finding,
    Flag,
    Listing,
    ListingId,
    ListingKey,
    Money,
    Original,
    Place,
    SellerId,
    Seq,
    Signal,
    Stored,
)
from small_listings import FULL, IMPLEMENTATIONS, REPEAT, T0, T1, ids, listing, one, photo

# A writer that fails in its thread fails the test.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture(params=IMPLEMENTATIONS)
def store(request: pytest.FixtureRequest, database_engine: Engine) -> ListingStore:
    made: ListingStore = IMPLEMENTATIONS[request.param](database_engine)
    return made


# --- writing and reading ----------------------------------------------------------------------


def test_an_empty_store_has_nothing(store: ListingStore) -> None:
    assert store.last_seq() == 0
    assert store.live_ids() == set()
    assert store.changes(Seq(0), 10) == []
    assert store.attributes(Seq(0), 10) == []
    assert store.get(ids("a")) == {}
    assert store.get_by_key([ListingKey(1)]) == {}
    assert store.duplicates() == []
    assert store.apply([], at=T0) == Applied()


def test_a_listing_comes_back_as_it_was_written(store: ListingStore) -> None:
    assert store.apply([FULL, listing("bare")], at=T0) == Applied(inserted=2)
    assert one(store, "full") == Stored(FULL, ListingKey(1), Seq(1), True, T0)
    assert one(store, "bare") == Stored(listing("bare"), ListingKey(2), Seq(2), True, T0)
    assert store.live_ids() == set(ids("full", "bare"))
    assert one(store, "full").listing.content_hash() == FULL.content_hash()


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
coordinates = st.floats(-90, 90)
times = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
places = st.builds(Place, texts, st.none() | texts, texts) | st.builds(
    Place, texts, st.none() | texts, texts, coordinates, coordinates
)
any_listing = st.builds(
    Listing,
    id=st.just("x"),
    title=texts,
    description=texts,
    category=st.lists(texts, max_size=3).map(tuple),
    price=st.none() | st.builds(Money, st.integers(-(2**63), 2**63 - 1), texts),
    place=st.none() | places,
    seller=st.none() | texts,
    seller_type=st.none() | texts,
    created_at=st.none() | times,
    photos=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=2).map(
        lambda hashes: tuple(photo("x", i, phash) for i, phash in enumerate(hashes))
    ),
    flags=st.lists(st.sampled_from(Flag), max_size=2).map(tuple),
    original=st.none() | st.builds(Original, texts, texts),
)


@given(wanted=any_listing)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the last write counts
)
def test_any_listing_comes_back(store: ListingStore, wanted: Listing) -> None:
    store.apply([wanted], at=T0)
    assert one(store, "x").listing == wanted
    assert one(store, "x").listing.content_hash() == wanted.content_hash()
    assert store.apply([wanted], at=T0) == Applied(unchanged=1)


def test_equal_content_is_left_alone(store: ListingStore) -> None:
    store.apply([FULL, listing("b")], at=T0)
    assert store.apply([listing("b"), FULL], at=T1) == Applied(unchanged=2)
    assert store.last_seq() == 2
    assert [stored.seq for stored in store.changes(Seq(0), 10)] == [1, 2]


def test_equal_content_writes_nothing(database_engine: Engine) -> None:
    store = PostgresListings(database_engine)
    store.apply([FULL], at=T0)
    store.set_findings({FULL.id: [REPEAT]})
    written: list[str] = []

    @event.listens_for(database_engine, "before_cursor_execute")
    def _(conn: object, cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("SELECT"):
            written.append(statement)

    store.apply([FULL], at=T1)
    store.set_findings({FULL.id: [REPEAT]})
    store.end(ids("unknown"), at=T1)
    assert written == []
    store.apply([listing("new")], at=T1)
    assert written  # the listener does see writes


def test_a_changed_listing_is_one_update(store: ListingStore) -> None:
    store.apply([FULL, listing("b"), listing("c")], at=T0)
    newer = dataclasses.replace(
        FULL, title="Chairs", price=None, place=None, original=None, photos=(photo("full", 5),)
    )
    assert store.apply([listing("b"), newer, listing("d")], at=T1) == Applied(1, 1, 1)
    assert one(store, "full") == Stored(newer, ListingKey(1), Seq(4), True, T0)
    assert one(store, "d").key == 4
    assert [stored.listing.id for stored in store.changes(Seq(3), 10)] == ["full", "d"]


def test_keys_are_dense(store: ListingStore) -> None:
    """Masks and arrays are indexed by key, so upserts and failures must not burn any."""
    store.apply([listing("a"), listing("b")], at=T0)
    for n in range(3):
        store.apply([listing("a", f"title {n}"), listing("b", f"title {n}")], at=T0)
    with pytest.raises(BadInput):
        store.apply([listing("c"), listing("d", "bad\0title")], at=T0)
    store.apply([listing("a", "other"), listing("c")], at=T0)
    assert [one(store, id_).key for id_ in "abc"] == [1, 2, 3]


def test_get_keeps_the_order_and_skips_the_unknown(store: ListingStore) -> None:
    store.apply([listing(id_) for id_ in "abcd"], at=T0)
    assert list(store.get(ids("d", "x", "a"))) == ["d", "a"]
    assert list(store.get_by_key([ListingKey(3), ListingKey(9), ListingKey(1)])) == [3, 1]
    assert store.get_by_key([ListingKey(3)])[ListingKey(3)].listing.id == "c"


def test_what_is_known_is_fetched_again_only_if_it_has_changed(store: ListingStore) -> None:
    store.apply([FULL, *(listing(id_) for id_ in "abcd")], at=T0)
    keys = [ListingKey(key) for key in (5, 1, 9, 2, 3, 4)]
    known = store.get_by_key(keys)
    again = store.get_by_key(keys, known)
    assert list(again) == [5, 1, 2, 3, 4]
    assert all(again[key] is known[key] for key in again)
    store.apply([dataclasses.replace(FULL, photos=()), listing("a", "other")], at=T1)
    store.end(ids("b"), at=T1)
    store.set_findings({ListingId("c"): [Finding(Signal.DUPLICATE, "reason", ())]})
    del known[ListingKey(5)]
    now = store.get_by_key(keys, known)
    assert now == store.get_by_key(keys)
    assert [now[key] is known.get(key) for key in now] == [False] * 5
    assert not now[ListingKey(3)].live
    assert store.get_by_key(keys[:1], now) == {5: now[ListingKey(5)]}  # others are not asked for


def test_photos_of_the_listings_asked_for(store: ListingStore) -> None:
    store.apply([FULL, listing("b", photos=(photo("b", 0),)), listing("bare")], at=T0)
    assert store.photos(ids("full", "bare", "unknown")) == {
        "full": {held.id: held for held in FULL.photos}
    }


def test_two_listings_may_use_the_same_image_id(store: ListingStore) -> None:
    same = (photo("shared", 0),)
    store.apply([listing("a", photos=same), listing("b", photos=same)], at=T0)
    assert one(store, "a").listing.photos == one(store, "b").listing.photos == same


# --- ending -----------------------------------------------------------------------------------


def test_an_ended_listing_is_kept_and_can_come_back(store: ListingStore) -> None:
    store.apply([FULL, listing("b")], at=T0)
    assert store.end(ids("full", "unknown"), at=T1) == 1
    assert store.end(ids("full"), at=T1) == 0
    assert one(store, "full") == Stored(FULL, ListingKey(1), Seq(3), False, T0)
    assert store.live_ids() == {"b"}
    assert store.apply([FULL], at=T1) == Applied(updated=1)
    assert one(store, "full") == Stored(FULL, ListingKey(1), Seq(4), True, T0)


# --- following --------------------------------------------------------------------------------


def test_changes_page_by_page(store: ListingStore) -> None:
    store.apply([listing(f"l{n}") for n in range(10)], at=T0)
    store.apply([listing("l3", "newer"), listing("l0", "newer")], at=T1)
    seen: list[Stored] = []
    while page := store.changes(seen[-1].seq if seen else Seq(0), 4):
        assert len(page) <= 4
        seen += page
    assert [stored.listing.id for stored in seen[-2:]] == ["l3", "l0"]
    assert [stored.seq for stored in seen] == sorted(stored.seq for stored in seen)
    assert sorted(stored.listing.id for stored in seen) == [f"l{n}" for n in range(10)]
    assert store.last_seq() == seen[-1].seq


def test_attributes_are_those_of_the_changes(store: ListingStore) -> None:
    store.apply([FULL, listing("bare"), listing("gone")], at=T1)
    store.end(ids("gone"), at=T1)
    assert store.attributes(Seq(0), 2) == [
        Attributes(
            ListingKey(1),
            FULL.id,
            Seq(1),
            True,
            FULL.category,
            123_456,
            51.4545,
            -2.5879,
            T0 - timedelta(days=3),
            SellerId("s1"),
        ),
        Attributes(ListingKey(2), ListingId("bare"), Seq(2), True, (), None, None, None, T1),
    ]
    assert [(row.id, row.live) for row in store.attributes(Seq(2), 9)] == [("gone", False)]


def test_a_reader_never_mixes_two_versions_of_a_listing(store: ListingStore) -> None:
    """Texts and photos are read by two queries; a write between them must not show."""

    def version(n: int) -> Listing:
        return listing("a", str(n), photos=(dataclasses.replace(photo("a", 0), width=n),))

    store.apply([version(0)], at=T0)
    stop = threading.Event()

    def write() -> None:
        for n in range(1, 10_000):
            if stop.is_set():
                return
            store.apply([version(n)], at=T0)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(150):
            found = one(store, "a").listing
            assert found.title == str(found.photos[0].width)
    finally:
        stop.set()
        writer.join()


# --- what cannot be stored --------------------------------------------------------------------

BAD = {
    "NUL in the title": listing("bad", "a\0b"),
    "NUL in the id": listing("bad\0"),
    "lone surrogate": listing("bad", "\ud800"),
    "surrogate in a category": listing("bad", category=("a", "\udfff")),
    "NUL in the original": listing("bad", original=Original("", "\0")),
    "NUL in a photo's id": listing("bad", photos=(photo("bad\0", 0),)),
    "no id": listing(""),
    "endless id": listing("bad" * 1000),
    "price beyond 64 bits": listing("bad", price=Money(2**63, "GBP")),
    "phash beyond 64 bits": listing("bad", photos=(photo("bad", 0, 2**63),)),
    "half a coordinate": listing("bad", place=Place("Leeds", latitude=1.0)),
    "not a number": listing("bad", place=Place("Leeds", latitude=1.0, longitude=float("nan"))),
    "time without zone": listing("bad", created_at=datetime(2026, 1, 1)),
    "photos out of order": listing("bad", photos=(photo("bad", 1), photo("bad", 0))),
    "image id twice": listing(
        "bad", photos=(photo("bad", 0), dataclasses.replace(photo("bad", 0), position=1))
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_stored_is_named_and_nothing_is_written(
    store: ListingStore, name: str
) -> None:
    with pytest.raises(BadInput, match=r"bad|between 1 and") as caught:
        store.apply([listing("good"), BAD[name]], at=T0)
    caught.value.args[0].encode()  # can be printed
    assert store.live_ids() == set()
    assert store.last_seq() == 0


def test_an_id_twice_in_a_batch_is_refused(store: ListingStore) -> None:
    with pytest.raises(BadInput, match="'a' is twice"):
        store.apply([listing("a"), listing("a", "other")], at=T0)


def test_a_time_in_another_zone_is_the_same_moment(store: ListingStore) -> None:
    there = timezone(timedelta(hours=2))
    store.apply([listing("a", created_at=T0.astimezone(there))], at=T1.astimezone(there))
    found = one(store, "a")
    assert (found.listing.created_at, found.first_seen) == (T0, T1)
    assert found.first_seen.utcoffset() == timedelta(0)


def test_a_sellers_listings_page_by_page(store: ListingStore) -> None:
    s1, s2 = SellerId("s1"), SellerId("s2")
    store.apply([listing(id_, seller=s1) for id_ in "abc"] + [listing("x", seller=s2)], at=T0)
    store.end(ids("a"), at=T1)
    found = store.of_seller(s1, 2, None)
    assert [one.listing.id for one in found] == ["a", "c"]
    assert not found[0].live
    assert [one.listing.id for one in store.of_seller(s1, 9, found[-1].seq)] == ["b"]
    assert store.of_seller(SellerId("nobody"), 9, None) == []


def test_prices_of_what_is_live(store: ListingStore) -> None:
    path = ("Home", "Tables", "Oak")
    priced = [listing(id_, category=path, price=Money(n, "GBP")) for n, id_ in enumerate("abc")]
    again = listing("e", category=(*path, "Round"), price=Money(1, "GBP"))
    other = listing("f", category=("Home",), price=Money(1, "GBP"))
    store.apply([*priced, listing("d"), again, other], at=T0)
    store.end(ids("c"), at=T1)
    assert sorted(store.prices()) == [(("Home",), 1, 1), (("Home", "Tables"), 1, 2)]
