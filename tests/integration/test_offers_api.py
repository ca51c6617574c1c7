"""Listings by the API, over a small marketplace."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from marketrank.access import Scope
from marketrank.api.jobs import JobShape, LinesAnswer
from marketrank.api.offers import BulkAnswer
from marketrank.api.schemas import ListingDetail
from marketrank.types import ListingId, SellerId
from small_market import NOW, SmallMarket, small_market
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


# --- one by one --------------------------------------------------------------------------


def test_a_listing_is_made_and_cleaned(client: TestClient) -> None:
    words = {"description": "Ring 0117 496 0123", "category": ["Home & Garden", "Tables"]}
    made = client.post("/v1/listings", json={**TABLE, **words})
    read = ListingDetail.model_validate_json(made.content)
    assert made.status_code == 201
    assert made.headers["location"] == "/v1/listings/t1"
    assert (read.price, read.category, read.live) == (120.0, ["Home & Garden", "Tables"], True)
    assert read.place is not None
    assert read.place.latitude == pytest.approx(51.45, abs=0.1)
    assert "0117" not in read.description
    assert "contact_masked" in read.flags
    assert read.created_at == "2026-03-14T12:00:00Z"
    assert client.get(made.headers["location"]).json() == made.json()


def test_without_an_id_it_gets_one_and_a_taken_one_is_refused(client: TestClient) -> None:
    made = client.post("/v1/listings", json={"title": "Oak table"}).json()
    assert len(made["id"]) == 32
    taken = client.post("/v1/listings", json={**TABLE, "id": "1001"})
    assert (taken.status_code, taken.headers["content-type"]) == (409, "application/problem+json")


@pytest.mark.parametrize(
    ("body", "status", "hint"),
    [
        ({"json": {"price": 5}}, 422, "title: it is missing"),
        ({"json": {"title": "N/A"}}, 422, "title: it is missing"),
        ({"json": {**TABLE, "colour": "red"}}, 422, "no such field"),
        ({"json": [TABLE]}, 400, "no object"),
        ({"data": TABLE}, 415, "application/json"),
        ({"json": TABLE, "params": {"x": "1"}}, 422, "no such parameter"),
    ],
)
def test_bad_listings(client: TestClient, body: dict[str, Any], status: int, hint: str) -> None:
    answer = client.post("/v1/listings", **body)
    assert answer.status_code == status
    assert hint in answer.json()["detail"]


def test_only_the_fields_that_are_sent_change(client: TestClient, market: SmallMarket) -> None:
    before = market.stored[ListingId("1001")].listing
    changed = client.patch("/v1/listings/1001", json={"price": "£99", "description": None})
    assert changed.status_code == 200
    after = market.stored[ListingId("1001")].listing
    assert after.price is not None
    assert after.price.minor == 9900
    assert "no_description" in changed.json()["flags"]
    assert after == replace(before, price=after.price, description="", flags=after.flags)
    moved = client.patch("/v1/listings/1001", json={"location": "Leeds"}).json()
    assert (moved["place"]["town"], moved["price"]) == ("Leeds", 99)
    assert moved["place"]["latitude"] == pytest.approx(53.8, abs=0.1)
    shifted = client.patch("/v1/listings/1001", json={"latitude": 53.9, "longitude": -1.5}).json()
    assert (shifted["place"]["town"], shifted["place"]["latitude"]) == ("Leeds", 53.9)
    euros = client.patch("/v1/listings/1001", json={"currency": "EUR"}).json()
    assert (euros["price"], euros["currency"]) == (99, "EUR")
    assert client.patch("/v1/listings/1001", json={"price": 50}).json()["currency"] == "EUR"


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({}, "no field"),
        ({"id": "other"}, "keeps its id"),
        ({"title": None}, "title: it is missing"),
    ],
)
def test_bad_changes(client: TestClient, change: dict[str, Any], hint: str) -> None:
    answer = client.patch("/v1/listings/1001", json=change)
    assert (answer.status_code, hint in answer.json()["detail"]) == (422, True)
    assert client.patch("/v1/listings/nope", json={"price": 5}).status_code == 404


def test_a_change_may_ask_that_nobody_else_made_one(client: TestClient) -> None:
    tag = client.get("/v1/listings/1001").headers["etag"]
    ours = client.patch("/v1/listings/1001", json={"price": 5}, headers={"If-Match": tag})
    assert ours.status_code == 200
    again = client.patch("/v1/listings/1001", json={"price": 6}, headers={"If-Match": tag})
    assert again.status_code == 409
    new = ours.headers["etag"]
    assert client.patch(
        "/v1/listings/1001", json={"price": 6}, headers={"If-Match": new}
    ).is_success
    bad = client.patch("/v1/listings/1001", json={"price": 6}, headers={"If-Match": "x"})
    assert bad.status_code == 422


def test_a_listing_that_did_not_change_is_not_sent_again(client: TestClient) -> None:
    tag = client.get("/v1/listings/1001").headers["etag"]
    same = client.get("/v1/listings/1001", headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    client.patch("/v1/listings/1001", json={"price": 5})
    assert client.get("/v1/listings/1001", headers={"If-None-Match": tag}).status_code == 200


def test_ending_and_coming_back(client: TestClient) -> None:
    assert client.delete("/v1/listings/1001").json()["live"] is False
    assert client.delete("/v1/listings/1001").status_code == 200
    assert client.patch("/v1/listings/1001", json={"price": 5}).json()["live"] is True
    assert client.delete("/v1/listings/nope").status_code == 404
    assert client.delete("/v1/listings/shop%2F10%20%26%20co").json()["live"] is False


# --- whose they are ----------------------------------------------------------------------


def test_a_seller_changes_only_their_own(start: Start, market: SmallMarket) -> None:
    ann = start(Scope.SELLER, seller="ann")
    made = ann.post("/v1/listings", json=TABLE)
    assert made.status_code == 201
    assert market.stored[ListingId("t1")].listing.seller == "ann"
    bob = start(Scope.SELLER, seller="bob")
    for answer in (
        bob.patch("/v1/listings/t1", json={"price": 1}),
        bob.delete("/v1/listings/t1"),
        bob.post("/v1/listings/t1/photos", files=[photo()]),
        bob.delete("/v1/listings/t1/photos/x"),
        ann.patch("/v1/listings/1001", json={"price": 1}),  # nobody's
        ann.patch("/v1/listings/t1", json={"seller_id": "bob"}),
        ann.post("/v1/listings", json={**TABLE, "id": "t2", "seller_id": "bob"}),
    ):
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
    lines = put(bob, TABLE, {"id": "t3", "title": "Oak bench"}).json()["lines"]
    assert [line["status"] for line in lines] == ["rejected", "created"]
    assert ann.patch("/v1/listings/t1", json={"price": 1}).status_code == 200
    assert start(Scope.WRITE).patch("/v1/listings/t1", json={"seller_id": "bob"}).is_success
    assert bob.delete("/v1/listings/t1").status_code == 200


def test_nothing_is_written_without_a_key_that_may(start: Start) -> None:
    reader = start(Scope.READ)
    for method, path in (
        ("POST", ""), ("PUT", ""), ("PATCH", "/1001"), ("DELETE", "/1001"), ("POST", "/1001/photos")
    ):  # fmt: skip
        assert reader.request(method, f"/v1/listings{path}").status_code == 403
        bare = reader.request(method, f"/v1/listings{path}", headers={"Authorization": ""})
        assert bare.status_code == 401


# --- in bulk -----------------------------------------------------------------------------


def test_many_lines_with_a_result_each(client: TestClient) -> None:
    first = put(
        client, TABLE, "", "nonsense", ["x"], {"id": "t2"}, {**TABLE, "price": 1},
        {"id": "1012", "title": "Oak bench", "price": 80},
    )  # fmt: skip
    read = BulkAnswer.model_validate_json(first.content)
    assert [(line.line, line.status) for line in read.lines] == [
        (1, "created"), (3, "rejected"), (4, "rejected"), (5, "rejected"), (6, "rejected"),
        (7, "updated"),
    ]  # fmt: skip
    assert "title" in str(read.lines[3].detail)
    assert "earlier line" in str(read.lines[4].detail)
    assert read.counts == {"created": 1, "rejected": 4, "updated": 1}
    again = put(client, TABLE).json()
    assert again["lines"] == [{"line": 1, "id": "t1", "status": "unchanged", "detail": None}]
    assert client.get("/v1/listings/1012").json()["photos"]  # a record says nothing of photos


def test_bodies_of_no_lines(client: TestClient) -> None:
    assert put(client, "", " ").status_code == 400
    assert client.put("/v1/listings", json=TABLE).status_code == 415


def test_a_bulk_may_be_larger_than_a_photo(start: Start) -> None:
    long = "x" * 1_000
    small = {"photo_max_bytes": 1_000, "bulk_at_once": 9_999}
    records = [{"id": f"l{n}", "title": "Oak", "description": long} for n in range(3_000)]
    assert put(start(**small), *records).status_code == 200
    assert put(start(**small, bulk_max_bytes=2_000_000), *records).status_code == 413


def test_more_lines_become_a_job(start: Start, market: SmallMarket) -> None:
    client = start(bulk_at_once=3)
    records = [{"id": f"b{n}", "title": f"Oak table {n}"} for n in range(600)]
    answer = put(client, *records, "nonsense", records[0])
    assert answer.status_code == 202
    path = answer.headers["location"]
    job = JobShape.model_validate_json(answer.content)
    assert (job.state, job.total, f"/v1/jobs/{job.id}") == ("running", 602, path)
    for _ in range(200):
        job = JobShape.model_validate_json(client.get(path).content)
        if job.state != "running":
            break
        time.sleep(0.05)
    assert (job.state, job.done, job.counts) == ("done", 602, {"created": 600, "rejected": 2})
    page = LinesAnswer.model_validate_json(client.get(f"{job.lines}?limit=500").content)
    assert (len(page.items), page.next) == (500, 500)
    rest = client.get(job.lines, params={"cursor": "500", "limit": "200"}).json()
    assert [line["status"] for line in rest["items"][-3:]] == ["created", "rejected", "rejected"]
    assert rest["next"] is None
    assert start(Scope.WRITE).get(path).status_code == 404  # another key's
    assert start(Scope.ADMIN).get(path).status_code == 200
    assert client.get("/v1/jobs/%00").status_code == 404
    assert put(client, *records[:3]).status_code == 200


def test_a_job_without_its_process_has_failed(start: Start, market: SmallMarket) -> None:
    client = start(bulk_at_once=0)
    path = put(client, TABLE).headers["location"]
    for _ in range(200):
        if client.get(path).json()["state"] == "done":
            break
        time.sleep(0.05)
    jobs = market.bulk._jobs
    held = jobs.get(path.rpartition("/")[2])
    assert held is not None
    jobs.put(replace(held, state=type(held.state).RUNNING))
    assert client.get(path).json()["state"] == "running"
    market.clock = NOW + timedelta(minutes=3)
    lost = client.get(path).json()
    assert (lost["state"], "send the listings again" in lost["problem"]) == ("failed", True)


def test_a_job_that_breaks_says_so_and_no_more(
    start: Start, market: SmallMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upsert(*_: Any) -> None:
        raise RuntimeError("secret")

    client = start(bulk_at_once=0)
    monkeypatch.setattr(market.offers, "upsert", upsert)
    path = put(client, TABLE).headers["location"]
    for _ in range(200):
        job = client.get(path).json()
        if job["state"] != "running":
            break
        time.sleep(0.05)
    assert job["state"] == "failed"
    assert "our side" in job["problem"]
    assert "secret" not in job["problem"]


# --- what comes of it --------------------------------------------------------------------


def test_a_seller_id_is_kept_by_those_who_write_all(
    client: TestClient, market: SmallMarket
) -> None:
    client.post("/v1/listings", json={**TABLE, "seller_id": "ann"})
    assert market.stored[ListingId("t1")].listing.seller == SellerId("ann")


def test_what_is_written_is_compared_and_nothing_else(
    client: TestClient, market: SmallMarket
) -> None:
    client.post("/v1/listings", json=TABLE)
    put(client, TABLE | {"price": 90}, {"id": "t2", "title": "Oak stool"}, {"id": "t3"})
    put(client, TABLE | {"price": 90}, {"id": "t4", "title": "Oak shelf"})
    assert market.compared == [["t1"], ["t1", "t2"], ["t4"]]
    market.compared.clear()
    client.patch("/v1/listings/t1", json={"price": 80})
    added = client.post("/v1/listings/t1/photos", files=[photo()]).json()
    client.delete(f"/v1/listings/t1/photos/{added['photo_ids'][0]}")
    client.delete("/v1/listings/t1")
    client.delete("/v1/listings/t1")  # it has ended already
    assert market.compared == [["t1"]] * 4
