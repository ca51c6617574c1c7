"""A listing is prepared once, until it changes."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from marketrank.ranking.features import NOTHING_SEEN, Seen, see
from marketrank.ranking.prepared import Prepared
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
    return prepared.look_at(keys, seqs, prepare)


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
