"""Two systems on the same listings: how much better one is, and how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marketrank.evaluation.significance import bootstrap_intervals
from marketrank.types import ListingId

Scores = Mapping[ListingId, float]
"""How a system did on each listing; higher is better."""


@dataclass(frozen=True, slots=True)
class Paired:
    """On `n` listings that both were tried on: the means, and the mean difference with its 95 %
    interval [low, high]. Positive: the new one is better."""

    n: int
    new: float
    other: float
    difference: float
    low: float
    high: float

    @property
    def worse(self) -> bool:
        """By more than chance: it refuses one in 40 equally good ones."""
        return self.high < 0

    @property
    def better(self) -> bool:
        """By more than chance."""
        return self.low > 0


def compare_paired(new: Scores, other: Scores, *, seed: int) -> Paired | None:
    """Over the listings that both have; None where there is none. The interval is a percentile
    bootstrap over listings, which are what varies independently (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993): photos of one listing are drawn together."""
    both = sorted(set(new) & set(other))
    if not both:
        return None
    mine = np.array([new[id] for id in both], np.float64)
    theirs = np.array([other[id] for id in both], np.float64)
    gaps = (mine - theirs)[:, np.newaxis]
    low, high = bootstrap_intervals(gaps, seed=seed)[:, 0].tolist()
    return Paired(
        len(both), float(mine.mean()), float(theirs.mean()), float(gaps.mean()), low, high
    )
