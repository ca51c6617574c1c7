"""Sizes and units. All texts are made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.retrieval.understand.sizes import find_sizes, sized, with_sizes


@pytest.mark.parametrize(
    ("texts", "word", "label"),
    [
        (["6ft", "6 ft", "6 foot", "6 feet", "6-foot", "6'", "6.0 Foot"], "6ft", "6 ft"),
        (["32inch", "32 inch", "32 inches", '32"', "32”", "32in", "32-inch"], "32inch", "32 inch"),
        (["5kg", "5 kg", "5 kilos", "5 KILO"], "5kg", "5 kg"),
        (["1.5m", "1.5 metres", "1.50 meter"], "1point5m", "1.5 m"),
        (["20l", "20 litre", "20 ltr"], "20l", "20 litre"),
        (["128gb", "128 GB"], "128gb", "128 GB"),
        (["3 seater", "3-seater", "3seater"], "3seater", "3 seater"),
        (["size 10", "Size: 10", "sz 10", "uk size 10"], "size10", "size 10"),
        (["size M", "size medium"], "sizem", "size M"),
        (["size 6.5"], "size6point5", "size 6.5"),
    ],
)
def test_all_ways_to_write_a_size_are_one_word(texts: list[str], word: str, label: str) -> None:
    for text in texts:
        [found] = find_sizes(f"oak {text} thing")
        assert (found.parse.words, found.parse.value) == (text, word), text
        assert (found.parse.label, found.parse.hard, found.leaves) == (label, False, False)
        assert sized(f"oak {text} thing") == f"oak {word} thing"
        assert word in with_sizes(f"oak {text} thing").split()


@pytest.mark.parametrize(
    "text",
    [
        "10-20 litre tank",
        "80's records",
        "phone 6",
        "phone 6 in black",
        "2 in 1",
        "4 m people album",
        "£5kg",
        "1/2 inch",
        "x20lb",
        "size matters",
        "size 10.55",
        "6footer",
        "12345ft",
        "3,5kg",
        "",
    ],
)
def test_what_could_be_something_else_is_no_size(text: str) -> None:
    assert find_sizes(text) == []
    assert sized(text) == with_sizes(text) == text


def test_a_thing_has_several_sizes() -> None:
    assert [f.parse.value for f in find_sizes("6ft by 3 foot table, 30kg")] == [
        "6ft",
        "3ft",
        "30kg",
    ]
    assert with_sizes("6 foot or 6ft") == "6 foot or 6ft 6ft"
    assert with_sizes("6ft") == "6ft"


@given(st.text(max_size=60))
def test_any_text_keeps_its_words_where_it_is_indexed(text: str) -> None:
    assert with_sizes(text).startswith(text)
    assert sized(sized(text)) == sized(text)
