import numpy as np
import pytest

from marketrank.errors import BadInput
from marketrank.evaluation.significance import bootstrap_intervals, randomisation_p

RNG = np.random.default_rng(5)


def test_an_interval_is_as_wide_as_the_standard_error_says() -> None:
    values = RNG.normal(0.5, 0.2, (400, 2))
    low, high = bootstrap_intervals(values, seed=1)
    error = values.std(axis=0) / 20
    np.testing.assert_allclose(low, values.mean(axis=0) - 1.96 * error, atol=0.003)
    np.testing.assert_allclose(high, values.mean(axis=0) + 1.96 * error, atol=0.003)


def test_a_level_widens_the_interval() -> None:
    values = RNG.normal(0.5, 0.2, (100, 1))
    wide, narrow = (bootstrap_intervals(values, seed=1, level=level) for level in (0.99, 0.5))
    assert wide[0, 0] < narrow[0, 0] < narrow[1, 0] < wide[1, 0]


def test_equal_seeds_agree_and_others_do_not() -> None:
    values = RNG.normal(0.5, 0.2, (50, 1))
    first, again, other = (bootstrap_intervals(values, seed=seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    p = [randomisation_p(values - 0.5, seed=seed)[0] for seed in (1, 1, 2)]
    assert p[0] == p[1] != p[2]


def test_p_of_a_few_queries_is_the_exact_one() -> None:
    # Of the 8 ways to swap three equal differences, 2 are as far from 0.
    p = randomisation_p(np.full((3, 1), 0.1), seed=1)
    assert p[0] == pytest.approx(2 / 8, abs=0.02)


def test_p_is_1_where_nothing_differs_and_least_where_all_does() -> None:
    differences = np.column_stack([np.zeros(40), np.full(40, 0.1)])
    p = randomisation_p(differences, seed=1, resamples=999)
    assert p.tolist() == [1.0, 0.001]


def test_p_of_chance_is_seldom_small() -> None:
    differences = RNG.normal(0, 1, (60, 200))
    p = randomisation_p(differences, seed=3, resamples=500)
    assert 0.01 < (p < 0.05).mean() < 0.11


def test_no_queries_are_refused() -> None:
    with pytest.raises(BadInput, match="no queries"):
        bootstrap_intervals(np.empty((0, 1)), seed=1)
    with pytest.raises(BadInput, match="no queries"):
        randomisation_p(np.empty((0, 1)), seed=1)
