"""Reach variance: what is steered is found, what is not is not, and intervals hold what is true."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_up_world import World
from marketrank.buyers.audit_audience import Audiences, audiences, blind_reach, variance
from marketrank.buyers.audit_groups import Groups, group
from marketrank.buyers.audit_reach import Reach, reach_of, variances_of

LIMIT = 0.1


def measured(world: World, *, most: int = 1_000, least: int = 20) -> tuple[Audiences, Groups]:
    table = world.table()
    groups = group("side", table.attributes["side"], least=20)
    found = audiences(table, {"side": groups}, depth=10, least=least, most=most, seed=0)
    return found["side"], groups


def reach(world: World) -> Reach:
    found = reach_of(measured(world)[0], 0, limit=LIMIT, seed=0)
    assert found is not None
    return found


def worlds(n: int, **given_: float) -> Iterator[World]:
    return (World(seed, **given_) for seed in range(n))  # type: ignore[arg-type]


def test_variance_is_what_must_be_exchanged() -> None:
    assert variance(np.array([0.5, 0.5]), np.array([0.6, 0.4])) == pytest.approx(0.1)
    assert variance(np.array([0.5, 0.3, 0.2]), np.array([0.0, 0.3, 0.7])) == pytest.approx(0.5)
    assert variance(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).tolist() == [1.0]


@given(st.lists(st.integers(1, 60), min_size=2, max_size=40), st.data())
def test_a_blind_ranking_reaches_as_many_and_the_busy_sooner(
    chances: list[int], data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, len(chances)))
    found = blind_reach(np.array(chances), n)
    assert found.sum() == pytest.approx(n, rel=1e-6)
    assert ((found > 0) & (found <= 1)).all()
    order = np.argsort(chances)
    assert (np.diff(found[order]) >= -1e-12).all()


def test_nobody_is_steered_by_a_blind_feed() -> None:
    """However much oftener one group comes: they are eligible oftener, too."""
    for busy in (1.0, 3.0):
        found = [reach(world) for world in worlds(5, busy=busy)]
        assert min(one.within.value for one in found) > 0.97
        assert max(one.within.high for one in found) == 1.0
        assert np.mean([one.observed - one.blind for one in found]) == pytest.approx(0, abs=0.03)


def test_noise_of_small_audiences_is_taken_off() -> None:
    found = [reach(world) for world in worlds(5, sessions=800)]
    assert np.mean([one.observed for one in found]) < 0.93
    assert np.mean([one.within.value for one in found]) > 0.96


def test_the_steered_share_is_found() -> None:
    found = [reach(world).within.value for world in worlds(6, share=0.3, steer=1.0)]
    assert np.mean(found) == pytest.approx(0.7, abs=0.03)
    assert reach(World(1, share=1.0, steer=1.0)).within.high < 0.1


def test_intervals_hold_the_true_share_about_as_often_as_they_say() -> None:
    """Of a marketplace in which a fifth of listings is steered, chance says how many of these."""
    hits = []
    for seed in range(40):
        steered = np.random.default_rng(seed).binomial(120, 0.2) / 120
        one = reach(World(seed, share=steered, steer=1.2, sessions=1_200)).within
        hits.append(one.low <= 0.8 <= one.high)
    assert 0.86 <= np.mean(hits) <= 1.0


def test_all_values_together_show_what_each_hides() -> None:
    """Of five groups none is a large share: each may be gone and be within 10 % by itself."""
    values = tuple("abcde")
    whole = measured(World(1, share=1.0, steer=1.6, values=values))[0]
    found, one = variances_of(whole, limit=LIMIT, seed=0), reach_of(whole, 1, limit=LIMIT, seed=0)
    assert found is not None and one is not None
    assert found.within.high < 0.2 < one.within.value
    blind = variances_of(measured(World(1, values=values))[0], limit=LIMIT, seed=0)
    assert blind is not None
    assert blind.within.value > 0.97
    assert blind.blind.low <= blind.observed <= blind.blind.high


def test_small_audiences_are_left_out_and_many_listings_drawn_from() -> None:
    world = World(1)
    some = measured(world, least=100)[0]
    assert (some.reached.sum(axis=1) >= 100).all()
    assert 0 < len(some.listing) < len(measured(world)[0].listing)
    drawn = measured(world, most=30)[0]
    assert len(drawn.listing) == 30
    nobody = measured(world, least=10_000)[0]
    assert reach_of(nobody, 0, limit=LIMIT, seed=0) is None
    assert variances_of(nobody, limit=LIMIT, seed=0) is None


def test_the_limit_decides() -> None:
    some = measured(World(1, share=0.5, steer=1.0))[0]
    shares = [reach_of(some, 0, limit=limit, seed=0) for limit in (0.02, 0.1, 0.6)]
    values = [one.within.value for one in shares if one]
    assert values[0] < values[1] < values[2] == pytest.approx(1.0)
