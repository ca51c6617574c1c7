"""The log of what was shown: a queue between answers and the store, so that neither waits.

An answer leaves what it has and goes on; a thread makes an impression of it and writes. Where the
store is slower than the answers the queue fills up, and what no longer fits is counted and lost:
training misses a sample, and no visitor waits. Making one takes the processor from the answers
beside it, so it waits for a moment without any, as far as one comes.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from time import monotonic
from typing import Generic, TypeVar

from marketrank.asking import Request
from marketrank.people import About, Impression, Purpose
from marketrank.types import BuyerId

_BATCH = 200
_PAUSE = 0.2  # seconds between looks at an empty queue: how long `stop` may take
_PATIENCE = 1.0  # seconds that a batch waits for moments without answers
_GATHER = 0.25  # seconds in which others may join the first: a batch is written in one go

_log = logging.getLogger(__name__)
T = TypeVar("T")


def rememberable(request: Request, about: Callable[[BuyerId], About | None]) -> BuyerId | None:
    """The buyer with whom an impression may be kept: one who has agreed to Purpose.HISTORY and did
    not ask for an answer without a profile."""
    if request.buyer is None or not request.profiling:
        return None
    known = about(request.buyer)
    return request.buyer if known and known.buyer.allows(Purpose.HISTORY) else None


class ImpressionLog(Generic[T]):
    """Takes what was shown from any thread and writes it from its own. Before `start` nothing is
    taken."""

    def __init__(
        self,
        *,
        make: Callable[[T], Impression | None],
        write: Callable[[Sequence[Impression]], None],
        size: int,
        rest: Callable[[float], bool] = lambda seconds: True,
    ) -> None:
        """`make` turns what was shown into an impression (None: nothing to keep), `write` keeps
        them; at most `size` wait. `rest` waits until nobody is being answered, at most so many
        seconds."""
        self._make = make
        self._write = write
        self._rest = rest
        self._queue: Queue[T] = Queue(size)
        self._stop = Event()
        self._thread: Thread | None = None
        self._lock = Lock()
        self._dropped = 0
        self._written = 0
        self._failing = ""

    @property
    def dropped(self) -> int:
        """How many did not fit, or could not be written, since the start."""
        return self._dropped

    @property
    def written(self) -> int:
        """How many were written since the start."""
        return self._written

    def put(self, shown: T) -> None:
        """Leave what was shown. Never waits."""
        if self._thread is None:
            return
        try:
            self._queue.put_nowait(shown)
        except Full:
            self._drop(1)

    def start(self) -> None:
        self._stop.clear()
        self._thread = Thread(target=self._run, name="impressions", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Write what waits and end."""
        thread, self._thread = self._thread, None
        self._stop.set()
        if thread is not None:
            thread.join(timeout)

    def _run(self) -> None:
        while not (self._stop.is_set() and self._queue.empty()):
            batch = self._waiting()
            if batch:
                self._keep(batch)

    def _waiting(self) -> list[T]:
        batch: list[T] = []
        try:
            batch.append(self._queue.get(timeout=_PAUSE))
            self._stop.wait(_GATHER)
            while len(batch) < _BATCH:
                batch.append(self._queue.get_nowait())
        except Empty:
            pass
        return batch

    def _keep(self, batch: Sequence[T]) -> None:
        try:
            made = [one for one in map(self._make, self._in_time(batch)) if one is not None]
            self._write(made)
        except Exception as error:
            self._drop(len(batch))
            kind = type(error).__name__
            if self._failing != kind:  # once a fault
                _log.error("impressions are not logged: %s", kind)
            self._failing = kind
            return
        self._failing = ""
        with self._lock:
            self._written += len(made)

    def _in_time(self, batch: Sequence[T]) -> Iterator[T]:
        """Each when nobody is being answered, or when the batch has waited long enough."""
        end = monotonic() + _PATIENCE
        for one in batch:
            left = end - monotonic()
            if left > 0 and not self._stop.is_set():
                self._rest(left)
            yield one

    def _drop(self, n: int) -> None:
        with self._lock:
            first = self._dropped == 0
            self._dropped += n
        if first:
            _log.warning("impressions are dropped: the store is slower than the answers")
