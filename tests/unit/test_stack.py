"""A stack trusts the source that was right on listings that no source was fitted to."""

import numpy as np
import pytest

from marketrank.errors import BadInput
from marketrank.models.probabilities import log_loss, log_softmax
from marketrank.models.stack import Stack, fit_stack, mix_crosswise

N, CLASSES = 300, 4
RNG = np.random.default_rng(0)
CODES = RNG.integers(0, CLASSES, N)


def source(signal: float, seed: int) -> np.ndarray:
    """Log probabilities of a classifier whose logit of the true class is higher by `signal`."""
    logits = np.random.default_rng(seed).normal(size=(N, CLASSES))
    logits[np.arange(N), CODES] += signal
    return log_softmax(logits.astype(np.float32))


GOOD, FAIR, NOISE = source(2.0, 1), source(1.0, 2), source(0.0, 3)


def test_a_mix_is_the_weighted_product_of_probabilities() -> None:
    a, b = np.array([[0.7, 0.2, 0.1]]), np.array([[0.1, 0.6, 0.3]])
    found = Stack({"a": 0.5, "b": 2.0}).mix({"a": np.log(a), "b": np.log(b), "unused": a})
    expected = a**0.5 * b**2
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-6)


def test_equal_numbers_have_no_say() -> None:
    stack = Stack({"words": 1.0, "photos": 3.0})
    mute = stack.mix({"words": GOOD, "photos": np.full_like(GOOD, -7)})
    np.testing.assert_allclose(mute, np.exp(GOOD), rtol=1e-4)


def test_a_source_that_has_a_weight_must_be_there() -> None:
    with pytest.raises(BadInput, match=r"needs \['b'\] and was given \['a', 'c'\]"):
        Stack({"a": 1.0, "b": 1.0}).mix({"a": GOOD, "c": GOOD})


def test_weights_are_chosen_by_log_loss() -> None:
    sources = {"good": GOOD, "fair": FAIR, "noise": NOISE}
    stack = fit_stack(sources, CODES)
    assert stack.weights["good"] > stack.weights["fair"] > stack.weights["noise"] >= 0
    assert stack.weights["noise"] < 0.1
    best = log_loss(stack.mix(sources), CODES)
    assert best < min(log_loss(np.exp(one), CODES) for one in sources.values())
    for name in ("good", "fair"):
        for other in (0.9, 1.1):
            moved = Stack({**stack.weights, name: stack.weights[name] * other})
            assert log_loss(moved.mix(sources), CODES) > best


def test_a_misleading_source_gets_no_weight_and_a_timid_one_not_all() -> None:
    stack = fit_stack({"wrong": -GOOD, "timid": 0.01 * GOOD}, CODES)
    assert stack.weights == {"timid": 4.0, "wrong": 0.0}


def test_unknown_categories_do_not_count() -> None:
    misleading = np.where(np.arange(N)[:, None] < 100, NOISE * 50, GOOD)
    codes = np.where(np.arange(N) < 100, -1, CODES)
    known = fit_stack({"a": GOOD[100:], "b": FAIR[100:]}, CODES[100:])
    assert fit_stack({"a": misleading, "b": FAIR}, codes) == known
    with pytest.raises(BadInput, match="no held-out listing has a known category"):
        fit_stack({"a": GOOD}, np.full(N, -1))


SOURCES = {"good": GOOD, "fair": FAIR, "noise": NOISE}
GROUPS = [f"group-{row // 3}" for row in range(N)]


def test_crosswise_no_group_decides_its_own_weights() -> None:
    found = mix_crosswise(SOURCES, CODES, GROUPS)
    assert found.shape == (N, CLASSES)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    whole = fit_stack(SOURCES, CODES).mix(SOURCES)
    assert 0 < np.abs(found - whole).max() < 0.1
    assert log_loss(found, CODES) > log_loss(whole, CODES)
    flipped = CODES.copy()
    flipped[:3] = (flipped[:3] + 1) % CLASSES  # the first group
    again = mix_crosswise(SOURCES, flipped, GROUPS)
    assert np.array_equal(again[:3], found[:3])
    assert (again[3:] != found[3:]).any(axis=1).sum() > N / 2


def test_crosswise_a_group_without_categories_is_read_by_weights_of_all_others() -> None:
    codes = np.where(np.arange(N) < 3, -1, CODES)
    found = mix_crosswise(SOURCES, codes, GROUPS)
    expected = fit_stack(SOURCES, codes).mix(SOURCES)
    np.testing.assert_allclose(found[:3], expected[:3], rtol=1e-5)


def test_crosswise_two_groups_with_categories_are_needed() -> None:
    for groups, codes in (
        (["one"] * N, CODES),
        (GROUPS, np.where(np.arange(N) < 3, CODES, -1)),
    ):
        with pytest.raises(BadInput, match="no held-out listing has a known category"):
            mix_crosswise(SOURCES, codes, groups)
    two = np.where((np.arange(N) < 3) | (np.arange(N) >= N - 3), CODES, -1)
    assert np.isfinite(mix_crosswise(SOURCES, two, GROUPS)).all()
