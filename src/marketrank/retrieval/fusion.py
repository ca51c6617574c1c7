"""Fusing several retrievers' hits into one list of candidates."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates, Hits

Keys = NDArray[np.int64]
Floats = NDArray[np.float32]


def reciprocal_rank(
    hits: Mapping[str, Hits], *, k: int, weights: Mapping[str, float] | None = None
) -> Candidates:
    """Score each key with the sum over retrievers of weight / (k + rank + 1), ranks from 0.

    Cormack, Clarke and Buettcher, "Reciprocal rank fusion", SIGIR 2009 (k = 60 there). A key
    appears at most once in a retriever's hits. A retriever that `weights` does not name weighs 1.
    Sorted by score, ties by key; `ranks` has an entry for every retriever in `hits`.
    """
    weights = weights or {}
    keys = union(each.keys for each in hits.values())
    scores = np.zeros(len(keys), np.float64)
    for name, each in hits.items():
        rows = np.searchsorted(keys, each.keys)
        scores[rows] += weights.get(name, 1.0) / (k + 1 + np.arange(len(each.keys)))
    # Ties are judged on what is handed out: float32 also hides the order of summation.
    published = scores.astype(np.float32)
    order = np.lexsort((keys, -published))
    ranks = {name: _ranks(keys, each) for name, each in hits.items()}
    return Candidates(keys, published, ranks).take(order)


@dataclass(frozen=True, slots=True)
class Trust:
    """How far a retriever's shares are believed. `usual` is its best share for a usual query,
    `slope` how fast its weight grows with what is better than that, and `bend` the power that
    shares are raised to: above 1 a half match is worth less than half."""

    usual: float
    slope: float
    bend: float = 1.0


TRUST: Mapping[str, Trust] = {"text": Trust(0.75, 2.0, 1.5), "vector": Trust(0.6, 3.0)}
"""Chosen on 18 development sets together, docs/adr/0125; others are taken as vectors are."""
Shares = Mapping[str, Hits]
"""Each retriever's score of every candidate as a share of the best that could be; 0 for those it
leaves out."""


def by_confidence(hits: Mapping[str, Hits], shares: Shares) -> Candidates:
    """Score each key with Σ w·s^bend over retrievers: s its share, w growing with the retriever's
    best share.

    The weights are a softmax of slope·(best share - usual best). Scores are combined convexly, as
    in Bruch, Gai and Ingber, "An analysis of fusion functions for hybrid retrieval", TOIS 2024;
    there each is scaled by its best hit, which hides how good that is. Here words that only half
    match, or vectors that are all far away, count less: docs/adr/0125.

    `hits` says what each retriever found by itself; `shares` has entries for all keys that any of
    them found. Sorted by score, ties by key.
    """
    keys = union(each.keys for each in hits.values())
    parts: dict[str, Floats] = {}
    for name in hits:
        parts[name] = np.zeros(len(keys), np.float32)
        places = np.searchsorted(keys, shares[name].keys)
        known = np.append(keys, -1)[places] == shares[name].keys
        parts[name][places[known]] = shares[name].scores[known]
    weights = _weights(parts)
    scores = np.zeros(len(keys), np.float32)
    for name, part in parts.items():
        bent = part if _trust(name).bend == 1 else np.maximum(part, 0) ** _trust(name).bend
        scores += np.float32(weights[name]) * bent
    ranks = {name: _ranks(keys, each) for name, each in hits.items()}
    return Candidates(keys, scores, ranks, parts).take(np.lexsort((keys, -scores)))


def _weights(parts: Mapping[str, Floats]) -> dict[str, float]:
    lift = {
        name: math.exp(_trust(name).slope * (float(part.max(initial=0)) - _trust(name).usual))
        for name, part in parts.items()
    }
    total = sum(lift.values())
    return {name: each / total for name, each in lift.items()}


def _trust(name: str) -> Trust:
    return TRUST.get(name, TRUST["vector"])


def union(found: Iterable[Keys]) -> Keys:
    """All keys once, ascending. (np.unique hashes them, which takes seven times as long.)"""
    keys = np.sort(np.concatenate([np.empty(0, np.int64), *found]))
    return keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys


def _ranks(keys: Keys, hits: Hits) -> NDArray[np.int32]:
    column = np.full(len(keys), -1, np.int32)
    column[np.searchsorted(keys, hits.keys)] = np.arange(len(hits.keys), dtype=np.int32)
    return column
