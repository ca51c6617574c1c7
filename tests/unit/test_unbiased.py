import numpy as np
import pytest

from marketrank.errors import BadInput
from marketrank.ranking.unbiased import Lambdas, SessionGroup, wanted_gradient


def group(grades: list[int], weights: list[float] | None = None) -> SessionGroup:
    n = len(grades)
    given = np.ones(n) if weights is None else np.array(weights)
    return SessionGroup(np.zeros((n, 1), np.float32), np.array(grades), given)


def test_what_was_wanted_is_pulled_up_and_all_else_down() -> None:
    first, second = Lambdas([group([0, 2, 0])])(np.zeros(3))
    assert first[1] < 0 < min(first[0], first[2])
    assert first.sum() == pytest.approx(0)
    assert (second > 0).all()


def test_what_is_disliked_falls_below_what_nobody_touched() -> None:
    first, _ = Lambdas([group([0, -1, 0])])(np.zeros(3))
    assert first[1] > 0 > max(first[0], first[2])


def test_a_rare_click_pulls_as_much_as_it_is_rare() -> None:
    """Both weights are divided by their mean, so the ratio counts."""
    both = Lambdas([group([2, 0], [1, 1]), group([2, 0], [5, 1])])(np.zeros(4))[0]
    assert both[2] == pytest.approx(5 * both[0])


def test_of_a_dislike_the_chance_of_the_disliked_counts() -> None:
    both = Lambdas([group([0, -1], [1, 1]), group([0, -1], [9, 3])])(np.zeros(4))[0]
    assert both[3] == pytest.approx(3 * both[1])


def test_a_stronger_sign_pulls_more() -> None:
    first, _ = Lambdas([group([2, 0]), group([6, 0])])(np.zeros(4))
    assert first[2] == pytest.approx(3 * first[0])


def test_rankings_do_not_mix() -> None:
    alone, _ = Lambdas([group([2, 0, 0])])(np.array([0.3, 0.1, 0.2]))
    beside, _ = Lambdas([group([2, 0, 0]), group([0, 2])])(np.array([0.3, 0.1, 0.2, 9.0, 8.0]))
    ratio = beside[:3] / alone
    np.testing.assert_allclose(ratio, ratio[0])


def test_it_is_the_gradient_of_its_loss() -> None:
    """With the discounts held still, as LambdaMART holds them."""
    scores, grades = np.array([0.4, -0.2, 0.1]), [2, 0, 0]
    first, _ = Lambdas([group(grades)])(scores)
    ranks = np.argsort(np.argsort(-scores))
    discounts = 1 / np.log2(ranks + 2)

    def loss(s: np.ndarray) -> float:
        return sum(
            abs(discounts[0] - discounts[j]) * np.log1p(np.exp(-(s[0] - s[j]))) for j in (1, 2)
        )

    step = 1e-6
    for i in range(3):
        up = scores + step * np.eye(3)[i]
        assert first[i] == pytest.approx((loss(up) - loss(scores)) / step, abs=1e-4)


def test_no_order_is_nothing_to_learn() -> None:
    with pytest.raises(BadInput, match="wanted more than another"):
        Lambdas([group([0, 0]), group([2, 2])])


def test_the_loss_of_being_wanted_is_lowest_at_the_truth() -> None:
    random = np.random.default_rng(0)
    examined = random.choice([1.0, 0.2], 200_000)
    clicked = random.random(len(examined)) < examined * 0.3
    scores = np.full(len(examined), np.log(0.3 / 0.7))
    first, second = wanted_gradient(scores, clicked, examined)
    assert abs(first.mean()) < 0.003
    assert (second > 0).all()
    assert wanted_gradient(scores + 1, clicked, examined)[0].mean() > 0.02
