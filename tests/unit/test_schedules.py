import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.models import schedules

SHARES = st.floats(0, 1)


@pytest.mark.parametrize("schedule", [schedules.cosine, schedules.line])
def test_up_in_a_line_and_down_to_nothing(schedule: Callable[[float, float], float]) -> None:
    assert [schedule(done, 0.2) for done in (0.0, 0.1, 0.2)] == [0.0, 0.5, 1.0]
    assert schedule(1.0, 0.2) == pytest.approx(0.0)


def test_half_way_down() -> None:
    assert schedules.cosine(0.6, 0.2) == schedules.line(0.6, 0.2) == pytest.approx(0.5)
    assert schedules.cosine(0.4, 0.2) == pytest.approx(0.5 + 0.5 * math.cos(math.pi / 4))
    assert schedules.line(0.4, 0.2) == pytest.approx(0.75)
    assert schedules.cosine(0.05) == pytest.approx(0.5)  # a tenth of the run warms up


@given(SHARES, SHARES)
def test_after_the_warm_up_it_only_falls(one: float, other: float) -> None:
    sooner, later = sorted((max(one, 0.1), max(other, 0.1)))
    for schedule in (schedules.cosine, schedules.line):
        assert schedule(later) + 1e-12 >= 0
        assert schedule(later) <= schedule(sooner) + 1e-12
