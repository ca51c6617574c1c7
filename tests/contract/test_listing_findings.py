"""What every ListingStore keeps beside listings: findings, links of duplicates and traces."""

import dataclasses

import pytest
from sqlalchemy import Engine, text

from marketrank.asking import Traces
from marketrank.errors import BadInput
from marketrank.ports import ListingStore
from marketrank.storage.postgres import PostgresListings
from marketrank.types import BlobKey, Duplicate, Finding, ListingId, SellerId, Seq, Signal
from small_listings import IMPLEMENTATIONS, REPEAT, T0, T1, ids, listing, one, photo


@pytest.fixture(params=IMPLEMENTATIONS)
def store(request: pytest.FixtureRequest, database_engine: Engine) -> ListingStore:
    made: ListingStore = IMPLEMENTATIONS[request.param](database_engine)
    return made


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


def test_signals_and_links_need_their_listing(store: ListingStore) -> None:
    store.apply([listing("a")], at=T0)
    with pytest.raises(BadInput, match="no listing 'x'"):
        store.set_findings({ListingId("x"): [REPEAT]})
    with pytest.raises(BadInput, match="no listing 'x'"):
        store.replace_duplicates([link("a", "x")])
    with pytest.raises(BadInput, match="itself"):
        store.replace_duplicates([link("a", "a")])


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
