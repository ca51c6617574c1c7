"""Shadow traffic: the last real searches of a process, asked of a new release before it answers.

They are kept in memory alone, without who asked and without photos (which are never kept), and
are gone when the process ends or newer ones come.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from time import perf_counter
from typing import Protocol

import numpy as np

from marketrank.asking import Ranking, Request
from marketrank.config import Settings
from marketrank.errors import BadInput, Corrupt
from marketrank.retrieval.follow import View

K = 10
_ENOUGH = 10  # of fewer searches nothing can be said
_FAST_MS = 10.0  # nobody notices that an answer within it was slower than another


class Answers(Protocol):
    def answer(self, request: Request) -> Ranking: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How many searches are kept; the least mean overlap of the first K results, 0 to 1; and the
    most that the median answer may be slower, as a ratio."""

    queries: int
    overlap: float
    slower: float


def limits_of(settings: Settings) -> Limits:
    return Limits(settings.shadow_queries, settings.shadow_overlap, settings.shadow_slower)


@dataclass(frozen=True, slots=True)
class Compared:
    """Over `n` searches: the mean share of the first K results that both have, and the median time
    of each (ms)."""

    n: int
    overlap: float
    old_ms: float
    new_ms: float

    def objections(self, limits: Limits) -> list[str]:
        if self.n < _ENOUGH:
            return []
        found = []
        if self.overlap < limits.overlap:
            found.append(
                f"{self.overlap:.0%} of the first {K} results stay the same, less than "
                f"shadow_overlap = {limits.overlap:g}"
            )
        if self.new_ms > limits.slower * max(self.old_ms, _FAST_MS):
            found.append(
                f"the median answer takes {self.new_ms:.1f} ms instead of {self.old_ms:.1f}, more "
                f"than shadow_slower = {limits.slower:g} times"
            )
        return found


class Shadow:
    """Keeps searches, and compares releases on them. `keep` may be called from any thread."""

    def __init__(
        self,
        engine_over: Callable[[View], Answers],
        limits: Limits,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine_over = engine_over
        self._limits = limits
        self._clock = clock
        self._kept: deque[Request] = deque(maxlen=limits.queries)
        self._lock = Lock()
        self.compared: Compared | None = None
        """The last comparison."""

    def keep(self, request: Request) -> None:
        """Remember what was asked, not by whom."""
        if request.photo is not None or request.offset:
            return
        with self._lock:
            self._kept.append(replace(request, buyer=None, profiling=False, k=K))

    def kept(self) -> list[Request]:
        with self._lock:
            return list(self._kept)

    def compare(self, old: View, new: View) -> None:
        """Ask both what was asked of late. Raises Corrupt, naming the limit, where the new one
        answers too differently or too slowly."""
        asked = [replace(one, at=self._clock()) for one in self.kept()]
        if not asked:
            return
        found = compare(self._engine_over(old), self._engine_over(new), asked)
        self.compared = found
        objections = found.objections(self._limits)
        if objections:
            raise Corrupt(
                f"release {new.release} on the last {found.n} searches: {'; '.join(objections)}"
            )


def compare(old: Answers, new: Answers, requests: Sequence[Request]) -> Compared:
    """Ask two engines the same, in turn."""
    overlaps, times = [], []
    for one in (*requests[:3], *requests):  # the first of an engine are slow, and asked twice
        try:
            before, old_ms = _timed(old, one)
            after, new_ms = _timed(new, one)
        except BadInput:  # what it asked for may have gone meanwhile
            continue
        overlaps.append(_overlap(before, after))
        times.append((old_ms, new_ms))
    overlaps, times = overlaps[3:] or overlaps, times[3:] or times
    if not times:
        return Compared(0, 1.0, 0.0, 0.0)
    medians = np.median(np.array(times), axis=0)
    return Compared(len(times), float(np.mean(overlaps)), float(medians[0]), float(medians[1]))


def _timed(engine: Answers, request: Request) -> tuple[Ranking, float]:
    start = perf_counter()
    ranking = engine.answer(request)
    return ranking, (perf_counter() - start) * 1000


def _overlap(before: Ranking, after: Ranking) -> float:
    was = {item.listing.id for item in before.items[:K]}
    now = {item.listing.id for item in after.items[:K]}
    return len(was & now) / max(len(was), len(now), 1) if was else 1.0
