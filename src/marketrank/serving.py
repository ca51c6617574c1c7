"""Running the API in one or several processes."""

import ctypes
import errno
import gc
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from marketrank.config import Settings, load
from marketrank.errors import BadInput
from marketrank.listening import listening
from marketrank.monitoring import logs
from marketrank.monitoring.metrics import SHARED_FOLDER
from marketrank.operator_desk import OperatorDesk
from marketrank.wiring import Marketplace

if TYPE_CHECKING:
    from fastapi import FastAPI

_SWITCH_SECONDS = 0.0005  # Python's own is 0.005
_ARENAS = 2
_M_ARENA_MAX = -8  # as malloc.h has it


def run(settings: Settings, *, host: str, port: int, workers: int) -> None:
    """Serve until a signal. Each worker follows the database; one of them indexes."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    # uvicorn raises the signal again once it has ended: by default that would skip the exit
    # handlers, and leave the embedded server running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.environ.update(_environment(settings, workers))
    Marketplace(settings).database.dispose()  # start and migrate once, before the workers
    application = "marketrank.serving:create_app"
    options: dict[str, Any] = {
        "factory": True,
        "host": host,
        "port": port,
        "log_level": "warning",
        "log_config": None,  # each process configures its own: see create_app
        "access_log": False,
    }
    if workers == 1:
        uvicorn.run(application, **options)
        return
    config = uvicorn.Config(application, workers=workers, **options)
    with _shared_metrics():
        # What uvicorn.run does, but for the socket.
        Multiprocess(config, sockets=[listening(config)]).run()


def _environment(settings: Settings, workers: int) -> dict[str, str]:
    """How the workers, which are fresh processes, learn their home folder and their share of the
    cores: a query that is embedded in one thread takes a third less processor time than in two."""
    return {
        "MARKETRANK_HOME": str(settings.home),
        "MARKETRANK_PROCESSES": str(max(1, settings.processes // workers)),
    }


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """A folder in which several processes count together, for as long as they run."""
    if os.environ.get(SHARED_FOLDER):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="marketrank-metrics-") as folder:
        # The workers are fresh processes, which read this before they count anything.
        os.environ[SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER]


def check_address(host: str, port: int) -> None:
    """Raise BadInput where we could not listen there."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BadInput(f"--port {port}: it is taken on {host}; choose another") from error
        raise BadInput(f"cannot listen on {host}:{port}: {error.strerror}") from error


def create_app() -> "FastAPI":
    """The ASGI application of the home folder that MARKETRANK_HOME names.

    What is imported and built here stays: it is not looked through for garbage while that grows,
    which took a second of a start, nor ever after, which stopped all threads for 130 ms each
    time (docs/adr/0239-answers-are-sent-at-once.md).
    """
    gc.disable()
    try:
        app = _build()
    finally:
        gc.enable()
    gc.freeze()
    return app


def share_memory() -> None:
    """Let the threads that start from now on take memory from two arenas. By default glibc makes up
    to eight a core, and what one thread has freed there others cannot use: a process of many
    threads grows for as long as it runs (docs/adr/0249-two-arenas.md). Nothing is done where
    MALLOC_ARENA_MAX says how many, nor without glibc."""
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    with suppress(OSError, AttributeError):  # of other C libraries
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def _build() -> "FastAPI":
    from marketrank.api.app import create_app as build

    # A thread that ends its wait for a library or the database waits so long for Python's lock
    # where another computes (docs/adr/0227-turns.md).
    sys.setswitchinterval(_SWITCH_SECONDS)
    share_memory()
    marketplace = Marketplace(load())
    settings = marketplace.settings
    logs.configure(settings.log_format, requests=settings.log_requests)

    @asynccontextmanager
    async def lifespan(app: "FastAPI") -> AsyncIterator[None]:
        with marketplace.running():
            yield

    return build(
        marketplace,
        settings=settings,
        lifespan=lifespan,
        measured=marketplace.metrics,
        desk=OperatorDesk(marketplace),
    )
