"""Who looks at a page, what they do there, and what they see of their own data."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from marketrank.api.app import create_app
from marketrank.api.signed import Signer, csrf_token, signer_of
from marketrank.asking import Item, Ranking, Request
from marketrank.config import Settings
from marketrank.people import Buyer, InteractionKind, Purpose
from marketrank.pipelines.demo_buyers import DEMO_BUYERS
from marketrank.types import BuyerId
from small_market import NOW, SmallMarket, small_market

KEY = "0123456789abcdef" * 2
ANN = BuyerId("ann")


class Reasoned(SmallMarket):
    """Gives the first result a reason, and others of a feed what an engine says at the least."""

    def answer(self, request: Request) -> Ranking:
        ranking = super().answer(request)
        said = ("like the tables you saved",) if request.buyer and request.profiling else ()
        least = () if request.text else ("4 miles away",)
        items: list[Item] = [replace(one, why=said) for one in ranking.items[:1]]
        items += [replace(one, why=least) for one in ranking.items[1:]]
        return replace(ranking, items=tuple(items))


@pytest.fixture
def market() -> SmallMarket:
    small = small_market()
    return Reasoned(small.stored, small.blobs)


@pytest.fixture
def open_page(market: SmallMarket, tmp_path: Path) -> Iterator[Any]:
    opened: list[TestClient] = []

    def with_settings(**settings: Any) -> TestClient:
        made = Settings(home=tmp_path, page_key=KEY, **settings)
        app = create_app(market, settings=made, clock=lambda: NOW)
        client = TestClient(app, raise_server_exceptions=False, follow_redirects=False)
        opened.append(client)
        return client.__enter__()

    yield with_settings
    for client in opened:
        client.__exit__()


@pytest.fixture
def ann(open_page: Any) -> TestClient:
    """The page as a site of the operator's shows it to one of its buyers."""
    client: TestClient = open_page()
    text = Signer(KEY.encode()).sign("buyer", ANN)
    client.cookies.set("marketrank_buyer", text, domain="testserver.local")  # as answers set it
    return client


def token(client: TestClient) -> str:
    found = re.search(r'name="csrf" (?:content|value)="([^"]+)"', client.get("/").text)
    assert found
    return found[1]


def send(client: TestClient, path: str, **fields: str) -> Any:
    return client.post(path, data={"csrf": token(client), **fields})


def agree(market: SmallMarket, *purposes: Purpose) -> None:
    market.people.held[ANN] = Buyer(ANN, {"age": "25-34"}, consents=dict.fromkeys(purposes, NOW))


def test_without_a_cookie_a_page_is_nobodys(open_page: Any, market: SmallMarket) -> None:
    client = open_page()
    page = client.get("/")
    assert "New and popular" in page.text
    assert "your-visit" not in page.text
    assert "set-cookie" not in page.headers
    assert market.asked[-1].buyer is None
    for path in ("events", "buyer"):
        assert client.post(f"/your-visit/{path}", data={"csrf": "x"}).status_code in (403, 404)
    assert "nothing is held about you" in client.get("/your-data").text


@pytest.mark.parametrize(
    "text",
    [
        "ann",
        Signer(b"x" * 32).sign("buyer", "ann"),
        Signer(KEY.encode()).sign("visit", "ann"),
        Signer(KEY.encode()).sign("buyer", "x" * 201),
        Signer(KEY.encode(), now=lambda: 1_000_000_000).sign("buyer", "ann"),
    ],
    # Signatures tell when they were made: without names each process would know other tests.
    ids=["plain", "another key", "another purpose", "too long", "too old"],
)
def test_a_cookie_that_is_not_ours_counts_for_nothing(
    open_page: Any, market: SmallMarket, text: str
) -> None:
    client = open_page()
    client.cookies.set("marketrank_buyer", text)
    assert "New and popular" in client.get("/").text
    assert market.asked[-1].buyer is None


def test_the_feed_is_the_buyers_own_and_says_why(ann: TestClient, market: SmallMarket) -> None:
    page = ann.get("/").text
    assert '<h1 id="heading">For you</h1>' in page
    assert "Like the tables you saved" in page
    assert page.count('<span class="why">') == 24  # each tile
    assert (market.asked[-1].buyer, market.asked[-1].profiling) == (ANN, True)
    found = ann.get("/?q=oak").text
    assert "Like the tables you saved" in found
    assert market.asked[-1].buyer == ANN
    ann.get("/listings/1001")
    assert (market.asked[-1].like, market.asked[-1].buyer) == ("1001", ANN)


def test_what_is_done_on_a_page_goes_through_the_intake(
    ann: TestClient, market: SmallMarket
) -> None:
    answer = send(
        ann, "/your-visit/events", listing="1001", kind="save", request="r1", back="/?q=oak"
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=oak")
    one = market.people.taken[-1]
    assert (one.buyer, one.listing, one.kind) == (ANN, "1001", InteractionKind.SAVE)
    assert (one.at, one.request) == (NOW, "r1")
    assert "We do not remember it" in ann.get("/?q=oak").text
    assert "We do not remember it" not in ann.get("/?q=oak").text  # said once
    agree(market, Purpose.HISTORY)
    send(ann, "/your-visit/events", listing="1001", kind="save")
    assert "You find it under" in ann.get("/").text
    quiet = ann.post(
        "/your-visit/events",
        data={"csrf": token(ann), "listing": "1002", "kind": "save"},
        headers={"X-Requested-With": "fetch"},
    )
    assert (quiet.status_code, quiet.headers.get("set-cookie")) == (204, None)
    assert len({one.id for one in market.people.taken}) == 3


@pytest.mark.parametrize("kind", ["view", "click"])
def test_nobody_hears_of_what_they_look_at(ann: TestClient, market: SmallMarket, kind: str) -> None:
    answer = send(ann, "/your-visit/events", listing="1002", kind=kind)
    assert (answer.status_code, answer.headers.get("set-cookie")) == (204, None)
    assert market.people.taken[-1].kind == kind


def test_what_is_hidden_is_gone_at_once(ann: TestClient) -> None:
    assert "/listings/1001" in ann.get("/").text
    send(ann, "/your-visit/events", listing="1001", kind="hide")
    page = ann.get("/").text
    assert "/listings/1001" not in page
    assert "Hidden. We will not show it to you again." in page


@pytest.mark.parametrize(
    "fields",
    [
        {"listing": "1001", "kind": "sold"},
        {"listing": "1001", "kind": ""},
        {"listing": "nowhere", "kind": "save"},
        {"listing": "x" * 201, "kind": "save"},
        {"kind": "save"},
        {"listing": "1001", "kind": "save", "request": "x" * 201},
    ],
)
def test_an_event_that_cannot_be_taken_is_refused(
    ann: TestClient, market: SmallMarket, fields: dict[str, str]
) -> None:
    assert send(ann, "/your-visit/events", **fields).status_code == 422
    assert market.people.taken == []


@pytest.mark.parametrize(
    "back",
    ["https://example.com/", "//example.com", "/\\example.com", "example", "", "/a\nb", "/\t/a.b"],
)
def test_nobody_is_led_to_another_site(ann: TestClient, back: str) -> None:
    answer = send(ann, "/your-visit/events", listing="1001", kind="save", back=back)
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    "path",
    [
        "/your-visit/events",
        "/your-data/consents",
        "/your-data/profiling",
        "/your-data/erase",
    ],
)
def test_a_form_from_elsewhere_is_refused(ann: TestClient, market: SmallMarket, path: str) -> None:
    agree(market, Purpose.HISTORY)
    fields = {"listing": "1001", "kind": "save", "sure": "yes"}
    signer = Signer(KEY.encode())
    for csrf in ("", "x", csrf_token(signer, ""), csrf_token(signer, signer.sign("buyer", "ben"))):
        answer = ann.post(path, data={**fields, "csrf": csrf})
        assert answer.status_code == 403
        assert "This page is too old" in answer.text
    assert ann.post(path, json=fields).status_code == 415
    assert market.people.taken == []
    assert market.people.held[ANN].allows(Purpose.HISTORY)


def test_consents_are_given_and_taken_back(ann: TestClient, market: SmallMarket) -> None:
    send(ann, "/your-data/consents", history="on", outreach="on")
    first = {Purpose.HISTORY: NOW, Purpose.OUTREACH: NOW}
    assert market.people.held[ANN].consents == first
    earlier = datetime(2026, 1, 2, tzinfo=UTC)
    market.people.held[ANN] = Buyer(ANN, consents={Purpose.HISTORY: earlier})
    page = ann.get("/your-data")
    assert "Your choices are saved." in page.text
    assert "You agreed on 2 January 2026." in page.text
    assert page.headers["cache-control"] == "no-store"
    send(ann, "/your-data/consents", history="on", demographics="on")
    assert market.people.held[ANN].consents[Purpose.HISTORY] == earlier  # as it was
    send(ann, "/your-data/consents")
    assert market.people.held[ANN].consents == {}


def test_what_is_held_is_told_and_exported(ann: TestClient, market: SmallMarket) -> None:
    assert "Nothing is held about you." in ann.get("/your-data").text
    assert ann.get("/your-data/export").json() == {"id": ANN}
    agree(market, Purpose.HISTORY)
    send(ann, "/your-visit/events", listing="1001", kind="save")
    page = ann.get("/your-data").text
    assert "25-34" in page
    assert "Listings you saved" in page
    assert 'You saved <a href="/listings/1001">Solid oak dining table</a>' in page
    file = ann.get("/your-data/export")
    assert file.headers["content-disposition"] == 'attachment; filename="your-data.json"'
    assert file.headers["cache-control"] == "no-store"
    assert file.json() == market.people.export(ANN)


def test_erasing_needs_a_word_and_leaves_nobody(ann: TestClient, market: SmallMarket) -> None:
    agree(market, Purpose.HISTORY)
    unsure = send(ann, "/your-data/erase")
    assert unsure.status_code == 422
    assert "Please tick the box" in unsure.text
    assert ANN in market.people.held
    assert send(ann, "/your-data/erase", sure="yes").status_code == 303
    assert market.people.held == {}
    page = ann.get("/your-data").text
    assert "Everything that we held about you is erased." in page
    assert "Nobody is signed in" in page


def test_profiling_is_off_for_a_visit(ann: TestClient, market: SmallMarket) -> None:
    answer = send(ann, "/your-data/profiling", profiling="off")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if "profiling=" in c)
    assert "max-age" not in cookie.lower()  # ends with the browser
    assert "New and popular" in ann.get("/").text
    assert (market.asked[-1].buyer, market.asked[-1].profiling) == (ANN, False)
    ann.get("/listings/1001")
    assert not market.asked[-1].profiling
    send(ann, "/your-data/profiling", profiling="on")
    assert "For you" in ann.get("/").text


def test_a_demo_switches_between_buyers(open_page: Any, market: SmallMarket) -> None:
    client = open_page(demo_buyers=True)
    page = client.get("/")
    assert "New and popular" in page.text
    assert all(one.label in page.text for one in DEMO_BUYERS)
    assert "httponly" in page.headers["set-cookie"].lower()
    answer = send(client, "/your-visit/buyer", buyer="demo-2", back="/?q=oak")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=oak")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if "marketrank_buyer" in c)
    assert {"httponly", "samesite=lax"} <= set(re.split(r";\s*", cookie.lower()))
    assert "For you" in client.get("/").text
    assert market.asked[-1].buyer == "demo-2"
    send(client, "/your-visit/buyer", buyer="ann")  # not one of them
    assert "New and popular" in client.get("/").text
    assert client.post("/your-visit/buyer", data={"buyer": "demo-1"}).status_code == 403


def test_without_a_demo_nobody_switches(ann: TestClient) -> None:
    assert "look as" not in ann.get("/").text
    assert send(ann, "/your-visit/buyer", buyer="demo-1").status_code == 404


def test_cookies_of_a_safe_address_stay_on_safe_ones(market: SmallMarket, tmp_path: Path) -> None:
    app = create_app(market, settings=Settings(home=tmp_path, demo_buyers=True), clock=lambda: NOW)
    with TestClient(app, base_url="https://testserver") as client:
        assert "secure" in client.get("/").headers["set-cookie"].lower()


def test_a_home_without_a_key_makes_one(market: SmallMarket, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    app = create_app(market, settings=settings, clock=lambda: NOW)
    with TestClient(app) as client:
        client.get("/")
        assert not (tmp_path / "keys").exists()  # nobody needed one
        client.cookies.set("marketrank_buyer", signer_of(settings).sign("buyer", ANN))
        assert "For you" in client.get("/").text
