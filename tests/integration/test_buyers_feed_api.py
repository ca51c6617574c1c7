"""A buyer's feed and the buyers for a listing, over HTTP."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from marketrank.access import Scope
from marketrank.api.app import create_app
from marketrank.api.buyers_feed import AudienceAnswer
from marketrank.api.schemas import SimilarAnswer
from marketrank.asking import Numbers, Ranking, Request
from marketrank.audience import Match, Matched
from marketrank.config import Settings
from marketrank.types import ListingId, SellerId
from small_market import NOW, SmallMarket, small_market


class Market:
    """The small market, where listing 1001 has a seller and an audience."""

    def __init__(self) -> None:
        self.small: SmallMarket = small_market()
        id = next(iter(self.small.stored))
        stored = self.small.stored[id]
        self.own = id
        self.small.stored[id] = replace(
            stored, listing=replace(stored.listing, seller=SellerId("s1"))
        )
        self.asked: list[tuple[ListingId, SellerId | None, int, datetime]] = []
        self.requests: list[Request] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.small, name)

    def answer(self, request: Request) -> Ranking:
        self.requests.append(request)
        ranking = self.small.answer(request)
        numbers = Numbers(ranks={"fresh": 0}) if request.explain else None
        items = tuple(replace(one, why=("new today",), numbers=numbers) for one in ranking.items)
        return replace(ranking, items=items)

    def buyers_for(self, id: ListingId, seller: SellerId | None, k: int, at: datetime) -> Matched:
        self.asked.append((id, seller, k, at))
        return Matched((Match("9f86d081884c7d659a2f", 0.71),), 0.06251, 1840)


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def client(market: Market, tmp_path: Path) -> Iterator[TestClient]:
    """Of one with a key of scope write."""
    app = create_app(market, settings=Settings(home=tmp_path), clock=lambda: NOW)  # type: ignore[arg-type]
    key = market.small.key_store.make(Scope.WRITE, at=NOW)
    with TestClient(app, raise_server_exceptions=False, headers=key) as client:
        yield client


def test_a_feed_is_answered_like_a_search(client: TestClient, market: Market) -> None:
    answer = client.get("/v1/buyers/ann/recommendations", params={"k": 3})
    assert answer.status_code == 200
    body = answer.json()
    SimilarAnswer.model_validate(body)
    assert len(body["items"]) == 3
    assert body["items"][0]["why"] == ["new today"]
    assert "explained" not in body["items"][0]
    (request,) = market.requests
    assert (request.buyer, request.k, request.profiling) == ("ann", 3, True)


def test_profiling_and_explanations_can_be_chosen(client: TestClient, market: Market) -> None:
    params = {"profiling": "false", "explain": "full"}
    body = client.get("/v1/buyers/ann/recommendations", params=params).json()
    SimilarAnswer.model_validate(body)
    assert not market.requests[0].profiling
    assert body["items"][0]["explained"]["ranks"] == {"fresh": 0}


@pytest.mark.parametrize(
    ("name", "value"),
    [("k", "0"), ("k", "101"), ("profiling", "no"), ("explain", "yes"), ("nonsense", "1")],
)
def test_bad_parameters_of_a_feed_are_named(client: TestClient, name: str, value: str) -> None:
    answer = client.get("/v1/buyers/ann/recommendations", params={name: value})
    assert answer.status_code == 422
    assert answer.json()["parameter"] == name


def test_a_search_explains_itself_in_full(client: TestClient, market: Market) -> None:
    body = client.get("/v1/search", params={"q": "oak", "explain": "full"}).json()
    assert body["items"][0]["explained"]["ranks"] == {"fresh": 0}
    assert client.get("/v1/search", params={"explain": "all"}).status_code == 422


def test_buyers_for_a_listing_with_an_admin_key(client: TestClient, market: Market) -> None:
    path = f"/v1/listings/{market.own}/buyers"
    admin = market.small.key_store.make(Scope.ADMIN, at=NOW)
    answer = client.get(path, params={"k": 7}, headers=admin)
    assert answer.status_code == 200
    AudienceAnswer.model_validate(answer.json())
    assert answer.json() == {
        "listing": market.own,
        "buyers": [{"id": "9f86d081884c7d659a2f", "score": 0.71}],
        "reach": {"share": 0.0625, "consenting": 1840},
    }
    assert market.asked == [(market.own, "s1", 7, NOW)]
    assert client.get("/v1/listings/none/buyers", headers=admin).status_code == 404


def test_buyers_for_a_listing_for_its_seller_alone(client: TestClient, market: Market) -> None:
    keys, path = market.small.key_store, f"/v1/listings/{market.own}/buyers"
    own = keys.make(Scope.SELLER, at=NOW, seller="s1")
    assert client.get(path, headers=own).status_code == 200
    market.asked.clear()
    other = keys.make(Scope.SELLER, at=NOW, seller="s2")
    refused = client.get(path, headers=other)
    assert refused.status_code == 403
    assert "with the id of its seller" in refused.json()["detail"]
    nobodys = next(id for id in market.small.stored if id != market.own)
    assert client.get(f"/v1/listings/{nobodys}/buyers", headers=own).status_code == 403
    assert client.get(path).status_code == 403  # a key of scope write
    del client.headers["Authorization"]
    assert client.get(path).status_code == 401
    assert market.asked == []


def test_reasons_stand_on_the_page_as_a_quiet_line(client: TestClient) -> None:
    page = client.get("/", params={"q": "oak"}).text
    assert '<span class="why">New today</span>' in page
