"""A listing is prepared once, until it changes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from marketrank.ranking.prepared import Prepared, row_of
from marketrank.ranking.seen import NOTHING_SEEN, Seen, SeenTable, see
from marketrank.retrieval import word_rows
from marketrank.types import Listing, ListingId, ListingKey, Seq, Stored


class Store:
    def __init__(self) -> None:
        self.seqs = {1: 10, 2: 20, 3: 30}
        self.read: list[list[int]] = []

    def get_by_key(self, keys: Sequence[ListingKey]) -> dict[ListingKey, Stored]:
        self.read.append([int(key) for key in keys])
        at = datetime(2026, 1, 1, tzinfo=UTC)
        return {
            key: Stored(
                Listing(ListingId(str(key)), f"Title {self.seqs[key]}"),
                key,
                Seq(self.seqs[key]),
                True,
                at,
            )
            for key in keys
            if key in self.seqs
        }


def prepare(stored: Stored) -> Seen:
    return see(stored.listing.title, "", "", str.split)


def look(prepared: Prepared, *pairs: tuple[int, int]) -> list[Seen]:
    keys, seqs = np.array(pairs, np.int64).T
    return prepared.prepare(keys, seqs, prepare)


def test_what_was_read_is_not_read_again() -> None:
    store = Store()
    prepared = Prepared(store.get_by_key)
    first = look(prepared, (1, 10), (2, 20))
    again = look(prepared, (2, 20), (3, 30), (1, 10))
    assert [again[2], again[0]] == first
    assert store.read == [[1, 2], [3]]


def test_what_was_edited_is_read_again() -> None:
    store = Store()
    prepared = Prepared(store.get_by_key)
    (old,) = look(prepared, (1, 10))
    store.seqs[1] = 11
    (new,) = look(prepared, (1, 11))
    assert new.title.tolist() != old.title.tolist()
    assert look(prepared, (1, 11)) == [new]
    assert store.read == [[1], [1]]


def test_what_the_catalogue_does_not_know_yet_is_not_kept() -> None:
    store = Store()
    prepared = Prepared(store.get_by_key)
    look(prepared, (1, 9))
    look(prepared, (1, 9))
    assert store.read == [[1], [1]]


def test_what_is_gone_is_nothing() -> None:
    assert look(Prepared(Store().get_by_key), (7, 1)) == [NOTHING_SEEN]


def test_no_more_are_kept_than_there_is_room_for() -> None:
    store = Store()
    prepared = Prepared(store.get_by_key, kept=2)
    for key in (1, 2, 3):
        look(prepared, (key, 10 * key))
    look(prepared, (2, 20), (3, 30))
    look(prepared, (1, 10))
    assert store.read == [[1], [2], [3], [1]]


def test_what_is_missing_is_what_there_is_room_for() -> None:
    prepared = Prepared(Store().get_by_key, kept=2)
    keys, seqs = np.array([3, 2, 1]), np.array([30, 20, 10])
    assert prepared.missing(keys, seqs).tolist() == [3, 2]
    look(prepared, (3, 30))
    assert prepared.missing(keys, seqs).tolist() == [2]
    assert prepared.missing(keys, np.array([31, 20, 10])).tolist() == [3]  # it was edited
    look(prepared, (2, 20))
    assert prepared.missing(keys, seqs).tolist() == []


def test_what_a_release_holds_is_not_read(tmp_path: Path) -> None:
    store = Store()
    listings = store.get_by_key([ListingKey(1), ListingKey(2)])
    seen = {
        key: replace(prepare(one), photos=int(key), pixels=9, trade=trade)
        for (key, one), trade in zip(listings.items(), (True, None), strict=True)
    }
    word_rows.save(tmp_path / "rows", [row_of(listings[key], one) for key, one in seen.items()])
    rows = word_rows.read(tmp_path / "rows")
    prepared, keys, seqs = Prepared(store.get_by_key), np.array([1, 3, 2]), np.array([10, 30, 20])
    store.read.clear()
    found = prepared.look_at(keys, seqs, prepare, rows)
    assert store.read == [[3]]
    (third,) = store.get_by_key([ListingKey(3)]).values()
    _same(found, [seen[ListingKey(1)], prepare(third), seen[ListingKey(2)]])
    assert prepared.missing(keys, np.array([10, 30, 21]), rows).tolist() == [2]  # it was edited
    store.seqs[2] = 21
    edited = prepared.look_at(keys[2:], np.array([21]), prepare, rows)
    _same(edited, [prepare(store.get_by_key([ListingKey(2)])[ListingKey(2)])])
    _same(prepared.look_at(keys[:0], seqs[:0], prepare, rows), [])
    _same(prepared.look_at(keys[:1], seqs[:1], prepare, rows), [seen[ListingKey(1)]])


def _same(found: SeenTable, seen: list[Seen]) -> None:
    for one, two in zip(found, SeenTable.of(seen), strict=True):
        assert one.tolist() == two.tolist()
