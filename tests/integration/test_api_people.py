"""The API of events and buyers, over real stores and a small marketplace."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from marketrank.access import Scope
from marketrank.api import people_schemas
from marketrank.api.app import create_app
from marketrank.config import Settings
from marketrank.people import InteractionKind, Purpose
from marketrank.storage.keys import KeyFolder
from marketrank.types import BuyerId, Seq
from people_of_market import People
from small_market import NOW, SmallMarket, small_market


@pytest.fixture
def market() -> SmallMarket:
    return small_market()


@pytest.fixture
def people(database_engine: Engine, tmp_path: Path, market: SmallMarket) -> People:
    made = People(database_engine, KeyFolder(tmp_path / "keys"), market)
    market.people = made
    return made


@pytest.fixture
def client(market: SmallMarket, people: People, tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(market, settings=Settings(home=tmp_path), clock=lambda: NOW)  # type: ignore[arg-type]
    key = market.key_store.make(Scope.WRITE, at=NOW)
    with TestClient(app, raise_server_exceptions=False, headers=key) as client:
        yield client


def event(id_: str, **members: object) -> dict[str, object]:
    return {"id": id_, "buyer": "b-17", "listing": "1001", "kind": "click"} | members


def post(client: TestClient, *events: object) -> Any:
    return client.post("/v1/events", json={"events": events})


def agree(client: TestClient, *purposes: str, buyer: str = "b-17") -> Any:
    return client.put(f"/v1/buyers/{buyer}/consents", json=dict.fromkeys(purposes, True))


# --- events -----------------------------------------------------------------------------------


def test_a_batch_is_taken(client: TestClient, people: People) -> None:
    agree(client, "history")
    whole = event("e-2", kind="save", at="2026-03-14T12:30:00+01:00", request="r-9")
    answer = post(client, event("e-1"), whole, event("e-1", kind="save"))
    assert answer.status_code == 200
    read = people_schemas.EventsAnswer.model_validate_json(answer.content)
    assert (read.accepted, read.repeated, read.ended, read.refused) == (2, 1, 0, [])
    first, second = (one for _, one in people.events.after(Seq(0), 9))
    assert (first.id, first.buyer, first.listing, first.at) == ("e-1", "b-17", "1001", NOW)
    assert first.request is None
    assert (second.kind, second.request) == (InteractionKind.SAVE, "r-9")
    assert second.at == NOW - timedelta(minutes=30)
    assert post(client, event("e-1"), whole).json()["repeated"] == 2


def test_without_history_an_event_only_counts(client: TestClient, people: People) -> None:
    assert post(client, event("e-1")).json()["accepted"] == 1
    assert people.events.after(Seq(0), 9) == []
    assert len(people.events.counted(Seq(0), 9)) == 1
    assert client.get("/v1/buyers/b-17").status_code == 404


@pytest.mark.parametrize(
    ("bad", "parameter", "value", "hint"),
    [
        ({"listing": "77"}, "listing", "77", "no such listing"),
        ({"kind": "like"}, "kind", "like", "view, click, save"),
        ({"kind": None}, "kind", "null", "known are"),
        ({"kind": ["click"]}, "kind", '["click"]', "known are"),
        ({"at": "2026-03-14T12:06:00Z"}, "at", "2026-03-14T12:06:00+00:00", "future"),
        ({"at": "yesterday"}, "at", "yesterday", "RFC 3339"),
        ({"at": "2026-03-14T12:00:00"}, "at", "2026-03-14T12:00:00", "zone"),
        ({"at": "0001-01-01T00:00:00Z"}, "at", "0001-01-01T00:00:00Z", "RFC 3339"),
        ({"at": 17}, "at", "17", "text"),
        ({"id": ""}, "id", "", "1 to 200"),
        ({"id": 5}, "id", "5", "text"),
        ({"buyer": "x" * 201}, "buyer", "x" * 100 + "…", "1 to 200"),
        ({"buyer": "a\0b"}, "buyer", "a�b", "NUL"),
        ({"request": {}}, "request", "{}", "text"),
        ({"price": 5}, "price", "", "known are id, buyer"),
    ],
)
def test_what_is_wrong_is_told_of_each(
    client: TestClient, bad: dict[str, object], parameter: str, value: str, hint: str
) -> None:
    answer = post(client, event("good"), event("bad", **bad), event("good too"))
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 2
    (refused,) = answer.json()["refused"]
    assert (refused["index"], refused["parameter"], refused["value"]) == (1, parameter, value)
    assert hint in refused["remedy"]


def test_refusals_stand_in_the_order_of_the_batch(client: TestClient) -> None:
    answer = post(client, event("a", listing="77"), {"id": 5}, event("b", kind="?"), event("c"))
    refused = answer.json()["refused"]
    assert [one["index"] for one in refused] == [0, 1, 2]
    assert refused[1]["parameter"] == "kind"


def test_a_batch_of_which_nothing_can_be_taken_fails(client: TestClient) -> None:
    answer = post(client, event("a", listing="77"), event("b", kind="?"))
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert "listing=77" in told["detail"]
    assert [one["parameter"] for one in told["refused"]] == ["listing", "kind"]
    assert post(client).json() == {"accepted": 0, "repeated": 0, "ended": 0, "refused": []}


def test_a_batch_has_its_limit_and_its_form(client: TestClient) -> None:
    agree(client, "history")
    most = [event(f"e{n}") for n in range(people_schemas.MAX_EVENTS)]
    assert post(client, *most).json()["accepted"] == len(most)
    over = post(client, *most, event("one more"))
    assert (over.status_code, over.json()["parameter"]) == (422, "events")
    assert over.json()["value"] == "1,001 events"
    for body, status in (
        (b"{", 400),
        (b"[]", 400),
        (b'{"event": []}', 422),
        (b"{}", 422),
        (b'{"events": 5}', 422),
        (b'{"events": [{"id": "a"}, 5]}', 422),
    ):
        headers = {"content-type": "application/json"}
        assert client.post("/v1/events", content=body, headers=headers).status_code == status
    assert client.post("/v1/events", data={"events": "[]"}).status_code == 415


def test_what_is_sold_is_gone(client: TestClient) -> None:
    assert post(client, event("s", kind="sold")).json()["ended"] == 1
    assert client.get("/v1/listings/1001").json()["live"] is False


# --- buyers -----------------------------------------------------------------------------------


def test_a_profile_is_replaced_and_consents_stay(client: TestClient, people: People) -> None:
    agree(client, "history", "demographics")
    told = {
        "attributes": {"age": "25-34"},
        "place": {"town": "Bristol", "county": "Somerset"},
        "seller": "s-4",
    }
    answer = client.put("/v1/buyers/b-17", json=told)
    assert answer.status_code == 200
    read = people_schemas.BuyerShape.model_validate_json(answer.content)
    assert read.place is not None
    assert read.place.latitude == pytest.approx(51.4552)  # looked up
    assert read.consents.history == "2026-03-14T12:00:00Z"
    assert read.consents.outreach is None
    assert client.get("/v1/buyers/b-17").json() == answer.json()
    assert answer.headers["cache-control"] == "no-store"
    exact = {"place": {"town": "Xyzzy", "latitude": 1.5, "longitude": -2}}
    again = client.put("/v1/buyers/b-17", json=exact).json()
    assert again["attributes"] == {}
    assert again["seller"] is None
    assert again["place"] == {"town": "Xyzzy", "county": None, "latitude": 1.5, "longitude": -2.0}
    held = people.buyers.get(BuyerId("b-17"))
    assert held is not None
    assert held.allows(Purpose.DEMOGRAPHICS)
    assert client.put("/v1/buyers/b-17", json=again | {"id": 1}).status_code == 422


def test_what_is_read_can_be_written(client: TestClient) -> None:
    client.put("/v1/buyers/b-17", json={"place": {"town": "Leeds"}, "attributes": {"sex": "f"}})
    held = client.get("/v1/buyers/b-17").json()
    told = {name: held[name] for name in ("attributes", "place", "seller")}
    assert client.put("/v1/buyers/b-17", json=told).json() == held


@pytest.mark.parametrize(
    ("body", "parameter", "hint"),
    [
        ({"attributes": {"age": 25}}, "attributes.age", "text"),
        ({"attributes": {"": "x"}}, "attributes", "text"),
        ({"attributes": []}, "attributes", "object"),
        ({"attributes": {f"a{n}": "x" for n in range(51)}}, "attributes", "at most 50"),
        ({"place": "Bristol"}, "place", "object"),
        ({"place": {"town": "Xyzzy"}}, "place.town", "no such place"),
        ({"place": {"county": "Kent"}}, "place.town", "text"),
        ({"place": {"town": "Xyzzy", "latitude": 1}}, "place.longitude", "-180 to 180"),
        ({"place": {"town": "X", "latitude": 91, "longitude": 0}}, "place.latitude", "-90 to 90"),
        ({"place": {"town": "X", "latitude": True, "longitude": 0}}, "place.latitude", "number"),
        ({"place": {"town": "Bath", "street": "x"}}, "place.street", "known are"),
        ({"seller": ""}, "seller", "1 to 200"),
        ({"consents": {}}, "consents", "known are"),
    ],
)
def test_a_bad_profile_is_refused(
    client: TestClient, body: dict[str, object], parameter: str, hint: str
) -> None:
    answer = client.put("/v1/buyers/b-17", json=body)
    assert (answer.status_code, answer.json()["parameter"]) == (422, parameter)
    assert hint in answer.json()["remedy"]
    assert client.get("/v1/buyers/b-17").status_code == 404


def test_consents_are_given_and_taken_back(client: TestClient, people: People) -> None:
    first = agree(client, "history", "outreach").json()["consents"]
    assert first == {
        "history": "2026-03-14T12:00:00Z",
        "demographics": None,
        "outreach": "2026-03-14T12:00:00Z",
    }
    post(client, event("e-1"), event("e-2", kind="hide", listing="1002"))
    taken = client.put("/v1/buyers/b-17/consents", json={"history": False}).json()["consents"]
    assert taken == first | {"history": None}
    assert [one.id for one in people.events.of_buyer(BuyerId("b-17"), 9)] == ["e-2"]
    agreements = client.get("/v1/buyers/b-17/export").json()["agreements"]
    assert [(one["purpose"], one["given"]) for one in agreements] == [
        ("history", True),
        ("outreach", True),
        ("history", False),
    ]


def test_giving_a_consent_again_keeps_its_time(
    market: SmallMarket, people: People, tmp_path: Path
) -> None:
    times = (NOW + timedelta(days=n) for n in count())  # the gate looks, too
    app = create_app(market, settings=Settings(home=tmp_path), clock=lambda: next(times))  # type: ignore[arg-type]
    with TestClient(app, headers=market.key_store.make(Scope.WRITE, at=NOW)) as client:
        assert agree(client, "history").json() == agree(client, "history").json()


@pytest.mark.parametrize(
    ("body", "parameter"), [({"history": "yes"}, "history"), ({"marketing": True}, "marketing")]
)
def test_a_bad_consent_is_refused(
    client: TestClient, body: dict[str, object], parameter: str
) -> None:
    answer = client.put("/v1/buyers/b-17/consents", json=body)
    assert (answer.status_code, answer.json()["parameter"]) == (422, parameter)


def test_the_export_and_the_erasure(client: TestClient) -> None:
    agree(client, "history")
    client.put("/v1/buyers/b-17", json={"attributes": {"age": "25-34"}})
    post(client, event("e-1", request="r"))
    answer = client.get("/v1/buyers/b-17/export")
    read = people_schemas.ExportAnswer.model_validate_json(answer.content)
    assert read.attributes == {"age": "25-34"}
    assert read.interactions[0]["request"] == "r"
    assert answer.headers["cache-control"] == "no-store"
    assert client.delete("/v1/buyers/b-17").json() == {"erased": True}
    assert client.delete("/v1/buyers/b-17").json() == {"erased": False}
    for path in ("", "/export"):
        gone = client.get(f"/v1/buyers/b-17{path}")
        assert (gone.status_code, "nothing is held" in gone.json()["detail"]) == (404, True)


def test_ids_may_hold_anything(client: TestClient) -> None:
    for id_ in ("a/b & c", "é", "x/export", "100%"):
        quoted = id_.replace("%", "%25").replace("&", "%26")
        assert client.put(f"/v1/buyers/{quoted}", json={}).json()["id"] == id_
        assert client.delete(f"/v1/buyers/{quoted}").json() == {"erased": True}
    assert client.get(f"/v1/buyers/{'x' * 201}").status_code == 422


# --- searches ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/search?", "/v1/listings/1001/similar?"])
def test_a_search_says_who_asks_and_whether_a_profile_may_be_used(
    client: TestClient, market: SmallMarket, path: str
) -> None:
    client.get(f"{path}buyer=b-17")
    assert (market.asked[-1].buyer, market.asked[-1].profiling) == ("b-17", True)
    client.get(f"{path}buyer=b-17&profiling=false")
    assert (market.asked[-1].buyer, market.asked[-1].profiling) == ("b-17", False)
    client.get(path)
    assert (market.asked[-1].buyer, market.asked[-1].profiling) == (None, True)
    for bad in ("profiling=no", f"buyer={'x' * 201}"):
        answer = client.get(f"{path}{bad}")
        assert (answer.status_code, answer.json()["parameter"]) == (422, bad.partition("=")[0])


def test_the_document_shows_bodies_with_examples(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    bodies = {
        ("/v1/events", "post"): "events",
        ("/v1/buyers/{id}", "put"): "attributes",
        ("/v1/buyers/{id}/consents", "put"): "history",
    }
    for (path, method), member in bodies.items():
        content = paths[path][method]["requestBody"]["content"]["application/json"]
        assert member in content["schema"]["properties"]
        assert b'"$ref"' not in orjson.dumps(content)
        assert b'"examples"' in orjson.dumps(content)
    assert {"get", "put", "delete"} <= set(paths["/v1/buyers/{id}"])
    assert "get" in paths["/v1/buyers/{id}/export"]
    named = [one["name"] for one in paths["/v1/search"]["get"]["parameters"]]
    assert {"buyer", "profiling"} <= set(named)
