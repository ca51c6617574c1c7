import dataclasses

import pytest

from marketrank.errors import BadInput
from marketrank.simulate.shopper_parameters import ClickModel, ShopperParameters


def test_the_truth_is_the_one_that_was_fixed_before_anything_was_trained() -> None:
    """Who changes one of these numbers changes what every claim was measured on: say so in
    docs/adr/0145 and measure again."""
    params = ShopperParameters()
    assert (params.eta, params.feed_eta, params.click_model) == (1.0, 1.0, ClickModel.POSITION)
    assert (params.shown, params.unshown, params.retrieved) == (20, 5, 40)
    assert params.match == (-2.2, -1.0, 0.6, 2.4)
    assert (params.search_base, params.feed_base, params.feed_match) == (-1.6, -1.0, 0.6)
    weights = ("kind_taste", "style", "colour", "over_budget", "under_budget", "far", "no_photo")
    assert [getattr(params, name) for name in weights] == [0.5, 0.8, 0.7, 1.8, 0.35, 0.55, 1.2]
    assert (params.trade, params.appeal, params.whim, params.swap_share) == (0.3, 0.5, 0.35, 0.1)
    policy = {f.name: getattr(params, f.name) for f in dataclasses.fields(params)}
    assert {name[7:]: value for name, value in policy.items() if name.startswith("policy_")} == {
        "words": 1.0,
        "vector": 0.5,
        "fresh": 0.8,
        "popular": 0.6,
        "trade": 0.5,
        "near": 0.3,
        "taste": 0.4,
        "noise": 0.5,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("buyers", 0), ("days", 0), ("search_share", 1.5), ("swap_share", -0.1), ("eta", -1.0)],
)
def test_what_cannot_be_is_named(name: str, value: float) -> None:
    with pytest.raises(BadInput, match=name):
        dataclasses.replace(ShopperParameters(), **{name: value})  # type: ignore[arg-type]


def test_lists_cannot_be_longer_than_what_is_fetched() -> None:
    with pytest.raises(BadInput, match="retrieved=20 must be shown"):
        ShopperParameters(retrieved=20)
