"""How long something has waited, from two numbers."""

from marketrank.monitoring.lag import Lag
from marketrank.types import Seq


def test_nothing_waits() -> None:
    assert Lag().look(done=Seq(5), last=Seq(9), behind=False, now=100.0) == 0


def test_what_waits_grows_old_until_it_is_followed() -> None:
    lag = Lag()
    assert lag.look(done=Seq(5), last=Seq(9), behind=True, now=100.0) == 0
    assert lag.look(done=Seq(7), last=Seq(20), behind=True, now=130.0) == 30
    # 9 is followed; what waits now came after the first look.
    assert lag.look(done=Seq(9), last=Seq(20), behind=True, now=140.0) == 0
    assert lag.look(done=Seq(20), last=Seq(20), behind=False, now=150.0) == 0
    assert lag.look(done=Seq(20), last=Seq(21), behind=True, now=160.0) == 0
