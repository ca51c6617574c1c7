import numpy as np
import pytest
from tests.interactions import some_histories

from marketrank.buyers.recommend import choice_model, recommender, trees
from marketrank.buyers.recommend.attributes import encode
from marketrank.buyers.recommend.content import describe
from marketrank.buyers.recommend.histories import Histories
from marketrank.buyers.recommend.item_knn import Likeness
from marketrank.buyers.recommend.peers import (
    PEERS,
    Factors,
    Tuned,
    fitted,
    last_events,
    ndcg,
    ranked,
    tune,
)
from marketrank.buyers.recommend.pool import Pools, pools
from marketrank.buyers.recommend.popularity import popularity
from marketrank.buyers.recommend.recommender import Knowledge, learn, top

TUNED = Tuned(Likeness(0.5, 1.0, 20), 10.0, Factors(4, 1.0, 1.0))


def quiet(stage: str, done: int, total: int) -> None:
    """Report nothing."""


def known(some: Histories) -> Knowledge:
    empty = [""] * some.listings
    return Knowledge(describe(empty, empty), encode([{}] * some.buyers))


def all_of(buyers: int, listings: int) -> Histories:
    """Every buyer takes all listings in their order."""
    buyer, listing = np.repeat(np.arange(buyers), listings), np.tile(np.arange(listings), buyers)
    return Histories(buyers, listings, buyer, listing, listing)


def one_feature(n: int = 400, size: int = 15, *, noise: float, seed: int = 1) -> Pools:
    """Every peer's scores are noise but popularity's."""
    random = np.random.default_rng(seed)
    names = ("popularity", "item_knn", "ease", "ials", "recent_24", "recent_8")
    features = random.normal(size=(n * size, len(names))).astype(np.float32)
    features[:, 1:] *= noise
    return Pools(
        np.arange(n),
        np.arange(n + 1) * size,
        np.tile(np.arange(size), n),
        features,
        names,
        np.full(n * size, 5),
    )


def test_the_last_events_are_held_out_by_depth() -> None:
    some = some_histories()
    for depth in (0, 2):
        split = last_events(some, depth)
        assert np.all(split.before.lengths == np.maximum(some.lengths - depth - 1, 0))
        for buyer, listing in zip(split.buyers, split.listings, strict=True):
            own = some.listing[some.buyer == buyer]
            assert own[len(own) - 1 - depth] == listing


def test_pools_hold_what_was_not_seen_and_each_signals_best() -> None:
    some = some_histories(listings=80)
    rows = np.arange(some.buyers)
    made = pools(
        some,
        [popularity(some)],
        rows,
        proposing=frozenset({"popularity"}),
        relative=frozenset({"popularity"}),
    )
    assert made.names == ("popularity", "log_popularity")
    first = ranked(some, popularity(some), rows)
    for row in rows:
        own = made.listings[made.ends[row] : made.ends[row + 1]]
        assert not set(own) & set(some.listing[some.buyer == row])
        assert set(first[row]) <= set(own)
    assert np.array_equal(top(made, made.column("popularity")), first)
    assert made.without(frozenset({"popularity"})).names == ("log_popularity",)


def test_peers_are_chosen_by_what_came_last() -> None:
    some = some_histories(buyers=120)
    tuned = tune(some, seed=1)
    trials = dict(tuned.trials)
    split = last_events(some)
    signals = fitted(split.before, tuned, seed=1)
    assert list(signals) == list(PEERS)
    best = max(value for name, value in trials.items() if "Likeness" in name)
    assert ndcg(split, signals["item_knn"]).mean() == pytest.approx(best, abs=1e-6)


def test_ours_falls_back_to_the_best_single_signal() -> None:
    given = one_feature(noise=1.0)
    random = np.random.default_rng(2)
    utility = 1.5 * given.column("popularity") + random.gumbel(size=len(given.listings))
    positive = np.zeros(len(utility), np.bool_)
    positive[np.arange(400) * 15 + utility.reshape(400, 15).argmax(axis=1)] = True
    model = learn(given, positive, seed=1, told=quiet)
    assert model.anchor == "popularity"
    hits = (model(given) == given.listings[positive][:, np.newaxis]) @ (
        1 / np.log2(np.arange(10) + 2)
    )
    alone = top(given, given.column("popularity")) == given.listings[positive][:, np.newaxis]
    assert hits.mean() > 0.97 * (alone @ (1 / np.log2(np.arange(10) + 2))).mean()


def test_a_share_of_nothing_is_the_anchor_alone() -> None:
    given = one_feature(noise=1.0)
    marks = given.listings == 3
    wide = choice_model.fit(given, marks, penalty=1.0)
    model = recommender.Recommender(wide, wide, trees.Trees(None), 0.0, "ease", (0.0, 0.0, 0.0))
    assert np.array_equal(model(given), top(given, given.column("ease")))
    learned = recommender.Recommender(wide, wide, trees.Trees(None), 0.0, "ease", (1.0, 1.0, 1.0))
    assert not np.array_equal(learned(given), model(given))


def test_trees_learn_what_no_line_can() -> None:
    given = one_feature(800, noise=1.0)
    odd = np.abs(given.column("ease"))
    positive = np.zeros(len(odd), np.bool_)
    positive[np.arange(800) * 15 + odd.reshape(800, 15).argmin(axis=1)] = True
    first = np.zeros(len(odd), np.float32)
    scores = trees.fit(given, first, positive, seed=1)(given, first)
    assert scores[positive].mean() > scores[~positive].mean() + 1
    assert trees.fit(given, first, np.zeros_like(positive), seed=1).booster is None


def test_nobody_with_two_events_teaches_nothing() -> None:
    some = some_histories()
    alone = some.where(some.place == 0)
    assert recommender.examples(alone, TUNED, known(some), seed=1, told=quiet) is None


@pytest.mark.parametrize(("length", "depths"), [(2, 1), (3, 1), (4, 2), (6, 3), (8, 4), (50, 4)])
def test_depths_leave_half_of_the_events(length: int, depths: int) -> None:
    assert recommender.depths(all_of(20, length)) == depths


def test_depths_follow_the_size() -> None:
    assert [recommender.depths(all_of(n, 1_000)) for n in (90, 110, 210, 410)] == [4, 3, 2, 1]


def test_examples_know_nothing_of_what_they_foretell() -> None:
    some = some_histories(buyers=60)
    found = recommender.examples(some, TUNED, known(some), seed=1, told=quiet)
    assert found is not None
    made, positive = found
    held = some.from_end == 0
    random = np.random.default_rng(9)
    other = some.listing.copy()
    other[held] = random.permutation(other[held])
    # Only what is to be foretold at depth 0 differs: its candidates and features must not.
    changed = Histories(some.buyers, some.listings, some.buyer, other, some.at)
    found = recommender.examples(changed, TUNED, known(some), seed=1, told=quiet)
    assert found is not None
    again, _ = found
    n = int(made.ends[np.flatnonzero(np.diff(made.rows) < 0)[0] + 1])
    assert np.array_equal(made.listings[:n], again.listings[:n])
    assert made.features[:n] == pytest.approx(again.features[:n])
    assert positive.any()


def test_among_equals_the_simplest_is_chosen() -> None:
    random = np.random.default_rng(1)
    base = random.random(500)
    noise = random.normal(scale=0.1, size=500)
    noise -= noise.mean() - 0.001  # better by less than its standard error
    found = recommender._simplest(
        {(30.0, 0.0): base, (300.0, 0.0): base, (300.0, 0.6): base + noise}
    )
    assert found == (300.0, 0.0)
    better = {(300.0, 0.0): base, (300.0, 0.6): base + noise + 0.05}
    assert recommender._simplest(better) == (300.0, 0.6)


def test_a_length_has_its_own_share_only_where_that_is_sure() -> None:
    n, size = 900, 15
    given = one_feature(n, size, noise=1.0)
    short = given.group() < n // 2
    lengths = np.where(short, 2, 20)
    given = Pools(given.rows, given.ends, given.listings, given.features, given.names, lengths)
    learned, alone = given.column("ease"), given.column("popularity")

    def shares(of_short: np.ndarray, of_long: np.ndarray) -> tuple[float, ...]:
        liked = np.where(short, of_short, of_long).reshape(n, size).argmax(axis=1)
        positive = np.zeros(n * size, np.bool_)
        positive[np.arange(n) * size + liked] = True
        return recommender._choose_shares(given, learned, positive, "popularity")

    both = shares(alone, learned)
    assert (both[0], both[2]) == (0.0, 1.0)
    assert shares(learned, learned) == (1.0, 1.0, 1.0)
    assert shares(alone, alone) == (0.0, 0.0, 0.0)
