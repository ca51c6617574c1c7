from dataclasses import replace

import numpy as np
import pytest

from made_up_sessions import impression
from marketrank.feedback.experiment_report import report, sign_test, wilson
from marketrank.feedback.experiments import Experiment, Kind
from marketrank.feedback.sessions import Group

ARMS = {"new": "x", "old": "current"}
INTERLEAVED = Experiment("test", Kind.INTERLEAVE, ARMS)
SPLIT = Experiment("test", Kind.AB, ARMS)


def interleaved(n: int, buyers: int, chance: float, seed: int = 0) -> list[Group]:
    """Sessions where one thing was wanted, with this chance of the new arm."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(n):
        shown = impression(
            2, request=f"r{number}", buyer=f"b{number % buyers}", arms=("new", "old")
        )
        grades = np.array([2, 0] if random.random() < chance else [0, 2])
        found.append(Group(shown, grades))
    return found


def split(n: int, buyers: int, chances: dict[str, float], seed: int = 0) -> list[Group]:
    """Buyers keep their arm, and have a habit of their own."""
    random = np.random.default_rng(seed)
    habit = random.normal(0, 0.15, buyers)
    found = []
    for number in range(n):
        buyer = number % buyers
        arm = "new" if buyer % 2 else "old"
        shown = impression(2, request=f"r{number}", buyer=f"b{buyer}", arms=(arm, arm))
        wanted = random.random() < chances[arm] + habit[buyer]
        found.append(Group(shown, np.array([2, 0] if wanted else [0, 0])))
    return found


def test_the_sign_test_is_exact() -> None:
    assert sign_test(0, 0) == 1
    assert sign_test(5, 5) == 1
    assert sign_test(10, 0) == pytest.approx(2 / 2**10)
    assert sign_test(8, 2) == pytest.approx(2 * (1 + 10 + 45) / 2**10)
    assert sign_test(2, 8) == sign_test(8, 2)
    assert sign_test(600, 400) < 1e-9


def test_wilson_keeps_within_shares() -> None:
    assert wilson(0, 0) == (0, 1)
    low, high = wilson(0, 10)
    assert low == pytest.approx(0, abs=1e-9)
    assert high == pytest.approx(0.278, abs=1e-3)
    assert wilson(50, 100) == pytest.approx((0.404, 0.596), abs=1e-3)


def test_interleaving_finds_the_better_arm() -> None:
    found = report(INTERLEAVED, interleaved(600, 200, 0.65))
    (one,) = found["comparisons"]
    assert (one["arm"], one["against"]) == ("new", "old")
    assert one["value"] > 0.1
    assert one["ci95"][0] > 0
    assert one["p"] < 0.001
    assert found["buyers"] == 200
    assert found["arms"]["new"]["wanted"] + found["arms"]["old"]["wanted"] == 600


def test_a_draw_is_told_as_one_as_often_as_is_said() -> None:
    wrong = 0
    for seed in range(200):
        (one,) = report(INTERLEAVED, interleaved(90, 30, 0.5, seed))["comparisons"]
        wrong += one["ci95"][0] > 0 or one["ci95"][1] < 0
    assert wrong <= 22  # 5 % of 200, and three deviations


def test_one_busy_buyer_has_one_vote() -> None:
    busy = [replace_buyer(one, "busy") for one in interleaved(500, 1, 1.0)]
    others = interleaved(20, 20, 0.0)
    (one,) = report(INTERLEAVED, [*busy, *others])["comparisons"]
    assert one["value"] < 0
    assert one["n"] == 21


def test_a_b_finds_the_better_arm() -> None:
    found = report(SPLIT, split(8_000, 800, {"new": 0.4, "old": 0.3}))
    (one,) = found["comparisons"]
    assert one["value"] == pytest.approx(0.1, abs=0.04)
    assert one["ci95"][0] > 0
    assert one["p"] < 0.001
    assert found["arms"]["new"]["buyers"] == 400


def test_a_b_intervals_hold_although_sessions_of_a_buyer_are_alike() -> None:
    wrong = {"ci": 0, "p": 0}
    for seed in range(120):
        (one,) = report(SPLIT, split(1_200, 60, {"new": 0.4, "old": 0.4}, seed))["comparisons"]
        wrong["ci"] += one["ci95"][0] > 0 or one["ci95"][1] < 0
        wrong["p"] += one["p"] < 0.05
    # As if sessions were independent, one in four would be wrong.
    assert wrong["ci"] <= 17 and wrong["p"] <= 17


def test_other_experiments_and_none_do_not_count() -> None:
    mine = interleaved(10, 10, 1.0)
    other = [
        Group(replace(one.impression, experiment="other"), one.grades)
        for one in interleaved(50, 50, 0.0)
    ]
    assert report(INTERLEAVED, [*mine, *other])["sessions"] == 10
    nothing = report(INTERLEAVED, other)
    assert nothing["comparisons"][0]["p"] == 1
    assert report(SPLIT, [])["comparisons"][0]["ci95"] == [-1, 1]


def replace_buyer(one: Group, buyer: str) -> Group:
    return Group(replace(one.impression, buyer=buyer), one.grades)
