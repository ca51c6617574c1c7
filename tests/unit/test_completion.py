"""Completions of a small corpus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.retrieval.completion import Completer
from marketrank.retrieval.vocabulary import empty
from marketrank.retrieval.vocabulary_build import build
from small_corpus import corpus, listing

COMPLETER = Completer(build(corpus()))


def texts(typed: str, limit: int = 8) -> list[str]:
    return [one.text for one in COMPLETER.complete(typed, limit)]


def test_a_beginning_is_completed_by_what_is_most_frequent() -> None:
    assert texts("o")[0] in ("oak", "oak dining table")
    assert "oak dining table" in texts("Oak d")
    counts = [one.count for one in COMPLETER.complete("di", 8) if one.text.startswith("di")]
    assert counts == sorted(counts, reverse=True) and len(counts) > 1


def test_a_word_in_the_middle_is_found_after_those_that_begin() -> None:
    found = texts("tab")
    assert found[0].startswith("tab")
    assert any(text.endswith(" table") for text in found)


def test_counts_and_category() -> None:
    first = COMPLETER.complete("oak dining t", 1)[0]
    assert (first.text, first.count, first.category_count) == ("oak dining table", 12, 12)
    assert first.category[-1] == "Tables"


def test_plurals_do_not_stand_side_by_side() -> None:
    assert sum(text in ("table", "tables") for text in texts("table", 20)) == 1


def test_the_last_word_may_have_a_slip() -> None:
    assert texts("tabel")[0] in ("table", "tables")
    assert "oak dining table" in texts("oak dinign")
    assert "oak dining table" in texts("oak dinning ta")


def test_a_blank_closes_the_word() -> None:
    assert "armchair" in texts("arm")
    assert "armchair" not in texts("arm ")


def test_words_that_stand_side_by_side_complete_each_other() -> None:
    extra = [listing(f"x{n}", "Shed", f"With walnut shelves {n}") for n in range(4)]
    found = Completer(build([*corpus(), *extra])).complete("walnut sh", 5)
    assert [(one.text, one.count) for one in found] == [("walnut shelves", 4)]


def test_the_limit_holds() -> None:
    assert len(texts("b", 2)) == 2
    assert texts("b", 0) == []


@pytest.mark.parametrize("typed", ["", "  ", "?!", "zzzz", "£"])
def test_nothing_is_made_up(typed: str) -> None:
    assert texts(typed) == []


def test_an_empty_vocabulary_completes_nothing() -> None:
    assert Completer(empty()).complete("oak", 5) == ()


@given(st.text(max_size=30), st.integers(1, 10))
def test_any_text_is_taken(typed: str, limit: int) -> None:
    found = COMPLETER.complete(typed, limit)
    assert len(found) <= limit
    assert len({one.text for one in found}) == len(found)
    assert all(one.count >= 3 for one in found)
