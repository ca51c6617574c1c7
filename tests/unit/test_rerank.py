"""Reordering a window of candidates."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.asking import Candidates
from marketrank.ranking.rerank import SELLER_SPAN, Facts, Rules, fit, freshness, rerank

PLAIN = Rules(
    window=100,
    diversity=0.0,
    seller_cap=0,
    half_life_days=30.0,
    freshness_floor=1.0,
    collapse_repeats=False,
)


def candidates(n: int, keys: list[int] | None = None) -> Candidates:
    """Scores fall evenly; every second was found by words."""
    rows = np.arange(n)
    return Candidates(
        np.array(keys if keys is not None else rows, np.int64),
        np.linspace(1, 0.1, n, dtype=np.float32),
        {"text": np.where(rows % 2 == 0, rows, -1).astype(np.int32)},
    )


def facts(
    n: int,
    *,
    vectors: list[list[float]] | None = None,
    ages: list[float] | None = None,
    sellers: list[int] | None = None,
    originals: list[int] | None = None,
) -> Facts:
    return Facts(
        np.array(vectors, np.float32) if vectors else np.eye(n, dtype=np.float32),
        np.array(ages if ages else [0] * n, np.float64),
        np.array(sellers if sellers else [0] * n, np.int32),
        np.array(originals if originals else range(n), np.int64),
    )


def order(n: int, told: Facts, rules: Rules) -> list[int]:
    found: list[int] = rerank(candidates(n), told, rules).candidates.keys.tolist()
    return found


def test_plain_rules_change_nothing() -> None:
    before = candidates(6, [5, 3, 9, 1, 7, 2])
    after = rerank(before, facts(6, originals=[5, 3, 9, 1, 7, 2]), PLAIN)
    assert after.candidates.keys.tolist() == before.keys.tolist()
    assert after.candidates.scores.tolist() == before.scores.tolist()
    assert after.candidates.ranks["text"].tolist() == before.ranks["text"].tolist()
    assert after.repeats == {}


def test_diversity_puts_unlike_ones_between_like_ones() -> None:
    one, other = [1.0, 0.0], [0.0, 1.0]
    told = facts(4, vectors=[one, one, one, other])
    assert order(4, told, PLAIN) == [0, 1, 2, 3]
    assert order(4, told, replace(PLAIN, diversity=0.6)) == [0, 3, 1, 2]


def test_what_has_no_vector_is_like_nothing() -> None:
    one, none = [1.0, 0.0], [0.0, 0.0]
    told = facts(4, vectors=[one, one, none, none])
    assert order(4, told, replace(PLAIN, diversity=0.6)) == [0, 2, 3, 1]


def test_the_formula_of_maximal_marginal_relevance() -> None:
    """Against the definition, by hand: (1 - d) · fit - d · nearest before it."""
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(30, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rules = replace(PLAIN, diversity=0.4)
    fitting = fit(candidates(30).scores)
    expected: list[int] = []
    while len(expected) < 30:
        left = [row for row in range(30) if row not in expected]
        nearest = {row: max([0.0, *(vectors[row] @ vectors[expected].T)]) for row in left}
        expected.append(max(left, key=lambda row: 0.6 * fitting[row] - 0.4 * nearest[row]))
    assert order(30, facts(30, vectors=vectors.tolist()), rules) == expected


def test_a_seller_is_capped_among_a_page_of_results() -> None:
    n = 40
    told = facts(n, sellers=[7] * 10 + [0] * 30)
    assert order(n, told, PLAIN) == list(range(n))
    capped = order(n, told, replace(PLAIN, seller_cap=3))
    assert capped[:4] == [0, 1, 2, 10]
    theirs = [key < 10 for key in capped]
    for start in range(n - SELLER_SPAN + 1):
        window = theirs[start : start + SELLER_SPAN]
        # Where the others have run out, theirs are shown all the same.
        assert sum(window) <= 3 or not any(key >= 10 for key in capped[start + SELLER_SPAN :])
    assert sorted(capped) == list(range(n))


def test_unknown_sellers_are_not_one_seller() -> None:
    assert order(9, facts(9), replace(PLAIN, seller_cap=1)) == list(range(9))


def test_older_ones_fall_behind_as_far_as_the_floor_lets_them() -> None:
    told = facts(3, ages=[300, 0, 0])
    assert order(3, told, PLAIN) == [0, 1, 2]
    assert order(3, told, replace(PLAIN, freshness_floor=0.2)) == [1, 0, 2]


def test_the_half_life_is_the_age_of_half_the_decay() -> None:
    rules = replace(PLAIN, half_life_days=10.0, freshness_floor=0.5)
    ages = np.array([-1.0, 0.0, 10.0, 20.0, 1e9])
    assert freshness(ages, rules).tolist() == pytest.approx([1, 1, 0.75, 0.625, 0.5])


def test_repeats_stand_behind_the_best_of_them() -> None:
    told = facts(5, originals=[4, 1, 1, 3, 4])
    assert order(5, told, PLAIN) == [0, 1, 2, 3, 4]
    collapsed = rerank(candidates(5), told, replace(PLAIN, collapse_repeats=True))
    assert collapsed.candidates.keys.tolist() == [0, 1, 3]
    assert collapsed.repeats == {0: (4,), 1: (2,)}
    assert collapsed.candidates.scores.tolist() == candidates(5).scores.tolist()[:3]


def test_only_the_window_is_reordered() -> None:
    one, other = [1.0, 0.0], [0.0, 1.0]
    told = facts(3, vectors=[one, one, other])
    after = rerank(candidates(6), told, replace(PLAIN, diversity=0.6)).candidates
    assert after.keys.tolist() == [0, 2, 1, 3, 4, 5]
    assert after.ranks["text"].tolist() == [0, 2, -1, -1, 4, -1]


def test_equal_ones_come_by_key() -> None:
    same = Candidates(np.array([5, 2, 9]), np.ones(3, np.float32), {})
    told = replace(facts(3), originals=same.keys)
    assert rerank(same, told, PLAIN).candidates.keys.tolist() == [2, 5, 9]


@given(st.integers(0, 40), st.integers(0, 1_000), st.integers(0, 3))
def test_nothing_is_lost_and_scores_fall(n: int, seed: int, cap: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 3)).astype(np.float32)
    told = Facts(
        vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9),
        rng.uniform(0, 100, n),
        rng.integers(0, 3, n).astype(np.int32),
        rng.integers(0, max(n, 1), n),
    )
    rules = Rules(100, 0.3, cap, 10.0, 0.5, collapse_repeats=True)
    before = candidates(n + 2)
    after = rerank(before, told, rules)
    behind = [key for keys in after.repeats.values() for key in keys]
    assert sorted([*after.candidates.keys.tolist(), *behind]) == list(range(n + 2))
    assert after.candidates.keys.tolist()[-2:] == [n, n + 1]
    assert np.all(np.diff(after.candidates.scores) <= 0)
