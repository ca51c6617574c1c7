"""Measures of drift against references, and how often they are wrong."""

from pathlib import Path

import numpy as np
import pytest

from marketrank.config import Settings
from marketrank.monitoring.drift import (
    Column,
    Kind,
    area,
    divergence,
    judge,
    separability,
    stability,
    wasserstein,
)
from marketrank.pipelines.drift import thresholds_of
from marketrank.pipelines.drift_listings import labelled

LIMITS = thresholds_of(Settings(home=Path("unused")))


def latest(n: int, m: int) -> np.ndarray:
    return np.arange(n + m) >= n


def one_hot(codes: np.ndarray, labels: int) -> np.ndarray:
    return np.eye(labels)[codes]


def test_wasserstein_is_scipys_over_the_deviation() -> None:
    scipy = pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(1)
    ref, new = draw.normal(size=300), draw.gamma(2.0, size=170).round(1)
    expected = scipy.wasserstein_distance(ref, new) / ref.std()
    assert wasserstein(np.r_[ref, new], latest(300, 170)) == pytest.approx(expected)
    assert wasserstein(np.ones(9), latest(4, 5)) == 0


def test_area_is_sklearns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    draw = np.random.default_rng(2)
    scores, positive = draw.integers(0, 9, 200).astype(float), draw.random(200) < 0.3
    assert area(scores, positive) == pytest.approx(metrics.roc_auc_score(positive, scores))
    assert area(np.ones(3), np.array([True, True, True])) == 0.5


def test_stability_and_divergence_by_hand() -> None:
    # 30 and 10 of 40 rows become 10 and 30: (q - p) = ∓.4878, ln(q / p) = ∓1.066 (with half a row).
    rows = one_hot(np.repeat([0, 1, 0, 1], [30, 10, 10, 30]), 2)
    p, q = np.array([30.5, 10.5]) / 41, np.array([10.5, 30.5]) / 41
    assert stability(rows, latest(40, 40)) == pytest.approx(float((q - p) @ np.log(q / p)))
    assert divergence(np.eye(2).repeat(500, 0), latest(500, 500)) == pytest.approx(1, abs=0.02)
    assert divergence(np.ones((8, 3)), latest(4, 4)) == 0


def test_separability_is_of_rows_that_were_not_fitted_to() -> None:
    draw = np.random.default_rng(3)
    noise = draw.normal(size=(120, 200))  # more dimensions than rows: fitted, it would be 1
    assert separability(noise, latest(60, 60)) < 0.65
    noise[60:, 7] += 3
    assert separability(noise, latest(60, 60)) > 0.85


def columns(seed: int, *, n: int, m: int, shift: float = 0.0) -> list[Column]:
    """One of each kind; `shift` moves the later window."""
    draw = np.random.default_rng(seed)
    when = latest(n, m)
    numbers = draw.normal(3.5, 1.2, n + m) + shift * when
    shares = draw.dirichlet(np.ones(13))
    moved = np.roll(shares, 1) * shift + shares * (1 - shift)
    codes = np.r_[draw.choice(13, n, p=shares), draw.choice(13, m, p=moved / moved.sum())]
    words = 1 / np.arange(2, 202)
    said = draw.random((n + m, 200)) < np.where(
        when[:, None], np.roll(words, int(20 * shift)), words
    )
    vectors = draw.normal(size=(n + m, 64))
    vectors[when] += 0.3 * shift
    tries = draw.integers(1, 24, n + m)
    clicks = draw.binomial(tries, np.where(when, 0.05 * (1 + shift), 0.05))
    return [
        Column("number", Kind.NUMBER, numbers, when),
        labelled("share", [str(code) for code in codes], when),
        Column("words", Kind.WORDS, said.astype(float), when, tuple(map(str, range(200)))),
        Column("vector", Kind.VECTOR, vectors, when),
        Column("rate", Kind.RATE, np.c_[clicks, tries].astype(float), when),
    ]


@pytest.mark.parametrize(("n", "m", "seeds"), [(2000, 100, 20), (400, 400, 20), (2000, 2000, 3)])
def test_no_false_alarm_without_a_shift(n: int, m: int, seeds: int) -> None:
    alarms = [
        (seed, one.name)
        for seed in range(seeds)
        for column in columns(seed, n=n, m=m)
        if (one := judge(column, LIMITS, least=100, seed=seed)).drifted
    ]
    assert alarms == []


@pytest.mark.parametrize("kind", list(Kind))
def test_a_shift_is_seen_in_each_kind(kind: Kind) -> None:
    for seed in range(5):
        (column,) = [one for one in columns(seed, n=1500, m=400, shift=1.0) if one.kind is kind]
        found = judge(column, LIMITS, least=100, seed=seed)
        assert found.drifted, found
        assert found.score > found.threshold


def test_with_few_rows_nothing_is_judged() -> None:
    for column in columns(1, n=1500, m=99, shift=1.0):
        found = judge(column, LIMITS, least=100, seed=1)
        assert not found.judged
        assert not found.drifted


def test_what_is_significant_but_small_is_no_drift() -> None:
    draw = np.random.default_rng(4)
    when = latest(50_000, 50_000)
    values = draw.normal(size=100_000) + 0.05 * when  # p < 1e-14 by any test of means
    found = judge(Column("x", Kind.NUMBER, values, when), LIMITS, least=100, seed=1)
    assert found.score > found.chance
    assert not found.drifted


def test_what_is_large_but_could_be_chance_is_no_drift() -> None:
    draw = np.random.default_rng(5)
    when = latest(100, 100)
    hits = np.zeros((200, 2))
    hits[:, 1] = 1
    hits[[1, 2, 3, 150], 0] = 1  # 3 of 100 against 1 of 100
    found = judge(
        Column("x", Kind.RATE, hits[draw.permutation(200)], when), LIMITS, least=9, seed=1
    )
    assert not found.drifted


def test_bars_show_what_changed_most() -> None:
    codes = np.repeat([0, 1, 2, 0, 1, 2], [50, 30, 20, 20, 30, 50])
    found = judge(
        Column("c", Kind.SHARE, one_hot(codes, 3), latest(100, 100), ("a", "b", "c")),
        LIMITS,
        least=10,
        seed=1,
    )
    assert [(bar.label, bar.reference, bar.latest) for bar in found.bars] == [
        ("a", 0.5, 0.2),
        ("c", 0.2, 0.5),
        ("b", 0.3, 0.3),
    ]
