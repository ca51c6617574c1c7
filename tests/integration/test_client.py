"""The Python client, sync and async, against the API over a small marketplace."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from marketrank.access import Scope
from marketrank.api.app import create_app
from marketrank.client import ApiError, AsyncClient, Client, Retries
from marketrank.config import Settings
from small_market import NOW, SmallMarket, draw, small_market

NO_WAIT = Retries(times=3, first=0.0)


@pytest.fixture(scope="module")
def market() -> SmallMarket:
    return small_market()


@pytest.fixture(scope="module")
def address(market: SmallMarket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), bulk_at_once=2)
    app = create_app(market, settings=settings, clock=lambda: NOW)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        pass
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def key(market: SmallMarket) -> str:
    return market.key_store.make(Scope.WRITE, at=NOW)["Authorization"].removeprefix("Bearer ")


class InTurn:
    """An AsyncClient that is called like a Client."""

    def __init__(self, client: AsyncClient, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Awaitable[Any]] = getattr(self._client, name)

        async def call(*args: Any, **more: Any) -> Any:
            return await method(*args, **more)

        return lambda *args, **more: self._runner.run(call(*args, **more))


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, address: str, key: str) -> Iterator[Any]:
    if request.param == "sync":
        with Client(address, key=key, retries=NO_WAIT) as made:
            yield made
        return
    with asyncio.Runner() as runner:
        other = AsyncClient(address, key=key, retries=NO_WAIT)
        yield InTurn(other, runner)
        runner.run(other.close())


def test_reading(client: Any) -> None:
    page = client.search("oak", near="Bristol", limit=2)
    assert [one["id"] for one in page["items"]] == ["1012", "1001"]
    assert client.search(photo=draw("#2b4a86", "3x4"), limit=1)["items"][0]["id"] == "1005"
    assert client.listing("shop/10 & co")["title"].startswith("Folding")
    assert "1001" not in {one["id"] for one in client.similar("1001", limit=3)["items"]}
    assert isinstance(client.suggest("cha", limit=3), list)


def test_writing(client: Any) -> None:
    made = client.create({"title": "Solid oak dining table", "price": 120})
    id = made["id"]
    assert client.change(id, {"price": 99})["price"] == 99
    assert len(client.add_photos(id, draw("#111"), draw("#222"))["photos"]) == 2
    url = "https://images.example.com/a.jpg"
    photos = client.add_photos(id, url=url)["photo_ids"]
    assert client.remove_photo(id, photos[0])["photo_ids"] == photos[1:]
    assert client.end(id)["live"] is False


def test_many(client: Any) -> None:
    few = client.put([{"id": "c1", "title": "Oak table"}, {"id": "c2"}])
    assert [line["status"] for line in few["lines"]][1] == "rejected"
    job = client.put({"id": f"c{n}", "title": f"Oak table {n}"} for n in range(5))
    done = client.wait_for(job["id"], every=0.01)
    assert (done["state"], done["done"]) == ("done", 5)
    assert len(client.job_lines(job["id"])) == 5


def test_models(client: Any) -> None:
    assert client.draft("Oak table", draw("#111"), price="£9")["price"]["suggested"] == 120
    assert client.category("road bike")["category"] == "Sports, Leisure & Travel"
    assert client.category(photo=draw("#111"))["category"] == "Home & Garden"
    assert client.category("bike", draw("#111"))["category_index"] == 1


def test_errors_say_what_is_wrong(client: Any) -> None:
    with pytest.raises(ApiError, match="no such place") as failed:
        client.search("oak", near="Xyzzy")
    assert (failed.value.status, failed.value.more["parameter"]) == (422, "near")
    assert failed.value.request_id
    with pytest.raises(ApiError, match="404"):
        client.listing("nope")


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, inspect.Signature]:
        return {
            name: inspect.signature(method)
            for name, method in vars(kind).items()
            if not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)


# --- trying again ------------------------------------------------------------------------


def answering(*answers: int | Exception) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """A server that answers with these statuses, or not at all, one after another."""
    left, asked = list(answers), []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        waiting = {"Retry-After": "0"} if answer in (429, 1409) else {}
        return httpx.Response(answer % 1000, json={"detail": "x"}, headers=waiting)

    return httpx.MockTransport(handle), asked


def test_what_may_pass_is_tried_again_with_the_same_key() -> None:
    transport, asked = answering(httpx.ConnectError("refused"), 503, 429, 201)
    with Client("http://x", retries=NO_WAIT, transport=transport) as client:
        client.create({"title": "Oak"})
    assert len(asked) == 4
    assert len({request.headers["Idempotency-Key"] for request in asked}) == 1
    assert len({request.content for request in asked}) == 1


def test_a_first_try_that_is_still_being_answered_is_waited_for() -> None:
    transport, asked = answering(1409, 201)
    with Client("http://x", retries=NO_WAIT, transport=transport) as client:
        client.create({"title": "Oak"})
    assert len(asked) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 500])
def test_what_will_not_pass_is_not_tried_again(status: int) -> None:
    transport, asked = answering(status)
    with (
        Client("http://x", retries=NO_WAIT, transport=transport) as client,
        pytest.raises(ApiError),
    ):
        client.search("oak")
    assert len(asked) == 1


def test_it_gives_up_in_the_end() -> None:
    transport, asked = answering(*[503] * 4)
    with Client("http://x", retries=NO_WAIT, transport=transport) as client:
        with pytest.raises(ApiError, match="503"):
            client.search("oak")
        assert len(asked) == 4
    transport, _ = answering(*[httpx.ConnectError("refused")] * 4)
    with (
        Client("http://x", retries=NO_WAIT, transport=transport) as client,
        pytest.raises(httpx.ConnectError),
    ):
        client.search("oak")


def test_it_waits_longer_each_time_and_as_long_as_it_is_asked_to() -> None:
    retries = Retries(first=0.5, longest=3, draw=lambda: 1.0)
    assert [retries.wait(n, None) for n in range(4)] == [0.5, 1.0, 2.0, 3.0]
    asked = httpx.Response(429, headers={"Retry-After": "7"})
    assert retries.wait(0, asked) == 7
    dated = httpx.Response(503, headers={"Retry-After": "Sun, 01 Mar 2026 00:00:00 GMT"})
    assert retries.wait(0, dated) == 0.5


def test_an_answer_of_something_else_is_an_error(tmp_path: Path) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text="<html>"))
    with (
        Client("http://x", retries=NO_WAIT, transport=transport) as client,
        pytest.raises(ApiError, match="no JSON"),
    ):
        client.search("oak")
