"""Losses by their formulas, and what must not count in them."""

import math

import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import normalize  # noqa: E402

from marketrank.models.losses import Scale, contrast, hierarchy  # noqa: E402


def unit(n: int, seed: int) -> "torch.Tensor":
    return normalize(torch.randn(n, 6, generator=torch.Generator().manual_seed(seed)), dim=1)


SCALE = torch.tensor(10.0)


def test_contrast_is_the_mean_surprise_both_ways() -> None:
    left, right = unit(3, 1), unit(3, 2)
    logits = (10 * left @ right.T).tolist()
    rows = [-(logits[i][i] - math.log(sum(map(math.exp, logits[i])))) for i in range(3)]
    turned = [list(column) for column in zip(*logits, strict=True)]
    columns = [-(turned[i][i] - math.log(sum(map(math.exp, turned[i])))) for i in range(3)]
    expected = (sum(rows) + sum(columns)) / 6
    assert float(contrast(left, right, SCALE)) == pytest.approx(expected, rel=1e-5)


def test_matching_rows_cost_less_than_shuffled_ones() -> None:
    rows = unit(8, 1)
    assert contrast(rows, rows, SCALE) < contrast(rows, rows.roll(1, 0), SCALE)


def test_copies_are_no_negatives_of_each_other() -> None:
    rows = unit(4, 1)
    doubled = torch.cat([rows, rows])
    groups = torch.arange(4).repeat(2)
    powers = (10 * rows @ rows.T).exp()
    others = 2 * (powers.sum(1) - powers.diagonal())  # each other listing is there twice
    expected = -(powers.diagonal() / (powers.diagonal() + others)).log().mean()
    found = contrast(doubled, doubled, SCALE, groups=groups)
    assert float(found) == pytest.approx(float(expected), rel=1e-4)
    assert contrast(doubled, doubled, SCALE) > found + 0.5


def test_negatives_of_the_own_category_weigh_more() -> None:
    left, right = unit(6, 1), unit(6, 2)
    apart, same = torch.arange(6), torch.zeros(6, dtype=torch.long)
    plain = contrast(left, right, SCALE)
    assert contrast(left, right, SCALE, hardness=2.0, categories=apart) == plain
    assert contrast(left, right, SCALE, categories=same) == plain
    assert contrast(left, right, SCALE, hardness=2.0, categories=same) > plain
    unknown = torch.full_like(same, -1)
    assert contrast(left, right, SCALE, hardness=2.0, categories=unknown) == plain


@pytest.mark.parametrize("n", [0, 1])
def test_one_pair_alone_has_nothing_to_tell_apart(n: int) -> None:
    left = unit(n, 1).requires_grad_()
    loss = contrast(left, unit(n, 2), SCALE)
    loss.backward()
    assert float(loss.detach()) == 0


def test_the_scale_learns_and_stays_below_a_hundred() -> None:
    scale = Scale(14.3)
    assert float(scale().detach()) == pytest.approx(14.3)
    contrast(unit(4, 1), unit(4, 1), scale()).backward()
    assert scale.log.grad is not None and float(scale.log.grad) < 0  # sharper is better here
    with torch.no_grad():
        scale.log.fill_(9.0)
    assert float(scale().detach()) == pytest.approx(100.0)


def logits(n: int, labels: int, seed: int) -> "torch.Tensor":
    return torch.randn(n, labels, generator=torch.Generator().manual_seed(seed))


def test_both_levels_count_and_unknown_labels_do_not() -> None:
    roots, seconds = logits(3, 4, 1), logits(3, 7, 2)
    codes, finer = torch.tensor([1, 3, -1]), torch.tensor([6, -1, -1])

    def loss(share: float) -> float:
        return float(hierarchy(roots, seconds, codes, finer, smoothing=0.0, second_share=share))

    root = -roots[:2].log_softmax(1)[torch.arange(2), codes[:2]].mean()
    second = -seconds[0].log_softmax(0)[6]
    assert loss(0.0) == pytest.approx(float(root), rel=1e-5)
    assert loss(0.5) == pytest.approx(float(root + second / 2), rel=1e-5)


def test_a_batch_without_labels_costs_nothing() -> None:
    roots, none = logits(3, 4, 1).requires_grad_(), torch.full((3,), -1)
    loss = hierarchy(roots, logits(3, 7, 2), none, none, smoothing=0.1, second_share=1.0)
    loss.backward()
    assert float(loss.detach()) == 0


def test_smoothing_and_class_weights_change_the_target() -> None:
    roots, seconds = logits(4, 3, 1), logits(4, 5, 2)
    codes, finer = torch.tensor([0, 1, 2, 0]), torch.tensor([0, 1, 2, 3])

    def loss(smoothing: float, weights: "torch.Tensor | None" = None) -> float:
        found = hierarchy(
            roots, seconds, codes, finer, smoothing=smoothing, second_share=0.0, weights=weights
        )
        return float(found)

    logs = roots.log_softmax(1)
    own = logs[torch.arange(4), codes]
    expected = -(0.9 * own + 0.1 * logs.mean(1)).mean()
    assert loss(0.1) == pytest.approx(float(expected), rel=1e-5)
    only_first = torch.tensor([1.0, 0.0, 0.0])
    assert loss(0.0, only_first) == pytest.approx(float(-own[[0, 3]].mean()), rel=1e-5)
