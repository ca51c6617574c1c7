"""Clicks of the simulation mislead who takes them at their word: without that it would prove
nothing. The models are linear and of this test alone."""

import numpy as np
import pytest

from marketrank.simulate.shopper_log import SimulatedLog
from small_shoppers import small_log

K = 10


def ndcg(scores: np.ndarray, relevance: np.ndarray) -> float:
    discount = 1 / np.log2(np.arange(2, K + 2))
    order = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    gained = np.take_along_axis(relevance, order, axis=1) @ discount
    best = -np.sort(-relevance, axis=1)[:, :K] @ discount
    return float((gained / best).mean())


def learned(log: SimulatedLog, targets: np.ndarray, *, later: int) -> np.ndarray:
    """Scores of the requests from `later` on, by least squares within those before."""
    features = np.nan_to_num(log.features[:, : targets.shape[1]].astype(np.float64))
    table = np.concatenate([features, features**2], axis=-1)
    table = (table - table.mean(axis=(0, 1))) / (table.std(axis=(0, 1)) + 1e-9)
    table -= table.mean(axis=1, keepdims=True)
    rows = table[:later].reshape(-1, table.shape[-1])
    wanted = (targets - targets.mean(axis=1, keepdims=True))[:later].ravel()
    weights = np.linalg.solve(rows.T @ rows + 100 * np.eye(rows.shape[1]), rows.T @ wanted)
    return np.asarray(table[later:] @ weights)


def scores_of(log: SimulatedLog) -> dict[str, float]:
    shown = log.truth.params.shown
    clicked = log.clicked[:, :shown].astype(np.float64)
    relevance = log.relevance[:, :shown].astype(np.float64)
    later = int(0.7 * len(log))
    targets = {"clicks": clicked, "weighed": clicked / log.examination, "truth": relevance}
    found = {
        name: ndcg(learned(log, each, later=later), relevance[later:])
        for name, each in targets.items()
    }
    return {**found, "logged": ndcg(-np.tile(np.arange(shown), (len(log), 1)), relevance)}


def test_who_learns_from_clicks_learns_the_old_ranker_and_weights_mend_it() -> None:
    found = scores_of(small_log())
    assert found["weighed"] > 1.03 * found["clicks"]  # 1.16 in a market of 5,000: docs/adr/0145
    assert found["truth"] > found["logged"] + 0.1


def test_without_position_bias_clicks_are_as_good_as_weighed_ones() -> None:
    found = scores_of(small_log(eta=0.0, feed_eta=0.0))
    assert found["clicks"] == pytest.approx(found["weighed"])
    assert found["clicks"] > scores_of(small_log())["clicks"] + 0.03
