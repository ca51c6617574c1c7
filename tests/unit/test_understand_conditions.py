"""Conditions and adverts by people who search. All queries are made up."""

import pytest

from marketrank.retrieval.understand.conditions import find_conditions, find_wanted


@pytest.mark.parametrize(
    ("text", "words", "value"),
    [
        ("brand new kettle", "brand new", "new"),
        ("Kettle BNIB", "BNIB", "new"),
        ("new kettle", "new", "new"),
        ("lego new in box", "new", "new"),
        ("unused tent", "unused", "new"),
        ("used tent", "used", "used"),
        ("second hand tent", "second hand", "used"),
        ("pre-loved coat", "pre-loved", "used"),
        ("refurbished laptop", "refurbished", "refurbished"),
        ("laptop spares or repair", "spares or repair", "spares"),
        ("laptop for spares / repairs", "for spares / repairs", "spares"),
        ("washer not working", "not working", "spares"),
        ("faulty washer", "faulty", "spares"),
    ],
)
def test_conditions(text: str, words: str, value: str) -> None:
    [found] = find_conditions(text)
    assert (found.parse.words, found.parse.value) == (words, value)
    assert not found.parse.hard
    assert not found.leaves
    assert value in found.alternatives.split()


@pytest.mark.parametrize(
    "text",
    [
        "new balance trainers",
        "New York poster",
        "new look dress",
        "new zealand stamps",
        "newspaper rack",
        "a-new hope",
        "new-born doll",
        "new or used bike",
        "get used to it",
        "spare wheel",
        "parts washer",
        "refurbishment book",
        "",
    ],
)
def test_names_are_no_conditions(text: str) -> None:
    assert find_conditions(text) == []


@pytest.mark.parametrize("text", ["wanted oak table", "WANTED: oak table", "oak table wanted!"])
def test_wanted(text: str) -> None:
    [found] = find_wanted(text)
    assert found.parse.words.lower() == "wanted"
    assert (found.parse.value, found.parse.hard, found.leaves) == ("wanted", False, False)
    assert found.alternatives == "wanted"


@pytest.mark.parametrize(
    "text",
    ["most wanted racing game", "wanted poster", "wanted dead or alive", "unwanted gift", ""],
)
def test_names_are_not_wanted(text: str) -> None:
    assert find_wanted(text) == []
