import random

import numpy as np

from marketrank.simulate.shopper_wants import (
    Minds,
    Trends,
    colours_of_kinds,
    comers,
    query_vectors,
    word_query,
)
from marketrank.simulate.shoppers import DAY
from small_shoppers import PARAMS, small_shoppers, small_stock


def test_fashion_lasts_a_week_and_swings_slowly() -> None:
    trends = Trends(small_stock(), PARAMS, seed=1)
    day = [trends.at(day) for day in (0, 1, 7)]
    assert np.abs(day[1] - day[0]).max() < 0.2
    assert (np.abs(day[2] - day[0]) > PARAMS.fad / 2).sum() >= PARAMS.fads
    assert np.array_equal(day[0], Trends(small_stock(), PARAMS, seed=1).at(0))


def renewed(minds: Minds, buyers: np.ndarray, seed: int, trend: np.ndarray | None = None) -> None:
    flat = np.zeros(len(small_stock().kinds.kinds)) if trend is None else trend
    rng = np.random.default_rng(seed)
    minds.renew(buyers, small_stock(), small_shoppers(), trend=flat, params=PARAMS, rng=rng)


def test_a_want_lasts_until_it_ends_or_is_met() -> None:
    minds, buyers = Minds.empty(small_shoppers()), np.arange(PARAMS.buyers)
    renewed(minds, buyers, 1)
    assert (minds.kind >= 0).all()
    before = minds.kind.copy()
    renewed(minds, buyers, 2)
    changed = (minds.kind != before).mean()
    assert PARAMS.want_ends - 0.12 < changed <= PARAMS.want_ends + 0.05
    minds.forget(buyers[:1])
    assert minds.kind[0] == -1 == minds.colour[0]


def test_a_fad_is_wanted_by_more() -> None:
    trend = np.zeros(len(small_stock().kinds.kinds))
    trend[5] = 4
    shares = []
    for one in (None, trend):
        minds = Minds.empty(small_shoppers())
        renewed(minds, np.arange(PARAMS.buyers), 1, one)
        shares.append((minds.kind == 5).mean())
    assert shares[1] > shares[0] + 0.05


def test_queries_name_the_thing_and_sometimes_its_colour() -> None:
    stock = small_stock()
    kind = stock.kinds.places["dining table"]
    colour = int(np.flatnonzero(colours_of_kinds(stock)[kind])[0])
    said = [word_query(stock, kind, colour, random.Random(seed)) for seed in range(200)]
    name = stock.spaces.colours[colour]
    assert 60 < sum(told for _, told in said) < 160
    assert all(query == query.lower() for query, _ in said)
    named = [query for query, told in said if told]
    assert sum(query.startswith(name) for query in named) > 0.9 * len(named)
    nouns = stock.kinds.kinds[kind].nouns
    assert sum(any(noun in query for noun in nouns) for query, _ in said) > 180  # slips


def test_a_query_lies_near_what_it_means() -> None:
    stock = small_stock()
    kind = np.bincount(stock.kind).argmax()
    vectors = query_vectors(
        stock, np.array([kind]), np.array([0]), np.array([False]), np.random.default_rng(0)
    )
    cosines = (stock.vectors @ vectors.T)[:, 0]
    assert cosines[stock.kind == kind].mean() > cosines[stock.kind != kind].mean() + 0.4


def test_nobody_comes_before_they_have_joined_and_the_busy_come_more() -> None:
    shoppers = small_shoppers()
    now = shoppers.start + DAY
    rng = np.random.default_rng(0)
    came = np.concatenate([comers(shoppers, 20, now, rng) for _ in range(200)])
    assert (shoppers.joined[came] < now).all()
    there = shoppers.joined < now - DAY
    counts = np.bincount(came, minlength=len(shoppers))[there]
    assert np.corrcoef(counts, shoppers.activity[there])[0, 1] > 0.5
    assert len(set(comers(shoppers, 10_000, now, rng))) == (shoppers.joined < now).sum()
