"""gzip, entity tags and conditional requests."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from marketrank.access import Scope
from marketrank.api.app import create_app
from marketrank.config import Settings
from small_market import NOW, SmallMarket, small_market

GZIP = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}
LONG = "/v1/listings/1012"


@pytest.fixture(scope="module")
def market() -> SmallMarket:
    return small_market()


@pytest.fixture(scope="module")
def client(market: SmallMarket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    writer = market.key_store.make(Scope.WRITE, at=NOW)
    with TestClient(create_app(market, settings=settings, clock=lambda: NOW)) as client:
        told = "Two metres of oak. " * 100
        assert client.patch(LONG, json={"description": told}, headers=writer).is_success
        yield client


@pytest.mark.parametrize("path", ["/v1/search", "/", "/openapi.json", "/static/style.css"])
def test_who_takes_gzip_gets_it(client: TestClient, path: str) -> None:
    small, plain = client.get(path, headers=GZIP), client.get(path, headers=PLAIN)
    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    for answer in (small, plain):
        assert "Accept-Encoding" in answer.headers["vary"]
    if path == "/static/style.css":
        assert small.content == plain.content


def test_photos_and_short_answers_stay_as_they_are(client: TestClient) -> None:
    photo = client.get("/v1/listings/1001").json()["photos"][0]
    for path in (photo, "/healthcheck", "/v1/nope"):
        assert "content-encoding" not in client.get(path, headers=GZIP).headers


def test_a_page_for_somebody_with_a_cookie_is_not_compressed(client: TestClient) -> None:
    with_cookie = {**GZIP, "Cookie": "session=secret"}
    assert "content-encoding" not in client.get("/", headers=with_cookie).headers
    found = client.get("/v1/search", headers=with_cookie)
    assert found.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("path", [LONG, "/static/style.css"])
def test_each_encoding_has_a_tag_of_its_own(client: TestClient, path: str) -> None:
    small, plain = (client.get(path, headers=asked).headers["etag"] for asked in (GZIP, PLAIN))
    assert small == plain[:-1] + '-gzip"' != plain
    for asked, tag in ((GZIP, small), (PLAIN, plain), (GZIP, f'"other", {small}')):
        known = client.get(path, headers={**asked, "If-None-Match": tag})
        assert (known.status_code, known.content) == (304, b"")
        assert known.headers["etag"] in tag
    other = {**GZIP, "If-None-Match": '"other-gzip"'}
    assert client.get(path, headers=other).status_code == 200


def test_a_listing_is_changed_by_the_tag_of_either_encoding(
    client: TestClient, market: SmallMarket
) -> None:
    key = market.key_store.make(Scope.WRITE, at=NOW)
    path = LONG
    for title, asked in (("Bench", GZIP), ("Pew", PLAIN)):
        tag = client.get(path, headers=asked).headers["etag"]
        change = {**key, "If-Match": tag}
        assert client.patch(path, json={"title": title}, headers=change).status_code == 200
        again = client.patch(path, json={"title": "Oak bench"}, headers=change)
        assert again.status_code == 409


def test_suggestions_are_told_once(client: TestClient) -> None:
    first = client.get("/v1/suggest?q=din")
    known = {"If-None-Match": first.headers["etag"]}
    again = client.get("/v1/suggest?q=din", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    for name in ("etag", "cache-control", "x-request-id"):
        assert name in again.headers
    assert client.get("/v1/suggest?q=oak", headers=known).status_code == 200
