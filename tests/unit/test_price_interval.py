"""How far prices lie from their estimates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketrank.errors import BadInput
from marketrank.models.price import PriceModel
from marketrank.models.price_interval import FEWEST, PriceInterval, fit_interval, price_range
from marketrank.models.tfidf import Terms
from marketrank.types import Listing, ListingId, Money


def listings(n: int, root: str) -> list[Listing]:
    return [Listing(ListingId(f"{root}{row}"), "thing", category=(root,)) for row in range(n)]


def fixed(pounds: float) -> PriceModel:
    """A model that says the same of all."""
    nothing = np.zeros(5, np.float32)
    return PriceModel(
        "GBP", (), Terms(()), nothing, nothing + 1, np.zeros((5, 1), np.float32), np.log1p(pounds)
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_holds_its_share_of_new_prices(seed: int) -> None:
    draw = np.random.default_rng(seed)
    known = [*listings(2000, "Tables"), *listings(2000, "Phones")]
    spread = np.repeat([0.4, 1.5], 2000)
    skewed = (draw.gamma(2, 1, 4000) - 2) * spread
    interval = fit_interval(known, skewed)
    ends = interval.around(known, np.zeros(4000))
    again = (draw.gamma(2, 1, 4000) - 2) * spread
    inside = (ends[:, 0] <= again) & (again <= ends[:, 1])
    for half in (inside[:2000], inside[2000:]):
        assert 0.77 < half.mean() < 0.83
    below, above = (again < ends[:, 0]).mean(), (again > ends[:, 1]).mean()
    assert abs(below - above) < 0.03  # each end has its own tenth


def test_a_small_category_takes_the_quantiles_of_all() -> None:
    known = [*listings(FEWEST - 1, "Rare"), *listings(200, "Usual")]
    missed = np.concatenate([np.full(FEWEST - 1, 9.0), np.linspace(-1, 1, 200)])
    interval = fit_interval(known, missed)
    assert set(interval.roots) == {"Usual"}
    rare, unknown = interval.around([known[0], Listing(ListingId("x"), "x")], np.zeros(2))
    assert rare.tolist() == unknown.tolist() == list(interval.others)


def test_too_few_prices() -> None:
    with pytest.raises(BadInput, match=f"needs {FEWEST}"):
        fit_interval(listings(FEWEST - 1, "Tables"), np.zeros(FEWEST - 1))


def test_it_is_read_as_it_was_written() -> None:
    interval = fit_interval(listings(60, "Tables"), np.linspace(-1, 2, 60), share=0.5)
    assert PriceInterval.from_json(interval.as_json()) == interval
    with pytest.raises(ValueError, match="unpack"):
        PriceInterval.from_json({"share": 0.5, "roots": {}, "others": [1, 2, 3]})


def test_a_range_is_rounded_outwards_and_stays_between_its_bounds() -> None:
    interval = PriceInterval(0.8, {}, (-1.0, 1.0))
    one = Listing(ListingId("x"), "x")
    found = price_range(fixed(437.0), interval, one)
    assert (found.middle, found.low, found.high, found.share) == (
        Money(44000, "GBP"), Money(16000, "GBP"), Money(120000, "GBP"), 0.8,
    )  # fmt: skip
    assert price_range(fixed(437.0), None, one).low is None
    assert price_range(fixed(9_000.0), interval, one).high == Money(1_000_000, "GBP")


@settings(deadline=None)
@given(st.floats(0, 10_000))
def test_the_middle_is_within_the_range(pounds: float) -> None:
    found = price_range(fixed(pounds), PriceInterval(0.8, {}, (-0.5, 0.5)), listings(1, "x")[0])
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low.minor <= found.middle.minor <= found.high.minor
