"""Running the API in one or several processes."""

import errno
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from marketrank.config import Settings, load
from marketrank.errors import BadInput
from marketrank.wiring import Marketplace

if TYPE_CHECKING:
    from fastapi import FastAPI


def run(settings: Settings, *, host: str, port: int, workers: int) -> None:
    """Serve until a signal. Each worker follows the database; one of them indexes."""
    import uvicorn

    # uvicorn raises the signal again once it has ended: by default that would skip the exit
    # handlers, and leave the embedded server running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # The workers are fresh processes: the environment is how they learn the home folder.
    os.environ["MARKETRANK_HOME"] = str(settings.home)
    Marketplace(settings).database.dispose()  # start and migrate once, before the workers
    uvicorn.run(
        "marketrank.serving:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_level="warning",
        access_log=False,
    )


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
    """The ASGI application of the home folder that MARKETRANK_HOME names."""
    from marketrank.api.app import create_app as build

    marketplace = Marketplace(load())

    @asynccontextmanager
    async def lifespan(app: "FastAPI") -> AsyncIterator[None]:
        with marketplace.running():
            yield

    return build(marketplace, settings=marketplace.settings, lifespan=lifespan)
