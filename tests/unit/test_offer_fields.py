"""The fields that a listing is sent with."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketrank.errors import BadInput
from marketrank.pipelines.offer_fields import OFFER_FIELDS, record_values


def test_json_becomes_the_record_of_a_feed() -> None:
    given_values = {
        "id": "1001", "title": "Oak", "category": ["Home", "Tables"], "price": 1.234,
        "currency": "EUR", "latitude": 51, "longitude": -2.5, "description": None,
        "created_at": "2026-01-31T09:30:00Z",
    }  # fmt: skip
    assert record_values(given_values) == {
        "id": "1001", "title": "Oak", "category": "Home / Tables", "price": "1.23",
        "currency": "EUR", "latitude": "51", "longitude": "-2.5", "description": None,
        "created_at": "2026-01-31T09:30:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"titel": "x"}, "known are id, title"),
        ({"title": 5}, "give a text"),
        ({"title": True}, "truth value"),
        ({"title": {}}, "another kind"),
        ({"title": "x" * 301}, "300 are the most"),
        ({"id": ""}, "it is empty"),
        ({"category": ["a"] * 9}, "8 of 100 are the most"),
        ({"category": ["a" * 101]}, "8 of 100 are the most"),
        ({"category": ["a", 5]}, "a text or a list of texts"),
        ({"price": -1}, "not between"),
        ({"price": 1e10}, "not between"),
        ({"price": "cheap"}, "is no price"),
        ({"currency": "gbp"}, "is no code"),
        ({"latitude": 91, "longitude": 0}, "not between"),
        ({"latitude": 51}, "both or neither"),
        ({"created_at": "soon"}, "is no time"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, Any], hint: str) -> None:
    with pytest.raises(BadInput, match=hint):
        record_values(values)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(list(OFFER_FIELDS)), st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)))  # fmt: skip
def test_any_json_is_read_or_refused_in_words(values: dict[str, Any]) -> None:
    try:
        found = record_values(values)
    except BadInput:
        return
    assert set(found) == set(values)
    assert all(value is None or isinstance(value, str) for value in found.values())


def test_examples_are_good() -> None:
    record_values({name: field.example for name, field in OFFER_FIELDS.items()})
