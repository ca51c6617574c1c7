import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.asking import ParseKind
from marketrank.errors import BadInput
from marketrank.retrieval.query import (
    parse_category,
    parse_distance_km,
    parse_kinds,
    parse_price_range,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10..50", (1000, 5000)),
        ("10-50", (1000, 5000)),
        ("10..", (1000, None)),
        ("..50", (None, 5000)),
        ("£1,250.50..", (125050, None)),
        ("0..0", (0, 0)),
        (" 5 .. 6 ", (500, 600)),
    ],
)
def test_prices(text: str, expected: tuple[int | None, int | None]) -> None:
    assert parse_price_range(text) == expected


@pytest.mark.parametrize("text", ["", "..", "cheap", "50..10", "10", "-5..3"])
def test_what_is_no_price_is_named_with_its_remedy(text: str) -> None:
    with pytest.raises(BadInput, match=r"\.\."):
        parse_price_range(text)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_prices_survive_their_own_notation(one: int, other: int) -> None:
    low, high = sorted((one, other))
    text = f"{low // 100}.{low % 100:02d}..{high // 100}.{high % 100:02d}"
    assert parse_price_range(text) == (low, high)


@pytest.mark.parametrize(
    ("text", "km"), [("15km", 15.0), ("1mi", 1.609344), ("1 mile", 1.609344), ("10", 16.09344)]
)
def test_distances(text: str, km: float) -> None:
    assert parse_distance_km(text) == pytest.approx(km)


@pytest.mark.parametrize("text", ["", "far", "0mi", "-3km", "3 leagues"])
def test_what_is_no_distance_is_named(text: str) -> None:
    with pytest.raises(BadInput, match="20mi"):
        parse_distance_km(text)


def test_a_label_may_hold_a_slash() -> None:
    assert parse_category("Stereos & Audio / Ham/Amateur Radios") == (
        "Stereos & Audio",
        "Ham/Amateur Radios",
    )
    assert parse_category("") == ()


def test_kinds() -> None:
    assert parse_kinds("price, near,price,") == (ParseKind.PRICE, ParseKind.NEAR)
    assert parse_kinds("") == ()
    with pytest.raises(BadInput, match=r"ignore=colour.*condition"):
        parse_kinds("price,colour")
