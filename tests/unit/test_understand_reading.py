"""All parsers together: what filters, what lifts, and the words that are left."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.asking import Filters, Near, ParseKind, Request, Understood
from marketrank.retrieval.understand.brands import Brands
from marketrank.retrieval.understand.reading import Reader, things
from marketrank.types import ListingId, RequestId

ASK = Request(RequestId("r"), datetime(2026, 1, 1, tzinfo=UTC))
TOWNS = {"leeds": Near(53.8, -1.5), "york": Near(53.96, -1.08), "bath": Near(51.38, -2.36)}
READER = Reader("GBP", lambda name: TOWNS.get(name.casefold()), Brands(["New Harbour"]))


def read(text: str, **given: object) -> Understood:
    return READER.read(replace(ASK, text=text, **given))  # type: ignore[arg-type]


def test_everything_at_once() -> None:
    got = read("cheap brand new 6 foot oak table, near Leeds under £50")
    assert got.text == "brand new 6 foot oak table"
    assert [(p.kind, p.value, p.hard) for p in got.parses] == [
        ("price", "cheap", False),
        ("condition", "new", False),
        ("size", "6ft", False),
        ("near", "Leeds", False),
        ("price", "..50", True),
    ]
    assert got.filters == Filters(price_high=5000, near=Near(53.8, -1.5, label="Leeds"))
    assert got.boosts.cheap
    assert got.boosts.near
    assert [kind for kind, _ in got.boosts.words] == ["condition", "size"]
    assert (got.boosts.price_low, got.boosts.price_high) == (None, None)


def test_a_soft_price_lifts_and_does_not_filter() -> None:
    got = read("chair around £40")
    assert (got.text, got.filters) == ("chair", Filters())
    assert (got.boosts.price_low, got.boosts.price_high) == (3000, 5000)


def test_a_radius_filters_and_does_not_lift() -> None:
    got = read("chair within 5 miles of Leeds")
    assert got.filters.near is not None
    assert got.filters.near.within_km == pytest.approx(8.05, abs=0.01)
    assert not got.boosts.near


def test_nothing_is_left_of_a_wish_without_a_thing() -> None:
    assert read("under £50").text == ""
    assert read("free near Leeds").text == ""


def test_a_filter_of_the_request_wins_over_a_parsed_one() -> None:
    given = Filters(price_low=1000, near=Near(51.0, 0.0, 10.0, "Here"))
    got = read("new chair under £50 near Leeds", filters=given)
    assert got.filters == given
    assert got.text == "new chair"
    assert [p.kind for p in got.parses] == ["condition"]
    other = read("chair under £50", filters=Filters(category=("Home",)))
    assert other.filters == Filters(category=("Home",), price_high=5000)


def test_a_place_of_the_request_lifts_where_something_is_looked_for() -> None:
    here = Filters(near=Near(51.0, 0.0))
    assert read("chair", filters=here).boosts.near
    assert read("", filters=here, like=ListingId("x")).boosts.near
    assert read("", filters=here, photo=b"x").boosts.near
    assert not read("", filters=here).boosts.near
    assert not read("chair", filters=Filters(near=Near(51.0, 0.0, 5.0))).boosts.near


@pytest.mark.parametrize(
    ("text", "ignore", "left", "kinds"),
    [
        ("chair under £50 near Leeds", (ParseKind.PRICE,), "chair under £50", ["near"]),
        ("chair under £50 near Leeds", (ParseKind.NEAR,), "chair near Leeds", ["price"]),
        ("cheap new 6ft chair", (ParseKind.SIZE,), "new 6ft chair", ["price", "condition"]),
        ("wanted new chair", (ParseKind.CONDITION,), "wanted new chair", ["wanted"]),
        ("wanted new chair", (ParseKind.WANTED,), "wanted new chair", ["condition"]),
        ("New Harbour chair", (ParseKind.BRAND,), "New Harbour chair", ["condition"]),
        ("chair under £50", (ParseKind.NEAR,), "chair", ["price"]),
    ],
)
def test_what_is_taken_back_is_words_again(
    text: str, ignore: tuple[ParseKind, ...], left: str, kinds: list[str]
) -> None:
    got = read(text, ignore=ignore)
    assert (got.text, [p.kind for p in got.parses]) == (left, kinds)


def test_a_brand_is_not_cut_in_two() -> None:
    assert [p.kind for p in read("New Harbour chair").parses] == ["brand"]
    assert [p.kind for p in Reader("GBP").read(replace(ASK, text="New Harbour chair")).parses] == [
        "condition"
    ]


def test_words_that_come_together_to_a_new_meaning_are_left_alone() -> None:
    text = "under under £50 £50"
    assert read(text).text == text
    assert read(text).parses == ()
    assert read("sofa near Leeds under £20 in York").text == "sofa near Leeds under £20 in York"


def test_a_meaning_given_twice_is_one_parse() -> None:
    [parse] = read("cheap chair, cheapest").parses
    assert parse.words == "cheap cheapest"
    [parse] = read("cheap cheap chair").parses
    assert parse.words == "cheap"
    assert read("cheap cheap chair").text == "chair"


def test_the_thing_itself() -> None:
    got = read("new 6ft chair near Leeds")
    assert things(got.text, got) == "chair"


_VOCABULARY = """
under max below 50 £50 £20-30 10-20 quid free cheap near in around within 5 miles of Leeds York
Bath , new used wanted 6 foot 6ft 32" size 10 for to or and table oak, -- New Harbour £ k pounds
between more than + brand
"""
_PIECES = st.sampled_from(_VOCABULARY.split())
_QUERIES = st.one_of(
    st.text(max_size=60),
    st.lists(_PIECES, max_size=10).map(" ".join),
    st.lists(_PIECES).map("".join),
)


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text))


@given(_QUERIES)
def test_any_text_is_read_and_no_word_is_invented(text: str) -> None:
    got = read(text)
    assert words(got.text) <= words(text)
    for parse in got.parses:
        assert words(parse.words) <= words(text)
    if not any(parse.hard for parse in got.parses):
        assert (got.filters.price_low, got.filters.price_high) == (None, None)


@given(_QUERIES)
def test_reading_what_is_left_changes_nothing(text: str) -> None:
    left = read(text).text
    assert read(left).text == left


@given(_QUERIES)
def test_taking_everything_back_gives_the_text_back(text: str) -> None:
    got = read(text, ignore=tuple(ParseKind))
    assert got == Understood(text=text)


@given(_QUERIES, st.sampled_from(list(ParseKind)))
def test_a_kind_that_is_taken_back_is_not_parsed(text: str, kind: ParseKind) -> None:
    assert kind not in {parse.kind for parse in read(text, ignore=(kind,)).parses}
