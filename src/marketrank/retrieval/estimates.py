"""What listings like each one ask, in the memory of one process, kept up to date by polling."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Request
from marketrank.retrieval.follow import View
from marketrank.types import Seq

_BATCH = 10_000
Keys = NDArray[np.int64]
Doubles = NDArray[np.float64]


class Estimated(Protocol):
    """See ports.EstimateStore."""

    def estimates_after(self, after: Seq, limit: int) -> tuple[Keys, Doubles, Seq]: ...


class Estimates:
    """`refresh` may be called from one thread at a time, `of` from any. Eight bytes a listing."""

    def __init__(self, store: Estimated) -> None:
        self._store = store
        self._seq = Seq(0)
        self._until = Seq(-1)
        self._minor = np.empty(0)

    def refresh(self, last: Seq) -> None:
        """Catch up with everything that is committed. `last` is a number of the listings' counter:
        while it stays, nothing has come."""
        while last != self._until:
            keys, minor, seq = self._store.estimates_after(self._seq, _BATCH)
            if not len(keys):
                self._until = last
                return
            size = int(keys.max()) + 1
            if size > len(self._minor):
                grown = np.full(max(size, 2 * len(self._minor)), np.nan)
                grown[: len(self._minor)] = self._minor
                self._minor = grown  # complete before readers see it
            self._minor[keys] = minor
            self._seq = seq

    def more_facts(self, view: View, request: Request, keys: Keys) -> dict[str, Any]:
        """What the ranker of sessions sees of them: see session_facts."""
        return {"estimates": self.of(keys)}

    def of(self, keys: Keys) -> Doubles:
        """Minor units of keys, (n,), NaN where there is none."""
        minor = self._minor
        found = np.full(len(keys), np.nan)
        inside = keys < len(minor)
        found[inside] = minor[keys[inside]]
        return found
