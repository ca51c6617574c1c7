"""Parameters of a search: what is read, what is refused, and that nothing crashes."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.api.parameters import (
    PARAMETERS,
    BadParameter,
    Lookups,
    search_request,
    single,
)
from marketrank.asking import Filters, Near, ParseKind, Request, Sort
from marketrank.types import ListingId, RequestId

AT = datetime(2026, 3, 14, tzinfo=UTC)
BRISTOL = Near(51.4552, -2.5967, None, "Bristol")
LOOKUPS = Lookups(
    locate=lambda name: BRISTOL if name.lower() == "bristol" else None,
    exists=lambda id: id == "1001",
)


def read(photo: bytes | None = None, **fields: str) -> Request:
    return search_request(fields, id=RequestId("r"), at=AT, lookups=LOOKUPS, photo=photo)


def test_nothing_given_is_the_home_feed() -> None:
    assert read() == Request(RequestId("r"), AT)
    assert read(q="  ", category="", price="", near="", sort="", limit="", like="") == read()


def test_everything_given() -> None:
    request = read(
        q=" oak table ",
        category="Home & Garden / Ham/Amateur Radios",
        price="9.99..50",
        near="bristol",
        within="20mi",
        sort="distance",
        offset="48",
        limit="100",
        like="1001",
        ignore="price, near,price",
    )
    near = Near(51.4552, -2.5967, pytest.approx(32.18688), "Bristol")
    filters = Filters(("Home & Garden", "Ham/Amateur Radios"), 999, 5000, near)
    assert request == Request(
        RequestId("r"),
        AT,
        text="oak table",
        like=ListingId("1001"),
        filters=filters,
        sort=Sort.DISTANCE,
        offset=48,
        k=100,
        ignore=(ParseKind.PRICE, ParseKind.NEAR),
    )


def test_a_photo_is_passed_on() -> None:
    assert read(b"jpeg", q="red").photo == b"jpeg"


@pytest.mark.parametrize(
    ("price", "bounds"),
    [
        ("10..50", (1000, 5000)),
        ("10..", (1000, None)),
        ("..50", (None, 5000)),
        ("0..0", (0, 0)),
        ("£1,000..£2,500.5", (100000, 250050)),
    ],
)
def test_prices(price: str, bounds: tuple[int | None, int | None]) -> None:
    filters = read(price=price).filters
    assert (filters.price_low, filters.price_high) == bounds


def test_a_place_without_a_radius_limits_nothing() -> None:
    assert read(near="Bristol").filters.near == BRISTOL


@pytest.mark.parametrize(
    ("fields", "parameter", "hint"),
    [
        ({"q": "x" * 501}, "q", "501 characters"),
        ({"q": "oak\0"}, "q", "NUL"),
        ({"category": "x" * 301}, "category", "301 characters"),
        ({"price": "cheap"}, "price", "10..50"),
        ({"price": "50..10"}, "price", "lower end first"),
        ({"price": ".."}, "price", "10..50"),
        ({"price": "-5..10"}, "price", "10..50"),
        ({"price": "1..100000000000"}, "price", "below"),
        ({"price": "9" * 98 + ".."}, "price", "below"),
        ({"near": "Xyzzy"}, "near", "no such place"),
        ({"within": "20mi"}, "within", "near="),
        ({"near": "Bristol", "within": "far"}, "within", "20mi"),
        ({"near": "Bristol", "within": "0km"}, "within", "15km"),
        ({"near": "Bristol", "within": "99999km"}, "within", "up to"),
        ({"sort": "cheapest"}, "sort", "-price"),
        ({"sort": "distance"}, "sort", "near="),
        ({"offset": "-1"}, "offset", "0 to"),
        ({"offset": "0" * 12 + "9" * 12}, "offset", "0 to"),
        ({"limit": "0"}, "limit", "1 to 100"),
        ({"limit": "101"}, "limit", "1 to 100"),
        ({"limit": "٣"}, "limit", "1 to 100"),
        ({"limit": "2.5"}, "limit", "1 to 100"),
        ({"ignore": "colour"}, "ignore", "condition"),
        ({"like": "nope"}, "like", "no such listing"),
    ],
)
def test_what_is_refused(fields: dict[str, str], parameter: str, hint: str) -> None:
    with pytest.raises(BadParameter) as caught:
        read(**fields)
    assert caught.value.parameter == parameter
    assert hint in caught.value.remedy
    assert str(caught.value).startswith(f"{parameter}=")
    assert len(caught.value.value) <= 101


def test_a_photo_and_a_listing_do_not_mix() -> None:
    with pytest.raises(BadParameter, match="cannot be combined"):
        read(b"jpeg", like="1001")


def test_single_refuses_unknown_and_repeated_names() -> None:
    assert single([("q", "oak"), ("limit", "5")]) == {"q": "oak", "limit": "5"}
    with pytest.raises(BadParameter, match=r"no such parameter.*category"):
        single([("prize", "10..50")])
    with pytest.raises(BadParameter, match="given twice"):
        single([("q", "oak"), ("q", "pine")])
    with pytest.raises(BadParameter, match="known are limit"):
        single([("q", "oak")], known=("limit",))


NAMES = [parameter.name for parameter in PARAMETERS]


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=40)))
def test_any_text_is_read_or_refused(fields: dict[str, str]) -> None:
    try:
        request = read(**fields)
    except BadParameter as error:
        assert error.parameter in fields
    else:
        assert 1 <= request.k <= 100
        assert request.offset >= 0


_ENDS = st.one_of(st.none(), st.integers(0, 10**10))


@given(_ENDS, _ENDS)
def test_prices_survive_writing_and_reading(low: int | None, high: int | None) -> None:
    if low is None and high is None:
        return
    if low is not None and high is not None and low > high:
        low, high = high, low
    text = "..".join("" if end is None else f"{end // 100}.{end % 100:02}" for end in (low, high))
    filters = read(price=text).filters
    assert (filters.price_low, filters.price_high) == (low, high)
