"""Prices in words. All queries are made up."""

import pytest

from marketrank.retrieval.understand.prices import find_prices, price_value


def parsed(text: str, currency: str = "GBP") -> list[tuple[str, str, str, bool, bool]]:
    """Words, value, label, whether it filters, whether its words leave."""
    return [
        (f.parse.words, f.parse.value, f.parse.label, f.parse.hard, f.leaves)
        for f in find_prices(text, currency)
    ]


HARD = [
    ("sofa under £50", "under £50", "..50", "up to £50"),
    ("sofa UNDER £50", "UNDER £50", "..50", "up to £50"),
    ("lamp below 20 quid", "below 20 quid", "..20", "up to £20"),
    ("less than £7.50 mug", "less than £7.50", "..7.50", "up to £7.50"),
    ("desk for under £1,250", "for under £1,250", "..1250", "up to £1,250"),
    ("van up to £5k", "up to £5k", "..5000", "up to £5,000"),
    ("sofa max 30", "max 30", "..30", "up to £30"),
    ("sofa under 50", "under 50", "..50", "up to £50"),
    ("wardrobe £20 or less", "£20 or less", "..20", "up to £20"),
    ("20 quid max wardrobe", "20 quid max", "..20", "up to £20"),
    ("10-20 quid", "10-20 quid", "10..20", "£10 to £20"),
    ("chair £10 to £20", "£10 to £20", "10..20", "£10 to £20"),
    ("chair £10-20", "£10-20", "10..20", "£10 to £20"),
    ("chair £10 – £20", "£10 – £20", "10..20", "£10 to £20"),
    ("between £5 and £10 mug", "between £5 and £10", "5..10", "£5 to £10"),
    ("car £1-2k", "£1-2k", "1000..2000", "£1,000 to £2,000"),
    ("bike over £100", "over £100", "100..", "from £100"),
    ("bike not under £100", "not under £100", "100..", "from £100"),
    ("bike no less than £100", "no less than £100", "100..", "from £100"),
    ("bike not over £100", "not over £100", "..100", "up to £100"),
    ("bike no more than £100", "no more than £100", "..100", "up to £100"),
    ("piano under £100", "under £100", "..100", "up to £100"),
    ("bike £100+", "£100+", "100..", "from £100"),
    ("bike £100 or more", "£100 or more", "100..", "from £100"),
    ("free", "free", "0..0", "free"),
    ("free sofa", "free", "0..0", "free"),
    ("sofa for free", "for free", "0..0", "free"),
    ("bricks free to collector", "free to collector", "0..0", "free"),
]


@pytest.mark.parametrize(("text", "words", "value", "label"), HARD)
def test_an_explicit_price_filters(text: str, words: str, value: str, label: str) -> None:
    assert parsed(text) == [(words, value, label, True, True)]


@pytest.mark.parametrize(
    ("text", "words", "value", "label", "leaves"),
    [
        ("cheap bike", "cheap", "cheap", "cheap", True),
        ("cheapest bike", "cheapest", "cheap", "cheap", True),
        ("around £40 chair", "around £40", "30..50", "around £40", True),
        ("sofa free", "free", "0..0", "free first", False),
    ],
)
def test_a_hint_only_lifts(text: str, words: str, value: str, label: str, leaves: bool) -> None:
    assert parsed(text) == [(words, value, label, False, leaves)]


@pytest.mark.parametrize(
    "text",
    [
        "10-20 litre tank",
        "10-20",
        "under bed storage",
        "under 18 football kit",
        "football boots under 12",
        "kids bike under 10",
        "school shoes under 13",
        "toys under 5s",
        "under 50cm shelf",
        "shelf under 50cm",
        "box under 5kg",
        "air max 90",
        "nike air max 95",
        "trainers max 97",
        "phone 11 pro max 128",
        "mad max 2",
        "max 30 sofa",
        "max",
        "30 max power drill",
        "under",
        "sofa under 5",
        "laptop under 1.5k",
        "dumbbells under 20 pounds",
        "kettlebells 10-20 pounds",
        "£50 gift card",
        "£20 note",
        "between 5 and 10 books",
        "lamps £20 to £10",
        "under £50 or under £60",
        "free range eggs",
        "free standing cooker",
        "free-standing cooker",
        "freestanding cooker",
        "free weights",
        "free 2 play",
        "gluten free cookbook",
        "freezer frost free",
        "phone sim free",
        "hands-free kit",
        "hands free",
        "duty free",
        "cheap trick record",
        "from 1950",
        "over 18",
        "windows 10 to 11 upgrade",
        "model 10 - 20",
        "road atlas 1:50",
        "",
    ],
)
def test_what_could_be_something_else_stays_words(text: str) -> None:
    assert parsed(text) == []


def test_other_currencies() -> None:
    assert parsed("tent under 80 euros", "EUR")[0][2] == "up to €80"
    assert parsed("tent under $80", "USD")[0][2] == "up to $80"
    assert parsed("tent under £80", "EUR") == []
    assert parsed("tent under 80 CHF", "CHF")[0][1] == "..80"


def test_values_are_what_the_parameter_takes() -> None:
    assert price_value(None, 4999) == "..49.99"
    assert price_value(1_000_000_00, None) == "1000000.."
    assert price_value(5, 50) == "0.05..0.50"
