"""A client of the API over a small marketplace in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi.testclient import TestClient

from marketrank.api.app import create_app
from marketrank.config import Settings
from small_market import NOW, SmallMarket

LIMIT = 200_000
"""Bytes that a photo may have."""


@contextmanager
def small_client(market: SmallMarket, home: Path) -> Iterator[TestClient]:
    settings = Settings(home=home, photo_max_bytes=LIMIT)
    app = create_app(market, settings=settings, clock=lambda: NOW)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
