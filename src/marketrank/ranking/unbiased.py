"""The gradient of LambdaMART for what buyers do, weighed against position bias.

What a buyer did says that the listing was wanted; that nothing was done says little, as the listing
may not have been seen. So a listing that was wanted counts by one over the chance that it was
looked at, against every other one of its ranking (Joachims, Swaminathan and Schnabel, "Unbiased
learning-to-rank with biased feedback", WSDM 2017), with LambdaMART's pairwise gradient (Burges,
MSR-TR-2010-82; weighed so by Hu, Wang, Peng and Li, "Unbiased LambdaMART", WWW 2019). LightGBM's
own sample weights would weigh a listing's pairs of both kinds, those that it wins and those
that it loses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
_SIGMOID = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class SessionGroup:
    """A ranking to learn from: `features` (n, f); `grades` (n,), 0 where nothing was done and
    below where it was disliked; `weights` (n,), one over the chance of being looked at, 1 where
    nothing is known."""

    features: Floats
    grades: NDArray[np.int64]
    weights: Doubles


class Lambdas:
    """First and second derivatives of the loss by each candidate's score, over all rankings."""

    def __init__(self, groups: Sequence[SessionGroup]) -> None:
        """Raises BadInput where no ranking has two different grades: there is nothing to learn."""
        sizes = np.array([len(one.grades) for one in groups], np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        better, worse = [], []
        for start, one in zip(starts.tolist(), groups, strict=True):
            high, low = np.nonzero(one.grades[:, np.newaxis] > one.grades)
            better.append(high + start)
            worse.append(low + start)
        self._better = np.concatenate([*better, np.empty(0, np.int64)])
        self._worse = np.concatenate([*worse, np.empty(0, np.int64)])
        if len(self._better) == 0:
            raise BadInput(
                "in no session was one listing wanted more than another; collect interactions first"
            )
        grades = np.concatenate([one.grades for one in groups])
        weights = np.concatenate([one.weights for one in groups])
        gap = (grades[self._better] - grades[self._worse]).astype(np.float64)
        # Of a listing that was disliked it is the loser that was surely seen.
        seen = np.where(grades[self._better] > 0, self._better, self._worse)
        self._weights = gap * weights[seen]
        self._weights /= self._weights.mean()
        self._groups = np.repeat(np.arange(len(groups)), sizes)
        self._starts = np.repeat(starts, sizes)
        self._places = np.arange(len(grades))

    def __call__(self, scores: Doubles) -> tuple[Doubles, Doubles]:
        """At scores (rows,), shape (rows,) each."""
        order = np.lexsort((-scores, self._groups))
        ranks = np.empty(len(scores), np.int64)
        ranks[order] = self._places
        discounts = 1 / np.log2(ranks - self._starts + 2)
        better, worse = self._better, self._worse
        moved = np.abs(discounts[better] - discounts[worse]) * self._weights
        # The chance that the pair stands the wrong way round.
        wrong = 1 / (1 + np.exp(np.clip(_SIGMOID * (scores[better] - scores[worse]), -50, 50)))
        pull = _SIGMOID * moved * wrong
        bend = _SIGMOID**2 * moved * wrong * (1 - wrong)
        n = len(scores)
        first = np.bincount(worse, pull, n) - np.bincount(better, pull, n)
        second = np.bincount(worse, bend, n) + np.bincount(better, bend, n)
        return np.asarray(first, np.float64), np.asarray(np.maximum(second, 1e-9), np.float64)


def wanted_gradient(
    scores: Doubles, clicked: NDArray[np.bool_], examined: Doubles
) -> tuple[Doubles, Doubles]:
    """Derivatives of the log loss where a click takes being looked at, with probability `examined`,
    and being wanted, with the logistic of a score; all (rows,)."""
    wanted = 1 / (1 + np.exp(-np.clip(scores, -50, 50)))
    slope = wanted * (1 - wanted)
    missed = examined * slope / np.maximum(1 - examined * wanted, 1e-9)
    # The second derivative where nothing was clicked can be negative: that of a click stands in.
    return np.where(clicked, wanted - 1, missed), np.maximum(examined * slope, 1e-6)
