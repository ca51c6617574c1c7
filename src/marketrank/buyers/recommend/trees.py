"""LambdaMART (Burges, MSR-TR-2010-82) over pools, by LightGBM."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from marketrank.buyers.recommend.histories import Bools, Floats
from marketrank.buyers.recommend.pool import Pools

_ROUNDS = 120
_FEWEST = 50  # candidates that were turned to, or there is nothing to learn


@dataclass(frozen=True, eq=False)
class Trees:
    """A fitted booster; None has learned nothing and scores all alike."""

    booster: Any | None

    def __call__(self, pools: Pools, first: Floats) -> Floats:
        """Scores of all candidates; `first` (candidates,) is what a choice model says of them."""
        if self.booster is None or not len(first):
            return np.zeros(len(first), np.float32)
        return np.asarray(self.booster.predict(_columns(pools, first), num_threads=1), np.float32)


def fit(pools: Pools, first: Floats, positive: Bools, *, seed: int) -> Trees:
    """See `choice_model.fit`."""
    import lightgbm

    if positive.sum() < _FEWEST:
        return Trees(None)
    group = pools.group()
    teaching = np.zeros(len(pools.rows), np.bool_)
    teaching[group[positive]] = True
    kept = teaching[group]
    sizes = np.diff(pools.ends)[teaching]
    data = lightgbm.Dataset(
        _columns(pools, first)[kept], positive[kept].astype(np.int32), group=sizes
    )
    return Trees(lightgbm.train(_parameters(int(positive.sum()), seed), data, _ROUNDS))


def _columns(pools: Pools, first: Floats) -> Floats:
    return np.column_stack([pools.features, first, np.log1p(pools.lengths)]).astype(np.float32)


def _parameters(positives: int, seed: int) -> dict[str, Any]:
    return {
        "objective": "lambdarank",
        "learning_rate": 0.05,
        "num_leaves": 4 if positives < 1_000 else 15,
        "min_data_in_leaf": 300,
        "lambda_l2": 10.0,
        "lambdarank_truncation_level": 20,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,  # threads that wait for each other crawl on busy machines
        "verbosity": -1,
    }
