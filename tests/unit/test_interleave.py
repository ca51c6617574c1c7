from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_up_sessions import click, impression
from marketrank.feedback.interleave import credits, team_draft
from marketrank.feedback.sessions import group
from marketrank.people import InteractionKind, Session

rankings = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.integers(0, 20), unique=True), min_size=1
)


@given(rankings, st.integers())
def test_every_item_is_there_once_with_an_arm_that_has_it(
    given_: dict[str, list[int]], seed: int
) -> None:
    order, arms = team_draft(given_, seed)
    assert sorted(order) == sorted(set().union(*given_.values()))
    assert all(item in given_[arm] for item, arm in zip(order, arms, strict=True))
    assert team_draft(given_, seed) == (order, arms)


@given(rankings, st.integers())
def test_each_arm_keeps_its_own_order(given_: dict[str, list[int]], seed: int) -> None:
    order, arms = team_draft(given_, seed)
    for arm, ranking in given_.items():
        own = [item for item, by in zip(order, arms, strict=True) if by == arm]
        assert own == sorted(own, key=ranking.index)


@given(st.permutations(range(12)), st.permutations(range(12)), st.integers())
def test_teams_are_as_large_as_each_other_at_every_round(
    a: list[int], b: list[int], seed: int
) -> None:
    _, arms = team_draft({"a": a, "b": b}, seed)
    for end in range(0, len(arms) + 1, 2):
        assert arms[:end].count("a") == end // 2


def test_equal_rankings_stay_as_they_are_and_credit_nobody_more() -> None:
    same = list(range(10))
    counts: Counter[str] = Counter()
    for seed in range(2_000):
        order, arms = team_draft({"a": same, "b": same}, seed)
        assert list(order) == same
        counts[arms[0]] += 1
    assert abs(counts["a"] - 1_000) < 4 * 22.4  # deviations of a fair coin


def test_credit_goes_to_whose_listing_was_wanted() -> None:
    shown = impression(5, arms=("a", "b", "b", "a", ""))
    did = tuple(click(shown, row) for row in (0, 1, 2, 4))
    disliked = click(shown, 3, InteractionKind.HIDE)
    found = group(Session(shown, (*did, disliked)))
    assert credits(found, ["a", "b"]) == {"a": 1, "b": 2}
    assert credits(found, ["b"]) == {"b": 2}


def test_an_impression_of_no_experiment_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        credits(group(Session(impression(3))), ["a"])
