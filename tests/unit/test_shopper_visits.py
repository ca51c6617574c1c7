from dataclasses import replace

import numpy as np

from marketrank.people import InteractionKind
from marketrank.simulate.shopper_visits import Visits
from marketrank.simulate.truth import Truth
from marketrank.types import ListingId
from small_shoppers import PARAMS, small_shoppers, small_stock

TRUTH = Truth(small_stock(), small_shoppers(), PARAMS)


def test_the_same_seed_brings_the_same_visitors() -> None:
    first, again, other = (Visits(TRUTH, seed) for seed in (1, 1, 2))
    came = [[(v.buyer, v.query) for v in map(one.come, range(30))] for one in (first, again, other)]
    assert came[0] == came[1] != came[2]
    assert 5 < sum(query == "" for _, query in came[0]) < 18
    assert len({buyer for buyer, _ in came[0]}) > 10


def test_visitors_click_what_they_want_and_the_top_most() -> None:
    visits, stock = Visits(TRUTH, 1), small_stock()
    clicks = np.zeros(20)
    fits = []
    for number in range(800):
        visit = visits.come(number)
        shown = np.random.default_rng(number).choice(len(stock), 20, replace=False)
        same = np.flatnonzero(stock.kind == visit.wants.kind[0])
        if len(same):
            shown[number % 20] = same[number % len(same)]
        for done in visits.react(visit, [stock.ids[i] for i in shown]):
            if done.kind is InteractionKind.CLICK:
                clicks[done.rank] += 1
                fits.append(int(stock.kind[shown[done.rank]] == visit.wants.kind[0]))
    assert clicks[:3].sum() > clicks[3:].sum() / 2
    assert clicks[0] > clicks[5:10].mean() * 2
    assert np.mean(fits) > 0.2  # of the lists some 5 % fit


def test_nobody_clicks_what_is_not_of_this_market() -> None:
    visits = Visits(replace(TRUTH, params=replace(PARAMS, eta=0, feed_eta=0)), 1)
    for number in range(50):
        visit = visits.come(number)
        strange = [ListingId(f"x{i}") for i in range(10)]
        assert visits.react(visit, strange) == []
        done = visits.react(visit, [*strange, *small_stock().ids[:20]])
        assert all(one.rank >= 10 for one in done)
    assert visits.react(visits.come(50), []) == []


def test_who_saves_writes_or_buys_has_clicked_before() -> None:
    visits = Visits(replace(TRUTH, params=replace(PARAMS, eta=0, feed_eta=0)), 1)
    kinds: set[InteractionKind] = set()
    for number in range(60):
        done = visits.react(visits.come(number), small_stock().ids[:100])
        clicked = {one.rank for one in done if one.kind is InteractionKind.CLICK}
        for one in done:
            kinds.add(one.kind)
            assert one.rank in clicked or one.kind is InteractionKind.HIDE
    assert {InteractionKind.SAVE, InteractionKind.MESSAGE, InteractionKind.SOLD} <= kinds
