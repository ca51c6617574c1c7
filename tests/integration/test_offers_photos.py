"""Photos of listings by the API, and requests that are sent twice."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from marketrank.types import ListingId
from small_market import SmallMarket, small_market
from small_offers import TABLE, Start, photo, put, writers


@pytest.fixture
def market() -> SmallMarket:
    return small_market()


@pytest.fixture
def start(market: SmallMarket, tmp_path: Path) -> Iterator[Start]:
    with writers(market, tmp_path) as start:
        yield start


@pytest.fixture
def client(start: Start) -> TestClient:
    return start()


def test_photos_are_added_behind_and_removed(client: TestClient, market: SmallMarket) -> None:
    before = client.get("/v1/listings/1002").json()
    added = client.post("/v1/listings/1002/photos", files=[photo(), photo("#336699")])
    assert added.status_code == 201
    after = added.json()
    assert after["photos"][:1] == before["photos"]
    assert len(after["photos"]) == 3
    assert client.get(after["photos"][1]).headers["content-type"] == "image/jpeg"
    again = client.post("/v1/listings/1002/photos", files=[photo()])
    assert again.json()["photo_ids"] == after["photo_ids"]
    gone = client.delete(f"/v1/listings/1002/photos/{before['photo_ids'][0]}").json()
    assert gone["photos"] == after["photos"][1:]
    listing = market.stored[ListingId("1002")].listing
    assert [one.position for one in listing.photos] == [0, 1]
    assert client.delete("/v1/listings/1002/photos/nope").status_code == 404


def test_a_listing_without_photos_gets_some(client: TestClient) -> None:
    made = client.post("/v1/listings", json=TABLE).json()
    assert "no_photos" in made["flags"]
    with_one = client.post("/v1/listings/t1/photos", files=[photo()]).json()
    assert "no_photos" not in with_one["flags"]
    assert put(client, {**TABLE, "price": 5}).json()["lines"][0]["status"] == "updated"
    assert client.get("/v1/listings/t1").json()["photos"] == with_one["photos"]


def test_no_more_photos_than_the_limit(client: TestClient) -> None:
    colours = ["#111", "#222", "#333", "#444"]
    full = client.post("/v1/listings/1002/photos", files=[photo(one) for one in colours])
    assert (full.status_code, "4 are the most" in full.json()["detail"]) == (409, True)
    assert len(client.get("/v1/listings/1002").json()["photos"]) == 1


def test_a_photo_by_its_address(client: TestClient, market: SmallMarket) -> None:
    url = "https://images.example.com/a.jpg"
    added = client.post("/v1/listings/1002/photos", json={"url": url})
    assert len(added.json()["photos"]) == 2
    refused = client.post("/v1/listings/1002/photos", json={"url": "http://169.254.169.254/"})
    assert (refused.status_code, "public" in refused.json()["detail"]) == (422, True)
    client.post("/v1/listings/nope/photos", json={"url": url})
    assert market.fetched == [url]  # of a listing that is not there nothing is fetched


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"files": {"photo": ("a.jpg", b"no photo")}}, 422),
        ({"files": [photo()] * 9}, 400),
        ({"data": {"x": "y"}}, 422),
        ({"json": {"url": 5}}, 422),
        ({"json": {"url": "https://images.example.com/", "x": 1}}, 422),
        ({"content": b"x", "headers": {"Content-Type": "image/jpeg"}}, 415),
    ],
)
def test_bad_photos(client: TestClient, body: dict[str, Any], status: int) -> None:
    assert client.post("/v1/listings/1002/photos", **body).status_code == status
    assert len(client.get("/v1/listings/1002").json()["photos"]) == 1


# --- sent twice --------------------------------------------------------------------------


def test_a_request_that_is_sent_again_gets_the_first_answer(
    client: TestClient, start: Start, market: SmallMarket
) -> None:
    key = {"Idempotency-Key": "order-17"}
    first = client.post("/v1/listings", json={"title": "Oak table"}, headers=key)
    n = len(market.stored)
    again = client.post("/v1/listings", json={"title": "Oak table"}, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert len(market.stored) == n
    other = client.post("/v1/listings", json={"title": "Oak bench"}, headers=key)
    assert (other.status_code, "another request" in other.json()["detail"]) == (409, True)
    theirs = start().post("/v1/listings", json={"title": "Oak bench"}, headers=key)
    assert theirs.status_code == 201
    for bad in ("", "x" * 201):
        odd = client.post("/v1/listings", json=TABLE, headers={"Idempotency-Key": bad})
        assert odd.status_code == 422


def test_a_request_that_failed_may_be_sent_again(client: TestClient) -> None:
    key = {"Idempotency-Key": "order-18"}
    for _ in range(2):
        assert client.post("/v1/listings", json={"title": ""}, headers=key).status_code == 422
    assert client.post("/v1/listings", json={"title": "Oak"}, headers=key).status_code == 201


def test_while_the_first_is_being_answered(client: TestClient, market: SmallMarket) -> None:
    key = {"Idempotency-Key": "order-19"}
    client.post("/v1/listings", json=TABLE, headers=key)
    replays = market.replays
    ((name, (at, held)),) = replays.held.items()
    replays.held[name] = (at, replace(held, status=0))
    waiting = client.post("/v1/listings", json=TABLE, headers=key)
    assert (waiting.status_code, waiting.headers["retry-after"]) == (409, "1")
