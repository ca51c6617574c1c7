"""The simulated log: what must hold for it to be an oracle."""

from dataclasses import replace

import numpy as np
import pytest

from marketrank.errors import BadInput
from marketrank.simulate.shopper_clicks import CLICK, KINDS, SAVE, SOLD, look
from marketrank.simulate.shopper_features import NAMES
from marketrank.simulate.shopper_log import SimulatedLog
from marketrank.simulate.shopper_parameters import ClickModel
from marketrank.simulate.shopper_sessions import simulate_sessions
from marketrank.simulate.shoppers import DAY
from small_shoppers import PARAMS, small_log, small_shoppers, small_stock


def column(log: SimulatedLog, name: str) -> np.ndarray:
    return log.features[..., NAMES.index(name)]


def slice_of(log: SimulatedLog) -> np.ndarray:
    """When the part of a day of each request started, in seconds."""
    length = DAY / PARAMS.slices
    start = log.truth.shoppers.start
    return start + np.floor((log.at - start) / length) * length


def test_the_same_seed_gives_the_same_log_and_another_another() -> None:
    log = small_log(days=5)
    again = simulate_sessions(small_stock(), small_shoppers(), PARAMS, seed=3, days=5)
    other = simulate_sessions(small_stock(), small_shoppers(), PARAMS, seed=4, days=5)
    for name in ("buyers", "at", "listings", "features", "swapped", "relevance", "gone"):
        assert np.array_equal(getattr(log, name), getattr(again, name), equal_nan=True), name
    assert log.queries == again.queries != other.queries
    assert np.array_equal(log.events.at, again.events.at)


def test_as_many_come_as_asked_for() -> None:
    assert len(small_log()) == pytest.approx(PARAMS.sessions, rel=0.06)
    assert small_log().wants.search.mean() == pytest.approx(PARAMS.search_share, abs=0.03)
    assert (np.diff(small_log().at) >= 0).all()
    joined = small_shoppers().joined[small_log().buyers]
    assert (joined < small_log().at).all() and (joined > small_shoppers().start).any()


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0, 2.0])
def test_clicks_fall_with_the_position_as_the_propensities_say(eta: float) -> None:
    """Estimated from clicks and random swaps alone: what the ranker put first is clicked so much
    less where chance put it at a lower rank instead."""
    put = small_log(swap_share=0.5, shown=6)
    params = replace(put.truth.params, eta=eta, feed_eta=eta)
    shown, rng = slice(0, params.shown), np.random.default_rng(0)
    clicks = np.mean(
        [look(put.relevance[:, shown], put.wants.search, params, rng).clicked for _ in range(100)],
        axis=0,
    )
    low, high = put.swapped.T
    unmoved = low != 0  # nobody swapped rank 0, or nothing at all
    first = clicks[unmoved][:, 0].mean()
    for rank, among in ((1, high == 1), (4, high > 2)):
        rows = np.flatnonzero((low == 0) & among)
        assert len(rows) > 150
        # A few hundred listings that chance has moved are worth more or less than the others.
        worth = put.relevance[rows, high[rows]].mean() / put.relevance[unmoved][:, 0].mean()
        found = clicks[rows, high[rows]].mean() / first / worth
        assert found == pytest.approx(((high[rows] + 1.0) ** -eta).mean(), rel=0.05), rank


def test_who_is_swapped_is_chance_and_half_are_neighbours() -> None:
    swapped = small_log().swapped
    chosen = swapped[:, 0] >= 0
    assert chosen.mean() == pytest.approx(PARAMS.swap_share, abs=0.02)
    assert (swapped[~chosen] == -1).all()
    low, high = swapped[chosen].T
    assert (low < high).all() and high.max() < PARAMS.shown
    assert (high - low == 1).mean() == pytest.approx(0.55, abs=0.08)


def test_a_swap_moves_two_listings_and_no_other() -> None:
    with_swaps, without = small_log(days=1, swap_share=1.0), small_log(days=1, swap_share=0.0)
    n = int((without.at < without.truth.shoppers.start + DAY / PARAMS.slices).sum()) or 1
    moved = with_swaps.listings[:n, : PARAMS.shown] != without.listings[:n, : PARAMS.shown]
    assert (moved.sum(axis=1) == 2).all()


def test_the_true_order_is_not_the_logged_one_but_the_logged_one_is_no_chance() -> None:
    log = small_log()
    search = log.relevance[log.wants.search][:, : PARAMS.shown]
    ranks = np.arange(PARAMS.shown)
    follows = np.array([np.corrcoef(ranks, row)[0, 1] for row in search])
    assert -0.6 < np.nanmean(follows) < -0.1
    assert (np.argmax(search, axis=1) == 0).mean() < 0.5


def test_the_weights_of_the_logging_policy_count() -> None:
    fresh, old = small_log(days=4, policy_fresh=5.0), small_log(days=4, policy_fresh=-5.0)
    top = [np.nanmean(column(log, "age_log")[:, 0]) for log in (fresh, old)]
    assert top[0] < top[1] - 0.5


def test_what_is_sold_is_never_shown_again_and_sold_once() -> None:
    log = small_log()
    sold = log.events.take(log.events.kind == SOLD)
    assert len(sold) > 30
    assert len(np.unique(sold.listing)) == len(sold)
    assert (log.gone[log.listings] > log.at[:, None]).all()
    assert np.array_equal(np.sort(np.flatnonzero(np.isfinite(log.gone))), np.sort(sold.listing))
    assert (log.events.at <= log.gone[log.events.listing]).all()


def test_nothing_is_shown_before_it_is_listed_nor_to_its_seller_nor_twice_in_a_list() -> None:
    log = small_log()
    assert (small_stock().created[log.listings] <= log.at[:, None]).all()
    own = small_shoppers().seller[log.buyers]
    assert (own >= 0).any()
    assert (small_stock().seller[log.listings] != own[:, None]).all()
    assert (np.diff(np.sort(log.listings, axis=1), axis=1) > 0).all()


def test_what_a_buyer_hides_is_gone_for_them() -> None:
    log = small_log(hide=1.0, days=8)
    hidden = log.events.take(log.events.kind == KINDS.index("hide"))
    assert len(hidden) > 50
    later = slice_of(log)
    for at, buyer, listing in zip(hidden.at, hidden.buyer, hidden.listing, strict=True):
        rows = (log.buyers == buyer) & (later > at)
        assert not (log.listings[rows] == listing).any()


def test_later_days_change_nothing_of_the_earlier_ones() -> None:
    short, long = small_log(days=5), small_log()
    n = len(short)
    assert n < len(long)
    for name in ("buyers", "at", "listings", "features", "relevance", "swapped"):
        assert np.array_equal(getattr(short, name), getattr(long, name)[:n], equal_nan=True), name


def test_what_is_done_later_changes_no_feature_before() -> None:
    """The same days with other clicks: until the first of them is known, all is the same; after,
    it is not."""
    log, other = small_log(days=3), small_log(days=3, save=0.9, message=0.9)
    first = slice_of(log) == slice_of(log)[0]
    n = int(first.sum())
    assert np.array_equal(log.features[:n], other.features[:n], equal_nan=True)
    m = min(len(log), len(other))
    assert not np.array_equal(log.features[:m], other.features[:m], equal_nan=True)


def test_features_of_the_past_follow_from_the_events_before_alone() -> None:
    log = small_log()
    since = slice_of(log)
    events, n = log.events, len(small_stock())
    rng = np.random.default_rng(0)
    for row in rng.choice(len(log), 60, replace=False).tolist():
        past = events.at < since[row]
        saved = np.bincount(events.listing[past & (events.kind == SAVE)], minlength=n)
        expected = np.log1p(saved)[log.listings[row]]
        assert column(log, "saves_log")[row] == pytest.approx(expected, abs=1e-5)
        did = past & (events.buyer == log.buyers[row]) & (events.kind != KINDS.index("hide"))
        assert np.isnan(column(log, "taste")[row]).all() == (not did.any())
        roots = np.unique(small_stock().kinds.root[small_stock().kind[events.listing[did]]])
        share = column(log, "taste_category")[row]
        mine = np.isin(small_stock().kinds.root[small_stock().kind[log.listings[row]]], roots)
        if did.any():
            assert np.array_equal(share > 0, mine)


def test_no_feature_is_the_truth() -> None:
    log = small_log()
    truth = log.relevance.ravel()
    for place, name in enumerate(NAMES):
        values = log.features[..., place].ravel()
        known = ~np.isnan(values)
        if known.any() and values[known].std() > 0:
            assert abs(np.corrcoef(values[known], truth[known])[0, 1]) < 0.75, name


def test_who_keeps_their_demographics_has_no_feature_of_them() -> None:
    log = small_log()
    known = small_shoppers().known[log.buyers]
    for name in ("demographic_affinity", "distance_log"):
        assert np.isnan(column(log, name)[~known]).all() and (~known).any()
        assert not np.isnan(column(log, name)[known]).any()


def test_sessions_carry_what_the_arrays_say() -> None:
    log = small_log(days=5)
    sessions = list(log.sessions())
    assert len(sessions) == len(log)
    clicked = 0
    for row, one in enumerate(sessions):
        shown = one.impression
        assert shown.names == NAMES and shown.features.shape == (25, len(NAMES))
        assert (shown.positions == [*range(20), *[-1] * 5]).all()
        assert (shown.query == "") == (shown.surface == "feed")
        ids = {i.listing for i in one.interactions if i.kind == "click"}
        assert ids == {shown.listings[i] for i in np.flatnonzero(log.clicked[row])}
        assert all(i.request == shown.request and i.at > shown.at for i in one.interactions)
        clicked += len(ids)
    assert clicked == int((log.events.kind == CLICK).sum()) == int(log.clicked.sum()) > 100


def test_a_cascade_is_another_log() -> None:
    log = small_log(days=5, click_model=ClickModel.CASCADE)
    assert (np.diff(log.examination, axis=1) <= 0).all()
    assert log.examination[:, 5].std() > 0 == small_log(days=5).examination[:, 5].std()


def test_a_market_that_is_too_small_is_named() -> None:
    with pytest.raises(BadInput, match="listings on sale on day 0 cannot fill"):
        small_log(days=1, retrieved=800)
