"""Fusing several retrievers' hits into one list of candidates."""

from collections.abc import Mapping

import numpy as np

from marketrank.types import Candidates, Hits


def reciprocal_rank(
    hits: Mapping[str, Hits], *, k: int, weights: Mapping[str, float] | None = None
) -> Candidates:
    """Score each key with the sum over retrievers of weight / (k + rank + 1), ranks from 0.

    Cormack, Clarke and Buettcher, "Reciprocal rank fusion", SIGIR 2009 (k = 60 there). A key
    appears at most once in a retriever's hits. A retriever that `weights` does not name weighs 1.
    Sorted by score, ties by key; `ranks` has an entry for every retriever in `hits`.
    """
    weights = weights or {}
    found = [each.keys for each in hits.values()]
    keys = np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)
    scores = np.zeros(len(keys), np.float64)
    ranks: dict[str, np.ndarray] = {}
    for name, each in hits.items():
        column = np.full(len(keys), -1, np.int32)
        rows = np.searchsorted(keys, each.keys)
        column[rows] = np.arange(len(each.keys), dtype=np.int32)
        scores[rows] += weights.get(name, 1.0) / (k + 1 + np.arange(len(each.keys)))
        ranks[name] = column
    # Ties are judged on what is handed out: float32 also hides the order of summation.
    published = scores.astype(np.float32)
    order = np.lexsort((keys, -published))
    return Candidates(
        keys=keys[order],
        scores=published[order],
        ranks={name: column[order] for name, column in ranks.items()},
    )
