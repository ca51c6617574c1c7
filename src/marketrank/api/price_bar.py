"""A listing's price against what listings like it ask, in words and as a bar."""

from dataclasses import dataclass

from marketrank.api import wording
from marketrank.models.price_interval import PriceRange
from marketrank.types import Money

WIDTH = 300.0
_INSET = 8.0


@dataclass(frozen=True, slots=True)
class PriceBar:
    """`low` to `high` is where most such prices lie and `middle` the estimate; `own` is this
    price: distances from the left in a bar of WIDTH. `verdict` and `usual` say the same."""

    low: float
    high: float
    middle: float
    own: float
    verdict: str
    usual: str

    @property
    def width(self) -> float:
        return WIDTH


def price_bar(price: Money | None, usual: PriceRange | None) -> PriceBar | None:
    """None where there is nothing to compare: no price, another currency, no interval."""
    if price is None or usual is None or usual.low is None or usual.high is None:
        return None
    if price.currency != usual.middle.currency or price.minor == 0:
        return None
    # A price far out of all proportion would squeeze the rest into a point: it stands at the end.
    end = max(min(price.minor, 3 * usual.high.minor), usual.high.minor, 1) * 1.1

    def at(money: Money) -> float:
        return round(_INSET + (WIDTH - 2 * _INSET) * min(money.minor / end, 1.0), 1)

    share = "Most" if usual.share is None else wording.in_ten(usual.share)
    return PriceBar(
        at(usual.low),
        at(usual.high),
        at(usual.middle),
        at(price),
        _verdict(price, usual.low, usual.high),
        f"{share} things like this ask {wording.price(usual.low)} to {wording.price(usual.high)}, "
        f"about {wording.price(usual.middle)} in the middle.",
    )


def _verdict(price: Money, low: Money, high: Money) -> str:
    if price.minor < low.minor:
        return "Lower than usual"
    return "Higher than usual" if price.minor > high.minor else "A usual price"
