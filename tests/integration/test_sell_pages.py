"""Selling by the page: a draft, signing in, publishing, a seller's own listings."""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from marketrank.access import KeyId, Scope
from marketrank.api import seller_session
from marketrank.api.app import create_app
from marketrank.api.seller_session import COOKIE
from marketrank.config import Settings
from marketrank.models.price_interval import PriceRange
from marketrank.people import InteractionKind
from marketrank.types import ListingId
from small_market import NOW, draw
from small_predictions import PRICE
from small_seller import ENDED, LIVE, OTHERS, SELLER, SellerMarket, key_of, seller_market


@pytest.fixture
def market() -> SellerMarket:
    return seller_market()


@pytest.fixture
def client(market: SellerMarket, tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(home=tmp_path, photos_per_listing=4)
    app = create_app(market, settings=settings, clock=lambda: market.clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def sign_in(client: TestClient, key: str, *, after: str = "/seller") -> Response:
    token = csrf(client.get("/seller/sign-in").text)
    form = {"csrf": token, "key": key, "next": after}
    return client.post("/seller/sign-in", data=form, follow_redirects=False)


def test_advice_on_a_draft(client: TestClient, market: SellerMarket) -> None:
    assert "Advice appears here" in client.get("/sell").text
    form = {"title": "Oak table", "price": "£700", "category": ""}
    answer = client.post("/sell", data=form, files={"photo": ("a.jpg", draw("#a5713d"))})
    assert answer.status_code == 200
    page = answer.text
    (asked,) = market.drafts.asked
    assert asked.values["title"] == "Oak table"
    assert len(asked.photos) == 1
    for text in (
        "Home &amp; Garden › Tables",
        "90 %",
        "Things like it ask about <b>£120</b>; 8 in 10 between £45 and £320",
        "Photo 1: It is dark.",
        "The same words are in 1001.",
        'href="/listings/1001"',
        "Like it, for sale now",
    ):
        assert text in page, text
    assert 'value="£700"' in page
    assert "<!doctype" in page


def test_htmx_has_the_advice_alone(client: TestClient) -> None:
    headers = {"HX-Request": "true"}
    page = client.post("/sell", data={"title": "Oak table"}, headers=headers).text
    assert "<!doctype" not in page
    assert 'hx-swap-oob="innerHTML">Probably Home &amp; Garden › Tables, 90 %' in page
    assert "kept" not in page
    empty = client.post("/sell", data={"title": " "}, headers=headers)
    assert (empty.status_code, "Advice appears here" in empty.text) == (200, True)


def test_photos_travel_along_without_scripts(client: TestClient, market: SellerMarket) -> None:
    wide = draw("#2b4a86", "4x3", side=2000)
    page = client.post("/sell", data={"title": "x"}, files={"photo": ("a.jpg", wide)}).text
    kept = re.findall(r'name="kept" value="([^"]+)"', page)
    assert len(kept) == 1
    assert 1000 < len(base64.b64decode(kept[0])) < len(wide)
    client.post("/sell", data={"title": "x", "kept": kept * 2, "drop": "0"})
    assert [len(one.photos) for one in market.drafts.asked] == [1, 1]
    told = client.post("/sell", data={"title": "Kept words", "kept": ["***", *kept * 9]})
    assert told.status_code == 422
    assert "did not arrive whole" in told.text
    assert "we took the first 8" in told.text
    assert "Kept words" in told.text


def test_a_chosen_category_stays_chosen(client: TestClient, market: SellerMarket) -> None:
    page = client.post("/sell", data={"title": "x", "category": "Pets / Cats"}).text
    assert re.search(r'value="Pets / Cats" checked', page)
    assert market.drafts.asked[0].values["category"] == "Pets / Cats"


def test_without_a_model_the_rest_works_and_the_remedy_is_told(
    client: TestClient, market: SellerMarket
) -> None:
    market.drafts.ready = False
    form = {"title": "TABLE!!", "category": "Pets"}
    page = client.post("/sell", data=form, files={"photo": ("a.jpg", draw("#a5713d"))}).text
    assert "marketrank train all" in page
    assert "Photo 1: It is dark." in page
    assert "Say more: make, size, colour" in page
    assert 'name="category" value="Pets"' in page
    market.ready = False
    assert "marketrank index" in client.post("/sell", data=form).text


def test_text_is_escaped_and_too_much_is_cut(client: TestClient) -> None:
    hostile = '"><script>alert(1)</script>'
    answer = client.post("/sell", data={"title": hostile, "description": "x" * 20_001})
    assert "<script>alert" not in answer.text
    assert "20,001 characters are too many" in answer.text


def test_signing_in(client: TestClient, market: SellerMarket) -> None:
    assert client.get("/seller", follow_redirects=False).headers["location"] == "/seller/sign-in"
    answer = sign_in(client, key_of(market), after="/sell")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sell")
    cookie = next(
        one for one in answer.headers.get_list("set-cookie") if one.startswith(COOKIE + "=")
    )
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert attribute in cookie
    assert "Secure" not in cookie  # plain http here
    assert "mr_" not in cookie
    assert "Signed in as" in client.get("/sell").text


def test_over_https_the_cookie_is_for_https_alone(market: SellerMarket, client: TestClient) -> None:
    client.base_url = "https://testserver"  # type: ignore[assignment]
    answer = sign_in(client, key_of(market))
    assert [
        "Secure" in one
        for one in answer.headers.get_list("set-cookie")
        if one.startswith(COOKIE + "=")
    ] == [True]


@pytest.mark.parametrize("after", ["https://example.com/sell", "//example.com/seller", "/\\x", "/"])
def test_signing_in_leads_nowhere_else(
    client: TestClient, market: SellerMarket, after: str
) -> None:
    assert sign_in(client, key_of(market), after=after).headers["location"] == "/seller"


def test_other_keys_do_not_sign_in(client: TestClient, market: SellerMarket) -> None:
    for key in ("", "mr_x", key_of(market)[:-1] + "!", key_of(market, Scope.ADMIN, seller=None)):
        answer = sign_in(client, key)
        assert answer.status_code == 422
        assert COOKIE not in client.cookies
    assert "no seller&#39;s" in answer.text
    assert key not in answer.text


def test_a_sign_in_form_of_another_site_is_refused(
    client: TestClient, market: SellerMarket
) -> None:
    key = key_of(market)
    client.get("/seller/sign-in")
    other = client.post("/seller/sign-in", data={"csrf": "x", "key": key}, follow_redirects=False)
    assert other.status_code == 422
    client.cookies.clear()
    bare = client.post("/seller/sign-in", data={"csrf": "x", "key": key}, follow_redirects=False)
    assert bare.status_code == 422


def test_sessions_end(client: TestClient, market: SellerMarket) -> None:
    key = key_of(market)
    sign_in(client, key)
    page = client.get("/seller").text
    cookie = client.cookies[COOKIE]
    assert client.post("/seller/sign-out", data={"csrf": csrf(page)}).status_code == 200
    assert COOKIE not in client.cookies
    client.cookies.set(COOKIE, cookie[:-2] + "xx")
    assert client.get("/seller", follow_redirects=False).status_code == 303
    client.cookies.set(COOKIE, cookie)
    assert client.get("/seller").status_code == 200
    id = KeyId(key[3:19])
    held = market.key_store.held[id]
    market.key_store.put(replace(held, key=replace(held.key, revoked_at=NOW)))
    assert client.get("/seller", follow_redirects=False).status_code == 303


def test_a_seller_sees_their_own_alone(client: TestClient, market: SellerMarket) -> None:
    sign_in(client, key_of(market))
    page = client.get("/seller").text
    assert "Solid oak dining table" in page
    assert "Oak shelf" in page
    assert "Small white coffee table" not in page
    assert "3 saved" in page
    assert "Since" not in page.split("Counts are of the time since")[0]
    assert client.get(f"/seller/listings/{LIVE}").status_code == 200
    assert client.get(f"/seller/listings/{OTHERS}").status_code == 403
    assert client.get("/seller/listings/none").status_code == 404
    assert market.audiences == [LIVE]  # looking at the list offers it to nobody


def test_how_a_listing_does(client: TestClient, market: SellerMarket) -> None:
    sign_in(client, key_of(market))
    page = client.get(f"/seller/listings/{LIVE}").text
    for text in (
        "Others like it ask about <b>£120</b>",
        "Your price is within what most ask",
        "Of the 1,840 who agreed",
        "6 % could want it",
        "Buyer 9f86d081<",
        'class="part" width="50.0"',
    ):
        assert text in page, text
    assert 'class="price-line"' in page
    market.predictions.price = PriceRange(PRICE.middle, None, None, None)  # without an interval
    page = client.get(f"/seller/listings/{LIVE}").text
    assert "Others like it ask about <b>£120</b>" in page
    assert "price-line" not in page
    market.consenting = 0
    assert "No buyer has agreed yet" in client.get(f"/seller/listings/{LIVE}").text
    market.towers, market.predictions.published = False, False
    page = client.get(f"/seller/listings/{LIVE}").text
    assert "marketrank train buyers" in page
    assert "Others like it" not in page
    assert "Likely buyers" not in client.get(f"/seller/listings/{ENDED}").text


def test_ending_and_selling(client: TestClient, market: SellerMarket) -> None:
    sign_in(client, key_of(market))
    token = csrf(client.get("/seller").text)
    refused = [
        client.post("/seller/end", data={"csrf": "x", "id": LIVE}),
        client.post("/seller/end", data={"csrf": token, "id": OTHERS}),
    ]
    assert [one.status_code for one in refused] == [403, 403]
    assert market.stored[LIVE].live
    assert market.stored[OTHERS].live
    sold = client.post("/seller/end", data={"csrf": token, "id": LIVE, "sold": "1"})
    assert "Sold: well done" in sold.text
    assert not market.stored[LIVE].live
    (event,) = market.people.taken
    assert (event.listing, event.kind) == (LIVE, InteractionKind.SOLD)
    client.post("/seller/end", data={"csrf": token, "id": LIVE, "sold": "1"})
    assert len(market.people.taken) == 1
    client.cookies.clear()
    assert client.post("/seller/end", data={"csrf": token, "id": LIVE}).status_code == 401


def test_publishing(client: TestClient, market: SellerMarket) -> None:
    sign_in(client, key_of(market))
    page = client.get("/sell").text
    id = re.search(r'name="id" value="([0-9a-f]{32})"', page)
    assert id
    form = {
        "id": id[1],
        "csrf": csrf(page),
        "title": "Oak stool, three legs",
        "price": "25",
        "location": "Bristol",
    }
    files = {"photo": ("a.jpg", draw("#a5713d"))}
    answers = [
        client.post("/sell/publish", data=form, files=files, follow_redirects=False)
        for _ in range(2)  # a double click
    ]
    for answer in answers:
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/seller/listings/{id[1]}?new=1"
    made = market.stored[ListingId(id[1])].listing
    assert made.title == "Oak stool, three legs"
    assert made.seller == SELLER
    assert made.price
    assert made.price.minor == 2500
    assert made.category == ("Home & Garden", "Tables")  # the likeliest
    assert made.place
    assert len(made.photos) == 1
    assert "It is published" in client.get(answer.headers["location"]).text


def test_publishing_says_what_is_missing_and_loses_nothing(
    client: TestClient, market: SellerMarket
) -> None:
    sign_in(client, key_of(market))
    token = csrf(client.get("/sell").text)
    n = len(market.stored)
    good = draw("#a5713d")
    for form, files, told in (
        ({"title": " ", "description": "Solid"}, [], "A title is missing"),
        ({"title": "Oak stool", "price": "lots"}, [], "no price"),
        ({"title": "Oak stool"}, [good, b"nonsense"], "Photo 2 cannot be used"),
        ({"title": "Oak stool"}, [good] * 5, "there are 5 photos; 4 are the most"),
    ):
        answer = client.post(
            "/sell/publish",
            data={**form, "csrf": token},
            files=[("photo", ("a.jpg", one)) for one in files],
        )
        assert answer.status_code == 422
        assert told.lower() in answer.text.lower()
        assert form.get("description", "Oak stool") in answer.text
    assert len(market.stored) == n
    answer = client.post("/sell/publish", data={"csrf": "x", "title": "Oak stool"})
    assert answer.status_code == 403
    client.cookies.clear()
    answer = client.post("/sell/publish", data={"csrf": token, "title": "Oak stool"})
    assert answer.status_code == 422
    assert "You are signed out" in answer.text
    assert "Oak stool" in answer.text
    assert len(market.stored) == n


def test_another_sellers_id_is_not_written_over(client: TestClient, market: SellerMarket) -> None:
    taken = ListingId("a" * 32)
    other = market.stored[OTHERS]
    market.stored[taken] = replace(other, listing=replace(other.listing, id=taken))
    sign_in(client, key_of(market))
    form = {"id": taken, "csrf": csrf(client.get("/sell").text), "title": "Mine now"}
    assert client.post("/sell/publish", data=form).status_code == 422
    assert market.stored[taken].listing.title == "Small white coffee table"


def test_a_session_lasts_twelve_hours(
    client: TestClient, market: SellerMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, key_of(market))
    monkeypatch.setattr(seller_session, "MAX_AGE_S", -1)
    assert client.get("/seller", follow_redirects=False).status_code == 303
