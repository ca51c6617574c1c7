"""The newest listings: what the home feed shows to somebody of whom nothing is known."""

import numpy as np

from marketrank.retrieval.catalogue import Snapshot
from marketrank.types import Filters, Hits, Mask


def newest(snapshot: Snapshot, k: int, allowed: Mask | None = None) -> Hits:
    """The k most recently listed among `allowed` (None: all live ones), ties by key.

    The score is minus the number of distinct later times, so 0 for the newest: unlike a time in
    seconds it is exact in float32.
    """
    mask = snapshot.mask(Filters()) if allowed is None else allowed
    keys = np.flatnonzero(mask).astype(np.int64)
    times = snapshot.listed_at(keys)
    if k < len(keys):
        # Keep everything as new as the k-th, so that ties at the border are settled by key.
        border = np.partition(times, len(times) - k)[len(times) - k] if k else times.max() + 1
        keys, times = keys[times >= border], times[times >= border]
    order = np.lexsort((keys, -times))[:k]
    keys, times = keys[order], times[order]
    later = np.concatenate([[0], np.cumsum(np.diff(times) != 0)])[: len(times)]
    return Hits(keys=keys, scores=(-later).astype(np.float32))
