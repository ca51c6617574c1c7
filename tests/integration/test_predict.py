"""The endpoints of the earlier systems, over a small marketplace."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from marketrank.api import predict
from small_client import LIMIT, small_client
from small_market import SmallMarket, draw, small_market
from small_predictions import VERSION

BY_IMAGE = ("image", "category", "feature_embedding", "embedding", "similar_images")


@pytest.fixture
def market() -> SmallMarket:
    return small_market()


@pytest.fixture
def client(market: SmallMarket, tmp_path: Path) -> Iterator[TestClient]:
    with small_client(market, tmp_path) as client:
        yield client


def photo(name: str = "image") -> dict[str, tuple[str, bytes, str]]:
    return {name: ("chair.jpg", draw("#a08060"), "image/jpeg")}


def test_a_text_as_json_or_form(client: TestClient) -> None:
    asked = {"text": "Road bike, 54 cm"}
    by_json = client.post("/predict/text", json=asked)
    read = predict.CategoryShape.model_validate_json(by_json.content)
    assert (read.Category, read.category_index) == ("Sports, Leisure & Travel", 1)
    assert read.predicted == read.category == read.Category
    assert read.Probabilities == {"Home & Garden": pytest.approx(0.1), read.Category: 0.9}
    assert read.model == VERSION
    assert client.post("/predict/text", data=asked).json() == by_json.json()


@pytest.mark.parametrize("name", ["image", "file"])
@pytest.mark.parametrize("kind", BY_IMAGE)
def test_a_photo_under_either_name_arrives_cleaned(
    client: TestClient, market: SmallMarket, kind: str, name: str
) -> None:
    assert client.post(f"/predict/{kind}", files=photo(name)).status_code == 200
    seen = market.predictions.asked[-1][1]
    assert seen is not None
    assert Image.open(io.BytesIO(seen)).size == (448, 448)


def test_the_keys_of_all_earlier_systems(client: TestClient) -> None:
    answers = {kind: client.post(f"/predict/{kind}", files=photo()) for kind in BY_IMAGE}
    for kind in ("image", "category"):
        read = predict.CategoryShape.model_validate_json(answers[kind].content)
        assert (read.category, read.category_index) == ("Home & Garden", 0)
    features = predict.FeaturesShape.model_validate_json(answers["feature_embedding"].content)
    assert (features.features, features.Features) == ([0.6, 0.8], [[0.6, 0.8]])
    near = predict.NeighbourIdsShape.model_validate_json(answers["embedding"].content)
    assert near.ids == ["1001-0", "1001-1", "1012-0", "1002-0"]
    similar = predict.SimilarImagesShape.model_validate_json(answers["similar_images"].content)
    assert similar.similar_index == near.ids
    assert similar.distances == [0.0, 0.25, 0.5, 0.75]
    assert similar.listings == ["1001", "1001", "1012", "1002"]
    assert similar.categories == [["Home & Garden"]] * 4


def test_a_photo_and_a_text(client: TestClient, market: SmallMarket) -> None:
    answer = client.post("/predict/combined", files=photo(), data={"text": "bike"})
    assert answer.json()["Category"] == "Sports, Leisure & Travel"
    assert market.predictions.asked[-1][0] == "bike"
    missing = client.post("/predict/combined", files=photo())
    assert (missing.status_code, missing.json()["parameter"]) == (422, "text")


def test_as_many_as_asked_for(client: TestClient) -> None:
    def found(**more: dict[str, str]) -> int:
        answer = client.post("/predict/similar_images", files=photo(), **more)  # type: ignore[arg-type]
        return len(answer.json()["similar_index"])

    assert found(data={"k": "2"}) == found(params={"k": "2"}) == 2
    refused = client.post("/predict/similar_images", files=photo(), data={"k": "51"})
    assert (refused.status_code, refused.json()["parameter"]) == (422, "k")


def test_without_a_published_model(client: TestClient, market: SmallMarket) -> None:
    market.predictions.published = False
    answer = client.post("/predict/image", files=photo())
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "marketrank train all" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "status", "hint"),
    [
        ("text", {"json": {"text": ""}}, 422, "describe the thing"),
        ("text", {"json": {"text": 5}}, 422, "must be a string"),
        ("text", {"json": {"text": "x" * 10_001}}, 422, "10000"),
        ("text", {"json": {"txt": "x"}}, 422, "known are text"),
        ("text", {"json": ["x"]}, 400, "no object"),
        ("text", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "JSON"),
        ("text", {"content": b"x", "headers": {"content-type": "text/plain"}}, 415, "JSON"),
        ("image", {"json": {"image": "x"}}, 415, "image or file"),
        ("image", {"data": {"image": "chair.jpg"}}, 422, "send a file as image"),
        ("image", {"files": photo("photo")}, 422, "image or file"),
        ("image", {"files": {**photo(), **photo("file")}}, 422, "two files"),
        ("image", {"files": {"image": ("a.jpg", b"no photo")}}, 422, "not a photo"),
        ("image", {"files": {"image": ("a.jpg", b"x" * (LIMIT + 1))}}, 413, "larger than"),
    ],
)
def test_bad_bodies(
    client: TestClient, path: str, body: dict[str, object], status: int, hint: str
) -> None:
    answer = client.post(f"/predict/{path}", **body)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert hint in answer.json()["detail"]
