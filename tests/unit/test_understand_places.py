"""Places in words, over a small gazetteer. All queries are made up."""

import pytest

from marketrank.asking import Near
from marketrank.retrieval.understand.places import find_places

TOWNS = {
    "leeds": (53.8, -1.5),
    "york": (53.96, -1.08),
    "bath": (51.38, -2.36),
    "box": (51.42, -2.25),
    "sale": (53.42, -2.32),
    "sheffield": (53.38, -1.47),
    "milton": (51.6, -1.3),
    "milton keynes": (52.04, -0.76),
    "newport": (51.58, -3.0),
    "newport, shropshire": (52.77, -2.38),
    "bs1": (51.45, -2.6),
}


def locate(name: str) -> Near | None:
    """As lenient as a real one: "Leeds park" is Leeds."""
    key = name.casefold().removesuffix(" park").removesuffix(" centre")
    return Near(*TOWNS[key], label=name) if key in TOWNS else None


def parsed(text: str) -> list[tuple[str, str, str, bool]]:
    return [
        (f.parse.words, f.parse.value, f.parse.within, f.parse.hard)
        for f in find_places(text, locate)
    ]


@pytest.mark.parametrize(
    ("text", "words", "value"),
    [
        ("sofa near Leeds", "near Leeds", "Leeds"),
        ("sofa in leeds", "in leeds", "leeds"),
        ("sofa around Leeds!", "around Leeds", "Leeds"),
        ("near leeds sofa", "near leeds", "leeds"),
        ("near milton keynes desk", "near milton keynes", "milton keynes"),
        ("near milton desk", "near milton", "milton"),
        ("desk close to York", "close to York", "York"),
        ("desk nr. York", "nr. York", "York"),
        ("near leeds park bench", "near leeds", "leeds"),
        ("bench near leeds park", "near leeds park", "leeds park"),
        ("beds in Newport, Shropshire", "in Newport, Shropshire", "Newport, Shropshire"),
        ("beds near Newport, new", "near Newport", "Newport"),
        ("desk in BS1", "in BS1", "BS1"),
        ("tin near box", "near box", "box"),
        ("bike in Bath", "in Bath", "Bath"),
    ],
)
def test_a_place_without_a_radius_lifts(text: str, words: str, value: str) -> None:
    assert parsed(text) == [(words, value, "", False)]


@pytest.mark.parametrize(
    ("text", "words", "within", "km"),
    [
        ("table within 5 miles of Leeds", "within 5 miles of Leeds", "5mi", 8.05),
        ("within 10km of leeds table", "within 10km of leeds", "10km", 10.0),
        ("table less than a mile from Leeds", "less than a mile from Leeds", "1mi", 1.61),
        ("10 mile radius of leeds", "10 mile radius of leeds", "10mi", 16.09),
        ("table 2.5 miles from Leeds", "2.5 miles from Leeds", "2.5mi", 4.02),
    ],
)
def test_a_radius_filters(text: str, words: str, within: str, km: float) -> None:
    assert parsed(text) == [(words, words.rsplit(maxsplit=1)[-1], within, True)]
    near = find_places(text, locate)[0].near
    assert near is not None
    assert near.within_km == pytest.approx(km, abs=0.01)


@pytest.mark.parametrize(
    "text",
    [
        "in ear headphones",
        "new in box",
        "lego in box",
        "trainers for sale in sale",
        "toy duck in bath",
        "made in Sheffield",
        "knife made in sheffield",
        "in leeds united scarf",
        "near mint comics",
        "near new sofa",
        "wrap around lights",
        "Leeds",
        "leeds united scarf",
        "sofa near Leeds or near York",
        "within 5 miles",
        "within 0 miles of Leeds",
        "within 5 miles of Xyzzy",
        "20 mile of rope",
        "walk in wardrobe",
        "2 in 1 pram",
        "IN BOX",
        "near",
        "",
    ],
)
def test_what_could_be_something_else_stays_words(text: str) -> None:
    assert parsed(text) == []


def test_a_known_place_twice_is_one_place() -> None:
    assert [f.parse.words for f in find_places("near Leeds sofa near leeds", locate)] == [
        "near Leeds",
        "near leeds",
    ]
