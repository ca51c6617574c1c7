"""Driving a server, against one of a few lines."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from marketrank.errors import BadInput, NotReady
from marketrank.pipelines.drive import drive, http_call
from marketrank.simulate.truth import Truth
from small_shoppers import PARAMS, small_shoppers, small_stock

TRUTH = Truth(small_stock(), small_shoppers(), PARAMS)
NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)


class Server:
    """`forgets`: goes on showing what is sold or hidden. `old`: knows no buyers."""

    def __init__(self, *, forgets: bool = False, old: bool = False, recommends: bool = False):
        self.forgets, self.old, self.recommends = forgets, old, recommends
        self.listings = list(TRUTH.stock.ids)
        self.events: list[dict[str, Any]] = []
        self.profiles: dict[str, Any] = {}
        self.consents: dict[str, Any] = {}
        self.queries: list[dict[str, str]] = []
        self.gone: set[Any] = set()

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, Any]:
        parts = urlsplit(path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/v1/search":
            return self.search(asked)
        if parts.path == "/v1/events" and body is not None:
            return self.tell(body["events"])
        buyer = unquote(parts.path.split("/")[3])
        if method == "GET" and parts.path.endswith("/recommendations") and self.recommends:
            return self.search({**asked, "buyer": buyer})
        if method == "PUT" and not self.old:
            held = self.consents if parts.path.endswith("/consents") else self.profiles
            held[buyer] = body
            return 200, {}
        return 404, {"detail": "no such page"}

    def search(self, asked: dict[str, str]) -> tuple[int, Any]:
        if self.old and "buyer" in asked:
            return 422, {"detail": "unknown parameter"}
        self.queries.append(asked)
        wanted = {
            one
            for one in self.listings
            if self.forgets or not {one, (asked.get("buyer"), one)} & self.gone
        }
        score, _ = TRUTH.stock.words.match(asked.get("q", ""))
        best = sorted(range(len(score)), key=lambda i: -score[i])
        ids = [self.listings[i] for i in best if self.listings[i] in wanted]
        items = [{"id": one} for one in ids[: int(asked["limit"])]]
        return 200, {"request_id": f"q{len(self.queries)}", "items": items}

    def tell(self, events: list[dict[str, Any]]) -> tuple[int, Any]:
        self.events += events
        for one in events:
            if one["kind"] == "sold":
                self.gone.add(one["listing"])
            if one["kind"] == "hide":
                self.gone.add((one["buyer"], one["listing"]))
        return 200, {"accepted": len(events), "repeated": 0, "ended": 0, "refused": []}


def run(server: Any, visits: int = 150) -> Any:
    return drive(server, TRUTH, visits=visits, seed=5, clock=lambda: NOW)


def test_shoppers_search_and_tell_what_they_did() -> None:
    server = Server()
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
    server = Server()
    done = run(server)
    assert len(server.profiles) == len(server.consents) == done.buyers > 50
    for buyer, profile in server.profiles.items():
        agreed = server.consents[buyer]
        assert agreed["history"] is True
        assert bool(profile["attributes"]) == ("place" in profile) == ("demographics" in agreed)


def test_recommendations_are_asked_for_where_there_are_some() -> None:
    done = run(Server(recommends=True), 40)
    assert done.recommendations == done.feeds > 5
    assert run(Server(), 40).recommendations == 0


def test_a_server_without_buyers_is_driven_all_the_same() -> None:
    server = Server(old=True)
    assert run(server, 60).accepted > 5
    assert all("buyer" not in one for one in server.queries)


def test_what_is_shown_after_it_was_sold_or_hidden_is_counted() -> None:
    assert run(Server(), 400).shown_after_sold == 0
    assert run(Server(forgets=True), 400).shown_after_sold > 0


def test_a_server_without_events_or_in_trouble_is_named() -> None:
    def no_events(method: str, path: str, body: Any) -> tuple[int, Any]:
        return (404, None) if path == "/v1/events" else good(method, path, body)

    good = Server()
    with pytest.raises(BadInput, match="must have POST /v1/events"):
        run(no_events)
    with pytest.raises(NotReady, match="answered 503: not ready"):
        run(lambda method, path, body: (503, {"detail": "not ready"}))


def test_an_address_must_be_one_and_answer() -> None:
    with pytest.raises(BadInput, match="give the address of a server"):
        http_call("ftp://example.com")
    with pytest.raises(NotReady, match="does not answer"):
        http_call("http://127.0.0.1:9")("GET", "/v1/search", None)
