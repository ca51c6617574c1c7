"""Who may work now: a few threads at a time, in the order in which they came."""

from collections import deque
from threading import Lock
from types import TracebackType


class Turns:
    """A context manager for as many threads at a time as `most`; others wait. 0 sets no limit.

    Python runs one thread at a time, so that many answers at once make all of them late, where one
    after the other makes the last one late; and each switch costs (docs/adr/0227-turns.md).
    `threading.Semaphore` lets who has just come go before who has waited."""

    def __init__(self, most: int) -> None:
        self._most = self._free = most
        self._waiting: deque[Lock] = deque()
        self._lock = Lock()

    def __enter__(self) -> None:
        if not self._most:
            return
        with self._lock:
            if self._free:  # nobody waits then
                self._free -= 1
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
        if not self._most:
            return
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
