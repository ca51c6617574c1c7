"""Work that goes on beside what its caller does."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def in_thread(name: str, step: Callable[[], T]) -> "Future[T]":
    """Run a step in a thread that does not keep a process from ending."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            found = step()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(found)

    Thread(target=run, name=name, daemon=True).start()
    return future
