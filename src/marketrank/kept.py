"""A memory of bounded size."""

from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """The values that were put last, at most `most`; the oldest go. Safe for threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[K, V] = {}
        self._lock = Lock()  # two that let go of the oldest would look for it at once

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: K) -> bool:
        return key in self._held

    @property
    def room(self) -> int:
        """How many more there is room for before the oldest go."""
        return max(self._most - len(self._held), 0)

    def get(self, key: K) -> V | None:
        return self._held.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep it as the newest, instead of what was kept by this key."""
        with self._lock:
            self._held.pop(key, None)
            while self._held and len(self._held) >= self._most:
                del self._held[next(iter(self._held))]
            if self._most > 0:
                self._held[key] = value
