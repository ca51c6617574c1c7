"""The page in a real browser: search, filters, photo search, a listing; with and without
JavaScript, on a desktop and on a phone.

The server is a fixture: replace `server` to run the same journeys against another one that sells
an oak table near Bristol. Screenshots are kept where SCREENSHOTS names a folder.
"""

import base64
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from marketrank.api.app import create_app
from marketrank.config import Settings
from small_market import NOW, draw, small_market

Serve = Callable[[FastAPI], AbstractContextManager[str]]
READ = "/?q=cheap+brand+new+table+6ft+under+%C2%A350+near+Leeds"
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[str]:
    """The base address of a marketplace."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    with serve(create_app(small_market(), settings=settings, clock=lambda: NOW)) as address:
        yield address


def _keep(page: Page, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(folder) / f"{name}.png")


def _titles(page: Page) -> list[str]:
    return page.locator(".results .title").all_inner_texts()


def test_search_and_narrow(visit: Callable[..., Page]) -> None:
    page = visit("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("New and popular")
    _keep(page, "home")
    page.get_by_label("What are you looking for?").fill("oak table")
    page.get_by_label("Near which town?").fill("Bristol")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("“oak table”")
    expect(page.locator(".card").first).to_contain_text(re.compile("miles? away"))
    assert "price_from" not in page.url  # empty fields stay out of the address
    everything = len(_titles(page))
    page.get_by_label("Highest price").fill("50")
    page.get_by_role("button", name="Apply filters").click()
    expect(page.get_by_role("list", name="Filters in force")).to_contain_text("up to £50")
    assert 0 < len(_titles(page)) < everything
    page.get_by_role("link", name="up to £50").click()
    page.wait_for_url(lambda url: "price_to" not in url)
    assert len(_titles(page)) == everything
    page.get_by_role("link", name="Lowest price").click()
    page.wait_for_url("**sort=price**")
    expect(page.get_by_role("navigation", name="Order").locator("[aria-current]")).to_have_text(
        "Lowest price"
    )
    _keep(page, "search")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_reading_of_the_words_is_taken_back_with_one_click(
    visit: Callable[..., Page], scripts: bool
) -> None:
    page = visit("/", java_script_enabled=scripts)
    page.get_by_label("What are you looking for?").fill("cheap table under £50 near Leeds")
    page.keyboard.press("Enter")
    read = page.get_by_role("list", name="Read from your words").get_by_role("listitem")
    expect(read).to_have_text([re.compile(text) for text in ("cheap, up to £50", "near Leeds")])
    expect(page.locator(".card").first).to_contain_text("away")
    assert len(_titles(page)) == 3
    _keep(page, "understood")
    read.filter(has_text="up to £50").get_by_role("link").click()
    page.wait_for_url("**ignore=price**")
    expect(read).to_have_text([re.compile("near Leeds")])
    expect(page.get_by_label("What are you looking for?")).to_have_value(
        "cheap table under £50 near Leeds"
    )
    # Other words are read afresh.
    page.get_by_label("What are you looking for?").fill("table under £50")
    page.keyboard.press("Enter")
    expect(read).to_have_text([re.compile("up to £50")])
    assert len(_titles(page)) == 3


def test_photos_load_and_fill_their_tiles(visit: Callable[..., Page]) -> None:
    page = visit("/?q=oak+table")
    page.wait_for_load_state("networkidle")
    photos = page.locator(".tile img")
    assert photos.count() > 0
    for photo in photos.all():
        assert photo.evaluate("image => image.complete && image.naturalWidth > 0")
        # The middles of the tile's edges show the photo: its bars have been scaled out.
        scale = photo.evaluate("image => new DOMMatrix(getComputedStyle(image).transform).a")
        assert scale >= 4 / 3


def test_categories_lead_down_and_back(visit: Callable[..., Page]) -> None:
    page = visit("/")
    page.get_by_role("navigation", name="Category").get_by_role("link").first.click()
    expect(page.get_by_role("link", name="All categories")).to_be_visible()
    inside = page.locator(".count-line").inner_text()
    page.get_by_role("link", name="All categories").click()
    page.wait_for_url(lambda url: "category" not in url)
    expect(page.locator(".count-line")).not_to_have_text(inside)


def test_listing_and_back(visit: Callable[..., Page]) -> None:
    page = visit("/?q=oak+table")
    title = _titles(page)[0]
    page.locator(".card").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.get_by_role("heading", name="Similar listings")).to_be_visible()
    _keep(page, "listing")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("“oak table”")


def test_choosing_a_photo_searches_at_once(visit: Callable[..., Page], tmp_path: Path) -> None:
    photo = tmp_path / "chair.jpg"
    photo.write_bytes(draw("#2b4a86", "3x4", side=2400))
    page = visit("/")
    page.get_by_text("Search by photo").click()
    with page.expect_request_finished(lambda request: request.method == "POST") as posted:
        page.get_by_label("Choose a photo").set_input_files(photo)
    expect(page.get_by_role("heading", level=1)).to_have_text("Looks like your photo")
    sent = int(posted.value.all_headers()["content-length"])
    assert 0 < sent < photo.stat().st_size  # made smaller before it was sent
    expect(page.get_by_alt_text("The photo you searched with")).to_be_visible()
    _keep(page, "photo")
    # Orders, pages and filters keep the photo, and going back does not lose it.
    page.get_by_role("button", name="Lowest price").click()
    expect(page.locator(".orders [aria-current]")).to_have_text("Lowest price")
    page.locator(".card").first.click()
    expect(page.get_by_role("heading", name="Similar listings")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Looks like your photo")
    page.get_by_label("What are you looking for?").fill("chair")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Looks like your photo: “chair”")
    page.get_by_role("link", name="Your photo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("“chair”")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_dropping_or_pasting_a_photo_searches(visit: Callable[..., Page], kind: str) -> None:
    page = visit("/?q=oak")
    page.evaluate(
        """([kind, text]) => {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          const carrier = new DataTransfer();
          carrier.items.add(new File([bytes], "photo.jpg", { type: "image/jpeg" }));
          const how = { bubbles: true, cancelable: true };
          document.body.dispatchEvent(kind === "drop"
            ? new DragEvent("drop", { ...how, dataTransfer: carrier })
            : new ClipboardEvent("paste", { ...how, clipboardData: carrier }));
        }""",
        [kind, base64.b64encode(draw("#2b4a86")).decode()],
    )
    expect(page.get_by_role("heading", level=1)).to_have_text("Looks like your photo")


def test_everything_works_without_javascript(visit: Callable[..., Page], tmp_path: Path) -> None:
    photo = tmp_path / "chair.jpg"
    photo.write_bytes(draw("#2b4a86", "3x4"))
    page = visit("/", java_script_enabled=False)
    page.get_by_label("What are you looking for?").fill("table")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".results h1")).to_have_text("“table”")
    page.get_by_text("Search by photo").click()
    page.get_by_label("Choose a photo").set_input_files(photo)
    page.get_by_role("button", name="Find similar things").click()
    expect(page.locator(".results h1")).to_have_text("Looks like your photo")
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".count-line")).to_contain_text("page 2 of")


def test_unknown_place_is_explained(visit: Callable[..., Page]) -> None:
    page = visit("/?q=oak&near=Xyzzy")
    expect(page.get_by_role("alert")).to_contain_text("We do not know the place “Xyzzy”")
    expect(page.get_by_label("Near which town?")).to_have_value("Xyzzy")


@pytest.mark.parametrize("path", ["/", "/?q=oak+table&near=Bristol", "/?q=zeppelin", READ])
def test_nothing_sticks_out_on_a_phone(visit: Callable[..., Page], path: str) -> None:
    page = visit(path, viewport=PHONE, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    filters = page.get_by_label("Highest price")
    expect(filters).not_to_be_visible()
    page.locator(".filters > summary").click()
    expect(filters).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_keyboard_alone(visit: Callable[..., Page]) -> None:
    page = visit("/?q=oak+table")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the results")).to_be_focused()
    expect(page.get_by_text("Skip to the results")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('card')"):
            break
    focused = page.locator(".card:focus")
    assert focused.evaluate("card => getComputedStyle(card).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator(".listing h1")).to_be_visible()


def test_every_field_has_a_name_and_every_image_a_text(visit: Callable[..., Page]) -> None:
    page = visit("/?q=oak+table&near=Bristol")
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("input:not([type=hidden]), select")]
          .filter((field) => ![...field.labels].some((label) => label.textContent.trim()))
          .map((field) => field.name)"""
    )
    assert unnamed == []
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("h1").count() == 1
    for role in ("banner", "search", "main", "complementary", "contentinfo"):
        assert page.get_by_role(role).count() == 1, role  # type: ignore[arg-type]


def test_suggestions_by_keyboard(visit: Callable[..., Page]) -> None:
    page = visit("/")
    box = page.get_by_role("combobox", name="What are you looking for?")
    box.press_sequentially("dini")
    options = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    expect(options.first).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "true")
    _keep(page, "suggestions")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    first = options.first.get_attribute("data-text")
    expect(box).to_have_value(first or "")
    assert box.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    page.keyboard.press("ArrowUp")  # back to what was typed
    expect(box).to_have_value("dini")
    page.keyboard.press("ArrowUp")  # and round to the last
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(box).to_have_value("dini")
    box.press_sequentially("n")
    expect(options.first).to_be_visible()
    page.keyboard.press("ArrowDown")
    chosen = options.first.get_attribute("data-text") or ""
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"“{chosen}”")


def test_suggestions_by_mouse_and_on_a_phone(visit: Callable[..., Page]) -> None:
    page = visit("/", viewport=PHONE)
    box = page.get_by_role("combobox", name="looking for")
    box.press_sequentially("dining chiar")
    option = page.locator(".suggestions [role=option]").first
    expect(option).to_contain_text("dining chair")
    _keep(page, "suggestions-phone")
    option.click()
    page.wait_for_url("**q=dining+chair**")
    expect(page.get_by_role("heading", level=1)).to_have_text("“dining chair”")
    box.fill("zzzz")
    box.press("ArrowDown")
    expect(page.locator(".suggestions [role=option]")).to_have_count(0)


def test_a_slip_is_corrected_and_can_be_insisted_on(visit: Callable[..., Page]) -> None:
    page = visit("/?q=oak+tabel&price_to=5000")
    expect(page.get_by_role("heading", level=1)).to_have_text("“oak table”")
    notice = page.locator(".spelling")
    expect(notice).to_contain_text("Showing results for oak table")
    _keep(page, "corrected")
    notice.get_by_role("link", name="oak tabel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("“oak tabel”")
    expect(page.locator(".spelling")).to_have_count(0)
    # Another price does not bring the correction back, other words do.
    page.get_by_label("Highest price").fill("900")
    page.get_by_role("button", name="Apply filters").click()
    page.wait_for_url("**price_to=900**")
    expect(page.get_by_role("heading", level=1)).to_have_text("“oak tabel”")
    page.get_by_role("combobox", name="looking for").fill("oak tabl")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("“oak table”")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["/?q=oak+tabel&near=Bristol", "/listings/1011", "/?near=Xyzzy", READ]
)
def test_text_stands_out_from_its_ground(
    visit: Callable[..., Page], scheme: str, path: str
) -> None:
    """WCAG 2.2, 1.4.3: contrast of at least 4.5 for text of ordinary size."""
    page = visit(path, color_scheme=scheme)
    faint = page.evaluate(CONTRAST)
    assert faint == []


# Every visible text node against the nearest opaque background above it.
CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${walker.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
  }
  return faint;
}"""


def test_a_listing_says_what_to_check_and_more_like_it_can_be_refined(
    visit: Callable[..., Page],
) -> None:
    page = visit("/listings/1011")
    caution = page.get_by_role("region", name="Check before you pay")
    expect(caution).to_contain_text("The price is £1,234,567; others in Tables")
    _keep(page, "listing-cautions")
    page.get_by_label("Like this, but").fill("in blue")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Similar to Signed oak table, one of one, but “in blue”"
    )
    assert _titles(page)
    _keep(page, "similar-but")
    phone = visit("/listings/1011", viewport=PHONE)
    width = phone.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    _keep(phone, "listing-cautions-phone")
