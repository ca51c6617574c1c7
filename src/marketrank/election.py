"""Who indexes: one of all processes on a database."""

from collections.abc import Callable
from datetime import datetime
from threading import Event
from typing import Protocol

from marketrank.pipelines.indexing import Indexed, Indexer


class Lock(Protocol):
    """Held by one process at a time, and free when that dies."""

    def try_acquire(self) -> bool:
        """Whether it is held now, by us."""

    def release(self) -> None: ...


class Election:
    """Who holds the lock indexes; when it dies another takes over at its next step."""

    def __init__(
        self, lock: Lock, open_indexer: Callable[[], Indexer], clock: Callable[[], datetime]
    ) -> None:
        self._lock, self._open_indexer, self._clock = lock, open_indexer, clock
        self._indexer: Indexer | None = None
        self._stopping = Event()

    @property
    def indexer(self) -> Indexer | None:
        """What indexes; None where another process does."""
        return self._indexer

    def step(self) -> Indexed | None:
        """Index what has come in since, or try to be the one that does; None where another is."""
        if self._stopping.is_set():
            return None
        if not self._lock.try_acquire():
            self._close()
            return None
        if self._indexer is None:
            self._indexer = self._open_indexer()
            if self._stopping.is_set():  # said meanwhile
                self._indexer.stop()
        return self._indexer.catch_up(self._clock(), in_background=True)

    def stop(self) -> None:
        """End a `step` of another thread soon, and let none follow."""
        self._stopping.set()
        indexer = self._indexer
        if indexer is not None:
            indexer.stop()

    def resign(self) -> None:
        """Let another take over."""
        self._close()
        self._lock.release()

    def _close(self) -> None:
        if self._indexer is not None:
            self._indexer.close()
            self._indexer = None
