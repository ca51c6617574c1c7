"""Token buckets: so many requests a second, and a burst of some seconds' worth."""

from dataclasses import dataclass
from threading import Lock


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class TokenBuckets:
    """A bucket of `rate` × `burst_seconds` tokens for each name, refilled with `rate` a second.
    In the memory of one process: each worker counts for itself. May be called from several
    threads."""

    def __init__(self, *, rate: float, burst_seconds: float, most: int = 50_000) -> None:
        """`rate` 0 sets no limit. Of more than `most` names the full buckets are forgotten, which
        changes nothing, and then all."""
        self._rate = rate
        self._size = max(1.0, rate * burst_seconds)
        self._most = most
        self._buckets: dict[str, _Bucket] = {}
        self._lock = Lock()

    def take(self, name: str, cost: float, now: float) -> float:
        """Take tokens and return 0, or take none and return the seconds until there are enough. A
        cost above a full bucket takes a full one. `now` is in seconds of any steady clock."""
        if self._rate == 0:
            return 0.0
        cost = min(cost, self._size)
        with self._lock:
            bucket = self._buckets.get(name)
            if bucket is None:
                self._forget(now)
                bucket = self._buckets[name] = _Bucket(self._size, now)
            bucket.tokens = min(self._size, bucket.tokens + self._rate * max(0, now - bucket.at))
            bucket.at = now
            if bucket.tokens < cost:
                return (cost - bucket.tokens) / self._rate
            bucket.tokens -= cost
            return 0.0

    def _forget(self, now: float) -> None:
        if len(self._buckets) < self._most:
            return
        self._buckets = {
            name: one
            for name, one in self._buckets.items()
            if one.tokens + self._rate * (now - one.at) < self._size
        }
        if len(self._buckets) >= self._most:
            self._buckets.clear()
