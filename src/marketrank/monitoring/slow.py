"""The slowest requests of the last hour, in the memory of one process."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from marketrank.asking import Ranking, Request
from marketrank.monitoring.metrics import kind_of

MOST = 50
KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Slow:
    """A request and what its time went to. `text` is empty unless words may be kept; nothing says
    who asked."""

    at: datetime
    kind: str
    ms: float
    stages_ms: Mapping[str, float]
    words: int
    filters: tuple[str, ...]
    results: int
    text: str = ""


class SlowQueries:
    """Keeps the MOST slowest of an hour. May be called from several threads."""

    def __init__(self, *, keep_words: bool = False, most: int = MOST) -> None:
        """`keep_words`: with what was typed; else only how many words it had."""
        self._keep_words = keep_words
        self._most = most
        self._held: list[tuple[float, int, Slow]] = []  # a heap, the fastest first
        self._noted = 0
        self._lock = Lock()

    def note(self, request: Request, ranking: Ranking) -> None:
        """The engine has ranked."""
        ms = sum(ranking.stages_ms.values())
        with self._lock:
            self._noted += 1
            self._forget(request.at)
            if len(self._held) < self._most:
                heapq.heappush(self._held, (ms, self._noted, self._slow(request, ranking, ms)))
            elif ms > self._held[0][0]:
                heapq.heapreplace(self._held, (ms, self._noted, self._slow(request, ranking, ms)))

    def slowest(self, at: datetime) -> list[Slow]:
        """Those of the hour before `at`, the slowest first."""
        with self._lock:
            self._forget(at)
            return [one for _, _, one in sorted(self._held, key=lambda held: (-held[0], held[1]))]

    def _forget(self, at: datetime) -> None:
        old = at - KEPT
        # The heap holds few, and most calls find none too old.
        if any(one.at < old for _, _, one in self._held):
            self._held = [held for held in self._held if held[2].at >= old]
            heapq.heapify(self._held)

    def _slow(self, request: Request, ranking: Ranking, ms: float) -> Slow:
        wanted = request.filters
        named = {
            "category": wanted.category,
            "price": wanted.price_low is not None or wanted.price_high is not None,
            "place": wanted.near,
        }
        return Slow(
            at=request.at,
            kind=kind_of(request),
            ms=ms,
            stages_ms=dict(ranking.stages_ms),
            words=len(request.text.split()),
            filters=tuple(name for name, value in named.items() if value),
            results=ranking.total,
            text=request.text if self._keep_words else "",
        )
