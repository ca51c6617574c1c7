"""The pages over a small marketplace in memory."""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from marketrank.asking import Correction
from marketrank.types import ListingId
from small_client import LIMIT, small_client
from small_market import SmallMarket, draw, small_market


@pytest.fixture
def market() -> SmallMarket:
    return small_market()


@pytest.fixture
def client(market: SmallMarket, tmp_path: Path) -> Iterator[TestClient]:
    with small_client(market, tmp_path) as client:
        yield client


def upload(data: bytes, name: str = "photo") -> dict[str, tuple[str, bytes, str]]:
    return {name: ("sofa.jpg", data, "image/jpeg")}


def test_home_shows_the_newest(client: TestClient) -> None:
    page = client.get("/").text
    assert "New and popular" in page
    assert "Just listed" in client.get("/?sort=newest").text
    assert "All listings" in client.get("/?sort=price").text
    assert page.index("Solid oak dining table") < page.index("Small white coffee table")
    assert "1 hour ago" in page
    assert "Page 1 of 3" in page


def test_results_with_filters_facets_and_order(client: TestClient, market: SmallMarket) -> None:
    page = client.get(
        "/?q=oak&near=Bristol&within=20mi&price_from=10&price_to=500&category=Home+%26+Garden"
    ).text
    assert "“oak”" in page
    assert "2 listings" in page
    assert "within 20 miles of Bristol" in page
    assert "less than 1 mile away" in page
    assert market.asked[-1].filters.price_high == 50000
    link = "category=Home+%26+Garden+%2F+Dining%2C+Living+Room+Furniture"
    assert f"/?q=oak&amp;{link}&amp;price_from=10" in page
    assert "sort=distance" in page


def test_what_was_read_stands_on_chips_that_take_it_back(client: TestClient) -> None:
    page = client.get("/?q=oak+table+under+%C2%A350+near+Leeds&sort=price").text
    assert 'aria-label="Read from your words"' in page
    assert "up to £50" in page
    assert "near Leeds" in page
    start = "/?q=oak+table+under+%C2%A350+near+Leeds&amp;sort=price&amp;ignore="
    assert f"{start}price" in page
    assert f"{start}near" in page
    both = client.get("/?q=oak+table+under+%C2%A350+near+Leeds&ignore=near,price").text
    assert "Read from your words" not in both
    # The form keeps what was taken back for as long as the words stay the same.
    assert '<input type="hidden" name="ignore" value="near,price">' in both
    assert 'name="ignored_in" value="oak table under £50 near Leeds"' in both


def test_without_results_a_reading_is_offered_to_be_taken_back(client: TestClient) -> None:
    page = client.get("/?q=sofa+under+%C2%A31").text
    assert "We found nothing that fits" in page
    assert "Take “up to £1” as plain words" in page


def test_following_every_link_of_a_results_page_works(client: TestClient) -> None:
    page = client.get("/?q=table&near=Leeds").text
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"]*)"', page)}
    assert len(links) > 15
    for link in links:
        assert client.get(link).status_code == 200, link


def test_paging_covers_everything_once(client: TestClient) -> None:
    seen: list[str] = []
    path: str | None = "/?sort=price"
    while path:
        page = client.get(path).text
        seen += re.findall(r'class="card" href="([^"]+)"', page)
        following = re.search(r'href="([^"]+)" class="step secondary">Next', page)
        path = following[1].replace("&amp;", "&") if following else None
    assert len(seen) == len(set(seen)) == 52


def test_beyond_the_last_page(client: TestClient) -> None:
    page = client.get("/?offset=999984").text
    assert "There are no more listings" in page
    assert ">52 listings</p>" in page  # not "page 41667 of 3"


def test_text_is_escaped(client: TestClient) -> None:
    page = client.get("/", params={"q": "folding"}).text
    assert "Folding table &lt;b&gt;like new&lt;/b&gt;" in page
    hostile = client.get("/", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in hostile


def test_nothing_found_gives_advice(client: TestClient) -> None:
    page = client.get("/?q=zeppelin&price_to=5&near=Bath&within=1mi").text
    assert "We found nothing that fits" in page
    assert "Look further away than 1 mile" in page
    assert "Look at every price" in page
    beyond = client.get("/?q=oak&offset=240").text
    assert "There are no more listings" in beyond


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("near=Xyzzy", "We do not know the place “Xyzzy”"),
        ("price_from=50&price_to=10", "the lower one first"),
        ("price_from=abc", "plain numbers"),
        ("like=nope", "does not exist"),
        ("offset=abc", "whole number"),
    ],
)
def test_mistakes_are_explained_on_the_page(client: TestClient, query: str, words: str) -> None:
    page = client.get(f"/?category=Pets&{query}")
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert words in page.text
    assert 'name="category" value="Pets"' in page.text


def test_the_page_forgives_what_a_form_sends(client: TestClient) -> None:
    """Empty fields, a radius without a place, and what other sites add to links."""
    answer = client.get("/?q=oak&category=&price_from=&price_to=&near=&within=5mi&utm_source=x")
    assert answer.status_code == 200


def test_listing_page(client: TestClient) -> None:
    page = client.get("/listings/1001").text
    assert "£120" in page
    assert "Bristol, Somerset" in page
    assert 'alt="Photo 2 of 2: Solid oak dining table"' in page
    assert "Similar listings" in page
    assert "private seller" in page
    odd = client.get("/listings/1011").text
    assert "Check before you pay" in odd
    assert "The price is £1,234,567; others in Tables" in odd
    assert "Check before you pay" not in page
    bare = client.get("/listings/1009").text
    assert "No photo" in bare
    assert "The seller named no price" in bare


def test_more_like_this(client: TestClient, market: SmallMarket) -> None:
    page = client.get("/?like=1001").text
    assert "Similar to Solid oak dining table" in page
    assert "Best match" in page
    assert "“sofa”" in client.get("/?like=1001&q=sofa").text
    assert market.asked[-1].like is None
    refined = client.get("/?like=1001&but=in+blue").text
    assert "Similar to Solid oak dining table, but “in blue”" in refined
    assert (market.asked[-1].like, market.asked[-1].text) == ("1001", "in blue")
    assert 'name="but" value="in blue"' in refined


def test_repeats_are_counted_on_the_card(client: TestClient, market: SmallMarket) -> None:
    market.repeats = {ListingId("1001"): (ListingId("1012"), ListingId("x"))}
    page = client.get("/?q=oak").text
    assert page.count("more like this") == 1
    assert "2 more like this" in page


def test_ended_listings_are_gone(client: TestClient) -> None:
    page = client.get("/listings/1099")
    assert page.status_code == 410
    assert "no longer for sale" in page.text
    assert "Solid oak dining table" in page.text


def test_not_ready_page_tries_again(client: TestClient, market: SmallMarket) -> None:
    market.ready = False
    page = client.get("/")
    assert page.status_code == 503
    assert "We are getting ready" in page.text
    assert '<meta http-equiv="refresh"' in page.text


def test_photo_search_page_carries_its_photo_along(client: TestClient, market: SmallMarket) -> None:
    first = client.post("/search-by-photo", files=upload(draw("#2b4a86", "3x4")))
    assert "Looks like your photo" in first.text
    assert re.findall('class="title">([^<]+)', first.text)[0] == "Blue velvet armchair"
    carried = re.search(r'name="photo_data" value="([^"]+)"', first.text)
    assert carried
    asked = market.asked[-1].photo
    assert asked == base64.b64decode(carried[1])
    button = re.search(r'name="go" value="(offset=24)"', first.text)
    assert button
    # A button sends the whole form: what the text fields hold gives way to its own state.
    form = {"q": "", "near": "", "within": "", "photo_data": carried[1], "go": button[1]}
    second = client.post("/search-by-photo", data=form)
    assert "Page 2 of 3" in second.text
    assert market.asked[-1].offset == 24
    worded = client.post("/search-by-photo", data={"photo_data": carried[1], "q": "table"})
    assert "Looks like your photo: “table”" in worded.text
    assert market.asked[-1].text == "table"


def test_photo_search_mistakes(client: TestClient) -> None:
    for form, words in (
        ({}, "choose one first"),
        ({"photo_data": "%%%"}, "did not arrive whole"),
    ):
        page = client.post("/search-by-photo", data={"q": "oak", **form})
        assert (page.status_code, words in page.text) == (422, True), words
    page = client.post("/search-by-photo", files=upload(b"text"))
    assert "We could not use that photo: it is not a photo that we can read" in page.text
    large = client.post("/search-by-photo", files=upload(b"x" * (LIMIT + 4_000_000)))
    assert (large.status_code, "too large" in large.text) == (413, True)
    data = base64.b64encode(draw("#000")).decode()
    kept = client.post("/search-by-photo", data={"photo_data": data, "near": "Xyzzy"})
    assert kept.status_code == 422
    assert 'name="photo_data"' in kept.text
    assert client.get("/search-by-photo", follow_redirects=False).headers["location"] == "/"


def test_tiles_hide_the_bars_of_letterboxed_photos(client: TestClient, market: SmallMarket) -> None:
    first = market.stored[ListingId("1001")]
    for (width, height), zoom in {
        (400, 300): 135,
        (300, 400): 135,
        (1600, 900): 180,
        (410, 400): 105,
        (4000, 300): 200,
        (500, 500): 135,
    }.items():
        photo = replace(first.listing.photos[0], width=width, height=height)
        listing = replace(first.listing, photos=(photo,))
        market.stored[ListingId("1001")] = replace(first, listing=listing)
        assert f"zoom-{zoom}" in client.get("/?q=dining+table&sort=-price").text
    sheet = client.get("/static/style.css").text
    assert all(f".zoom-{zoom} " in sheet for zoom in range(105, 201, 5))


def test_static_files(client: TestClient) -> None:
    page = client.get("/").text
    assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert {asset.partition("?")[0] for asset in assets} == {
        "/static/style.css",
        "/static/photo.js",
        "/static/suggest.js",
        "/static/icon.svg",
    }
    for asset in assets:
        assert "immutable" in client.get(asset).headers["cache-control"]
        assert client.get(asset.partition("?")[0]).headers["cache-control"] == "no-cache"
    assert client.get("/static/nope.css").json()["status"] == 404
    assert client.get("/static/../app.py").status_code == 404


def test_pages_name_no_other_host(client: TestClient) -> None:
    texts = [client.get(path).text for path in ("/", "/?q=oak", "/listings/1001", "/nope")]
    texts += [client.get(f"/static/{name}").text for name in ("style.css", "photo.js", "icon.svg")]
    for text in texts:
        addresses = set(re.findall(r"https?://[^\s\"')]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}
        assert not re.search(r"\son\w+=|<style|style=", text)


def test_head_requests(client: TestClient) -> None:
    assert client.head("/").status_code == 200
    assert client.head("/listings/1001").status_code == 200


def test_a_corrected_search_says_so(client: TestClient, market: SmallMarket) -> None:
    page = client.get("/?q=oak+tabel").text
    assert "Showing results for <strong>oak table</strong>" in page
    assert "“oak table”</h1>" in page
    assert 'value="oak tabel"' in page  # the box keeps what was typed
    link = re.search(r'href="(/\?[^"]*as_typed[^"]*)"', page)
    assert link
    as_typed = client.get(link[1].replace("&amp;", "&")).text
    assert not market.asked[-1].spelling
    assert "“oak tabel”</h1>" in as_typed and "Showing results for" not in as_typed
    assert "Showing results for" in client.get("/?q=oak+tabl&as_typed=oak+tabel").text


def test_an_uncertain_correction_is_offered(client: TestClient, market: SmallMarket) -> None:
    answer = market.answer
    offered = Correction("oak bench", "oak <bunch>")
    market.answer = lambda request: replace(answer(request), corrected=offered)  # type: ignore[method-assign]
    page = client.get("/?q=oak+bench&near=Bristol").text
    assert "Did you mean" in page and "oak &lt;bunch&gt;</a>?" in page
    assert "q=oak+%3Cbunch%3E&amp;near=Bristol" in page
    assert "“oak bench”</h1>" in page
