import pytest

from marketrank.api.price_bar import WIDTH, price_bar
from marketrank.models.price_interval import PriceRange
from marketrank.types import Money


def pounds(amount: int) -> Money:
    return Money(amount * 100, "GBP")


USUAL = PriceRange(pounds(120), pounds(45), pounds(320), 0.8)


@pytest.mark.parametrize(
    ("amount", "verdict"),
    [
        (44, "Lower than usual"),
        (45, "A usual price"),
        (320, "A usual price"),
        (321, "Higher than usual"),
        (1_000_000, "Higher than usual"),
    ],
)
def test_a_price_is_put_among_others(amount: int, verdict: str) -> None:
    bar = price_bar(pounds(amount), USUAL)
    assert bar is not None
    assert bar.verdict == verdict
    assert bar.usual == "8 in 10 things like this ask £45 to £320, about £120 in the middle."
    assert 0 < bar.low < bar.middle < bar.high < WIDTH
    assert 0 < bar.own < WIDTH
    assert (bar.own < bar.low, bar.own > bar.high) == (amount < 45, amount > 320)


@pytest.mark.parametrize(
    ("price", "usual"),
    [
        (None, USUAL),
        (pounds(0), USUAL),
        (Money(5000, "EUR"), USUAL),
        (pounds(50), None),
        (pounds(50), PriceRange(pounds(120), None, None, None)),
    ],
)
def test_nothing_is_said_where_nothing_can_be_compared(
    price: Money | None, usual: PriceRange | None
) -> None:
    assert price_bar(price, usual) is None
