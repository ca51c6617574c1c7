"""Keys, scopes, rates, time and the audit log in front of the API."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from marketrank.access import Scope
from marketrank.api.app import create_app
from marketrank.api.audit import AuditAnswer
from marketrank.api.gate import RULES, rule_of
from marketrank.asking import Ranking, Request
from marketrank.config import Settings
from small_market import NOW, SmallMarket, small_market


@pytest.fixture
def market() -> SmallMarket:
    return small_market()


@pytest.fixture
def start(market: SmallMarket, tmp_path: Path) -> Iterator[Any]:
    opened: list[TestClient] = []

    def with_settings(**settings: Any) -> TestClient:
        app = create_app(market, settings=Settings(home=tmp_path, **settings), clock=lambda: NOW)
        opened.append(TestClient(app, raise_server_exceptions=False))
        return opened[-1].__enter__()

    yield with_settings
    for client in opened:
        client.__exit__()


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "/healthcheck", ()),
        ("GET", "/metrics", ()),
        ("POST", "/metrics", (Scope.READ,)),
        ("GET", "/static/page.css", ()),
        ("GET", "/", (Scope.READ,)),
        ("GET", "/v1/search", (Scope.READ,)),
        ("POST", "/v1/search", (Scope.READ,)),
        ("POST", "/search-by-photo", (Scope.READ,)),
        ("POST", "/predict/image", (Scope.READ,)),
        ("POST", "/v1/drafts", (Scope.READ,)),
        ("GET", "/v1/listings/1001", (Scope.READ,)),
        ("GET", "/v1/listings/a/b/buyers", (Scope.SELLER, Scope.ADMIN)),
        ("POST", "/v1/listings", (Scope.WRITE, Scope.SELLER)),
        ("DELETE", "/v1/listings/a/b", (Scope.WRITE, Scope.SELLER)),
        ("POST", "/v1/events", (Scope.WRITE,)),
        ("GET", "/v1/buyers/b1", (Scope.WRITE,)),
        ("POST", "/v1/whatever comes", (Scope.WRITE,)),
        ("GET", "/v1/audit", (Scope.ADMIN,)),
        ("PUT", "/v1/models/current", (Scope.ADMIN,)),
        ("DELETE", "/v1/listings/a\nb", (Scope.WRITE, Scope.SELLER)),
        ("GET", "/operator", (Scope.ADMIN,)),
        ("POST", "/operator/versions/models/roll-back", (Scope.ADMIN,)),
        ("POST", "/operator/sign-in", ()),
        ("GET", "/operators", (Scope.READ,)),
    ],
)
def test_what_needs_which_scope(method: str, path: str, scopes: tuple[Scope, ...]) -> None:
    assert rule_of(method, path).scopes == scopes


def test_every_rule_counts() -> None:
    assert len({rule_of(m, p) for m, p in (("GET", "/readyz"), ("GET", "/v1/audit"), ("POST",
        "/v1/drafts"), ("GET", "/v1/jobs/1"), ("PUT", "/v1/listings"), ("GET", "/v1/buyers/b"),
        ("GET", "/v1/listings/1/buyers"), ("GET", "/operator"), ("GET", "/operator/sign-in"),
        ("POST", "/v1/x"), ("GET", "/"))}) == len(RULES)  # fmt: skip


def test_reading_is_open_unless_it_is_closed(start: Any, market: SmallMarket) -> None:
    assert start().get("/v1/search").status_code == 200
    closed = start(open_reading=False)
    for path in ("/v1/search", "/", "/v1/listings/1001"):
        refused = closed.get(path)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert refused.headers["content-type"] == "application/problem+json"
        assert "content-security-policy" in refused.headers
    assert closed.get("/healthcheck").status_code == 200
    key = market.key_store.make(Scope.SELLER, at=NOW, seller="s1")
    assert closed.get("/v1/search", headers=key).status_code == 200


def test_a_bad_key_is_refused_where_none_is_needed(start: Any, market: SmallMarket) -> None:
    client = start()
    for token in ("nonsense", f"mr_{'0' * 16}.{'a' * 43}"):
        bad = client.get("/v1/search", headers={"Authorization": f"Bearer {token}"})
        assert bad.status_code == 401
        assert token not in bad.text


def test_scopes(start: Any, market: SmallMarket) -> None:
    client = start()
    assert client.get("/v1/audit").status_code == 401
    writer = market.key_store.make(Scope.WRITE, at=NOW)
    refused = client.get("/v1/audit", headers=writer)
    assert (refused.status_code, refused.json()["title"]) == (403, "Forbidden")
    assert "admin" in refused.json()["detail"]
    admin = market.key_store.make(Scope.ADMIN, at=NOW)
    assert client.get("/v1/audit", headers=admin).status_code == 200


def test_what_administrators_change_is_logged(start: Any, market: SmallMarket) -> None:
    client = start()
    admin = market.key_store.make(Scope.ADMIN, at=NOW)
    client.get("/v1/search", headers=admin)
    client.post("/v1/search", headers=admin)
    client.post("/v1/search")
    for _ in range(3):
        client.delete("/v1/nothing", headers=admin)
    read = AuditAnswer.model_validate_json(client.get("/v1/audit?limit=2", headers=admin).content)
    assert [one.target for one in read.items] == ["/v1/nothing"] * 2
    assert read.items[0].detail["status"] == 404
    more = client.get("/v1/audit", headers=admin, params={"cursor": str(read.next)}).json()
    assert [one["target"] for one in more["items"]] == ["/v1/nothing", "/v1/search"]
    assert more["next"] is None


def test_who_a_buyer_was_stands_in_no_log(
    start: Any, market: SmallMarket, caplog: pytest.LogCaptureFixture
) -> None:
    market.people = SimpleNamespace(erase=lambda _: time.sleep(0.5))  # type: ignore[attr-defined]
    admin = market.key_store.make(Scope.ADMIN, at=NOW)
    start(request_seconds=0.1).delete("/v1/buyers/ann of leeds/x", headers=admin)
    (action,) = market.audit.actions
    assert (action.action, action.target) == ("DELETE", "/v1/buyers/{id:path}")
    assert "took longer" in caplog.text
    assert "leeds" not in caplog.text


def test_what_ends_in_an_error_of_ours_is_logged_too(start: Any, market: SmallMarket) -> None:
    def fail(_: str) -> None:
        raise RuntimeError("a disk is full")

    market.people = SimpleNamespace(erase=fail)  # type: ignore[attr-defined]
    admin = market.key_store.make(Scope.ADMIN, at=NOW)
    assert start().delete("/v1/buyers/ann", headers=admin).status_code == 500
    (action,) = market.audit.actions
    assert (action.target, action.detail["status"]) == ("/v1/buyers/{id:path}", 500)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/search?buyer=ann"),
        ("GET", "/v1/listings/1001/similar?buyer=ann"),
        ("GET", "/v1/buyers/ann/recommendations"),
    ],
)
def test_who_names_a_buyer_needs_a_key_where_reading_is_open(
    start: Any, market: SmallMarket, method: str, path: str
) -> None:
    client = start()
    stranger = client.request(method, path)
    assert (stranger.status_code, stranger.headers["www-authenticate"]) == (401, "Bearer")
    assert stranger.headers["content-type"] == "application/problem+json"
    for scope, seller in ((Scope.READ, None), (Scope.SELLER, "s1")):
        key = market.key_store.make(scope, at=NOW, seller=seller)
        refused = client.request(method, path, headers=key)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:marketrank:scope")
        assert "write" in refused.json()["detail"]
    assert market.asked == []
    for scope in (Scope.WRITE, Scope.ADMIN):
        key = market.key_store.make(scope, at=NOW)
        assert client.request(method, path, headers=key).status_code == 200
    assert [one.buyer for one in market.asked] == ["ann", "ann"]


def test_a_form_that_names_a_buyer_needs_a_key(start: Any, market: SmallMarket) -> None:
    client = start()
    for address, form in (("", {"buyer": "ann", "q": "oak"}), ("?buyer=ann", {"q": "oak"})):
        refused = client.post(f"/v1/search{address}", data=form)
        assert (refused.status_code, market.asked) == (401, [])
        assert "scope write" in refused.json()["detail"]
    assert client.post("/v1/search", data={"buyer": " ", "q": "oak"}).status_code == 200


def test_rates_by_address_and_by_key(start: Any, market: SmallMarket) -> None:
    client = start(rate_per_address=1, rate_per_key=2, rate_burst_seconds=2)
    assert [client.get("/v1/search").status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get("/v1/search")
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.get("/healthcheck").status_code == 200
    key = market.key_store.make(Scope.READ, at=NOW)
    found = [client.get("/v1/search", headers=key).status_code for _ in range(5)]
    assert found == [200] * 4 + [429]
    bad = {"Authorization": "Bearer nonsense"}
    assert client.get("/v1/search", headers=bad).status_code == 429  # guesses count


def test_no_limit(start: Any) -> None:
    client = start(rate_per_address=0)
    assert {client.get("/v1/suggest").status_code for _ in range(300)} == {200}


def test_what_takes_too_long(
    start: Any, market: SmallMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(request: Request) -> Ranking:
        time.sleep(0.5)
        raise AssertionError

    monkeypatch.setattr(market, "answer", answer)
    late = start(request_seconds=0.1).get("/v1/search")
    assert (late.status_code, late.json()["title"]) == (503, "Took too long")


def test_every_answer_has_a_request_id(
    start: Any, market: SmallMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = start(request_seconds=0.1, photo_max_bytes=1_000)
    tag = client.get("/v1/listings/1001").headers["etag"]
    monkeypatch.setattr(market, "suggest", lambda *_: 1 / 0)
    monkeypatch.setattr(market, "answer", lambda _: time.sleep(0.5))
    photo = {"image": b"x" * 60_000}
    answers = {
        200: client.get("/static/style.css"),
        304: client.get("/v1/listings/1001", headers={"If-None-Match": tag}),
        401: client.get("/v1/audit"),
        404: client.get("/nope"),
        405: client.put("/v1/search", headers=market.key_store.make(Scope.WRITE, at=NOW)),
        413: client.post("/predict/image", files=photo),
        422: client.get("/v1/search?sort=odd"),
        500: client.get("/v1/suggest"),
        503: client.get("/v1/search"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.headers["x-request-id"]


def test_other_origins_are_shut_out_unless_named(start: Any) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    header = "access-control-allow-origin"
    assert header not in start().get("/v1/search", headers=asked).headers
    named = start(cors_origins=("https://shop.example",), open_reading=False)
    assert named.options("/v1/search", headers=asked).headers[header] == "https://shop.example"
    assert header in named.get("/v1/search", headers=asked).headers  # the refusal, too
    other = named.get("/v1/search", headers={"Origin": "https://evil.example"})
    assert header not in other.headers


def test_the_document_says_what_needs_a_key(start: Any) -> None:
    for open_reading in (True, False):
        paths = start(open_reading=open_reading).get("/openapi.json").json()["paths"]
        searching = paths["/v1/search"]["get"]
        assert ({} in searching["security"]) is open_reading
        assert {"401", "403", "429", "503"} <= set(searching["responses"])
        assert paths["/v1/audit"]["get"]["security"] == [{"key": []}]
        assert "security" not in paths["/healthcheck"]["get"]
