"""What every exchange with the API has: headers, ids, errors, limits and a document."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from marketrank.api.app import create_app
from marketrank.asking import Ranking, Request
from marketrank.config import Settings
from small_client import LIMIT, small_client
from small_market import RELEASE, SmallMarket, small_market


@pytest.fixture
def market() -> SmallMarket:
    return small_market()


@pytest.fixture
def client(market: SmallMarket, tmp_path: Path) -> Iterator[TestClient]:
    with small_client(market, tmp_path) as client:
        yield client


# --- health ------------------------------------------------------------------------------


def test_healthcheck_is_exact(client: TestClient, market: SmallMarket) -> None:
    market.ready = False
    answer = client.get("/healthcheck")
    assert (answer.status_code, answer.json()) == (200, {"message": "API is up and running!"})


def test_ready_only_with_a_release(client: TestClient, market: SmallMarket) -> None:
    assert client.get("/readyz").json() == {"release": RELEASE}
    market.ready = False
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "10"


# --- every exchange ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/v1/search", "/nope", "/listings/1001", "/v1/nope"])
def test_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "access-control-allow-origin" not in headers


def test_request_ids(client: TestClient) -> None:
    given = client.get("/v1/search", headers={"x-request-id": "trace-1.a_B"})
    assert given.headers["x-request-id"] == given.json()["request_id"] == "trace-1.a_B"
    for odd in ("a b", "x" * 65, "<script>"):
        made = client.get("/healthcheck", headers={"x-request-id": odd})
        assert re.fullmatch("[0-9a-f]{32}", made.headers["x-request-id"])
    assert given.headers["x-request-id"] != client.get("/healthcheck").headers["x-request-id"]


def test_unexpected_errors_tell_nothing(
    client: TestClient, market: SmallMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(request: Request) -> Ranking:
        raise RuntimeError("secret")

    monkeypatch.setattr(market, "answer", answer)
    for path in ("/v1/search", "/"):
        failed = client.get(path)
        assert failed.status_code == 500
        assert "secret" not in failed.text
        assert failed.headers["x-request-id"] in failed.text
        assert "content-security-policy" in failed.headers
    assert client.get("/v1/search").headers["content-type"] == "application/problem+json"


def test_programs_get_problems_and_people_pages(client: TestClient) -> None:
    assert client.get("/v1/nope").headers["content-type"] == "application/problem+json"
    assert client.delete("/healthcheck").json()["status"] == 405
    page = client.get("/nope")
    assert page.headers["content-type"].startswith("text/html")
    assert "cannot find that page" in page.text


def test_a_body_without_end_is_cut_off(market: SmallMarket, tmp_path: Path) -> None:
    """An upload that never says how long it is must not be read for ever."""
    app = create_app(market, settings=Settings(home=tmp_path, photo_max_bytes=LIMIT))
    sent = 0
    status = 0

    async def receive() -> dict[str, object]:
        nonlocal sent
        sent += 1
        head = b'--x\r\ncontent-disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        return {
            "type": "http.request",
            "body": head if sent == 1 else b"y" * 65536,
            "more_body": True,
        }

    async def send(message: dict[str, object]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = int(str(message["status"]))

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/search",
        "raw_path": b"/v1/search",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"multipart/form-data; boundary=x")],
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    assert status == 413
    assert sent * 65536 < 20_000_000


def test_openapi_documents_the_parameters_and_the_shapes(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    search = document["paths"]["/v1/search"]["get"]
    names = {parameter["name"]: parameter for parameter in search["parameters"]}
    assert set(names) == {
        "q", "category", "price", "near", "within", "sort", "offset", "limit", "like",
        "ignore", "spell", "buyer", "profiling", "explain",
    }  # fmt: skip
    assert names["limit"]["schema"]["maximum"] == 100
    assert all("example" in parameter for parameter in names.values())
    shape = search["responses"]["200"]["content"]["application/json"]["schema"]
    assert shape["$ref"].endswith("SearchAnswer")
    form = document["paths"]["/v1/search"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert "photo" in form["schema"]["properties"]
    assert "/v1/listings/{id}/similar" in document["paths"]
    assert "/" not in document["paths"]
    assert "application/problem+json" in search["responses"]["422"]["content"]
