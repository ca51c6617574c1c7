"""Estimates of what a ranking would have brought, against what it brings."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from made_up_sessions import World, click, impression
from marketrank.errors import BadInput
from marketrank.feedback.offline import (
    METHODS,
    Policy,
    as_json,
    as_logged,
    differences,
    estimates,
    judge,
)
from marketrank.feedback.propensity import power
from marketrank.feedback.sessions import Group, group, groups
from marketrank.people import Session

WORLD = World.drawn(queries=40, listings=12)
SESSIONS = WORLD.sessions(6_000)
BIAS = power(1.0, 12)
CLIP = 100.0


def by_taste(some: Sequence[Group]) -> list[NDArray[np.float32]]:
    return [one.impression.features[:, 1] for one in some]


def relevance(some: Sequence[Group]) -> list[NDArray[np.float64]]:
    return [WORLD.relevance[WORLD.query_of(Session(one.impression))] for one in some]


def true_value(some: Sequence[Group], policy: Policy) -> tuple[float, float]:
    """Interactions per request, and the share of what is wanted that is looked at."""
    values, whole = [], []
    for wanted, scores in zip(relevance(some), policy(some), strict=True):
        values.append(float((wanted[np.argsort(-scores)] / np.arange(1, len(wanted) + 1)).sum()))
        whole.append(float(wanted.sum()))
    return float(np.mean(values)), float(np.sum(values) / np.sum(whole))


@pytest.mark.parametrize("policy", [by_taste, as_logged])
def test_estimates_hold_the_truth(policy: Policy) -> None:
    late = groups(SESSIONS)
    guess = [np.full(12, 0.3) for _ in late]  # a poor model: the correction must mend it
    found = estimates(judge(late, policy, BIAS, guess, clip=CLIP, trusted=CLIP))
    value, share = true_value(late, policy)
    assert set(found) == set(METHODS)
    for method, truth in (("ips", value), ("dr", value), ("snips", share)):
        one = found[method]
        assert abs(one.mean - truth) < 3 * one.error, method
        assert one.error < 0.05 * truth, method


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = []
    for seed in range(60):
        late = groups(WORLD.sessions(300, seed=seed))
        value, share = true_value(late, by_taste)
        found = estimates(judge(late, by_taste, BIAS, relevance(late), clip=CLIP))
        held.append([found["ips"].low < value < found["ips"].high])
        held[-1].append(found["dr"].low < value < found["dr"].high)
        held[-1].append(found["snips"].low < share < found["snips"].high)
    assert (np.mean(held, axis=0) > 0.85).all()


def test_a_good_model_makes_the_doubly_robust_one_surer_and_keeps_it_right() -> None:
    late = groups(SESSIONS)
    value, _ = true_value(late, by_taste)
    found = estimates(judge(late, by_taste, BIAS, relevance(late), clip=CLIP, trusted=3.0))
    assert found["dr"].error < 0.8 * found["ips"].error
    assert abs(found["dr"].mean - value) < 3 * found["dr"].error
    # Without the model the same limit leaves out what stood low.
    cut = estimates(judge(late, by_taste, BIAS, relevance(late), clip=3.0))["ips"]
    assert cut.high < value


def test_where_all_weights_are_trusted_the_model_does_not_matter() -> None:
    late = groups(SESSIONS[:500])
    nonsense = [np.full(12, 0.9) for _ in late]
    found = estimates(judge(late, by_taste, BIAS, nonsense, clip=CLIP, trusted=CLIP))
    assert found["dr"].mean == pytest.approx(found["ips"].mean)


def test_the_better_order_wins_by_every_estimate() -> None:
    late = groups(SESSIONS)
    new = judge(late, by_taste, BIAS, relevance(late))
    old = judge(late, as_logged, BIAS, relevance(late))
    for method, one in differences(new, old).items():
        assert one.low > 0, method
    own = differences(old, old)
    assert all(one.mean == 0 == one.error for one in own.values())


def test_pairing_makes_a_difference_surer_than_two_estimates() -> None:
    late = groups(SESSIONS)
    new = judge(late, by_taste, BIAS, relevance(late))
    old = judge(late, as_logged, BIAS, relevance(late))
    apart = np.hypot(estimates(new)["dr"].error, estimates(old)["dr"].error)
    assert differences(new, old)["dr"].error < apart


def test_a_rare_click_far_down_counts_more_than_one_at_the_top() -> None:
    """Else the order that was shown would always win."""
    top = [impression(request=f"t{n}", buyer=f"b{n}") for n in range(3)]
    below = impression(request="below", buyer="c")
    late = [group(Session(one, (click(one, 0),))) for one in top]
    late.append(group(Session(below, (click(below, 3),))))
    guess = [np.zeros(4) for _ in late]
    judged = judge(late, as_logged, power(1.0, 4), guess)
    gains = np.array([1, 1, 1, 4.0]) * 2
    expected = (gains * [1, 1, 1, 1 / np.log2(5)]).sum() / gains.sum()
    assert estimates(judged)["ndcg@10"].mean == pytest.approx(expected)


def test_ties_go_by_listing_and_not_by_where_it_stood() -> None:
    shown = impression(2)
    late = [group(Session(shown, (click(shown, 1),)))]
    even: Policy = lambda some: [np.zeros(2, np.float32) for _ in some]  # noqa: E731
    swapped: Policy = lambda some: [np.array([0, 1], np.float32) for _ in some]  # noqa: E731
    guess = [np.zeros(2)]
    bias = power(1.0, 2)
    assert judge(late, even, bias, guess).ips[0] == pytest.approx(1.0)  # 2 · 1/2
    assert judge(late, swapped, bias, guess).ips[0] == pytest.approx(2.0)


def test_buyers_who_come_often_widen_the_interval() -> None:
    late = groups(SESSIONS[:400])
    apart = judge(late, by_taste, BIAS, relevance(late))
    few = groups(World.sessions(WORLD, 400, buyers=4))
    together = judge(few, by_taste, BIAS, relevance(few))
    assert len(np.unique(apart.clusters)) == 200
    assert len(np.unique(together.clusters)) == 4


def test_nothing_to_judge_by() -> None:
    with pytest.raises(BadInput, match="no sessions"):
        judge([], as_logged, BIAS, [])


def test_estimates_become_plain_values() -> None:
    late = groups(SESSIONS[:50])
    plain = as_json(estimates(judge(late, as_logged, BIAS, relevance(late))))
    assert set(plain["dr"]) == {"mean", "low", "high", "n"}
    assert plain["dr"]["n"] == 50
