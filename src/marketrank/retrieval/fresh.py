"""The newest listings: what the home feed shows to somebody of whom nothing is known."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Filters, Hits
from marketrank.retrieval.catalogue import Snapshot
from marketrank.types import Mask

_MICROSECONDS_PER_DAY = 86_400e6


def ages_days(listed_at: NDArray[np.int64], at: datetime) -> NDArray[np.float64]:
    """Days from each time (microseconds since 1970) to `at`; 0 for what lies after it."""
    return np.asarray(np.maximum(at.timestamp() * 1e6 - listed_at, 0) / _MICROSECONDS_PER_DAY)


def fresh(
    snapshot: Snapshot,
    k: int,
    allowed: Mask | None = None,
    *,
    at: datetime,
    half_life_days: float,
) -> Hits:
    """The k most recently listed among `allowed` (None: all live ones), ties by key.

    The score is 1 for a listing of the moment `at` and halves with every half-life. In float32,
    times less than a fifth of a second apart (at 30 days) may score the same: the newer still
    comes first.
    """
    mask = snapshot.mask(Filters()) if allowed is None else allowed
    keys = np.flatnonzero(mask).astype(np.int64)
    times = snapshot.listed_at(keys)
    if k < len(keys):
        # Keep everything as new as the k-th, so that ties at the border are settled by key.
        border = np.partition(times, len(times) - k)[len(times) - k] if k else times.max() + 1
        keys, times = keys[times >= border], times[times >= border]
    order = np.lexsort((keys, -times))[:k]
    scores = np.exp2(-ages_days(times[order], at) / half_life_days)
    return Hits(keys=keys[order], scores=scores.astype(np.float32))
