import numpy as np
import pytest

from marketrank.errors import BadInput
from marketrank.ranking import features, session_features
from marketrank.ranking.session_features import (
    DISTANCE,
    FEATURES,
    NAMES,
    PROFILE,
    Facts,
    Part,
    columns_of,
    masked,
    table,
)


def column(facts: Facts, name: str) -> list[float]:
    return [float(value) for value in table(facts)[:, NAMES.index(name)]]


def test_every_feature_is_named_once_and_explained() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert all(feature.meaning and feature.unit for feature in FEATURES)
    assert {feature.part for feature in FEATURES} == set(Part)


def test_prices_stand_beside_budget_estimate_and_the_others() -> None:
    facts = Facts(
        3,
        prices=np.array([1000.0, 2000.0, np.nan]),
        budget=2000,
        estimates=np.array([2000.0, np.nan, 500.0]),
        usual_price=500,
    )
    half = np.log(0.5)
    assert column(facts, "price_to_budget")[:2] == pytest.approx([half, 0])
    assert column(facts, "price_to_estimate")[0] == pytest.approx(half)
    assert column(facts, "price_to_others")[:2] == pytest.approx([np.log(2 / 3), np.log(4 / 3)])
    assert column(facts, "taste_price")[0] == pytest.approx(np.log(2))
    assert np.isnan(table(facts)[2]).all()


def test_what_nobody_knows_is_missing_and_not_zero() -> None:
    assert np.isnan(table(Facts(2))).all()
    free = Facts(1, prices=np.zeros(1), budget=100)
    assert column(free, "price_log") == [0]
    assert np.isnan(column(free, "price_to_budget")).all()


def test_a_seller_with_half_of_the_candidates() -> None:
    found = column(Facts(4, sellers=np.array([7, 7, 3, 0])), "seller_share")
    assert found[:3] == [0.5, 0.5, 0.25]
    assert np.isnan(found[3])


def test_words_fill_the_first_columns() -> None:
    words = np.arange(2 * len(features.NAMES), dtype=np.float32).reshape(2, -1)
    assert np.array_equal(table(Facts(2, words=words))[:, : words.shape[1]], words)


def test_a_mask_hides_its_parts_in_its_rows_alone() -> None:
    full = np.ones((2, len(NAMES)), np.float32)
    hidden = masked(full, NAMES, PROFILE, np.array([True, False]), placed=True)
    parts = np.array([feature.part in PROFILE for feature in FEATURES])
    assert np.isnan(hidden[0, parts]).all()
    assert (hidden[0, ~parts] == 1).all() and (hidden[1] == 1).all()
    assert (full == 1).all()
    both = np.array([True, True])
    assert (masked(full, NAMES, {Part.TASTE}, both, placed=True)[:, parts] == 1).any()


def test_a_distance_is_of_who_asks_where_no_place_was_asked_for() -> None:
    full, column = np.ones((2, len(NAMES)), np.float32), NAMES.index(DISTANCE)
    first = np.array([True, False])
    hidden = masked(full, NAMES, PROFILE, first, placed=False)[:, column]
    assert np.isnan(hidden[0]) and hidden[1] == 1
    for parts, placed in ((PROFILE, True), ({Part.TASTE}, False)):
        assert (masked(full, NAMES, parts, first, placed=placed)[:, column] == 1).all()


def test_columns_are_found_by_name() -> None:
    assert columns_of(("a", "b", "c"), ("c", "a")) == [2, 0]
    with pytest.raises(BadInput, match="z are not there; known are a, b"):
        columns_of(("a", "b"), ("a", "z"))


def test_the_table_is_the_one_that_is_named() -> None:
    facts = Facts(1, taste=np.array([0.3]), tower=np.array([0.4]), home_km=np.array([np.e - 1]))
    assert column(facts, "taste") == pytest.approx([0.3])
    assert column(facts, "tower") == pytest.approx([0.4])
    assert column(facts, "home_distance_log") == pytest.approx([1.0])
    assert session_features.table(facts).dtype == np.float32
