"""The state of the search page and the links that change it."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.api.page_query import (
    PageQuery,
    Spelling,
    chips,
    crumbs,
    distance_label,
    orders,
    paging,
    parse_chips,
    price_bands,
    price_label,
    read_page_query,
    spelling,
)
from marketrank.asking import Correction, FacetValue, Parse, ParseKind

FULL = PageQuery(
    q="oak table",
    category="Home & Garden / Tables",
    price_from="10",
    price_to="50",
    near="Bristol",
    within="5mi",
    sort="distance",
    offset="24",
)
_TEXT = st.text(max_size=12).map(str.strip)
_STATES = st.builds(PageQuery, **dict.fromkeys(PageQuery.__slots__, _TEXT))


@given(_STATES)
def test_a_state_survives_its_address(state: PageQuery) -> None:
    try:
        state.encoded().encode()
    except UnicodeEncodeError:  # half a surrogate pair cannot stand in an address
        return
    assert read_page_query(parse_qsl(urlsplit(state.href()).query)) == state
    # A button of a photo search replaces whatever else its form holds.
    assert read_page_query([("q", "other"), ("go", state.encoded())]) == state


def test_unknown_fields_are_left_alone() -> None:
    assert read_page_query([("utm_source", "x"), ("photo", "a.jpg"), ("q", " oak ")]) == PageQuery(
        q="oak"
    )


def test_a_price_range_is_its_two_ends() -> None:
    assert read_page_query([("price", "10..50")]) == PageQuery(price_from="10", price_to="50")
    assert read_page_query([("price", "..50")]) == PageQuery(price_to="50")


def test_search_fields() -> None:
    assert FULL.search_fields() == {
        "q": "oak table",
        "category": "Home & Garden / Tables",
        "price": "10..50",
        "near": "Bristol",
        "within": "5mi",
        "sort": "distance",
        "offset": "24",
        "limit": "24",
    }
    assert PageQuery().search_fields() == {"limit": "24"}


def test_without_a_place_distance_means_nothing() -> None:
    state = PageQuery(within="5mi", sort="distance")
    assert state.search_fields() == {"limit": "24"}


def test_words_about_a_listing_refine_it() -> None:
    fields = PageQuery(like="1001", but="in blue").search_fields()
    assert (fields["like"], fields["q"]) == ("1001", "in blue")
    assert PageQuery(like="1001", but="in blue", q="oak").search_fields()["q"] == "oak"
    assert "q" not in PageQuery(but="in blue").search_fields()
    assert "but" not in fields


def test_words_end_more_like_this() -> None:
    assert "like" in PageQuery(like="1001").search_fields()
    assert "like" not in PageQuery(like="1001", q="oak").search_fields()


def test_a_change_goes_back_to_the_first_page() -> None:
    assert FULL.changed(sort="price").offset == ""
    assert FULL.changed(offset="48").offset == "48"
    assert FULL.offset == "24"


def test_chips_name_the_filters_and_drop_one_each() -> None:
    found = list(chips(FULL, "£"))
    assert [chip.label for chip in found] == ["Tables", "£10 to £50", "within 5 miles of Bristol"]
    category, price, place = (chip.without for chip in found)
    assert (category.category, category.near) == ("", "Bristol")
    assert (price.price_from, price.price_to, price.category) == ("", "", FULL.category)
    assert (place.near, place.within, place.sort) == ("", "", "")
    assert not list(chips(PageQuery(q="oak", sort="price"), "£"))
    assert next(chips(PageQuery(near="Bath"), "£")).label == "near Bath"


def test_parses_have_a_chip_for_each_kind_and_drop_one_each() -> None:
    parses = [
        Parse(ParseKind.PRICE, "under £50", "..50", "up to £50", True),
        Parse(ParseKind.SIZE, "6ft", "6ft", "6 ft", False),
        Parse(ParseKind.SIZE, "3ft", "3ft", "3 ft", False),
        Parse(ParseKind.CATEGORY, "desk", "Home / Desks", "Desks", False),
    ]
    state = PageQuery(q="6ft by 3ft desk under £50", ignore="near", offset="24")
    found = list(parse_chips(state, parses))
    assert [chip.label for chip in found] == ["up to £50", "6 ft, 3 ft", "in Desks"]
    assert [chip.without.ignore for chip in found] == ["near,price", "near,size", "near,category"]
    assert {chip.without.offset for chip in found} == {""}
    assert {chip.without.q for chip in found} == {state.q}
    assert PageQuery(q="desk", ignore="price").search_fields()["ignore"] == "price"


def test_what_was_taken_back_counts_for_the_same_words_only() -> None:
    form = [("q", "desk under £50"), ("ignore", "price")]
    assert read_page_query(form).ignore == "price"
    assert read_page_query([*form, ("ignored_in", "desk under £50")]).ignore == "price"
    assert read_page_query([*form, ("ignored_in", "lamp under £50")]).ignore == ""


@pytest.mark.parametrize(
    ("typed", "original", "text", "meant"),
    [
        ("oak tabel", "oak tabel", "oak table", "oak table"),
        ("oak tabel under £50", "oak tabel", "oak table", "oak table under £50"),
        ("oak under £50 tabel", "oak tabel", "oak table", "oak under £50 table"),
        ("under £50:  oak  tabel!", "oak tabel!", "oak table!", "under £50:  oak  table!"),
        ("tabels tabel near Bath", "tabels tabel", "tabels table", "tabels table near Bath"),
        ("i pad under £50", "i pad", "ipad", "ipad under £50"),
        ("dinig tabel, in Bath", "dinig tabel", "dining table", "dining table, in Bath"),
        ("bed under £50 side", "bed side", "bedside", "bedside"),
    ],
)
def test_a_correction_keeps_what_was_read_out_of_the_words(
    typed: str, original: str, text: str, meant: str
) -> None:
    offered = spelling(PageQuery(q=typed, sort="price"), Correction(original, text))
    assert offered == Spelling(meant, typed, True, PageQuery(q=meant, sort="price"))
    certain = spelling(PageQuery(q=typed), Correction(original, text, certain=True))
    assert certain == Spelling(meant, typed, False, PageQuery(q=typed, as_typed=typed))
    assert certain.other.search_fields()["spell"] == "off"


def test_words_about_a_listing_are_corrected_about_that_listing() -> None:
    state = PageQuery(like="1001", but="in blu velvt")
    offered = spelling(state, Correction("in blu velvt", "in blue velvet"))
    assert offered is not None and offered.other == PageQuery(like="1001", but="in blue velvet")
    certain = spelling(state, Correction("in blu velvt", "in blue velvet", certain=True))
    assert certain is not None
    fields = certain.other.search_fields()
    assert (fields["spell"], fields["q"], fields["like"]) == ("off", "in blu velvt", "1001")
    assert spelling(state, None) is None


@pytest.mark.parametrize(
    ("low", "high", "label"),
    [
        ("", "10", "up to £10"),
        ("0", "10", "up to £10"),
        ("0", "0", "free"),
        ("10", "", "from £10"),
        ("0", "", "from £0"),
        ("£10", "£50", "£10 to £50"),
    ],
)
def test_price_label(low: str, high: str, label: str) -> None:
    assert price_label(low, high, "£") == label


def test_price_bands_come_cheapest_first() -> None:
    values = ("50..", "10..50", "0..10", "0..0")
    bands = price_bands(FULL, [FacetValue(value, "?", 3) for value in values], "£")
    assert [band.label for band in bands] == ["free", "up to £10", "£10 to £50", "from £50"]
    assert (bands[3].query.price_from, bands[3].query.price_to) == ("50", "")
    assert bands[3].query.offset == ""


@pytest.mark.parametrize(
    ("within", "label"), [("5mi", "5 miles"), ("1mi", "1 mile"), ("10km", "10 km")]
)
def test_distance_label(within: str, label: str) -> None:
    assert distance_label(within) == label


def test_crumbs_go_level_by_level() -> None:
    found = crumbs(PageQuery(category="A / Ham/Amateur Radios / C"))
    assert [crumb.label for crumb in found] == ["A", "Ham/Amateur Radios", "C"]
    assert [crumb.query.category for crumb in found] == [
        "A",
        "A / Ham/Amateur Radios",
        "A / Ham/Amateur Radios / C",
    ]


def test_orders() -> None:
    assert list(orders(PageQuery(), ranked=False)) == ["", "newest", "price", "-price"]
    assert orders(PageQuery(), ranked=False)[""] == "New and popular"
    own = orders(PageQuery(), ranked=False, own=True)
    assert (own[""], own["newest"]) == ("For you", "Newest")
    ranked = orders(PageQuery(near="Bath"), ranked=True)
    assert list(ranked) == ["", "newest", "price", "-price", "distance"]
    assert ranked[""] == "Best match"


def test_paging() -> None:
    first = paging(PageQuery(q="oak"), 0, 50)
    assert (first.number, first.count, first.previous) == (1, 3, None)
    assert first.next == PageQuery(q="oak", offset="24")
    second = paging(PageQuery(q="oak", offset="24"), 24, 50)
    assert second.previous == PageQuery(q="oak")
    last = paging(PageQuery(q="oak", offset="48"), 48, 50)
    assert (last.number, last.next) == (3, None)
    assert paging(PageQuery(), 0, 0).count == 1
    assert paging(PageQuery(), 0, 24).next is None
