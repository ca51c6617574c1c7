"""Those who write listings by the API, over a small marketplace."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from fastapi.testclient import TestClient
from httpx import Response

from marketrank.access import Scope
from marketrank.api.app import create_app
from marketrank.config import Settings
from small_market import NOW, SmallMarket, draw

TABLE = {"id": "t1", "title": "Solid oak dining table", "price": 120, "location": "Bristol"}
LINES = "application/x-ndjson"


class Start(Protocol):
    """Opens a client with a key of these scopes (write, where none is named)."""

    def __call__(
        self, *scopes: Scope, seller: str | None = None, **settings: Any
    ) -> TestClient: ...


@contextmanager
def writers(market: SmallMarket, home: Path) -> Iterator[Start]:
    with ExitStack() as opened:

        def start(*scopes: Scope, seller: str | None = None, **settings: Any) -> TestClient:
            key = market.key_store.make(*(scopes or (Scope.WRITE,)), at=NOW, seller=seller)
            app = create_app(market, settings=Settings(home=home, **settings), clock=lambda: NOW)
            client = TestClient(app, headers=key, raise_server_exceptions=False)
            return opened.enter_context(client)

        yield start


def put(client: TestClient, *records: Any) -> Response:
    body = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in records)
    return client.put("/v1/listings", content=body, headers={"Content-Type": LINES})


def photo(colour: str = "#a08060") -> tuple[str, tuple[str, bytes, str]]:
    return ("photo", ("../../a.jpg", draw(colour), "image/jpeg"))
