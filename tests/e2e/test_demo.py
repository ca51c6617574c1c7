"""The whole way, from a made-up feed to a page in a browser: what `make demo` shows."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from marketrank.api.app import create_app
from marketrank.config import Settings
from marketrank.pipelines.demo_buyers import make_demo_buyers
from marketrank.simulate.market import write_market
from marketrank.wiring import Marketplace

NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def market(
    tmp_path_factory: pytest.TempPathFactory, module_database_url: str, encoder_folder: Path
) -> Marketplace:
    home = tmp_path_factory.mktemp("home")
    feed = write_market(home / "feed", listings=60, at=NOW)
    (home / "models").mkdir()
    (home / "models" / encoder_folder.name).symlink_to(encoder_folder)
    market = Marketplace(Settings(home=home, database_url=module_database_url, demo_buyers=True))
    summary = market.ingest(str(feed.products), str(feed.images_table), str(feed.images))
    assert summary.listings.accepted >= 55
    assert summary.listings.rejected.total() > 0  # the dirt is there, and is seen
    assert summary.photos.accepted > 60
    market.index(rebuild=False)
    return market


@pytest.fixture(scope="module")
def server(
    market: Marketplace, serve: Callable[[FastAPI], AbstractContextManager[str]]
) -> Iterator[str]:
    app = create_app(market, settings=market.settings, clock=lambda: NOW)
    with market.running(), serve(app) as address:
        yield address


def test_a_listing_is_found_by_its_words_and_opened(
    market: Marketplace, visit: Callable[..., Page]
) -> None:
    changes = market.listings.changes(after=0, limit=100)  # type: ignore[arg-type]
    wanted = next(c.listing for c in changes if c.listing.photos and len(c.listing.title) > 10)
    page = visit("/", java_script_enabled=False)
    page.get_by_label("What are you looking for?").fill(wanted.title)
    page.get_by_role("button", name="Search", exact=True).click()
    result = page.locator(f"main a[href='/listings/{wanted.id}']").first
    expect(result).to_be_visible()
    photos = page.locator(".results img")
    expect(photos.first).to_have_js_property("naturalWidth", 448)
    result.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(wanted.title)


def test_a_photo_finds_its_own_listing(
    market: Marketplace, server: str, visit: Callable[..., Page], tmp_path: Path
) -> None:
    changes = market.listings.changes(after=0, limit=100)  # type: ignore[arg-type]
    wanted = next(c.listing for c in changes if len(c.listing.photos) == 1)
    photo = tmp_path / "mine.jpg"
    photo.write_bytes(market.blobs.get(wanted.photos[0].blob))
    page = visit("/")
    page.locator("input[type=file]").first.set_input_files(photo)
    page.wait_for_url("**/search-by-photo")
    expect(page.locator(f".results a[href='/listings/{wanted.id}']").first).to_be_visible()


def test_a_buyer_of_the_demo_has_a_feed_and_what_they_hide_is_gone_at_once(
    market: Marketplace, visit: Callable[..., Page]
) -> None:
    make_demo_buyers(market.buyers, market.events, market.listings, at=NOW)
    assert market.make_demo_buyers() == 0  # they are there
    page = visit("/", java_script_enabled=False)
    page.get_by_label("Demo: look as").select_option("demo-2")
    page.get_by_role("button", name="Switch", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("For you")
    page.wait_for_load_state("load")
    why = page.locator(".grid .why").all_inner_texts()
    assert len(why) == page.locator(".grid > li").count() > 10  # each says why
    assert any(re.search(r"Like .* you (saved|looked at)", said) for said in why)
    title = page.locator(".grid .title").first.inner_text()
    page.locator(".grid > li").first.get_by_role("button", name="Hide").click()
    expect(page.locator(".grid .title", has_text=title)).to_have_count(0)
    page.goto("/your-data")
    expect(page.locator(".deeds li").first).to_contain_text("You hid")
    page.goto("/?q=table")
    assert page.locator(".map .facet li").count() > 1
