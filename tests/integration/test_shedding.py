"""What a process does with more requests than it answers at a time."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from marketrank.api.app import create_app
from marketrank.api.shedding import Shedding
from marketrank.asking import Ranking, Request
from marketrank.config import Settings
from marketrank.monitoring.metrics import Metrics
from small_market import NOW, small_market


class Busy:
    """A server whose searches last until `go`."""

    def __init__(self, home: Path, requests_at_once: int) -> None:
        market, self.metrics = small_market(), Metrics()
        self.go, self.begun, answer = Event(), Event(), market.answer

        def slow(request: Request) -> Ranking:
            self.begun.set()
            assert self.go.wait(20)
            return answer(request)

        market.answer = slow  # type: ignore[method-assign]
        settings = Settings(home=home, requests_at_once=requests_at_once)
        app = create_app(market, settings=settings, clock=lambda: NOW, measured=self.metrics)
        self.client = TestClient(app)

    def shed(self) -> float:
        name = "marketrank_requests_shed_total"
        return next(one.value for one in self.metrics.samples() if one.name == name)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_beyond_the_limit_one_is_told_to_come_again(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    server = Busy(tmp_path, requests_at_once=1)
    with server.client as client:
        first = pool.submit(client.get, "/v1/search")
        assert server.begun.wait(10)
        try:
            second = client.get("/v1/search")
            assert second.status_code == 503
            assert second.headers["content-type"] == "application/problem+json"
            assert second.headers["retry-after"] == "1"
            assert second.json()["type"] == "urn:marketrank:too-busy"
            assert second.headers["x-request-id"] == second.json()["request_id"]
            for path in ("/healthcheck", "/readyz", "/metrics", "/static/style.css"):
                assert client.get(path).status_code == 200, path
            assert server.shed() == 1
        finally:
            server.go.set()
        assert first.result().status_code == 200
        assert client.get("/v1/search").status_code == 200  # the place is free again


@pytest.mark.parametrize("most", [2, 0])
def test_within_the_limit_or_without_one_all_are_answered(
    most: int, tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    server = Busy(tmp_path, requests_at_once=most)
    with server.client as client:
        both = [pool.submit(client.get, "/v1/search") for _ in range(2)]
        assert server.begun.wait(10)
        server.go.set()
        assert [one.result().status_code for one in both] == [200, 200]
        assert server.shed() == 0


def test_a_failing_request_gives_its_place_back(tmp_path: Path) -> None:
    server = Busy(tmp_path, requests_at_once=1)
    with server.client as client:
        server.go.set()
        assert client.get("/v1/search", params={"limit": "many"}).status_code == 422
        assert client.get("/v1/search").status_code == 200


def test_a_body_takes_its_place_when_it_has_come() -> None:
    statuses = asyncio.run(_slow_bodies())
    # The first is still sending, so the second may in; while that is answered nobody else may.
    assert statuses == {"second": 200, "third": 503, "first": 200}


async def _slow_bodies() -> dict[str, int]:
    statuses: dict[str, int] = {}
    answer, reading = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reading.set()
        while (await receive()).get("more_body"):
            pass
        if scope["name"] == "second":
            await answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    shed = Shedding(app, most=1, on_shed=lambda: None)
    end = asyncio.Event()

    async def ask(name: str, method: str, slow: bool) -> None:
        scope: dict[str, Any] = {
            "type": "http", "method": method, "path": "/v1/search", "headers": [],
            "name": name, "state": {"request_id": name},
        }  # fmt: skip

        async def receive() -> Message:
            if slow:
                await end.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses[name] = message["status"]

        await shed(scope, receive, send)

    first = asyncio.create_task(ask("first", "POST", slow=True))
    await reading.wait()
    second = asyncio.create_task(ask("second", "POST", slow=False))
    await asyncio.sleep(0)
    await ask("third", "GET", slow=False)
    answer.set()
    await second
    end.set()
    await first
    return statuses
