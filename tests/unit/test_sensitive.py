"""Which categories are sensitive, and that who a buyer is changes nothing there."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.buyers.sensitive import OURS, SensitiveCategories
from marketrank.config import load
from marketrank.errors import BadInput

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
