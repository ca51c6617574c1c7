"""The operator's area in a real browser: signing in, promoting, looking, signing out.

Screenshots are kept where SCREENSHOTS names a folder.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from marketrank.access import Scope
from marketrank.api.app import create_app
from marketrank.api.operator.area import ROOMS
from marketrank.config import Settings
from small_desk import furnished
from small_market import NOW, small_market

Serve = Callable[[FastAPI], AbstractContextManager[str]]
PHONE = {"width": 390, "height": 844}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080200000090"
    "7753de0000000c49444154789c63686868000003040181a6a4d1e80000000049454e44ae426082"
)
KEYS: list[str] = []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    market, desk = small_market(padding=0), furnished(NOW, home)
    desk.pictures = dict.fromkeys(desk.pictures, PNG)
    made = market.key_store.make(Scope.ADMIN, at=NOW)
    KEYS[:] = [made["Authorization"].removeprefix("Bearer ")]
    app = create_app(market, settings=Settings(home=home), clock=lambda: NOW, desk=desk)
    with serve(app) as address:
        yield address


def _look(page: Page, name: str) -> None:
    """Nothing may stand beyond the screen, and nothing that matters be hidden from some."""
    page.wait_for_load_state("load")  # without its style sheet a page is as wide as its tables
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    # A telephone in the dark shows the same markup in other colours.
    rules = {"runOnly": ["color-contrast"]} if "phone" in name else {}
    found = Axe().run(page, options=rules).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    if folder := os.environ.get("SCREENSHOTS"):
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(folder) / f"operator-{name}.png", full_page=True)


@pytest.mark.parametrize(
    "options",
    [{}, {"color_scheme": "dark", "viewport": PHONE}],
    ids=["desktop", "dark phone"],
)
def test_a_day_of_an_operator(visit: Callable[..., Page], options: dict[str, object]) -> None:
    name = "phone" if options else "desktop"
    page = visit("/operator/versions/models", **options)
    _look(page, f"{name}-sign-in")
    page.get_by_label("API key of scope admin").fill(KEYS[0])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Models")

    rooms = page.get_by_role("navigation", name="Operator’s area").get_by_role("link")
    assert rooms.all_inner_texts() == [name for _, name in ROOMS]
    for number, (_, room) in enumerate(ROOMS):
        rooms.nth(number).click()
        expect(rooms.nth(number)).to_have_attribute("aria-current", "page")
        _look(page, f"{name}-{room.lower().replace(' ', '-')}")

    page.goto("/operator/runs/vision-1")
    expect(page.get_by_role("img", name="Confusion image")).to_have_js_property("naturalWidth", 1)
    _look(page, f"{name}-run")

    page.get_by_role("button", name="Sign out").click()
    page.goto("/operator/log")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_another_model_is_promoted_and_rolled_back_without_scripts(
    visit: Callable[..., Page],
) -> None:
    page = visit("/operator/versions/models", java_script_enabled=False)
    page.get_by_label("API key of scope admin").fill(KEYS[0])
    page.get_by_role("button", name="Sign in").click()
    card = page.locator("article", has_text="Gate: refused")
    version = card.locator("h3 code").inner_text()
    card.get_by_text("Promote", exact=False).first.click()
    card.get_by_label("Why (is kept)").fill("the gate was asked about old queries")
    card.get_by_role("button", name="Use this version").click()
    expect(page.get_by_role("status")).to_have_text(f"{version} is in use now.")
    expect(card.locator(".op-badge")).to_have_text("in use")
    page.get_by_text("Roll back to the version before").click()
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("status")).to_contain_text("is in use again.")
    page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("region", name="Actions")).to_contain_text("roll-back")
