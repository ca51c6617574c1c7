"""What a process knows of buyers: read once, followed, and the same in every process."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from marketrank.feedback.follow_events import EventFollower
from marketrank.people import (
    About,
    Buyer,
    Counted,
    EventId,
    Interaction,
    InteractionKind,
    Purpose,
)
from marketrank.storage.buyers import PostgresBuyers
from marketrank.storage.events import PostgresEvents
from marketrank.storage.keys import KeyFolder
from marketrank.types import BuyerId, ListingId
from small_events import ANN, BEN, T0, event, hours

HISTORY = {Purpose.HISTORY: T0}
HIDE = InteractionKind.HIDE


class Shop:
    """Stores, counting the reads of one buyer."""

    def __init__(self, engine: Engine, keys: KeyFolder) -> None:
        self.events = PostgresEvents(engine, keys)
        self.buyers = PostgresBuyers(engine, keys)
        self.reads = 0
        read = self.events.of_buyer

        def counting(buyer: BuyerId, limit: int) -> list[Interaction]:
            self.reads += 1
            return read(buyer, limit)

        self.events.of_buyer = counting  # type: ignore[method-assign]

    def follower(self, **options: object) -> EventFollower:
        return EventFollower(events=self.events, buyers=self.buyers, **options)  # type: ignore[arg-type]

    def record(self, *some: Interaction) -> None:
        self.events.record(some, at=T0)


@pytest.fixture
def shop(database_engine: Engine, tmp_path: Path) -> Shop:
    return Shop(database_engine, KeyFolder(tmp_path / "keys"))


def ids(about: About | None) -> list[str]:
    assert about is not None
    return [one.id for one in about.recent]


def test_a_buyer_is_read_once_and_followed(shop: Shop) -> None:
    shop.buyers.put(Buyer(ANN, consents=HISTORY), at=T0)
    shop.record(event("a"), event("h", kind=HIDE, listing=ListingId("l9"), at=hours(-1)))
    follower = shop.follower()
    assert ids(follower.about(ANN)) == ["a", "h"]
    shop.record(event("c", at=hours(2)), event("b", at=hours(1)), event("other", BEN))
    assert ids(follower.about(ANN)) == ["a", "h"]
    follower.refresh()
    assert ids(follower.about(ANN)) == ["c", "b", "a", "h"]
    shop.record(event("h2", kind=HIDE, listing=ListingId("l8"), at=hours(-9)))
    follower.refresh()
    about = follower.about(ANN)
    assert about is not None
    assert about.hidden == {"l8", "l9"}
    assert about.buyer == shop.buyers.get(ANN)
    assert shop.reads == 1


def test_who_is_unknown_is_noticed_once_known(shop: Shop) -> None:
    follower = shop.follower()
    assert follower.about(ANN) is None
    follower.refresh()
    shop.record(event("h", kind=HIDE))
    about = follower.about(ANN)
    assert about is not None
    assert about.hidden == {"l1"}


def test_processes_agree(shop: Shop) -> None:
    shop.buyers.put(Buyer(ANN, consents=HISTORY), at=T0)
    followers = [shop.follower(), shop.follower()]
    for follower in followers:
        follower.about(ANN)
        follower.refresh()
    shop.record(event("a"), event("h", kind=HIDE, listing=ListingId("l9")))
    for follower in followers:
        follower.refresh()
    first, second = (follower.about(ANN) for follower in followers)
    assert first == second
    assert first is not None
    assert first.hidden == {"l9"}


def test_without_agreement_only_what_is_hidden_is_known(shop: Shop) -> None:
    shop.buyers.put(Buyer(ANN, consents={Purpose.DEMOGRAPHICS: T0}), at=T0)
    shop.record(event("a"))
    follower = shop.follower()
    assert ids(follower.about(ANN)) == []
    shop.record(event("b"), event("h", kind=HIDE))
    follower.refresh()
    about = follower.about(ANN)
    assert ids(about) == []
    assert about is not None
    assert about.hidden == {"l1"}


def test_taking_back_an_agreement_forgets_and_giving_it_again_starts_anew(shop: Shop) -> None:
    agreeing = Buyer(ANN, consents=HISTORY)
    shop.buyers.put(agreeing, at=T0)
    shop.record(event("a"), event("h", kind=HIDE))
    follower = shop.follower()
    assert ids(follower.about(ANN)) == ["a", "h"]
    shop.buyers.put(replace(agreeing, consents={}), at=T0)
    follower.refresh()
    about = follower.about(ANN)
    assert about == About(Buyer(ANN), frozenset({ListingId("l1")}))
    shop.buyers.put(replace(agreeing, attributes={"age": "25-34"}), at=T0)
    shop.record(event("b"))
    follower.refresh()
    assert ids(follower.about(ANN)) == ["b"]
    assert shop.reads == 1


def test_an_agreement_that_was_given_anew_meanwhile_starts_anew(shop: Shop) -> None:
    shop.buyers.put(Buyer(ANN, consents=HISTORY), at=T0)
    shop.record(event("a"))
    follower = shop.follower()
    assert ids(follower.about(ANN)) == ["a"]
    shop.buyers.put(Buyer(ANN), at=T0)
    shop.buyers.put(Buyer(ANN, consents={Purpose.HISTORY: hours(1)}), at=T0)
    shop.record(event("b"))
    follower.refresh()
    assert ids(follower.about(ANN)) == ["b"]


def test_who_is_erased_is_forgotten(shop: Shop) -> None:
    for buyer in (ANN, BEN):
        shop.buyers.put(Buyer(buyer, consents=HISTORY), at=T0)
        shop.record(event(f"e {buyer}", buyer))
    follower = shop.follower()
    assert ids(follower.about(ANN)) == ["e ann"]
    assert ids(follower.about(BEN)) == ["e ben"]
    follower.refresh()
    shop.buyers.erase(ANN)
    follower.refresh()
    assert ANN not in follower._states
    assert follower.about(ANN) is None
    assert ids(follower.about(BEN)) == ["e ben"]


def test_what_a_reader_already_has_is_not_taken_back_by_older_news(shop: Shop) -> None:
    """A buyer who is read between two changes must not become what the first one made them."""
    follower = shop.follower()
    follower.refresh()
    shop.buyers.put(Buyer(ANN, {"age": "25-34"}), at=T0)
    old = shop.buyers.changes
    shop.buyers.put(Buyer(ANN, {"age": "35-44"}), at=T0)
    follower.about(ANN)
    (change,) = old(follower._buyers_seq, 9)
    follower._change(replace(change, seq=change.seq - 1, buyer=Buyer(ANN, {"age": "25-34"})))  # type: ignore[arg-type]
    about = follower.about(ANN)
    assert about is not None
    assert about.buyer.attributes == {"age": "35-44"}


def test_what_this_process_has_hidden_is_gone_before_the_next_poll(shop: Shop) -> None:
    shop.buyers.put(Buyer(ANN), at=T0)
    follower = shop.follower()
    follower.hide(ANN, ListingId("l1"))  # not held: it is read with it later
    assert follower.about(ANN) == About(Buyer(ANN))
    one = event("1", kind=HIDE)
    shop.record(one)
    follower.hide(ANN, one.listing)
    assert follower.about(ANN) == About(Buyer(ANN), frozenset({one.listing}))
    follower.refresh()
    assert follower.about(ANN) == About(Buyer(ANN), frozenset({one.listing}))


def test_only_so_much_is_held(shop: Shop) -> None:
    for n in range(4):
        shop.buyers.put(Buyer(BuyerId(f"b{n}"), consents=HISTORY), at=T0)
    follower = shop.follower(most=2, recent=3)
    for n in range(4):
        follower.about(BuyerId(f"b{n}"))
    assert list(follower._states) == ["b2", "b3"]
    assert set(follower._ids.values()) == {"b2", "b3"}
    follower.refresh()
    shop.record(*(event(f"e{n}", BuyerId("b3"), at=hours(n)) for n in range(5)))
    follower.refresh()
    assert ids(follower.about(BuyerId("b3"))) == ["e4", "e3", "e2"]


def test_listeners_hear_everything_once(shop: Shop) -> None:
    shop.record(event("old", at=hours(-100)))
    shop.record(event("a"), event("b", BEN))
    shop.events.record([event("c")], at=T0, anonymous={EventId("c")})
    heard: list[str] = []

    def listen(interactions: Sequence[Interaction], counted: Sequence[Counted]) -> None:
        heard.extend([*(one.id for one in interactions), *(f"{one.day}" for one in counted)])

    follower = shop.follower(since=T0.date(), listeners=[listen])
    follower.refresh()
    assert heard == ["a", "b", "2026-03-14"]
    follower.refresh()
    shop.record(event("d"))
    follower.refresh()
    assert heard == ["a", "b", "2026-03-14", "d"]
    later = shop.follower(listeners=[listen])
    later.refresh()
    assert len(heard) == 4


def test_more_than_a_batch_is_heard(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketrank.feedback.follow_events._BATCH", 3)
    heard: list[str] = []
    follower = shop.follower(
        since=T0.date() - timedelta(days=1),
        listeners=[lambda some, counted: heard.extend(one.id for one in some)],
    )
    shop.record(*(event(f"e{n}") for n in range(10)))
    follower.refresh()
    assert heard == [f"e{n}" for n in range(10)]
