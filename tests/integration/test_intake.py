"""Which events are taken, and what is remembered of whom."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from marketrank.feedback.intake import AHEAD, Intake, Taken
from marketrank.people import Buyer, Interaction, InteractionKind, Purpose, Recorded
from marketrank.storage.buyers import PostgresBuyers
from marketrank.storage.events import PostgresEvents
from marketrank.storage.keys import KeyFolder
from marketrank.storage.postgres import PostgresListings
from marketrank.types import BuyerId, Listing, ListingId, Seq
from small_events import ANN, BEN, T0, event, hours

SOLD, HIDE = InteractionKind.SOLD, InteractionKind.HIDE


class Shop:
    def __init__(self, engine: Engine, keys: KeyFolder) -> None:
        self.events = PostgresEvents(engine, keys)
        self.buyers = PostgresBuyers(engine, keys)
        self.listings = PostgresListings(engine)
        self.intake = Intake(events=self.events, buyers=self.buyers.find, listings=self.listings)
        self.listings.apply([Listing(ListingId(f"l{n}"), f"lamp {n}") for n in range(3)], at=T0)
        self.buyers.put(Buyer(ANN, consents={Purpose.HISTORY: T0}), at=T0)

    def take(self, *some: Interaction) -> Taken:
        return self.intake.take(dict(enumerate(some)), T0)

    def live(self, id_: str) -> bool:
        return self.listings.get([ListingId(id_)])[ListingId(id_)].live


@pytest.fixture
def shop(database_engine: Engine, tmp_path: Path) -> Shop:
    return Shop(database_engine, KeyFolder(tmp_path / "keys"))


def test_of_those_who_agreed_all_is_kept_of_others_it_only_counts(shop: Shop) -> None:
    shop.buyers.put(Buyer(BEN, consents={Purpose.DEMOGRAPHICS: T0}), at=T0)
    taken = shop.take(event("a"), event("b", BEN), event("c", BuyerId("new")))
    assert taken == Taken(Recorded(new=3))
    assert [one.id for _, one in shop.events.after(Seq(0), 9)] == ["a"]
    assert len(shop.events.counted(Seq(0), 9)) == 2
    assert shop.buyers.get(BuyerId("new")) is None
    assert shop.take(event("a"), event("b", BEN)).recorded == Recorded(repeated=2)


def test_what_is_hidden_is_kept_of_everybody(shop: Shop) -> None:
    shop.take(event("h", BEN, kind=HIDE))
    assert shop.events.hidden(BEN) == {"l1"}


def test_each_event_is_refused_by_itself(shop: Shop) -> None:
    taken = shop.take(
        event("a"),
        event("b", listing=ListingId("l77")),
        event("c", at=T0 + AHEAD + timedelta(seconds=1)),
        event("d", at=T0 + AHEAD),
    )
    assert taken.recorded == Recorded(new=2)
    unknown, future = taken.refused
    assert (unknown.index, unknown.parameter, unknown.value) == (1, "listing", "l77")
    assert "no such listing" in unknown.remedy
    assert (future.index, future.parameter) == (2, "at")
    assert "2026-03-14T12:05:01" in future.value
    assert "future" in future.remedy
    # Mended, it is taken: a refused id was never seen.
    assert shop.take(event("b")).recorded == Recorded(new=1)


def test_places_are_those_of_the_sender(shop: Shop) -> None:
    batch: Mapping[int, Interaction] = {4: event("a"), 7: event("b", listing=ListingId("l77"))}
    taken = shop.intake.take(batch, T0)
    assert [one.index for one in taken.refused] == [7]


def test_what_is_sold_has_ended(shop: Shop) -> None:
    taken = shop.take(event("s", kind=SOLD), event("t", BEN, kind=SOLD, listing=ListingId("l2")))
    assert taken.ended == 2
    assert (shop.live("l0"), shop.live("l1"), shop.live("l2")) == (True, False, False)


def test_an_old_sale_that_is_sent_again_ends_nothing(shop: Shop) -> None:
    sale = event("s", kind=SOLD)
    assert shop.take(sale).ended == 1
    shop.listings.apply([Listing(ListingId("l1"), "lamp 1, again")], at=hours(1))
    assert shop.take(sale).ended == 0
    assert shop.live("l1")
    assert shop.take(replace(sale, id=event("s2").id)).ended == 1


def test_a_sale_that_could_not_be_recorded_ends_the_listing_when_sent_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Recorded:
        raise OSError("gone")

    sale = event("s", kind=SOLD)
    with monkeypatch.context() as patch:
        patch.setattr(shop.events, "record", fail)
        with pytest.raises(OSError, match="gone"):
            shop.take(sale)
    assert shop.take(sale).recorded == Recorded(new=1)
    assert not shop.live("l1")


def test_an_empty_batch_is_taken(shop: Shop) -> None:
    assert shop.take() == Taken(Recorded())
