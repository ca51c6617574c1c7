"""A conditional logit (McFadden 1974) over pools: which candidate a buyer turned to next."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from marketrank.buyers.recommend.histories import Bools, Floats, Ints
from marketrank.buyers.recommend.pool import Pools

Doubles = NDArray[np.float64]
_SHORT = 10.0  # a history of so many events lies between short and long ones


@dataclass(frozen=True, eq=False)
class ChoiceModel:
    """Weights of the features of a design (see `design`), each over its `scale`."""

    weights: Doubles
    scale: Doubles

    def __call__(self, pools: Pools) -> Floats:
        """Scores of all candidates (candidates,)."""
        return design(pools) @ (self.weights / self.scale).astype(np.float32)


def design(pools: Pools) -> Floats:
    """All features, and the same times how much longer or shorter than usual the history is: what
    tells of a buyer with many events may tell nothing of one with few."""
    length = np.tanh(np.log((pools.lengths + 1) / _SHORT) / 2).astype(np.float32)
    return np.concatenate([pools.features, pools.features * length[:, np.newaxis]], axis=1)


def fit(
    pools: Pools,
    positive: Bools,
    *,
    penalty: float,
    start: ChoiceModel | None = None,
    most: int = 1_500,
) -> ChoiceModel:
    """`positive` (candidates,) marks what was turned to; buyers without any teach nothing. Weights
    are drawn towards those of `start`, or to 0; what depends on length is drawn four times as
    hard. Of the buyers who could teach, the first `most` do: more costs time and moves little."""
    features, ends, chosen = _groups(pools, positive, most)
    scale = features.std(axis=0, dtype=np.float64) if len(features) else np.ones(features.shape[1])
    scale[scale < 1e-9] = 1.0
    prior = np.zeros(len(scale)) if start is None else start.weights / start.scale * scale
    strength = np.full(len(scale), penalty)
    strength[len(scale) // 2 :] *= 4
    if not len(chosen):
        return ChoiceModel(prior, scale)
    scaled = features / scale.astype(np.float32)
    starts, sizes = ends[:-1], np.diff(ends)
    taken = scaled[chosen[:, 1]].sum(axis=0, dtype=np.float64)

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        utility = (scaled @ weights.astype(np.float32)).astype(np.float64)
        highest = np.maximum.reduceat(utility, starts)
        raised = np.exp(utility - np.repeat(highest, sizes))
        total = np.add.reduceat(raised, starts)
        chance = raised / np.repeat(total, sizes)
        away = weights - prior
        told = utility[chosen[:, 1]] - highest[chosen[:, 0]] - np.log(total)[chosen[:, 0]]
        asked = np.bincount(chosen[:, 0], minlength=len(sizes))
        expected = scaled.T @ (chance * np.repeat(asked, sizes)).astype(np.float32)
        gradient = expected - taken + strength * away
        return float(-told.sum() + (strength * away) @ away / 2), gradient

    found = minimize(loss, prior, jac=True, method="L-BFGS-B", options={"maxiter": 100})
    return ChoiceModel(found.x, scale)


def _groups(pools: Pools, positive: Bools, most: int) -> tuple[Floats, Ints, Ints]:
    """Of the buyers who teach: features, where each one's begin and end, and (group, candidate) of
    what was turned to."""
    group = pools.group()
    teaching = np.zeros(len(pools.rows), np.bool_)
    teaching[group[positive]] = True
    teaching &= np.cumsum(teaching) <= most
    positive = positive & teaching[group]
    kept = teaching[group]
    number = np.cumsum(teaching) - 1
    sizes = np.diff(pools.ends)[teaching]
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    chosen = np.flatnonzero(positive[kept])
    pairs = np.stack([number[group[kept]][chosen], chosen], axis=1)
    return design(pools.where(kept)), ends, pairs
