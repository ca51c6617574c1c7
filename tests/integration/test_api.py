"""Searches and suggestions by the API, over a small marketplace in memory."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from marketrank.api import problems, schemas
from marketrank.asking import Sort
from small_client import LIMIT, small_client
from small_market import NOW, RELEASE, SmallMarket, draw, small_market


@pytest.fixture
def market() -> SmallMarket:
    return small_market()


@pytest.fixture
def client(market: SmallMarket, tmp_path: Path) -> Iterator[TestClient]:
    with small_client(market, tmp_path) as client:
        yield client


def upload(data: bytes, name: str = "photo") -> dict[str, tuple[str, bytes, str]]:
    return {name: ("sofa.jpg", data, "image/jpeg")}


# --- search ------------------------------------------------------------------------------


def test_a_query_is_read_and_can_be_taken_back(client: TestClient, market: SmallMarket) -> None:
    asked = {"q": "oak under £50"}
    answer = client.get("/v1/search", params=asked).json()
    assert answer["understood"]["text"] == "oak"
    assert [parse["value"] for parse in answer["understood"]["parses"]] == ["..50"]
    assert answer["total"] == 1
    words = client.get("/v1/search", params=asked | {"ignore": "price"}).json()
    assert words["understood"] == {"text": "oak under £50", "parses": []}
    assert words["total"] == 0  # nobody wrote "under"
    given = client.get("/v1/search", params=asked | {"price": "..500"}).json()
    assert given["understood"]["text"] == "oak"
    assert given["understood"]["parses"] == []
    assert given["total"] == 3
    refused = client.get("/v1/search", params=asked | {"ignore": "colour"})
    assert (refused.status_code, refused.json()["parameter"]) == (422, "ignore")


def test_search_answers_as_documented(client: TestClient) -> None:
    answer = client.get("/v1/search", params={"q": "oak", "near": "Bristol", "limit": 2})
    read = schemas.SearchAnswer.model_validate_json(answer.content)
    assert read.total == 4  # the oak shelf has ended
    assert [item.id for item in read.items] == ["1012", "1001"]
    assert read.items[0].distance_km == 0
    assert read.release == RELEASE
    assert read.facets["category"][0].value == "Home & Garden"
    assert read.request_id == answer.headers["x-request-id"]
    assert read.took_ms >= 0


def test_every_parameter_reaches_the_engine(client: TestClient, market: SmallMarket) -> None:
    params = {
        "q": "table",
        "category": "Home & Garden / Dining, Living Room Furniture",
        "price": "10..50",
        "near": "Leeds",
        "within": "10km",
        "sort": "-price",
        "offset": "1",
        "limit": "5",
        "like": "1001",
    }
    assert client.get("/v1/search", params=params).status_code == 200
    asked = market.asked[-1]
    assert asked.text == "table"
    assert asked.filters.category == ("Home & Garden", "Dining, Living Room Furniture")
    assert (asked.filters.price_low, asked.filters.price_high) == (1000, 5000)
    assert asked.filters.near is not None
    assert asked.filters.near.within_km == 10
    assert (asked.sort, asked.offset, asked.k, asked.like) == (Sort.PRICE_DESC, 1, 5, "1001")
    assert asked.at == NOW


@pytest.mark.parametrize(
    ("params", "parameter", "value", "hint"),
    [
        ({"price": "cheap"}, "price", "cheap", "10..50"),
        ({"near": "Xyzzy"}, "near", "Xyzzy", "no such place"),
        ({"q": "x" * 501}, "q", "x" * 100 + "…", "500"),
        ({"prize": "1..2"}, "prize", "1..2", "known are"),
        ({"photo": "x"}, "photo", "x", "POST"),
        ({"like": "nope"}, "like", "nope", "no such listing"),
    ],
)
def test_bad_parameters_are_explained(
    client: TestClient, params: dict[str, str], parameter: str, value: str, hint: str
) -> None:
    answer = client.get("/v1/search", params=params)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = problems.ProblemShape.model_validate_json(answer.content)
    assert (problem.status, problem.parameter, problem.value) == (422, parameter, value)
    assert hint in problem.detail
    assert problem.detail.startswith(parameter)
    assert problem.request_id == answer.headers["x-request-id"]


def test_a_query_of_500_characters_is_fine(client: TestClient) -> None:
    assert client.get("/v1/search", params={"q": "x" * 500}).status_code == 200


def test_photo_search_finds_the_photo(client: TestClient, market: SmallMarket) -> None:
    answer = client.post("/v1/search", files=upload(draw("#2b4a86", "3x4")), data={"limit": "3"})
    read = schemas.SearchAnswer.model_validate_json(answer.content)
    assert read.items[0].id == "1005"
    assert len(read.items) == 3
    photo = market.asked[-1].photo
    assert photo is not None
    assert Image.open(io.BytesIO(photo)).size == (448, 448)


def test_post_takes_words_and_filters_too(client: TestClient, market: SmallMarket) -> None:
    answer = client.post(
        "/v1/search?limit=4", files=upload(draw("#000")), data={"q": "oak", "price": "..90"}
    )
    assert answer.status_code == 200
    asked = market.asked[-1]
    assert (asked.text, asked.filters.price_high, asked.k) == ("oak", 9000, 4)
    assert client.post("/v1/search", data={"q": "oak"}).json()["total"] == 4
    twice = client.post("/v1/search?q=oak", data={"q": "pine"})
    assert (twice.status_code, twice.json()["parameter"]) == (422, "q")


@pytest.mark.parametrize(
    ("files", "status", "hint"),
    [
        (upload(b"not a photo"), 422, "not a photo that we can read"),
        (upload(b"x" * (LIMIT + 1)), 413, "larger than"),
        (upload(b"x" * (LIMIT + 4_000_000)), 413, "larger than"),
        (upload(draw("#000"), "image"), 422, "send it as photo"),
    ],
)
def test_bad_uploads(client: TestClient, files: dict[str, object], status: int, hint: str) -> None:
    answer = client.post("/v1/search", files=files)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert hint in answer.json()["detail"]


def test_other_bodies_are_refused(client: TestClient) -> None:
    assert client.post("/v1/search", json={"q": "oak"}).status_code == 415
    broken = client.post(
        "/v1/search", content=b"--x", headers={"content-type": "multipart/form-data"}
    )
    assert broken.status_code == 400
    text = client.post("/v1/search", data={"photo": "sofa.jpg"})
    assert (text.status_code, text.json()["parameter"]) == (422, "photo")


def test_not_ready(client: TestClient, market: SmallMarket) -> None:
    market.ready = False
    answer = client.get("/v1/search")
    assert (answer.status_code, answer.json()["title"]) == (503, "Not ready")


# --- spelling and suggestions --------------------------------------------------------------


def test_a_correction_is_told_and_can_be_switched_off(client: TestClient) -> None:
    answer = client.get("/v1/search", params={"q": "oak tabel"}).json()
    assert answer["corrected"] == {"original": "oak tabel", "text": "oak table", "searched": True}
    assert answer["total"] > 0
    schemas.SearchAnswer.model_validate(answer)
    typed = client.get("/v1/search", params={"q": "oak tabel", "spell": "off"}).json()
    assert (typed["corrected"], typed["total"]) == (None, 0)
    assert client.get("/v1/search", params={"q": "oak table"}).json()["corrected"] is None


def test_spell_is_on_or_off(client: TestClient) -> None:
    assert client.get("/v1/search?q=oak&spell=on").status_code == 200
    answer = client.get("/v1/search?q=oak&spell=maybe")
    assert (answer.status_code, answer.json()["parameter"]) == (422, "spell")


def test_suggestions(client: TestClient) -> None:
    answer = client.get("/v1/suggest", params={"q": "dini", "limit": 3})
    found = schemas.SuggestAnswer.model_validate(answer.json())
    assert found.q == "dini" and 0 < len(found.suggestions) <= 3
    chair = next(one for one in found.suggestions if one.text.startswith("dining chair"))
    assert (chair.count, chair.category[-1], chair.category_count) == (40, "Sofas", 40)
    assert answer.headers["cache-control"] == "private, max-age=60"
    slip = client.get("/v1/suggest", params={"q": "dinign"}).json()
    assert slip["suggestions"][0]["text"].startswith("dining")


@pytest.mark.parametrize("query", ["", "?q=", "?q=zzzz", "?q=%3F!"])
def test_nothing_to_suggest(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/suggest{query}")
    assert (answer.status_code, answer.json()["suggestions"]) == (200, [])


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("q=oak&limit=0", "limit"),
        ("q=oak&limit=21", "limit"),
        ("q=oak&limit=many", "limit"),
        (f"q={'o' * 101}", "q"),
        ("q=a%00b", "q"),
        ("p=oak", "p"),
    ],
)
def test_bad_suggestion_parameters(client: TestClient, query: str, parameter: str) -> None:
    answer = client.get(f"/v1/suggest?{query}")
    assert (answer.status_code, answer.json()["parameter"]) == (422, parameter)


def test_no_suggestions_before_a_release(client: TestClient, market: SmallMarket) -> None:
    market.ready = False
    assert client.get("/v1/suggest?q=oak").status_code == 503
