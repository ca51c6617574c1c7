from dataclasses import replace

import numpy as np
import pytest

from marketrank.simulate.shopper_clicks import look
from marketrank.simulate.shopper_parameters import ClickModel, ShopperParameters
from marketrank.simulate.truth import Truth, Wants, examination
from small_shoppers import PARAMS, small_shoppers, small_stock

TRUTH = Truth(small_stock(), small_shoppers(), PARAMS)
BUYERS = np.arange(5)
EVERYTHING = np.arange(len(small_stock()))


def wants(kind: int, colour: int = -1, search: bool = True) -> Wants:
    return Wants(np.full(5, kind), np.full(5, colour), np.full(5, search))


def test_what_is_wanted_attracts_more_than_what_is_not() -> None:
    levels = small_stock().kinds.level[:, small_stock().kind]
    kind = int((levels == 2).sum(axis=1).argmax())
    level = levels[kind]
    means = [
        TRUTH.relevance(BUYERS, wants(kind), EVERYTHING[level == one]).mean() for one in range(4)
    ]
    assert means == sorted(means) and means[3] > 5 * means[0]


def test_a_price_above_the_budget_and_a_distance_put_off() -> None:
    stock = small_stock()
    dear = replace(stock, price=stock.price * 5)
    far = replace(stock, spot=stock.spot + np.float32(500))
    near_home = replace(stock, spot=np.tile(small_shoppers().spot[0], (len(stock), 1)))
    base = TRUTH.charm(BUYERS[:1], EVERYTHING[None])

    def mean(other: object) -> float:
        return float(
            (replace(TRUTH, stock=other).charm(BUYERS[:1], EVERYTHING[None]) - base).mean()
        )

    assert mean(dear) < -0.5
    assert mean(far) < 0 < mean(near_home)


def test_interest_is_the_mean_over_what_buyers_come_for() -> None:
    shoppers, listings = small_shoppers(), EVERYTHING[:40]
    logits = shoppers.tastes.logits[:1].astype(float)
    chance = np.exp(logits) / np.exp(logits).sum()
    each = np.concatenate(
        [
            TRUTH.relevance(
                BUYERS[:1], Wants(np.array([k]), np.array([-1]), np.array([False])), listings
            )
            for k in range(chance.shape[1])
        ]
    )
    assert TRUTH.interest(BUYERS[:1], listings)[0] == pytest.approx(
        (chance.T * each).sum(axis=0), rel=1e-3
    )


@pytest.mark.parametrize("eta", [0.0, 0.5, 2.0])
def test_examination_falls_by_the_power_of_the_rank(eta: float) -> None:
    params = replace(PARAMS, eta=eta, feed_eta=0.0)
    relevance = np.full((2, 4), 0.5, np.float32)
    found = examination(relevance, np.array([True, False]), params)
    assert found[0] == pytest.approx([1, 2**-eta, 3**-eta, 4**-eta])
    assert found[1] == pytest.approx([1, 1, 1, 1])
    assert replace(TRUTH, params=params).propensities()["search"][:4] == pytest.approx(found[0])


@pytest.mark.parametrize("model", list(ClickModel))
def test_people_look_as_often_as_the_truth_says(model: ClickModel) -> None:
    params = ShopperParameters(click_model=model)
    rng = np.random.default_rng(1)
    relevance = np.tile(rng.random(8).astype(np.float32), (60_000, 1))
    looked = look(relevance, np.ones(60_000, bool), params, rng)
    assert looked.examined.mean(axis=0) == pytest.approx(looked.chance[0], abs=0.01)
    assert looked.clicked.mean(axis=0) == pytest.approx(looked.chance[0] * relevance[0], abs=0.01)


def test_a_cascade_ends_sooner_after_clicks() -> None:
    params = ShopperParameters(click_model=ClickModel.CASCADE)
    dull, bright = (np.full((1, 5), value, np.float32) for value in (0.0, 1.0))
    search = np.ones(1, bool)
    assert examination(dull, search, params)[0] == pytest.approx(0.9 ** np.arange(5))
    assert examination(bright, search, params)[0] == pytest.approx(0.6 ** np.arange(5))
