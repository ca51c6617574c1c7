"""What counts as worse: by hand, and against simulated tests of equally good models."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.errors import BadInput
from marketrank.evaluation.not_worse import COMPARED, SHARES, not_worse

CHAMPION: dict[str, Any] = {
    "image": {"accuracy": 0.5, "macro_f1": 0.4, "n": 10_000},
    "text": {"accuracy": 0.75, "macro_f1": 0.7, "n": 5_000},
    "combined": {"accuracy": 0.8, "macro_f1": 0.75, "n": 5_000},
    "price": {"log_r2": 0.5, "log_rmse": 0.9, "n": 50_000},
    "similar": {"sibling_recall@10": 0.5, "n": 8_000},
    "cross_modal": {"title_to_image_recall@10": 0.25, "n": 5_000},
}


def changed(name: str, value: Any) -> dict[str, Any]:
    part, score = name.split(".")
    return {**CHAMPION, part: {**CHAMPION[part], score: value}}


def test_the_same_is_not_worse() -> None:
    assert not_worse(CHAMPION, CHAMPION) == []
    assert not_worse(CHAMPION, {}) == []
    assert {name.split(".")[0] for name in COMPARED} == set(CHAMPION)


@pytest.mark.parametrize("name", SHARES)
def test_a_share_is_worse_beyond_two_standard_errors_of_the_difference(name: str) -> None:
    part, score = name.split(".")
    p, n = CHAMPION[part][score], CHAMPION[part]["n"]
    allowed = 2 * math.sqrt(2 * p * (1 - p) / n)  # nearly: the new share's variance is its own
    assert not_worse(changed(name, p - 0.97 * allowed), CHAMPION) == []
    (said,) = not_worse(changed(name, p - 1.03 * allowed), CHAMPION)
    assert said.startswith(f"{name} {p - 1.03 * allowed:.4f} < {p:.4f} - 0.0")
    assert not_worse(changed(name, p + 0.2), CHAMPION) == []


def test_the_fewer_were_tested_the_more_is_chance() -> None:
    new = changed("image.accuracy", 0.45)
    assert len(not_worse(new, CHAMPION)) == 1
    new["image"]["n"] = 100  # of the new model alone: two standard errors are 0.1
    assert not_worse(new, CHAMPION) == []


def test_log_r2_is_worse_beyond_a_fixed_step() -> None:
    assert not_worse(changed("price.log_r2", 0.481), CHAMPION) == []
    assert not_worse(changed("price.log_r2", 0.479), CHAMPION) == [
        "price.log_r2 0.4790 < 0.5000 - 0.020"
    ]


@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("lost", [None, math.nan])
def test_a_score_that_the_new_model_lacks_is_worse(name: str, lost: float | None) -> None:
    (said,) = not_worse(changed(name, lost), CHAMPION)
    assert said.startswith(f"{name} is missing, the champion has 0.")
    part = name.split(".", maxsplit=1)[0]
    without = {key: scores for key, scores in CHAMPION.items() if key != part}
    assert not_worse(without, CHAMPION) == [said]
    assert not_worse(CHAMPION, without) == []


def test_other_scores_do_not_decide() -> None:
    new = changed("image.macro_f1", 0.0)
    new["price"] = {**new["price"], "log_rmse": 9.0}
    assert not_worse(new, {**CHAMPION, "floor": {"accuracy": 1.0}}) == []


def test_all_that_is_worse_is_named() -> None:
    new = {part: {**scores} for part, scores in CHAMPION.items()}
    for name in COMPARED:
        part, score = name.split(".")
        new[part][score] = 0.01
    assert [said.split()[0] for said in not_worse(new, CHAMPION)] == list(COMPARED)


def test_what_cannot_be_judged_is_refused_by_name() -> None:
    for n in (None, 0, -5):
        with pytest.raises(BadInput, match=rf"image\.n is {n}"):
            not_worse(changed("image.n", n), CHAMPION)
    with pytest.raises(BadInput, match=r"image\.accuracy is 53\.8"):
        not_worse(changed("image.accuracy", 53.8), CHAMPION)


@given(p=st.floats(0.1, 0.9), n=st.integers(200, 5_000), seed=st.integers(0, 2**32 - 1))
def test_chance_alone_seldom_refuses(p: float, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = rng.binomial(n, p, size=(400, 2)) / n
    refused = sum(
        bool(not_worse({"text": {"accuracy": a, "n": n}}, {"text": {"accuracy": b, "n": n}}))
        for a, b in pairs
    )
    # 2.3 % of 400 are 9; 24 or more come once in some 50,000 draws.
    assert refused < 30
