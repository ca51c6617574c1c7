"""What people read."""

from datetime import UTC, datetime, timedelta

import pytest

from marketrank.api import wording
from marketrank.types import Flag, Listing, ListingId, ListingKey, Money, Seq, Signal, Stored

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=-5), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=13), "1 week ago"),
        (timedelta(days=29), "4 weeks ago"),
        (timedelta(days=61), "2 months ago"),
        (timedelta(days=800), "2 years ago"),
    ],
)
def test_age(ago: timedelta, words: str) -> None:
    assert wording.age(NOW - ago, NOW) == words


@pytest.mark.parametrize(
    ("km", "country", "words"),
    [
        (0.0, "GB", "less than 1 mile away"),
        (1.6, "GB", "1 mile away"),
        (32.2, "GB", "20 miles away"),
        (5.4, "FR", "5 km away"),
        (0.3, "FR", "less than 1 km away"),
        (1609.344, "US", "1,000 miles away"),
    ],
)
def test_distance(km: float, country: str, words: str) -> None:
    assert wording.distance(km, country) == words


def test_price() -> None:
    assert wording.price(None) == "No price"
    assert wording.price(Money(0, "GBP")) == "Free"
    assert wording.price(Money(123450, "GBP")) == "£1,234.50"


@pytest.mark.parametrize(("currency", "symbol"), [("GBP", "£"), ("EUR", "€"), ("SEK", "SEK")])
def test_currency_symbol(currency: str, symbol: str) -> None:
    assert wording.currency_symbol(currency) == symbol


def test_every_flag_and_signal_has_words() -> None:
    listing = Listing(ListingId("1"), "Oak table", flags=tuple(Flag))
    stored = Stored(listing, ListingKey(0), Seq(1), True, NOW, tuple(Signal))
    notes = wording.notes(stored)
    assert len(set(notes)) == len(Flag) + len(Signal)
    assert not any("_" in note for note in notes)
