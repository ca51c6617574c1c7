"""Driving a server, against one of a few lines."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson
import pytest

from marketrank.errors import BadInput, NotReady
from marketrank.pipelines.drive import drive, http_call
from marketrank.simulate.truth import Truth
from shopping_server import Server
from small_shoppers import PARAMS, small_shoppers, small_stock

TRUTH = Truth(small_stock(), small_shoppers(), PARAMS)
NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)


def run(server: Any, visits: int = 150, tick: float = 0.0) -> Any:
    """Each look at the clock takes `tick` seconds."""
    moments = (NOW + timedelta(seconds=i * tick) for i in count())
    return drive(server, TRUTH, visits=visits, seed=5, clock=lambda: next(moments))


def test_shoppers_search_and_tell_what_they_did() -> None:
    server = Server(TRUTH.stock)
    done = run(server)
    assert done.visits == 150 == done.searches + done.feeds
    assert len(server.queries) == 150 and done.shown == 150 * 20
    assert {"limit", "buyer"} <= set(server.queries[0])
    assert sum("q" in one for one in server.queries) == done.searches > done.feeds
    assert done.accepted == len(server.events) == sum(done.events.values()) > 30
    one = server.events[0]
    assert set(one) == {"id", "buyer", "listing", "kind", "at", "request"}
    assert one["at"] == "2026-02-21T12:00:00Z" and one["request"].startswith("q")
    assert len({each["id"] for each in server.events}) == len(server.events)


def test_buyers_introduce_themselves_once_and_tell_only_what_they_agree_to() -> None:
    server = Server(TRUTH.stock)
    done = run(server)
    assert len(server.profiles) == len(server.consents) == done.buyers > 50
    for buyer, profile in server.profiles.items():
        agreed = server.consents[buyer]
        assert agreed["history"] is True
        assert bool(profile["attributes"]) == ("place" in profile) == ("demographics" in agreed)


def test_what_came_of_it_is_json() -> None:
    done = run(Server(TRUTH.stock), 30)
    assert orjson.loads(orjson.dumps(asdict(done)))["events"] == done.events


def test_recommendations_are_asked_for_where_there_are_some() -> None:
    done = run(Server(TRUTH.stock, recommends=True), 40)
    assert done.recommendations == done.feeds > 5
    assert run(Server(TRUTH.stock), 40).recommendations == 0


def test_a_server_without_buyers_is_driven_all_the_same() -> None:
    server = Server(TRUTH.stock, old=True)
    assert run(server, 60).accepted > 5
    assert all("buyer" not in one for one in server.queries)


def test_what_is_shown_after_it_was_sold_or_hidden_is_counted() -> None:
    assert run(Server(TRUTH.stock), 400, tick=2).shown_after_sold == 0
    assert run(Server(TRUTH.stock, forgets=True), 400, tick=2).shown_after_sold > 0
    assert run(Server(TRUTH.stock, forgets=True), 400).shown_after_sold == 0  # all within a second


def test_a_server_without_events_or_in_trouble_is_named() -> None:
    def no_events(method: str, path: str, body: Any) -> tuple[int, Any]:
        return (404, None) if path == "/v1/events" else good(method, path, body)

    good = Server(TRUTH.stock)
    with pytest.raises(BadInput, match="must have POST /v1/events"):
        run(no_events)
    with pytest.raises(BadInput, match="answered 401: give a key of scope write with --key"):
        run(lambda method, path, body: (401, {"detail": "this needs a key"}))
    with pytest.raises(NotReady, match="answered 503: not ready"):
        run(lambda method, path, body: (503, {"detail": "not ready"}))


def test_an_address_must_be_one_and_answer() -> None:
    with pytest.raises(BadInput, match="give the address of a server"):
        http_call("ftp://example.com")
    with pytest.raises(NotReady, match="does not answer"):
        http_call("http://127.0.0.1:9")("GET", "/v1/search", None)
