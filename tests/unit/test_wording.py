"""What people read."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.api import wording
from marketrank.people import InteractionKind
from marketrank.types import (
    Finding,
    Flag,
    Listing,
    ListingId,
    ListingKey,
    Money,
    Seq,
    Signal,
    Stored,
)

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


def stored(*signals: Signal) -> Stored:
    listing = Listing(ListingId("1"), "Oak table", flags=tuple(Flag))
    findings = tuple(Finding(signal, f"because of {signal}") for signal in signals)
    return Stored(listing, ListingKey(0), Seq(1), True, NOW, findings)


def test_every_flag_has_words() -> None:
    notes = wording.notes(stored())
    assert len(set(notes)) == len(Flag)
    assert not any("_" in note for note in notes)


def test_nothing_is_said_twice() -> None:
    contact = stored(Signal.CONTACT_IN_TEXT)
    assert len(wording.notes(contact)) == len(Flag) - 1
    assert [one.reason for one in wording.cautions(contact)] == ["because of contact_in_text"]
    both = stored(Signal.PRICE_LOW, Signal.PRICE_OUTLIER)
    assert [one.reason for one in wording.cautions(both)] == ["because of price_low"]
    photo = stored(Signal.DUPLICATE, Signal.PHOTO_REUSED)
    assert [one.reason for one in wording.cautions(photo)] == ["because of photo_reused"]
    assert len(wording.cautions(stored(Signal.PRICE_OUTLIER, Signal.DUPLICATE))) == 2


def test_a_caution_links_to_what_it_compares_with() -> None:
    finding = Finding(Signal.DUPLICATE, "It repeats a b.", (ListingId("a b"),))
    repeat = Stored(stored().listing, ListingKey(0), Seq(1), True, NOW, (finding,))
    assert wording.cautions(repeat) == [wording.Caution("It repeats a b.", ("/listings/a%20b",))]


def test_on_a_feed_what_stands_beside_it_is_said_where_there_is_no_other_reason() -> None:
    assert wording.feed_reasons(("4 miles away", "new today")) == "New today"
    assert wording.feed_reasons(("4 miles away",)) == "4 miles away"
    assert wording.feed_reasons(()) == wording.reasons(("4 miles away",)) == ""


def test_everything_that_is_done_has_a_word() -> None:
    assert set(wording.DONE) == set(InteractionKind)


def test_cut_examples() -> None:
    assert wording.cut("short", 10) == "short"
    assert wording.cut("two\n\nlines", 20) == "two lines"
    assert wording.cut("one two three", 9) == "one two…"
    assert wording.cut("x" * 30, 10) == "x" * 9 + "…"
    assert wording.cut(" " * 50 + "late words", 10) == "late words"
    assert wording.cut("one, two three", 6) == "one…"


@given(st.text(max_size=80), st.integers(2, 40))
def test_cut_never_exceeds_its_length(text: str, longest: int) -> None:
    line = wording.cut(text, longest)
    assert len(line) <= longest
    whole = " ".join(text.split())
    assert line == whole or (line.endswith("…") and whole.startswith(line[:-1]))


@given(st.text(st.sampled_from("ab ,\n"), max_size=60), st.integers(2, 20))
def test_a_cut_text_is_what_the_whole_one_says(text: str, longest: int) -> None:
    line = " ".join(text.split())
    found = wording.cut(text, longest)
    assert len(found) <= longest
    if len(line) <= longest:
        assert found == line
    else:
        head = line[: longest - 1]
        assert found == (head.rpartition(" ")[0] or head).rstrip(" ,;:.-") + "…"
