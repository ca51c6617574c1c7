"""What every ListingStore does, run against each implementation."""

import dataclasses
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, event, text

from marketrank.asking import Traces
from marketrank.errors import BadInput
from marketrank.ports import ListingStore
from marketrank.storage import database
from marketrank.storage.postgres import PostgresListings
from marketrank.types import (
    Applied,
    Attributes,
    BlobKey,
    Duplicate,
    Finding,
    Flag,
    ImageId,
    Listing,
    ListingId,
    ListingKey,
    Money,
    Original,
    Photo,
    Place,
    SellerId,
    Seq,
    Signal,
    Stored,
)

# A writer that fails in its thread fails the test.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

T0 = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
T1 = T0 + timedelta(hours=1)
REPEAT = Finding(Signal.DUPLICATE, "It repeats another.")

IMPLEMENTATIONS = {"postgres": PostgresListings}


@pytest.fixture(params=IMPLEMENTATIONS)
def store(request: pytest.FixtureRequest, database_engine: Engine) -> ListingStore:
    made: ListingStore = IMPLEMENTATIONS[request.param](database_engine)
    return made


def photo(listing: str, position: int, phash: int = 7) -> Photo:
    return Photo(
        id=ImageId(f"{listing}-{position}"),
        position=position,
        blob=BlobKey(f"{position:064x}"),
        source_sha256=f"{position + 100:064x}",
        width=640,
        height=480,
        phash=phash,
    )


def listing(id_: str = "a", title: str = "Oak table", **fields: object) -> Listing:
    return dataclasses.replace(Listing(ListingId(id_), title), **fields)  # type: ignore[arg-type]


FULL = listing(
    "full",
    "Café chairs ☕ 'four' \\ \"as new\"",
    description="Line one\nline two\ttab, back\\slash {brace} %s :bind",
    category=("Home, garden", 'Dining "sets"', "{}", "NULL", ""),
    price=Money(123_456, "EUR"),
    place=Place("Bristol", "Avon", "GB", 51.4545, -2.5879),
    seller=SellerId("s1"),
    seller_type="private",
    created_at=T0 - timedelta(days=3),
    photos=(photo("full", 0, -(2**63)), photo("full", 1, 2**63 - 1), photo("full", 5)),
    flags=(Flag.CONTACT_MASKED, Flag.NO_PRICE),
    original=Original("title with 07700 900123", "a@example.com"),
)


def ids(*names: str) -> list[ListingId]:
    return [ListingId(name) for name in names]


def one(store: ListingStore, id_: str) -> Stored:
    return store.get(ids(id_))[ListingId(id_)]


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


# --- signals and duplicates -------------------------------------------------------------------


def test_findings_are_replaced_as_a_whole(store: ListingStore) -> None:
    store.apply([listing("a"), listing("b"), listing("c")], at=T0)
    odd = Finding(Signal.PRICE_OUTLIER, "“£9” is odd", (ListingId("b"), ListingId("c")))
    both = [odd, REPEAT]
    assert store.set_findings({ListingId("a"): both, ListingId("b"): [REPEAT]}) == 2
    assert one(store, "a").findings == (REPEAT, odd)
    assert [stored.listing.id for stored in store.changes(Seq(3), 9)] == ["a", "b"]

    again = {ListingId("b"): [REPEAT], ListingId("a"): both[::-1], ListingId("c"): []}
    assert store.set_findings(again) == 0
    assert store.last_seq() == 5

    reworded = Finding(Signal.DUPLICATE, "It repeats listing x.")
    assert store.set_findings({ListingId("c"): [REPEAT], ListingId("b"): [reworded]}) == 3
    assert [one(store, id_).findings for id_ in "abc"] == [(), (reworded,), (REPEAT,)]


def test_live_listings_with_findings_are_listed(store: ListingStore) -> None:
    store.apply([listing("a"), listing("b"), listing("c")], at=T0)
    store.set_findings({ListingId(id_): [REPEAT] for id_ in "abc"})
    store.set_findings({ListingId(id_): [REPEAT] for id_ in "bc"})
    store.end([ListingId("b")], at=T0)
    assert store.with_findings() == [one(store, "c")]


def test_two_findings_of_one_signal_are_refused(store: ListingStore) -> None:
    store.apply([listing("a")], at=T0)
    with pytest.raises(BadInput, match="two findings"):
        store.set_findings({ListingId("a"): [REPEAT, Finding(Signal.DUPLICATE, "again")]})


def test_attributes_tell_seller_signals_and_what_is_repeated(store: ListingStore) -> None:
    store.apply(
        [dataclasses.replace(listing("a"), seller=SellerId("s")), listing("b"), listing("c")], at=T0
    )
    store.replace_duplicates([link("b", "a", "near_text", 0.9), link("c", "a", "near_photo", 0.9)])
    store.set_findings({ListingId("b"): [REPEAT], ListingId("c"): [REPEAT]})
    told = {one.id: (one.seller, one.signals, one.repeats) for one in store.attributes(Seq(0), 9)}
    # A repeated photo alone may be of another thing.
    assert told == {
        "a": ("s", (), None),
        "b": (None, (Signal.DUPLICATE,), 1),
        "c": (None, (Signal.DUPLICATE,), None),
    }


def test_findings_stay_when_a_listing_changes(store: ListingStore) -> None:
    store.apply([listing("a")], at=T0)
    store.set_findings({ListingId("a"): [REPEAT]})
    store.apply([listing("a", "newer")], at=T1)
    assert one(store, "a").signals == (Signal.DUPLICATE,)


def link(of: str, to: str, kind: str = "exact_text", score: float = 1.0) -> Duplicate:
    return Duplicate(ListingId(of), ListingId(to), kind, score)


def test_duplicates_are_replaced_as_a_whole(store: ListingStore) -> None:
    store.apply([listing(id_) for id_ in "abc"], at=T0)
    first = [link("b", "a"), link("c", "a", "near_text", 0.8700000000000001), link("c", "b")]
    store.replace_duplicates(first)
    assert store.duplicates() == first
    second = [link("b", "a", "near_photo", 0.5), link("c", "a", "near_text", 0.9)]
    store.replace_duplicates(second)
    assert store.duplicates() == second
    assert store.last_seq() == 3  # links are not part of a listing
    store.replace_duplicates([])
    assert store.duplicates() == []


def test_equal_duplicates_are_not_written_again(database_engine: Engine) -> None:
    store = PostgresListings(database_engine)
    store.apply([listing(id_) for id_ in "abc"], at=T0)
    store.replace_duplicates([link("b", "a"), link("c", "a")])

    def versions() -> list[tuple[str, ...]]:
        with database_engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text("SELECT xmin FROM duplicates"))]

    before = versions()
    store.replace_duplicates([link("c", "a"), link("b", "a")])
    assert versions() == before
    store.replace_duplicates([link("c", "a"), link("b", "a", score=0.5)])
    assert versions() != before


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


def test_signals_and_links_need_their_listing(store: ListingStore) -> None:
    store.apply([listing("a")], at=T0)
    with pytest.raises(BadInput, match="no listing 'x'"):
        store.set_findings({ListingId("x"): [REPEAT]})
    with pytest.raises(BadInput, match="no listing 'x'"):
        store.replace_duplicates([link("a", "x")])
    with pytest.raises(BadInput, match="itself"):
        store.replace_duplicates([link("a", "a")])


def test_a_time_in_another_zone_is_the_same_moment(store: ListingStore) -> None:
    there = timezone(timedelta(hours=2))
    store.apply([listing("a", created_at=T0.astimezone(there))], at=T1.astimezone(there))
    found = one(store, "a")
    assert (found.listing.created_at, found.first_seen) == (T0, T1)
    assert found.first_seen.utcoffset() == timedelta(0)


# --- against a model --------------------------------------------------------------------------

names = st.sampled_from(ids(*"abcdef"))
batches = st.dictionaries(names, st.integers(0, 2), max_size=5)


@dataclasses.dataclass
class Held:
    """What the model knows of one listing."""

    listing: Listing
    key: int
    seq: int
    live: bool
    signals: frozenset[Signal] = frozenset()


class Against(RuleBasedStateMachine):
    """A store does what a dictionary with a counter would."""

    store: ListingStore

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[ListingId, Held] = {}
        self.seq = 0
        self.followed: dict[ListingId, Stored] = {}
        self.cursor = Seq(0)

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    @rule(batch=batches)
    def apply(self, batch: dict[ListingId, int]) -> None:
        wanted = [
            listing(id_, f"title {n}", photos=tuple(photo(id_, i) for i in range(n)))
            for id_, n in batch.items()
        ]
        inserted = updated = 0
        for each in wanted:
            old = self.held.get(each.id)
            if old is None:
                self.held[each.id] = Held(each, len(self.held) + 1, self._next(), True)
                inserted += 1
            elif (old.listing, old.live) != (each, True):
                self.held[each.id] = Held(each, old.key, self._next(), True, old.signals)
                updated += 1
        assert self.store.apply(wanted, at=T0) == Applied(
            inserted, updated, len(wanted) - inserted - updated
        )

    @rule(chosen=st.sets(names))
    def end(self, chosen: set[ListingId]) -> None:
        live = [held for id_, held in self.held.items() if id_ in chosen and held.live]
        for held in sorted(live, key=lambda held: held.key):
            held.live, held.seq = False, self._next()
        assert self.store.end(chosen, at=T0) == len(live)

    @rule(data=st.data())
    def set_findings(self, data: st.DataObject) -> None:
        if not self.held:
            return
        some = st.sampled_from(sorted(self.held))
        signals = data.draw(st.dictionaries(some, st.sets(st.sampled_from(Signal)), max_size=3))
        changed = 0
        for id_, held in sorted(self.held.items(), key=lambda pair: pair[1].key):
            wanted = frozenset(signals.get(id_, ()))
            if held.signals != wanted:
                held.signals, held.seq = wanted, self._next()
                changed += 1
        findings = {
            id_: [Finding(signal, signal.upper()) for signal in chosen]
            for id_, chosen in signals.items()
        }
        assert self.store.set_findings(findings) == changed

    @rule(limit=st.integers(1, 3))
    def follow(self, limit: int) -> None:
        for change in self.store.changes(self.cursor, limit):
            assert change.seq > self.cursor
            self.followed[change.listing.id] = change
            self.cursor = change.seq

    @invariant()
    def same(self) -> None:
        assert self.store.last_seq() == self.seq
        assert self.store.live_ids() == {id_ for id_, held in self.held.items() if held.live}
        found = self.store.get(list(self.held))
        for id_, held in self.held.items():
            stored = found[id_]
            assert stored == Stored(
                held.listing, ListingKey(held.key), Seq(held.seq), held.live, T0, stored.findings
            )
            assert frozenset(stored.signals) == held.signals

    def teardown(self) -> None:
        while self.cursor < self.seq:
            self.follow(3)
        assert self.followed == self.store.get(list(self.held))


@pytest.fixture
def empty_again(module_database_url: str) -> Iterator[tuple[Engine, Sequence[str]]]:
    engine = database.connect(module_database_url)
    yield (
        engine,
        (
            "TRUNCATE listings, photos, duplicates, vectors, estimates",
            "UPDATE counters SET value = 0",
        ),
    )
    engine.dispose()


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_against_a_model(name: str, empty_again: tuple[Engine, Sequence[str]]) -> None:
    engine, statements = empty_again

    class Machine(Against):
        def __init__(self) -> None:
            super().__init__()
            with engine.begin() as connection:
                for statement in statements:
                    connection.execute(text(statement))
            self.store = IMPLEMENTATIONS[name](engine)

    run_state_machine_as_test(
        Machine, settings=settings(max_examples=20, stateful_step_count=12, deadline=None)
    )


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
    store.apply([*priced, listing("d")], at=T0)
    store.end(ids("c"), at=T1)
    assert store.prices() == [(("Home", "Tables"), 1)]


def test_findings_and_links_of_some_alone(store: ListingStore) -> None:
    store.apply([listing(id_) for id_ in "abcd"], at=T0)
    store.set_findings({ListingId(id_): [REPEAT] for id_ in "ab"})
    store.replace_duplicates([link("b", "a"), link("d", "c")])
    store.set_findings({ListingId("c"): [REPEAT]}, among=ids("a", "c"))
    store.replace_duplicates([link("a", "c")], among=ids("a", "b"))
    assert {one.listing.id for one in store.with_findings()} == {"b", "c"}
    assert {(one.listing, one.of) for one in store.duplicates()} == {("a", "c"), ("d", "c")}


def test_what_is_alike_has_the_same_traces(store: ListingStore) -> None:
    mine = photo("a", 0, 0b1111)
    pictures = {
        "same-source": dataclasses.replace(mine, blob=BlobKey("f" * 64), phash=-1),
        "same-blob": dataclasses.replace(mine, source_sha256="f" * 64, phash=-1),
        "near": dataclasses.replace(
            mine, blob=BlobKey("e" * 64), source_sha256="e" * 64, phash=-(2**63) + 0b0001
        ),
        "far": dataclasses.replace(
            mine, blob=BlobKey("d" * 64), source_sha256="d" * 64, phash=-(2**63) + 0b10000
        ),
    }
    titles = {
        "words": "TABLE, oak",
        "other": "Oak tables",
        "more": "Oak table with a drawer",
        "ended": "Oak table",
        "linked": "Iron bed",
    }
    store.apply([listing(id_, "Bed", photos=(one,)) for id_, one in pictures.items()], at=T0)
    store.apply([listing(id_, title) for id_, title in titles.items()], at=T0)
    store.apply([listing("a")], at=T0)
    store.end(ids("ended"), at=T1)
    store.replace_duplicates([link("linked", "a")])
    traces = Traces(
        {"Oak table": 0}, (mine.source_sha256,), (str(mine.blob),), hashes=(0b1111,), bits=4
    )
    keys = store.alike(traces, [store.get(ids("a"))[ListingId("a")].key])
    found = {one.listing.id for one in store.get_by_key(sorted(keys)).values()}
    assert found == {"a", "words", "linked", "same-source", "same-blob", "near"}
    five = {"Oak table with a drawer": 1}
    names = {
        one.listing.id for one in store.get_by_key(sorted(store.alike(Traces(five), []))).values()
    }
    assert names == {"more"}
    assert store.alike(Traces({}), []) == set()
