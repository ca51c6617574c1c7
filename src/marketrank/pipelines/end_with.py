"""A process that ends with those that it works for.

Children outlive a parent that is killed with SIGKILL, as the kernel does for memory. A training
that went on so would write into the folder that the next one goes on in.
"""

import logging
import os
import threading
from collections.abc import Sequence
from time import sleep

import psutil  # type: ignore[import-untyped]

ENDED = 143
"""The exit status, as after SIGTERM."""
_LOOK = 0.5  # seconds
_log = logging.getLogger(__name__)


def end_with(pids: Sequence[int], *, look: float = _LOOK) -> None:
    """From now on end this process, whatever it is at, within `look` seconds of the end of one of
    these."""
    known = [(pid, _process(pid)) for pid in pids]

    def watch() -> None:
        while True:
            for pid, process in known:
                if process is None or not _lives(process):
                    _log.warning("process %d, which this one works for, is gone: ending", pid)
                    os._exit(ENDED)  # the main thread may wait for another process for hours
            sleep(look)

    threading.Thread(target=watch, name="end-with", daemon=True).start()


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _lives(process: psutil.Process) -> bool:
    """A zombie does not: it has ended, and nobody has asked how."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
