"""Who may work now: a few threads at a time, in the order in which they came."""

from collections import deque
from threading import Event, Lock
from types import TracebackType


class Turns:
    """A context manager for as many threads at a time as `most`; others wait. 0 sets no limit.

    Python runs one thread at a time, so that many answers at once make all of them late, where one
    after the other makes the last one late; and each switch costs (docs/adr/0227-turns.md).
    `threading.Semaphore` lets who has just come go before who has waited."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0  # at work, or waiting
        self._waiting: deque[Lock] = deque()
        self._lock = Lock()
        self._rest = Event()
        self._rest.set()

    def rest(self, seconds: float) -> bool:
        """Wait until nobody is inside, at most so long; whether that came."""
        return self._rest.wait(seconds)

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._rest.clear()
            self._inside += 1
            if not self._most or self._inside <= self._most:  # nobody waits then
                return
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()  # until whoever ends hands the turn over

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._waiting:
                self._waiting.popleft().release()
            if not self._inside:
                self._rest.set()
