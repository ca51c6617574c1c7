"""Which categories are sensitive, and that who a buyer is changes nothing there."""

import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from marketrank.buyers.sensitive import OURS, SensitiveCategories, neutral, scored_apart
from marketrank.config import load
from marketrank.errors import BadInput

NAMES = ("cosine", "home_distance_log", "taste", "demographic_affinity")
DEMOGRAPHIC = frozenset({"home_distance_log", "demographic_affinity"})
PLAIN = SensitiveCategories()


@pytest.mark.parametrize(
    "path",
    [
        "Property / For Sale",
        "Property / To Share / Offered",
        "Flats & Houses / Studio",
        "PROPERTIES",
        "Flats and houses",
        "For Sale / Flat-share",
        "Classifieds / Rooms to Share",
        "Real Estate",
        "Houses for Sale",
        "Holiday Rentals",
        "Jobs / Driving & Warehouse",
        "Job",
        "Services / Vacancies",
        "Part-time Work",
        "Services / Finance & Legal",
        "Services / Loans",
        "Services / Tax, Money & Mortgages",
        "Car Insurance",
        "real_estate",
        "ＪＯＢＳ",
    ],
)
def test_housing_jobs_and_credit_are_sensitive(path: str) -> None:
    assert PLAIN.is_sensitive(tuple(path.split(" / ")))


@pytest.mark.parametrize(
    "path",
    [
        "Home & Garden / Other Household Goods",
        "Women's Shoes / Flats",
        "DIY Tools & Materials / Tool Storage & Workbenches",
        "Clothing / Protective Clothing & Workwear",
        "Baby & Kids / Dolls' Houses",
        "Home & Garden / House Plants",
        "Office Furniture & Equipment / Office Furniture",
        "Sports, Leisure & Travel / Golf",
        "Music / Jobson's Records",
    ],
)
def test_ordinary_things_are_not(path: str) -> None:
    assert not PLAIN.is_sensitive(tuple(path.split(" / ")))


def test_no_category_cannot_be_judged() -> None:
    assert not PLAIN.is_sensitive(())


def test_a_path_holds_of_itself_and_what_is_below() -> None:
    rules = SensitiveCategories(["Motors / Vans", "lost things"])
    paths = [("Motors",), ("motors", "van"), ("Motors", "Vans", "Small"), ("Boats", "Motors")]
    found = rules.flags([*paths, ("Community", "Lost thing"), ("Jobs",)])
    assert found.tolist() == [False, True, True, False, True, True]
    assert rules.why(("Motors", "Vans", "Small")) == "Motors / Vans"
    assert PLAIN.why(("Work", "Jobs")) == "job"
    assert not PLAIN.flags(paths).any()


def test_a_category_can_be_exempt() -> None:
    rules = SensitiveCategories(["!Bags / Credit Card Holders", "!lost property"])
    assert PLAIN.is_sensitive(("Bags", "Credit Card Holders"))
    assert not rules.is_sensitive(("Bags", "Credit Card Holders", "Leather"))
    assert not rules.is_sensitive(("Community", "Lost Property"))
    assert rules.is_sensitive(("Property",))


@pytest.mark.parametrize("rule", ["", " ", "!", "Motors / ", "-"])
def test_a_rule_without_words_is_refused(rule: str) -> None:
    with pytest.raises(BadInput, match="sensitive_categories"):
        SensitiveCategories([rule])


@given(st.lists(st.text(string.printable, max_size=20), max_size=4))
def test_any_path_can_be_judged(path: list[str]) -> None:
    assert PLAIN.flags([tuple(path)] * 2).tolist() == [PLAIN.is_sensitive(tuple(path))] * 2


@given(st.sampled_from(OURS), st.text(string.ascii_letters, max_size=8))
def test_a_rule_is_found_whatever_stands_around_it(rule: str, word: str) -> None:
    assert PLAIN.is_sensitive(("Root", f"{word} {rule.upper()}, {word}"))


def test_the_setting_adds(tmp_path: Path) -> None:
    assert load(tmp_path, {}).sensitive_categories == ()
    (tmp_path / "marketrank.toml").write_text('sensitive_categories = ["Motors / Vans"]\n')
    rules = SensitiveCategories(load(tmp_path, {}).sensitive_categories)
    assert rules.is_sensitive(("Motors", "Vans"))


def features(n: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, len(NAMES))).astype(np.float32)


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 9), st.integers(10, 19))
def test_demographics_never_reach_a_sensitive_row(
    sensitive: list[bool], seed: int, other: int
) -> None:
    """Two buyers who differ in demographics alone are the same to any model of the rows."""
    flags = np.array(sensitive)
    one, two = features(len(flags), seed), features(len(flags), seed)
    for column in map(NAMES.index, DEMOGRAPHIC):
        two[:, column] = features(len(flags), other)[:, column]
    seen, seen_two = (neutral(rows, NAMES, flags, demographic=DEMOGRAPHIC) for rows in (one, two))
    assert np.array_equal(seen[flags], seen_two[flags], equal_nan=True)
    assert np.array_equal(seen[~flags], one[~flags])
    assert np.isfinite(seen[:, [0, 2]]).all()
    assert np.isfinite(one).all()  # the argument is as it was


def test_rows_and_names_must_fit() -> None:
    with pytest.raises(BadInput, match="shape"):
        neutral(features(3, 1), NAMES[:2], np.ones(3, np.bool_), demographic=DEMOGRAPHIC)


@given(
    st.lists(st.booleans(), min_size=1, max_size=12),
    st.lists(st.floats(-1, 1), min_size=3, max_size=3),
)
def test_a_tower_scores_sensitive_listings_without_demographics(
    sensitive: list[bool], who: list[float]
) -> None:
    flags = np.array(sensitive)
    listings = np.random.default_rng(1).normal(size=(len(flags), 3)).astype(np.float32)
    taste = np.ones(3, np.float32)
    calls: list[bool] = []

    def score(demographics: bool) -> NDArray[np.float32]:
        calls.append(demographics)
        return (listings @ (taste + np.array(who, np.float32) * demographics)).astype(np.float32)

    found = scored_apart(score, flags)
    assert np.array_equal(found[flags], (listings @ taste)[flags])
    assert np.array_equal(found[~flags], score(True)[~flags])
    assert len(calls) - 1 == 1 + (flags.any() and not flags.all())
