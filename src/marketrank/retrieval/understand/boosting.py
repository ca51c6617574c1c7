"""Lifting candidates that fit what a query only hints at.

After fusion the score of a candidate becomes

    score · (1 + near · 2^(-distance / near_km)) · (1 + price · cheapness or fit) ·
    (1 + category · probability)

and then, for the best WORDS_DEPTH alone, times (1 + words · share of the best match).

Every factor is at least 1 and at most 1 + its weight, so nothing is pushed out: what fits is
lifted. Factors multiply because they are evidence of different things; the scores of reciprocal
rank fusion span a factor of ten or so, so a weight of 1 moves a listing by some tens of ranks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Boosts, Candidates, Near, Understood
from marketrank.ports import TextIndex
from marketrank.retrieval.catalogue import Snapshot

Keys = NDArray[np.int64]
Factors = NDArray[np.float64]
"""Shape (n,), each in [0, 1]: how well a candidate fits."""


WORDS_DEPTH = 50
"""Two pages. The text index looks a candidate up in 6 µs and more: all 1,200 would take 7 ms."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each kind of fit lifts: a perfect fit multiplies a score by 1 + its weight. At the
    distance `near_km` half of the lift is left."""

    near: float
    near_km: float
    price: float
    words: float
    category: float


def boost(
    candidates: Candidates,
    understood: Understood,
    *,
    weights: Weights,
    catalogue: Snapshot,
    text: TextIndex,
) -> Candidates:
    """The candidates with lifted scores, in their new order, ties by key."""
    keys, boosts = candidates.keys, understood.boosts
    if len(keys) == 0:
        return candidates
    lifts: list[tuple[float, Factors]] = []
    near = understood.filters.near
    if boosts.near and near is not None and weights.near:
        lifts.append((weights.near, _nearness(keys, near, weights.near_km, catalogue)))
    if (boosts.cheap or boosts.price_high is not None) and weights.price:
        lifts.append((weights.price, _price_fit(catalogue.prices(keys), boosts)))
    if boosts.categories and weights.category:
        lifts.append((weights.category, _category_fit(keys, boosts, catalogue)))
    if lifts:
        candidates = _lifted(candidates, lifts)
    if boosts.words and weights.words:
        alternatives = " ".join(words for _, words in boosts.words)
        fit = _wording(candidates.keys, alternatives, text)
        candidates = _lifted(candidates, [(weights.words, fit)])
    return candidates


def _nearness(keys: Keys, near: Near, half_km: float, catalogue: Snapshot) -> Factors:
    distance = catalogue.distances_km(keys, near).astype(np.float64)
    return np.nan_to_num(np.exp2(-distance / half_km), nan=0.0)


def _price_fit(prices: NDArray[np.int64], boosts: Boosts) -> Factors:
    """Cheap: the share of the candidates with a price that cost more or the same. Else 1 within
    the bounds. 0 without a price."""
    priced = prices >= 0
    if boosts.cheap:
        ordered = np.sort(prices[priced])
        cheaper = np.searchsorted(ordered, prices, side="left")
        return np.where(priced, 1 - cheaper / max(1, len(ordered)), 0.0)
    low, high = boosts.price_low or 0, boosts.price_high or 0
    return np.where(priced & (prices >= low) & (prices <= high), 1.0, 0.0)


def _wording(keys: Keys, alternatives: str, text: TextIndex) -> Factors:
    """By how well the words of the first WORDS_DEPTH match, as a share of the best match among
    them; 0 for the others."""
    first = keys[:WORDS_DEPTH]
    allowed = np.zeros(int(first.max()) + 1, np.bool_)
    allowed[first] = True
    hits = text.search(alternatives, len(first), allowed)
    fit = np.zeros(len(keys), np.float64)
    if len(hits.keys) and hits.scores[0] > 0:
        order = np.argsort(first)
        rows = order[np.searchsorted(first, hits.keys, sorter=order)]
        fit[rows] = np.maximum(hits.scores / hits.scores[0], 0.0)
    return fit


def _category_fit(keys: Keys, boosts: Boosts, catalogue: Snapshot) -> Factors:
    """The mean probability of the root and of the second level of a candidate's path; that of a
    deeper level where the query names one."""
    numbers = catalogue.category_numbers(keys)
    fit = np.zeros(len(catalogue.paths), np.float64)
    # Candidates are of few categories, and the taxonomy has many.
    for number in np.flatnonzero(np.bincount(numbers, minlength=len(fit))).tolist():
        fit[number] = _path_fit(catalogue.paths[number], boosts.categories)
    return fit[numbers]


def _path_fit(path: tuple[str, ...], known: Mapping[tuple[str, ...], float]) -> float:
    root = known.get(path[:1], 0.0)
    if root == 0.0:  # most paths: there is nothing below it either
        return 0.0
    deeper = max((known.get(path[:depth], 0.0) for depth in range(3, len(path) + 1)), default=0.0)
    return max((root + known.get(path[:2], 0.0)) / 2, deeper)


def _lifted(candidates: Candidates, lifts: Sequence[tuple[float, Factors]]) -> Candidates:
    scores = candidates.scores.astype(np.float64)
    for weight, fit in lifts:
        scores = scores * (1 + weight * fit)
    published = scores.astype(np.float32)
    order = np.lexsort((candidates.keys, -published))
    return replace(candidates, scores=published).take(order)
