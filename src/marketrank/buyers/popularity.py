"""What is popular now: counts that fade, of nobody in particular."""

import math
from collections.abc import Mapping
from datetime import datetime
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Hits
from marketrank.people import InteractionKind
from marketrank.types import ListingKey, Mask

_SECONDS_PER_DAY = 86_400
_RENEW = 40.0  # half-lives after which the sums are scaled anew: 2^40 is far from any limit
WEIGHTS: Mapping[InteractionKind, float] = {
    InteractionKind.VIEW: 0.25,
    InteractionKind.CLICK: 1.0,
    InteractionKind.SAVE: 3.0,
    InteractionKind.MESSAGE: 4.0,
    InteractionKind.OFFER: 5.0,
}
"""How much an event says of a listing's appeal. A sale ends it; a hidden one displeased one."""


SAVES: Mapping[InteractionKind, float] = {InteractionKind.SAVE: 1.0}


class Popularity:
    """Decayed counts by key: of each event its weight, halved with every half-life. It holds no
    buyer. Sums grow forwards in time instead of shrinking (forward decay: Cormode, Shkapenyuk,
    Srivastava and Xu, ICDE 2009), so an event, early or late, is one addition.

    One writer at a time, any number of readers.
    """

    def __init__(
        self, half_life_days: float, weights: Mapping[InteractionKind, float] = WEIGHTS
    ) -> None:
        """What `weights` does not name counts nothing."""
        self._weights = weights
        self._half_life = half_life_days * _SECONDS_PER_DAY
        # One value, so that a reader never meets a start with another's sums.
        self._state: tuple[datetime | None, NDArray[np.float64]] = (None, np.zeros(0))
        self._lock = Lock()

    def add(self, key: ListingKey, kind: InteractionKind, at: datetime) -> None:
        """Count an event."""
        weight = self._weights.get(kind, 0.0)
        if weight <= 0:
            return
        with self._lock:
            start, sums = self._state
            start = start or at
            turns = (at - start).total_seconds() / self._half_life
            if turns > _RENEW:
                sums, start, turns = sums * math.exp2(-turns), at, 0.0
            if key >= len(sums):
                grown = np.zeros(max(key + 1, 2 * len(sums)))
                grown[: len(sums)] = sums
                sums = grown
            sums[key] += weight * math.exp2(turns)
            self._state = (start, sums)

    def scores(self, keys: NDArray[np.int64], at: datetime) -> NDArray[np.float64]:
        """Decayed weights of keys at a moment, (n,)."""
        return self._scores(self._state, keys, at)

    def _scores(
        self,
        state: tuple[datetime | None, NDArray[np.float64]],
        keys: NDArray[np.int64],
        at: datetime,
    ) -> NDArray[np.float64]:
        start, sums = state
        found = np.zeros(len(keys))
        inside = keys < len(sums)
        found[inside] = sums[keys[inside]]
        if start is not None:
            found *= math.exp2(-(at - start).total_seconds() / self._half_life)
        return found

    def top(self, k: int, allowed: Mask, at: datetime) -> Hits:
        """The k most popular that the mask allows, best first, ties by key; none that nobody
        turned to."""
        state = self._state
        sums = state[1]
        n = min(len(sums), len(allowed))
        keys = np.flatnonzero(allowed[:n] & (sums[:n] > 0)).astype(np.int64)
        scores = self._scores(state, keys, at).astype(np.float32)
        order = np.lexsort((keys, -scores))[:k]
        return Hits(keys[order], scores[order])
