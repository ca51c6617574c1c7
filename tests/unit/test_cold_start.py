import numpy as np
import pytest

from marketrank.buyers.recommend import cold_start
from marketrank.buyers.recommend.attributes import Attributes, encode
from marketrank.buyers.recommend.cold_start import DISCOUNTS, Choice, choose, fit
from marketrank.buyers.recommend.histories import Histories, histories

PLAIN = Choice(None, 0.0, 0, False)


def two_groups(n: int = 400, seed: int = 3) -> tuple[Histories, Attributes]:
    """One half likes even listings, the other odd ones, and only their attribute tells."""
    random = np.random.default_rng(seed)
    group = random.integers(0, 2, n)
    chance = 1 / np.arange(1.0, 41.0)
    buyer, listing = [], []
    for one in range(n):
        own = chance * np.where(np.arange(40) % 2 == group[one], 3.0, 1.0)
        buyer += [one] * 6
        listing += list(random.choice(40, 6, replace=False, p=own / own.sum()))
    some = histories(n, 40, np.array(buyer), np.array(listing), np.arange(len(buyer)))
    return some, encode([{"group": "ab"[one]} for one in group])


def halves(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(n) % 2 == 0, np.flatnonzero(np.arange(n) % 2).astype(np.int64)


def quality(some: Histories, model: cold_start.ColdStart, rows: np.ndarray) -> float:
    order = np.argsort(-model.gains(rows), axis=1, kind="stable")[:, :10]
    hits = np.take_along_axis(some.matrix[rows].toarray(), order, axis=1)
    return float((hits @ DISCOUNTS).mean())


def test_what_tells_of_taste_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    # So few that which listings are popular differs between the folds.
    monkeypatch.setattr(cold_start, "_LISTINGS", 25)
    some, attributes = two_groups()
    taught, asked = halves(some.buyers)
    choices, told = choose(some, attributes, taught, seed=1)
    assert choices[0].penalty is not None
    assert told["best"] > told["popularity"]
    learned = quality(some, fit(some, attributes, choices, taught), asked)
    assert learned > 1.04 * quality(some, fit(some, attributes, [PLAIN], taught), asked)


def test_what_tells_nothing_costs_little() -> None:
    some, attributes = two_groups()
    shuffled = np.random.default_rng(5).permutation(some.buyers)
    noise = Attributes(attributes.single[shuffled], attributes.pairs[shuffled], attributes.names)
    taught, asked = halves(some.buyers)
    choices, _ = choose(some, noise, taught, seed=1)
    learned = quality(some, fit(some, noise, choices, taught), asked)
    assert learned > 0.98 * quality(some, fit(some, noise, [PLAIN], taught), asked)


def test_only_some_choose_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    some, attributes = two_groups(100)
    grid, rows = [PLAIN, Choice(30.0, 0.0, 0, False)], np.arange(100)
    assert cold_start._tried(some, attributes, grid, rows, seed=1).shape == (2, 100)
    monkeypatch.setattr(cold_start, "_ASKED", 5)
    tried = cold_start._tried(some, attributes, grid, rows, seed=1)
    assert tried.shape == (2, 5 * cold_start.FOLDS)


def test_trials_are_scored_as_a_whole_order_would_be() -> None:
    some, attributes = two_groups(100)
    taught, asked = halves(100)
    columns = np.arange(some.listings)
    truth = some.matrix[asked].toarray()
    for choice in (PLAIN, Choice(30.0, 0.0, 0, False)):
        model = fit(some, attributes, [choice], taught)
        found = cold_start._dcg(model, asked, columns, truth)
        assert found.mean() == pytest.approx(quality(some, model, asked), abs=1e-6)


def test_the_ridge_is_the_closed_form() -> None:
    some, attributes = two_groups(60)
    taught = np.ones(60, np.bool_)
    model = fit(some, attributes, [Choice(7.0, 0.0, 0, False)], taught)
    own = attributes.single - attributes.single.mean(axis=0)
    target = some.matrix.toarray() / cold_start.IDEAL[10]
    weights = np.linalg.solve(own.T @ own + 7 * np.eye(own.shape[1]), own.T @ target)
    expected = target.mean(axis=0) + own @ weights
    assert model.gains(np.arange(60)) == pytest.approx(expected, abs=1e-4)


def test_a_rank_confines_the_directions() -> None:
    some, attributes = two_groups(200)
    more = encode([{"a": str(one % 7), "b": str(one % 5)} for one in range(200)])
    whole, one = (
        fit(some, more, [Choice(1.0, 0.0, rank, False)], np.ones(200, np.bool_)) for rank in (0, 1)
    )
    assert np.linalg.matrix_rank(one.coefficients, tol=1e-5) == 1
    assert np.linalg.matrix_rank(whole.coefficients, tol=1e-5) > 1
    assert attributes.known


def test_buyers_who_were_left_out_teach_nothing() -> None:
    some, attributes = two_groups(60)
    taught, asked = halves(60)
    model = fit(some, attributes, [Choice(7.0, 0.5, 0, True)], taught)
    without = some.where(taught[some.buyer])
    other = fit(without, attributes, [Choice(7.0, 0.5, 0, True)], taught)
    assert model.gains(asked) == pytest.approx(other.gains(asked))


def test_gain_weighs_buyers_of_few_listings_more() -> None:
    # Nine buyers of listing 0 with ten others each, seven who took listing 11 alone.
    buyer = [one for one in range(9) for _ in range(11)] + list(range(9, 16))
    listing = [*list(range(11)) * 9, *[11] * 7]
    some = histories(16, 12, np.array(buyer), np.array(listing), np.arange(len(buyer)))
    nothing = encode([{}] * 16)
    everybody = np.ones(16, np.bool_)
    by_count, by_gain = (
        fit(some, nothing, [Choice(None, 0.0, 0, gain)], everybody).gains(np.array([0]))[0]
        for gain in (False, True)
    )
    assert by_count[0] > by_count[11]
    assert by_gain[11] > by_gain[0]


def test_nobody_to_learn_from() -> None:
    some = histories(0, 0, *[np.zeros(0, np.int64)] * 3)
    choices, _ = choose(some, encode([]), np.zeros(0, np.bool_), seed=1)
    assert choices[0].penalty is None
