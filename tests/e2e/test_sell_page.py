"""Selling in a real browser: a draft with live advice, with and without JavaScript; signing in,
publishing, how a listing does, ending it; accessible in both schemes and on a phone."""

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from marketrank.api.app import create_app
from marketrank.config import Settings
from small_market import NOW, draw
from small_seller import LIVE, SellerMarket, key_of, seller_market

Serve = Callable[[FastAPI], AbstractContextManager[str]]
PHONE = {"width": 390, "height": 844}
LOOKS = [
    pytest.param({"color_scheme": "light"}, id="light"),
    pytest.param({"color_scheme": "dark"}, id="dark"),
    pytest.param({"color_scheme": "light", "viewport": PHONE}, id="phone"),
    pytest.param({"color_scheme": "dark", "viewport": PHONE}, id="phone-dark"),
]


@pytest.fixture(scope="module")
def market() -> SellerMarket:
    return seller_market(padding=2)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, serve: Serve, market: SellerMarket
) -> Iterator[str]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), rate_per_address=10_000)
    with serve(create_app(market, settings=settings, clock=lambda: NOW)) as address:
        yield address


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "table.jpg"
    path.write_bytes(draw("#a5713d", side=2000))
    return path


def _keep(page: Page, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def _sign_in(page: Page, market: SellerMarket) -> None:
    page.goto("/seller/sign-in")
    page.get_by_label("Your key").fill(key_of(market))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your listings")


def _grave(page: Page) -> list[str]:
    """What axe finds that is serious or critical."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html']}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_advice_comes_while_typing(visit: Callable[..., Page], market: SellerMarket) -> None:
    page = visit("/sell")
    expect(page.get_by_role("heading", name="Advice appears here")).to_be_visible()
    asked = len(market.drafts.asked)
    page.get_by_label("What is it?").press_sequentially("Oak table", delay=20)
    expect(page.get_by_role("heading", name="Category")).to_be_visible()
    assert len(market.drafts.asked) == asked + 1  # nine letters, one question
    expect(page.get_by_role("status")).to_contain_text("Probably Home & Garden › Tables, 90 %")
    assert page.get_by_label("What is it?").evaluate("e => document.activeElement === e")
    choice = page.get_by_role("radio", name="Home & Garden › Tables")
    with page.expect_response("/sell"):
        choice.check()
    expect(choice).to_be_checked()
    with page.expect_response("/sell"):
        page.get_by_label("Price (£)").fill("700")
    expect(choice).to_be_checked()
    assert market.drafts.asked[-1].values["category"] == "Home & Garden / Tables"
    assert page.url.endswith("/sell")


def test_photos_are_chosen_dropped_removed_and_made_smaller(
    visit: Callable[..., Page], market: SellerMarket, photo: Path
) -> None:
    page = visit("/sell")
    with page.expect_request_finished(lambda request: request.method == "POST") as posted:
        page.get_by_label("Photos", exact=True).set_input_files(photo)
    sent = int(posted.value.all_headers()["content-length"])
    assert 0 < sent < photo.stat().st_size
    previews = page.get_by_role("list", name="Chosen photos").get_by_role("listitem")
    expect(previews).to_have_count(1)
    page.evaluate(
        """(text) => {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          const carrier = new DataTransfer();
          carrier.items.add(new File([bytes], "photo.jpg", { type: "image/jpeg" }));
          document.body.dispatchEvent(new DragEvent("drop",
            { bubbles: true, cancelable: true, dataTransfer: carrier }));
        }""",
        base64.b64encode(draw("#2b4a86")).decode(),
    )
    expect(previews).to_have_count(2)
    expect(page.get_by_text("Photo 2: It is dark.")).to_be_visible()
    assert page.url.endswith("/sell")  # the photo search of the page did not take it
    page.get_by_role("button", name="Remove photo 1").click()
    expect(previews).to_have_count(1)
    expect(page.get_by_text("Photo 2: It is dark.")).to_have_count(0)
    assert len(market.drafts.asked[-1].photos) == 1


def test_without_javascript(visit: Callable[..., Page], market: SellerMarket, photo: Path) -> None:
    page = visit("/sell", java_script_enabled=False)
    page.get_by_label("What is it?").fill("Oak table")
    page.get_by_label("Photos", exact=True).set_input_files(photo)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="Category")).to_be_visible()
    expect(page.get_by_alt_text("Photo 1", exact=True)).to_be_visible()
    _keep(page, "sell-no-scripts")
    page.get_by_label("Remove photo 1").check()
    page.get_by_role("button", name="Check").click()
    assert market.drafts.asked[-1].photos == ()


def test_a_seller_publishes_looks_and_sells(
    visit: Callable[..., Page], market: SellerMarket, photo: Path
) -> None:
    page = visit("/sell")
    expect(page.get_by_role("button", name="Publish")).to_have_count(0)
    _sign_in(page, market)
    page.get_by_role("link", name="Sell something").click()
    page.get_by_label("What is it?").fill("Oak stool, three legs")
    page.get_by_label("Photos", exact=True).set_input_files(photo)
    expect(page.get_by_text("Photo 1: It is dark.")).to_be_visible()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Oak stool, three legs")
    expect(page.get_by_role("status")).to_contain_text("It is published")
    expect(page.get_by_role("heading", name="Likely buyers")).to_be_visible()
    page.get_by_role("button", name="Mark as sold").click()
    expect(page.get_by_role("status")).to_contain_text("Sold")
    offer = page.get_by_role("listitem").filter(has_text="Oak stool, three legs")
    expect(offer).to_contain_text("ended")
    expect(offer.get_by_role("button")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in as a seller")
    page.goto("/seller")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in as a seller")


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_serious_for_axe(
    visit: Callable[..., Page],
    market: SellerMarket,
    look: dict[str, Any],
    photo: Path,
    request: pytest.FixtureRequest,
) -> None:
    name = request.node.callspec.id
    page = visit("/seller/sign-in", **look)
    assert _grave(page) == []
    _keep(page, f"sign-in-{name}")
    _sign_in(page, market)
    assert _grave(page) == []
    _keep(page, f"seller-{name}")
    page.goto(f"/seller/listings/{LIVE}")
    assert _grave(page) == []
    _keep(page, f"seller-listing-{name}")
    page.goto("/sell")
    assert _grave(page) == []
    page.get_by_label("Price (£)").fill("700")
    page.get_by_label("Photos", exact=True).set_input_files(photo)
    expect(page.get_by_text("Photo 1: It is dark.")).to_be_visible()
    assert _grave(page) == []
    _keep(page, f"sell-{name}")
    if "viewport" in look:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
