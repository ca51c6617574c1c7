"""Listings, similar ones and photos by the API, over a small marketplace in memory."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from marketrank.api import schemas
from marketrank.asking import Ranking, Request
from marketrank.errors import BadInput
from small_client import small_client
from small_market import SmallMarket, small_market


@pytest.fixture
def market() -> SmallMarket:
    return small_market()


@pytest.fixture
def client(market: SmallMarket, tmp_path: Path) -> Iterator[TestClient]:
    with small_client(market, tmp_path) as client:
        yield client


def test_a_listing(client: TestClient) -> None:
    read = schemas.ListingDetail.model_validate_json(client.get("/v1/listings/1011").content)
    assert (read.price, read.price_text) == (1234567.0, "£1,234,567")
    (signal,) = read.signals
    assert (read.live, signal.signal) == (True, "price_outlier")
    assert "others in Tables" in signal.reason
    ended = schemas.ListingDetail.model_validate_json(client.get("/v1/listings/1099").content)
    assert ended.live is False


def test_ids_with_any_characters(client: TestClient) -> None:
    item = client.get("/v1/search", params={"q": "folding"}).json()["items"][0]
    assert item["id"] == "shop/10 & co"
    page = client.get(item["url"])
    assert page.status_code == 200
    api = client.get("/v1" + item["url"])
    assert api.json()["id"] == "shop/10 & co"
    assert client.get("/v1" + item["url"] + "/similar").status_code == 200


@pytest.mark.parametrize("id", ["nope", "%00", "x" * 300, "nope/similar"])
def test_no_such_listing(client: TestClient, id: str) -> None:
    answer = client.get(f"/v1/listings/{id}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get(f"/listings/{id}").status_code == 404


def test_similar(client: TestClient, market: SmallMarket) -> None:
    read = schemas.SimilarAnswer.model_validate_json(
        client.get("/v1/listings/1001/similar?limit=3").content
    )
    assert len(read.items) == 3
    assert "1001" not in {item.id for item in read.items}
    assert (market.asked[-1].like, market.asked[-1].k) == ("1001", 3)
    refused = client.get("/v1/listings/1001/similar?near=Bath")
    assert (refused.status_code, refused.json()["parameter"]) == (422, "near")


def test_similar_pages_and_words(client: TestClient, market: SmallMarket) -> None:
    first = client.get("/v1/listings/1001/similar", params={"limit": 2}).json()
    second = client.get("/v1/listings/1001/similar", params={"limit": 2, "offset": 2}).json()
    assert (second["offset"], second["limit"], second["total"]) == (2, 2, first["total"])
    assert not {item["id"] for item in first["items"]} & {item["id"] for item in second["items"]}
    client.get("/v1/listings/1001/similar", params={"q": "in blue"})
    assert (market.asked[-1].like, market.asked[-1].text) == ("1001", "in blue")
    words = {"q": "tabel under £50"}
    read = client.get("/v1/listings/1001/similar", params=words).json()
    assert [parse["label"] for parse in read["understood"]["parses"]] == ["up to £50"]
    assert read["corrected"]["text"] == "table"
    taken_back = {**words, "ignore": "price", "spell": "off"}
    plain = client.get("/v1/listings/1001/similar", params=taken_back).json()
    assert (plain["understood"]["parses"], plain["corrected"]) == ([], None)
    assert client.get("/v1/listings/1099/similar").json()["items"]  # ended


def test_similar_before_it_is_indexed(
    client: TestClient, market: SmallMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(request: Request) -> Ranking:
        raise BadInput(f"like={request.like}: there is no such listing")

    monkeypatch.setattr(market, "answer", answer)
    assert client.get("/v1/listings/1001/similar").status_code == 404
    assert client.get("/listings/1001").status_code == 200


def test_photos_may_be_kept_for_ever(client: TestClient) -> None:
    path = client.get("/v1/listings/1001").json()["photos"][0]
    answer = client.get(path)
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    assert Image.open(io.BytesIO(answer.content)).size == (448, 448)
    etag = answer.headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        again = client.get(path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize("key", ["0" * 64, "nope", "..%2F..%2Fetc%2Fpasswd", "A" * 64])
def test_no_such_photo(client: TestClient, key: str) -> None:
    answer = client.get(f"/photos/{key}.jpg")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")
