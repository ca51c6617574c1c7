"""The engine whose lists were logged: it fetches candidates and orders them, plausibly, not well.

It leans on words, freshness, popularity and traders, counts distance and taste too little and knows
no budgets. A small share of its lists have two ranks swapped by chance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.simulate.shopper_features import NAMES
from marketrank.simulate.shopper_parameters import ShopperParameters
from marketrank.simulate.shopper_past import Past
from marketrank.simulate.shopper_stock import Floats, Ints
from marketrank.simulate.shoppers import DAY
from marketrank.simulate.truth import Truth

_WEIGHTS = {
    "text": "policy_words",
    "vector": "policy_vector",
    "age_log": "policy_fresh",
    "popularity_log": "policy_popular",
    "trade": "policy_trade",
    "distance_log": "policy_near",
    "taste": "policy_taste",
}
_LESS_IS_BETTER = {"age_log", "distance_log"}


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """The candidates of s requests in the order shown, then those logged beside them. `places`
    (s, shown + unshown) are into the candidates; `swapped` (s, 2) the ranks that changed places,
    -1 where none did."""

    places: Ints
    swapped: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """s requests for some of the listings `live` (n,). `words` (s, n) says how well their titles
    fit, `vectors` (s, dim) are the queries'; `now` is in seconds."""

    buyers: Ints
    search: NDArray[np.bool_]
    words: Floats
    vectors: Floats
    live: Ints
    now: float


def fetch(truth: Truth, past: Past, call: Call, rng: np.random.Generator) -> Ints:
    """The candidates of each request, (s, retrieved)."""
    stock, live = truth.stock, call.live
    near = truth.shoppers.spot[call.buyers][:, None] - stock.spot[live]
    close = 1 / (1 + (near[..., 0] ** 2 + near[..., 1] ** 2) / 900)
    close[~truth.shoppers.known[call.buyers]] = 0
    taste, _ = past.taste_of(call.buyers)
    seeks = call.search[:, None]
    score = np.where(seeks, call.vectors, taste) @ stock.vectors[live].T
    score += np.where(seeks, np.float32(0.5), np.float32(0.8)) * close
    fresh = np.exp(-(call.now - stock.created[live]) / (10 * DAY))
    popular = np.log1p(past.popularity[live]) / 3
    score[call.search] += 2 * call.words[call.search]
    score[~call.search] += (0.7 * fresh + 0.5 * popular).astype(np.float32)
    score += np.float32(0.15) * rng.standard_normal(score.shape, np.float32)
    _leave_out(score, past, truth, call.buyers, live)
    k = truth.params.retrieved
    best = np.argpartition(-score, k - 1, axis=1)[:, :k]
    return live[best]


def _leave_out(score: Floats, past: Past, truth: Truth, buyers: Ints, live: Ints) -> None:
    """What the buyers sell themselves, and what they have hidden, cannot be found."""
    own = truth.shoppers.seller[buyers]
    score[(own[:, None] == truth.stock.seller[live]) & (own >= 0)[:, None]] = -np.inf
    for row, buyer in enumerate(buyers.tolist()):
        if hidden := past.hidden_by(buyer):
            score[row, np.isin(live, hidden)] = -np.inf


def order(features: Floats, params: ShopperParameters, rng: np.random.Generator) -> Order:
    """Order the candidates of s requests by their features (s, n, names)."""
    s, n, _ = features.shape
    score = rng.normal(0, params.policy_noise, (s, n))
    for name, weight in _WEIGHTS.items():
        sign = -1 if name in _LESS_IS_BETTER else 1
        score += sign * getattr(params, weight) * _standard(features[..., NAMES.index(name)])
    ranked = np.argsort(-score, axis=1, kind="stable")
    shown, rest = ranked[:, : params.shown].copy(), ranked[:, params.shown :]
    swapped = _swaps(s, params, rng)
    rows = np.flatnonzero(swapped[:, 0] >= 0)
    a, b = swapped[rows].T
    shown[rows, a], shown[rows, b] = shown[rows, b], shown[rows, a]
    drawn = rng.permuted(rest, axis=1)[:, : params.unshown]
    return Order(np.concatenate([shown, drawn], axis=1), swapped)


def _swaps(s: int, params: ShopperParameters, rng: np.random.Generator) -> Ints:
    """Half of the swaps are of neighbours, half of any two ranks."""
    out = np.full((s, 2), -1, np.int64)
    if params.shown < 2:
        return out
    first = rng.integers(params.shown - 1, size=s)
    ends = np.sort(rng.permuted(np.tile(np.arange(params.shown), (s, 1)), axis=1)[:, :2], axis=1)
    neighbours = np.stack([first, first + 1], axis=1)
    pairs = np.where(rng.random((s, 1)) < 0.5, neighbours, ends)
    chosen = rng.random(s) < params.swap_share
    out[chosen] = pairs[chosen]
    return out


def _standard(column: Floats) -> NDArray[np.float64]:
    """Mean 0 and deviation 1 within each request; 0 for what is not known."""
    known = ~np.isnan(column)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    values = np.where(known, column, 0).astype(np.float64)
    centred = np.where(known, values - values.sum(axis=1, keepdims=True) / count, 0)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    return np.asarray(centred / np.where(spread > 1e-6, spread, 1), np.float64)
