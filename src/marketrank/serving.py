"""Running the API in one or several processes."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from marketrank.config import Settings, load
from marketrank.wiring import Marketplace

if TYPE_CHECKING:
    from fastapi import FastAPI


def run(settings: Settings, *, host: str, port: int, workers: int) -> None:
    """Serve until a signal. Each worker follows the database; one of them indexes."""
    import uvicorn

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


def port_is_free(host: str, port: int) -> bool:
    """Whether we could listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def create_app() -> "FastAPI":
    """The ASGI application of the home folder that MARKETRANK_HOME names."""
    from marketrank.api.app import create_app as build

    marketplace = Marketplace(load())

    @asynccontextmanager
    async def lifespan(app: "FastAPI") -> AsyncIterator[None]:
        with marketplace.running():
            yield

    return build(marketplace, settings=marketplace.settings, lifespan=lifespan)
