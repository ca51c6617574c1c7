"""Prices read from text, and those that cannot be meant."""

from itertools import count
from math import log
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.listings.prices import (
    compare_prices,
    counted_scales,
    is_joke,
    parse_price,
    price_scales,
)
from marketrank.types import ListingId, Money


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("£9,999.99", 999_999),
        ("£20.00", 2_000),
        ("£0.00", 0),
        ("Free", 0),
        ("free to collector", 0),
        ("20", 2_000),
        ("20.5", 2_050),
        (".50", 50),
        ("19.999", 2_000),
        ("1,234", 123_400),
        ("£1,234,567", 123_456_700),
        ("12,50", 1_250),
        ("1.234,56", 123_456),
        ("£ 50 ono", 5_000),
        ("from £10 each", 1_000),
        ("£1 250", 125_000),
        ("5.-", 500),
    ],
)
def test_prices_in_pounds(text: str, minor: int) -> None:
    assert parse_price(text, "GBP") == Money(minor, "GBP")


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("€1.234", Money(123_400, "EUR")),
        ("1.234,56 €", Money(123_456, "EUR")),
        ("$5", Money(500, "USD")),
        ("GBP 20", Money(2_000, "GBP")),
        ("20 EUR", Money(2_000, "EUR")),
        ("20", Money(2_000, "PLN")),
        ("20 ONO", Money(2_000, "PLN")),
    ],
)
def test_a_named_currency_wins_over_the_setting(text: str, price: Money) -> None:
    assert parse_price(text, "PLN") == price


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "POA",
        "-5",
        "-£5",
        "£-5",
        "£20-£30",
        "2 for £10",
        "1,23,456",
        "9" * 20,
        "12.345,6.7",
    ],
)
def test_what_is_no_price(text: str | None) -> None:
    assert parse_price(text, "GBP") is None


@given(st.integers(0, 10**12))
def test_what_money_shows_is_read_back(minor: int) -> None:
    assert parse_price(str(Money(minor, "GBP")), "GBP") == Money(minor, "GBP")


@given(st.text(max_size=30))
def test_no_text_raises_and_no_price_is_negative(text: str) -> None:
    price = parse_price(text, "GBP")
    assert price is None or price.minor >= 0


def market(
    *groups: tuple[tuple[str, ...], list[int]],
) -> dict[ListingId, tuple[tuple[str, ...], int]]:
    """Listings by category path and prices in pounds."""
    numbers = count()
    return {
        ListingId(f"{path[-1] if path else ''}{next(numbers)}-{pounds}"): (path, pounds * 100)
        for path, prices in groups
        for pounds in prices
    }


CHAIRS = ("Home", "Chairs", "Office chairs")
BOATS = ("Leisure", "Boats")
ORDINARY = [20, 25, 30, 35, 40, 45, 50, 60, 70, 80] * 3


def odd(*groups: tuple[tuple[str, ...], list[int]]) -> list[str]:
    compared = compare_prices(market(*groups))
    return sorted(name.rpartition("-")[2] for name, one in compared.items() if one.odd)


def test_an_impossible_price_is_found_in_its_category() -> None:
    assert odd((CHAIRS, [*ORDINARY, 1_234_567, 90_000]), (BOATS, [p * 1000 for p in ORDINARY])) == [
        "1234567",
        "90000",
    ]


def test_jokes_are_odd_where_like_prices_are_not() -> None:
    dear = [p * 40 for p in ORDINARY]
    assert odd((CHAIRS, [*dear, 12_345, 12_400, 11_111])) == ["11111", "12345"]
    assert odd((BOATS, [p * 1000 for p in ORDINARY] + [12_345, 99_999])) == []


def test_free_is_never_odd_and_does_not_count() -> None:
    assert odd((CHAIRS, [0] * 100 + ORDINARY)) == []


def test_a_small_category_is_judged_by_its_root_and_a_small_root_by_all() -> None:
    assert odd((CHAIRS, ORDINARY), (("Home", "Lamps"), [30, 99_000])) == ["99000"]
    boats = (BOATS, [p * 1000 for p in ORDINARY * 2])
    assert odd((CHAIRS, ORDINARY), (("Home", "Lamps"), [30, 5_000]), boats) == ["5000"]
    assert odd((CHAIRS, ORDINARY), (("Toys",), [30, 99_000])) == ["99000"]
    assert odd((CHAIRS, ORDINARY), ((), [99_000])) == ["99000"]


def test_equal_prices_make_no_other_price_odd() -> None:
    assert odd((CHAIRS, [10] * 30 + [12, 20, 60])) == []


def test_nothing_at_all() -> None:
    assert compare_prices({}) == {}


@pytest.mark.parametrize(
    ("minor", "joke"),
    [
        (1_234_500, True),
        (123_456, True),  # £1,234.56
        (123_456_700, True),
        (11_111_100, True),
        (9_999_900, True),
        (999_900, False),
        (123_400, False),
        (99_900, False),
        (1, True),
        (100, False),
        (1_000_000, False),
    ],
)
def test_patterns_of_jokes(minor: int, joke: bool) -> None:
    assert is_joke(minor) is joke


@given(
    st.lists(
        st.tuples(
            st.sampled_from([("a",), ("a", "b"), ("a", "b", "c"), ("d",)]), st.integers(0, 9)
        ),
        min_size=1,
    )
)
def test_scales_are_those_of_all_prices_one_by_one(
    prices: list[tuple[tuple[str, ...], int]],
) -> None:
    scales = price_scales(prices)
    counted = [(*one, prices.count(one)) for one in sorted(set(prices))]
    assert counted_scales(counted).groups == scales.groups
    assert bool(scales.groups) == any(minor for _, minor in prices)
    for group, (n, centre, spread, high) in scales.groups.items():
        logs = sorted(log(minor) for path, minor in prices if minor and path[: len(group)] == group)
        middle = median(logs)
        assert (n, centre, high) == (len(logs), middle, logs[min(int(0.9 * n), n - 1)])
        assert spread == max(1.4826 * median(abs(one - middle) for one in logs), 0.7)
