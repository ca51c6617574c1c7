"""POST /v1/drafts over a small marketplace."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from marketrank.api.app import create_app
from marketrank.api.drafts import DraftAnswer
from marketrank.config import Settings
from small_market import NOW, SmallMarket, draw, small_market


@pytest.fixture
def market() -> SmallMarket:
    return small_market()


@pytest.fixture
def client(market: SmallMarket, tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(market, settings=Settings(home=tmp_path), clock=lambda: NOW)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def photos(n: int) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("photo", (f"{row}.jpg", draw("#a08060"), "image/jpeg")) for row in range(n)]


def test_it_answers_as_documented(client: TestClient, market: SmallMarket) -> None:
    words = {"title": "Table", "description": "Oak", "price": "£9", "location": "Leeds"}
    answer = client.post("/v1/drafts", data={**words, "category": "Pets"}, files=photos(2))
    read = DraftAnswer.model_validate_json(answer.content)
    assert read.categories[0].path == ["Home & Garden", "Tables"]
    assert read.price is not None
    assert (read.price.low, read.price.suggested, read.price.high) == (45.0, 120.0, 320.0)
    assert [one.code for one in read.title.advice] == ["too_short"]
    assert read.similar["live"][0].id == "1001"
    assert read.warnings[0].listings == ["1001"]
    assert [one.advice[0].code for one in read.photos] == ["dark", "dark"]
    asked = market.drafts.asked[-1]
    assert asked.values == {**words, "category": "Pets"}
    assert (len(asked.photos), asked.at) == (2, NOW)


def test_words_or_photos_will_do(client: TestClient) -> None:
    assert client.post("/v1/drafts", data={"title": "Oak table"}).status_code == 200
    assert client.post("/v1/drafts", files=photos(1)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "hint"),
    [
        ({"json": {"title": "x"}}, 415, "must be a form"),
        ({"files": photos(9)}, 400, "Too many files"),
        ({"files": {"image": ("a.jpg", b"x")}}, 422, "send it as photo"),
        ({"data": {"titel": "x"}}, 422, "known are title"),
        ({"data": {"title": " ", "description": "Oak"}}, 422, "send a title or a photo"),
        ({"data": {"title": "x" * 301}}, 422, "300"),
    ],
)
def test_bad_bodies(client: TestClient, body: dict[str, object], status: int, hint: str) -> None:
    answer = client.post("/v1/drafts", **body)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert hint in answer.json()["detail"]
