from dataclasses import replace

import numpy as np
import pytest

from made_up_sessions import World, impression
from marketrank.errors import BadInput
from marketrank.feedback.propensity import Propensity, em, harvest, power
from marketrank.feedback.sessions import groups
from marketrank.people import Session
from marketrank.ranking import ltr


def test_a_power_falls_from_one_and_weighs_by_its_inverse() -> None:
    found = power(1.0, 4)
    assert found.examined == pytest.approx((1, 1 / 2, 1 / 3, 1 / 4))
    positions = np.array([0, 3, 9, -1], np.int32)
    assert found.weights(positions, 20).tolist() == pytest.approx([1, 4, 4, 1])
    assert found.weights(positions, 3).tolist() == pytest.approx([1, 3, 3, 1])
    assert power(0.0, 3).examined == (1, 1, 1)


@pytest.mark.parametrize("eta", [0.5, 1.0, 1.5])
def test_harvest_finds_the_bias_whatever_it_is(eta: float) -> None:
    world = World.drawn(eta=eta, queries=40)
    found = harvest(groups(world.sessions(12_000)))
    positions = np.arange(8, dtype=np.int32)
    np.testing.assert_allclose(found.at(positions), world.examined(positions), rtol=0.2, atol=0.03)


def test_without_bias_nothing_is_corrected() -> None:
    found = harvest(groups(World.drawn(eta=0.0, queries=40).sessions(4_000)))
    assert min(found.examined[:15]) > 0.85


def test_what_never_moved_tells_nothing() -> None:
    still = [Session(replace(impression(), request=f"r{n}")) for n in range(50)]
    with pytest.raises(BadInput, match="--propensity em"):
        harvest(groups(still))
    moved = [replace(one.impression, query="") for one in World.drawn().sessions(50)]
    with pytest.raises(BadInput, match="different positions"):
        harvest(groups(map(Session, moved)))


def test_em_finds_the_bias_too() -> None:
    world = World.drawn(eta=1.0, queries=30)
    found = em(groups(world.sessions(2_500)), ltr.regress(0))
    # It is told apart from relevance by features alone, so less sharply.
    assert found.method == "em"
    assert found.examined[0] == 1
    np.testing.assert_allclose(found.examined[3], 0.25, atol=0.12)
    np.testing.assert_allclose(found.examined[9], 0.1, atol=0.07)


def test_em_needs_a_click() -> None:
    with pytest.raises(BadInput, match="nobody clicked"):
        em(groups([Session(impression())]), ltr.regress(0))


def test_positions_below_the_last_are_as_likely_as_it() -> None:
    assert Propensity((1.0, 0.5), "test").at(np.array([1, 7], np.int32)).tolist() == [0.5, 0.5]


def test_too_little_movement_is_no_estimate() -> None:
    """A few shows at each of many positions say nothing of any of them: not that there is no
    bias."""
    few = groups(World.drawn(eta=1.0, queries=40).sessions(60))
    with pytest.raises(BadInput, match="position bias cannot be seen"):
        harvest(few)
