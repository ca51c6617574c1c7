"""Listings written one by one have the findings that a look at all would give them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from marketrank.pipelines.comparing import Comparer, compare
from marketrank.pipelines.progress import silent
from marketrank.storage.postgres import PostgresListings
from marketrank.types import (
    BlobKey,
    ImageId,
    Listing,
    ListingId,
    Money,
    Photo,
    Place,
    SellerId,
    Signal,
)

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
TITLES = (
    "Solid oak dining table with six chairs",
    "Solid oak dining table with six chairs, bargain",
    "solid OAK dining table – with six chairs",
    "Oak table",
    "Oak table 2",
    "Стол из дуба, круглый",
    "стол из дуба, круглый",
    "★★★",
    "Bed",
)
WORDS = (
    *("heavy", "solid", "clean", "used", "small", "bright"),
    *("old", "boxed", "spare", "fair", "round", "square"),
)
HASHES = (0x5A5A5A5A5A5A5A5A, 0x5A5A5A5A5A5A5A5B, 0x5A5A5A5A5A5AA55A, 0x0F0F33CC55AA9966, 3)


@pytest.fixture
def store(database_engine: Engine) -> PostgresListings:
    return PostgresListings(database_engine)


def photo(rng: random.Random, id: str, position: int) -> Photo:
    picture = rng.randrange(len(HASHES))
    source = f"{rng.randrange(8):064x}" if picture % 2 else f"{hash((id, position)) % 2**60:064x}"
    return Photo(
        ImageId(f"{id}-{position}"),
        position,
        BlobKey(f"{picture + 100 * rng.randrange(2):064x}"),
        source,
        640,
        480,
        HASHES[picture] - (1 << 64 if HASHES[picture] >> 63 else 0),
    )


def listing(rng: random.Random, id: str) -> Listing:
    body = " ".join(rng.sample(WORDS, 3)) if rng.random() < 0.3 else " ".join(WORDS)
    return Listing(
        ListingId(id),
        rng.choice(TITLES),
        f"{body}{' [tel]' if rng.random() < 0.1 else ''}",
        category=("Home", "Tables"),
        price=Money(rng.choice((1, 100, 9_000, 12_000, 15_000, 900_000_000)), "GBP"),
        place=Place(rng.choice(("Bath", "Leeds"))),
        seller=SellerId(rng.choice("ab")) if rng.random() < 0.5 else None,
        created_at=AT - timedelta(hours=rng.randrange(100)),
        photos=tuple(photo(rng, id, n) for n in range(rng.randrange(3))),
    )


def state(store: PostgresListings) -> tuple[Any, Any]:
    held = {one.listing.id: one.findings for one in store.with_findings()}
    links = sorted(store.duplicates(), key=lambda one: (one.listing, one.of, one.kind))
    return held, links


def stock(rng: random.Random) -> list[Listing]:
    """Enough others that prices have a middle, whatever is written."""
    return [
        Listing(
            ListingId(f"s{n}"),
            f"Thing number {n}",
            category=("Home", "Tables"),
            price=Money(rng.randrange(8_000, 16_000), "GBP"),
            created_at=AT,
        )
        for n in range(60)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_written_one_by_one_as_all_at_once(store: PostgresListings, seed: int) -> None:
    rng = random.Random(seed)
    store.apply(stock(rng), at=AT)
    compare(store, estimator=None, progress=silent)
    comparer = Comparer(store, estimator=lambda: None, scales_seconds=0)
    kinds: set[str] = set()
    for step in range(40):
        ids = [f"w{rng.randrange(25)}" for _ in range(rng.choice((1, 1, 3)))]
        if rng.random() < 0.25:
            store.end([ListingId(id) for id in ids], at=AT)
        else:
            store.apply([listing(rng, id) for id in dict.fromkeys(ids)], at=AT)
        comparer.compare([ListingId(id) for id in dict.fromkeys(ids)], AT)
        if step % 10 == 9:
            found = _but_prices(state(store))
            compare(store, estimator=None, progress=silent)
            assert found == _but_prices(state(store))
            kinds |= {one.kind for one in found[1]}
    assert kinds >= {"exact_text", "exact_photo", "near_photo"}


def test_a_title_with_a_few_more_words_is_found(store: PostgresListings) -> None:
    body = " ".join(f"{word} {n}" for n, word in enumerate(WORDS * 2))
    titles = {
        "a": "Solid oak dining table, six chairs, good as new, from Bath",
        "b": "SOLID OAK dining table – six chairs good as new from",
        "c": "Solid oak dining table, six chairs, good as new, from Bath, a bargain",
        "d": "Solid oak dining table, four chairs, good as new, from Bath",
        "e": "Стол из дуба, круглый ★",
        "f": "☆ Стол из дуба круглый",
    }
    comparer = Comparer(store, estimator=lambda: None)
    for number, (id, title) in enumerate(titles.items()):
        at = AT + timedelta(minutes=number)
        store.apply([Listing(ListingId(id), title, body, created_at=at)], at=at)
        comparer.compare([ListingId(id)], at)
    links = {(one.listing, one.of, one.kind) for one in store.duplicates()}
    assert links == {("b", "a", "near_text"), ("c", "a", "near_text"), ("f", "e", "exact_text")}
    compare(store, estimator=None, progress=silent)
    assert {(one.listing, one.of, one.kind) for one in store.duplicates()} == links


def _but_prices(found: tuple[Any, Any]) -> tuple[Any, Any]:
    """Findings but for prices: those of others move with every price that is written."""
    prices = (Signal.PRICE_LOW, Signal.PRICE_OUTLIER)
    held = {id: [one for one in all if one.signal not in prices] for id, all in found[0].items()}
    return {id: all for id, all in held.items() if all}, found[1]


def test_a_price_is_compared_with_all(store: PostgresListings) -> None:
    rng = random.Random(1)
    store.apply(stock(rng), at=AT)
    comparer = Comparer(store, estimator=lambda: None)
    odd = Listing(
        ListingId("odd"), "Oak table", category=("Home", "Tables"), price=Money(100, "GBP")
    )
    store.apply([odd], at=AT)
    comparer.compare([odd.id], AT)
    found = state(store)
    assert [one.signal for one in found[0][odd.id]] == [Signal.PRICE_LOW, Signal.PRICE_OUTLIER]
    compare(store, estimator=None, progress=silent)
    assert state(store) == found
    store.apply([replace(odd, price=Money(11_000, "GBP"))], at=AT)
    comparer.compare([odd.id], AT)
    assert state(store)[0] == {}


def test_an_estimate_is_asked_for_where_a_price_is_low(store: PostgresListings) -> None:
    class Estimator:
        def __init__(self) -> None:
            self.asked: list[str] = []

        def estimates(self, listings: Sequence[Listing]) -> dict[ListingId, Money]:
            self.asked += [one.id for one in listings]
            return {one.id: Money(90_000, "GBP") for one in listings}

    store.apply(stock(random.Random(1)), at=AT)
    made = Estimator()
    comparer = Comparer(store, estimator=lambda: made)
    for id, minor in (("usual", 12_000), ("low", 1_500)):
        one = Listing(
            ListingId(id), "Oak table", category=("Home", "Tables"), price=Money(minor, "GBP")
        )
        store.apply([one], at=AT)
        comparer.compare([one.id], AT)
    assert made.asked == ["low"]
    (finding,) = state(store)[0][ListingId("low")]
    assert "others like it ask about £900" in finding.reason


def test_prices_are_read_again_after_a_while(store: PostgresListings) -> None:
    reads: list[str] = []
    engine = store._engine

    @event.listens_for(engine, "before_cursor_execute")
    def note(_1: Any, _2: Any, statement: str, *_3: Any) -> None:
        reads.extend(["prices"] if "category[1:2]" in statement else [])

    store.apply(stock(random.Random(1)), at=AT)
    comparer = Comparer(store, estimator=lambda: None, scales_seconds=60)
    for seconds in (0, 30, 59, 61):
        comparer.compare([ListingId("s1")], AT + timedelta(seconds=seconds))
    assert len(reads) == 2


def test_only_what_is_alike_is_read(store: PostgresListings) -> None:
    store.apply(stock(random.Random(1)), at=AT)
    looked: list[int] = []
    engine = store._engine

    @event.listens_for(engine, "before_cursor_execute")
    def note(_1: Any, _2: Any, statement: str, parameters: Any, *_3: Any) -> None:
        if "ON key = known_key" in statement:
            looked.append(len(parameters["keys"]))

    store.apply([Listing(ListingId("w"), "Thing number 7")], at=AT)
    Comparer(store, estimator=lambda: None).compare([ListingId("w")], AT)
    assert looked == [1]
    (link,) = store.duplicates()
    assert (link.listing, link.of) == ("w", "s7")


@pytest.fixture(autouse=True)
def _no_listeners(database_engine: Engine) -> Iterator[None]:
    yield
    database_engine.dispose()
