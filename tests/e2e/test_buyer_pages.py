"""What a buyer does on the pages in a real browser, and whether everybody can use them: axe-core
finds nothing serious on any page, in light and in dark. Screenshots are kept where SCREENSHOTS
names a folder."""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from marketrank.api.app import create_app
from marketrank.asking import Ranking, Request
from marketrank.config import Settings
from marketrank.models.price_interval import PriceRange
from marketrank.people import InteractionKind, Purpose
from marketrank.types import BuyerId, Money
from small_market import NOW, SmallMarket, small_market

Serve = Callable[[FastAPI], AbstractContextManager[str]]
DEMO = BuyerId("demo-2")
PHONE = {"width": 390, "height": 844}


class Reasoned(SmallMarket):
    """Gives every result a reason."""

    def answer(self, request: Request) -> Ranking:
        ranking = super().answer(request)
        items = tuple(replace(one, why=("like the tables you saved",)) for one in ranking.items)
        return replace(ranking, items=items)


@pytest.fixture(scope="module")
def market() -> SmallMarket:
    small = small_market(padding=4)
    market = Reasoned(small.stored, small.blobs)
    pounds = (Money(amount * 100, "GBP") for amount in (70, 30, 110))
    market.predictions.price = PriceRange(*pounds, 0.8)
    return market


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, serve: Serve, market: SmallMarket
) -> Iterator[str]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), demo_buyers=True)
    with serve(create_app(market, settings=settings, clock=lambda: NOW)) as address:
        yield address


@pytest.fixture
def as_demo(visit: Callable[..., Page], market: SmallMarket) -> Callable[..., Page]:
    """Open a path as one of the demo's buyers, of whom nothing is held."""
    market.people.erase(DEMO)
    market.people.taken.clear()

    def open_page(path: str = "/", **options: object) -> Page:
        page = visit("/", **options)
        page.get_by_label("Demo: look as").select_option(DEMO)
        page.get_by_role("button", name="Switch", exact=True).click()
        expect(page.get_by_role("status").first).to_contain_text("somebody else")
        page.wait_for_load_state("load")  # without its script a button is a plain form
        if path != "/":
            page.goto(path)
        return page

    return open_page


def _keep(page: Page, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def _kinds(market: SmallMarket) -> list[str]:
    return [str(one.kind) for one in market.people.taken]


def _agree(market: SmallMarket, *purposes: Purpose) -> None:
    agreed = dict.fromkeys(purposes, NOW)
    market.people.change(DEMO, lambda held: replace(held, consents=agreed), NOW)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["feed", "search", "listing", "data", "nobody"])
def test_nothing_keeps_anybody_out(
    visit: Callable[..., Page],
    as_demo: Callable[..., Page],
    market: SmallMarket,
    name: str,
    scheme: str,
) -> None:
    _agree(market, Purpose.HISTORY)
    paths = {
        "feed": "/",
        "search": "/?q=table",
        "listing": "/listings/1005",
        "data": "/your-data",
        "nobody": "/your-data",
    }
    page = (visit if name == "nobody" else as_demo)(paths[name], color_scheme=scheme)
    for summary in page.locator("main summary").all():
        if summary.is_visible():
            summary.click()
    if name == "data":
        page.get_by_role("button", name="Erase everything about me").focus()
    _keep(page, f"{name}-{scheme}")
    found = Axe().run(page).response
    assert len(found["passes"]) > 10  # it has looked
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    told = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in serious]
    assert not told, json.dumps(told, indent=1)


def test_what_is_opened_saved_and_hidden_is_told(
    as_demo: Callable[..., Page], market: SmallMarket
) -> None:
    _agree(market, Purpose.HISTORY)
    page = as_demo()
    expect(page.get_by_role("heading", level=1)).to_have_text("For you")
    first = page.locator(".grid > li").first
    expect(first.locator(".why")).to_have_text("Like the tables you saved")
    title = first.locator(".title").inner_text()
    first.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_have_text("Saved.")
    expect(first.get_by_role("button", name="Save")).to_have_attribute("aria-pressed", "true")
    first.locator("a.card").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator("#why")).to_have_text("Why you were shown this: Like the tables you saved")
    page.wait_for_function("performance.getEntriesByType('resource').length > 0")
    page.go_back()
    page.get_by_role("button", name=f"Hide: {title}").click()
    expect(page.locator(".grid .title", has_text=title)).to_have_count(0)
    expect(page.locator("a.card").first).to_be_focused()
    page.reload()
    expect(page.locator(".grid .title", has_text=title)).to_have_count(0)
    assert sorted(_kinds(market)) == ["click", "hide", "save", "view"]
    ranked = {one.kind: one.request for one in market.people.taken}
    assert ranked[InteractionKind.CLICK] == ranked[InteractionKind.VIEW] is not None
    assert len({one.listing for one in market.people.taken}) == 1
    assert {one.buyer for one in market.people.taken} == {DEMO}


def test_without_scripts_the_buttons_are_forms(
    as_demo: Callable[..., Page], market: SmallMarket
) -> None:
    page = as_demo("/?q=oak", java_script_enabled=False)
    title = page.locator(".grid .title").first.inner_text()
    page.get_by_role("button", name=f"Hide: {title}").click()
    assert page.url.endswith("/?q=oak")
    expect(page.get_by_role("status").first).to_contain_text("Hidden.")
    expect(page.locator(".grid .title", has_text=title)).to_have_count(0)
    page.get_by_role("button", name=re.compile("Save")).first.click()
    expect(page.get_by_role("status").first).to_contain_text("We do not remember it")
    assert _kinds(market) == ["hide", "save"]


@pytest.mark.parametrize("scripts", [True, False])
def test_ones_own_data_in_ones_own_hands(
    as_demo: Callable[..., Page], market: SmallMarket, scripts: bool
) -> None:
    page = as_demo("/your-data", java_script_enabled=scripts, viewport=PHONE)
    remember = page.get_by_role("switch", name="Remember what I do")
    expect(remember).not_to_be_checked()
    remember.check()
    page.get_by_role("button", name="Save choices").click()
    expect(page.get_by_role("status").first).to_have_text("Your choices are saved.")
    expect(remember).to_be_checked()
    assert market.people.held[DEMO].allows(Purpose.HISTORY)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download it (JSON)").click()
    assert json.loads(download.value.path().read_text())["id"] == DEMO
    page.get_by_role("button", name="Switch profiling off").click()
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("New and popular")
    assert not market.asked[-1].profiling
    page.goto("/your-data")
    _keep(page, "data-phone")
    page.get_by_role("checkbox", name="I am sure").check()
    page.get_by_role("button", name="Erase everything about me").click()
    expect(page.get_by_role("status").first).to_contain_text("is erased")
    assert DEMO not in market.people.held


def test_a_map_leads_to_the_results_of_a_place_by_keyboard(visit: Callable[..., Page]) -> None:
    page = visit("/?q=table")
    page.get_by_text("Map", exact=True).focus()
    page.keyboard.press("Enter")
    places = page.get_by_role("group", name="Places of the results")
    expect(places.get_by_role("link", name="Leeds: 2")).to_be_visible()
    expect(page.get_by_role("list", name="The same as a list")).to_contain_text("Leeds")
    page.keyboard.press("Tab")
    for _ in range(5):
        if page.evaluate("document.activeElement.ariaLabel") == "Leeds: 2":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**near=Leeds**")
    assert len(page.locator(".grid > li").all()) == 2
    expect(page.get_by_role("list", name="Filters in force")).to_contain_text("Leeds")


def test_a_price_is_shown_against_others(visit: Callable[..., Page]) -> None:
    page = visit("/listings/1005", viewport=PHONE)
    expect(page.locator(".usual")).to_contain_text(
        "A usual price. 8 in 10 things like this ask £30 to £110"
    )
    own = page.locator(".usual circle").bounding_box()
    most = page.locator(".usual line.most").bounding_box()
    assert own and most
    middle = own["x"] + own["width"] / 2
    assert most["x"] < middle < most["x"] + most["width"]
    _keep(page, "listing-phone")
