"""What ingest finds in listings: repeats, odd prices, and signals for moderators."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from marketrank.cli import app
from marketrank.config import load
from marketrank.pipelines.ingest import ingest
from marketrank.pipelines.offers import Writer
from marketrank.types import Listing, ListingId, Money, Signal
from marketrank.wiring import Marketplace, now
from small_feed import ROWS, SOLID, Feed


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path)


@pytest.fixture
def market(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Marketplace]:
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    monkeypatch.setenv("MARKETRANK_PROCESSES", "1")
    market = Marketplace(load(tmp_path / "home"))
    yield market
    market.database.dispose()


@pytest.fixture
def run(feed: Feed, market: Marketplace) -> Callable[..., dict[str, object]]:
    return partial(feed.into, market)


def test_repeats_are_linked_and_odd_prices_flagged(
    feed: Feed, run: Callable[..., dict[str, object]], market: Marketplace
) -> None:
    odd = ("a9", "Oak table, big", "Home / Tables", "Serious offers only", "£1,234,567.00", "Bath")
    twin = ("a8", *ROWS[1][1:])
    feed.write([*ROWS, twin, odd])
    summary = run()
    assert (summary["accepted"], summary["duplicates"], summary["price_outliers"]) == (6, 1, 1)
    held = market.listings.get([ListingId("a8"), ListingId("a9")])
    repeat, contact = held[ListingId("a8")].findings[::-1]
    assert (contact.signal, repeat.signal) == (Signal.CONTACT_IN_TEXT, Signal.DUPLICATE)
    assert repeat.others == ("a2",)
    assert held[ListingId("a9")].signals == (Signal.PRICE_OUTLIER,)
    (link,) = market.listings.duplicates()
    assert (link.listing, link.of, link.kind) == ("a8", "a2", "exact_text")


def test_moderators_list_signals_with_reasons_and_sellers(
    feed: Feed, run: Callable[..., dict[str, object]], market: Marketplace
) -> None:
    feed.write([*ROWS, ("a8", *ROWS[1][1:])])
    run()

    def listed(*arguments: str) -> dict[str, Any]:
        command = ["signals", *arguments, "--json", "--home", str(market.settings.home)]
        result = CliRunner().invoke(app, command, catch_exceptions=False)
        assert result.exit_code == 0
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    everything = listed()
    assert everything["total"] == 2
    assert everything["counts"]["contact_in_text"] == 2
    (repeat,) = listed("--signal", "duplicate")["listings"]
    assert repeat["id"] == "a8"
    (finding,) = (one for one in repeat["signals"] if one["signal"] == "duplicate")
    assert "a2" in finding["reason"]
    assert [(one["id"], one["seller"]) for one in finding["others"]] == [("a2", None)]
    assert [one["id"] for one in listed("--listing", "a2")["listings"]] == ["a2"]
    assert listed("--seller", "nobody")["listings"] == []
    limited = listed("--limit", "1")
    assert (len(limited["listings"]), limited["total"]) == (1, 2)


def test_a_price_far_under_the_model_s_estimate_is_flagged(feed: Feed, market: Marketplace) -> None:
    class Dear:
        def estimates(self, listings: Sequence[Listing]) -> dict[ListingId, Money]:
            return {listing.id: Money(90_000, "GBP") for listing in listings}

    feed.write([*ROWS, ("a7", "Banquet table", *ROWS[0][2:4], "£2,000.00", "Bath")])
    with market.photo_pool() as pool:
        summary = ingest(
            market.open_feed(str(feed.products), None, None),
            listings=market.listings,
            quarantine=market.quarantine,
            blobs=market.blobs,
            cleaning=market.cleaning,
            pool=pool,
            at=now(),
            estimator=Dear(),
        )
    held = market.listings.get([ListingId("a1")])[ListingId("a1")]
    assert summary.signals["price_low"] >= 1
    assert any("about £900" in one.reason for one in held.findings)


def test_a_listing_by_the_api_has_its_findings(
    run: Callable[..., dict[str, object]], market: Marketplace
) -> None:
    run(photos=False)
    values = {"id": "b1", "title": "Oak table", "description": SOLID}
    # The feed's listing says not when it was made, so it counts as the later one.
    made = market.offers.create(values, Writer(), now())
    first = market.listings.get([ListingId("a1")])[ListingId("a1")]
    assert [(one.signal, one.others) for one in first.findings] == [(Signal.DUPLICATE, ("b1",))]
    changed = market.offers.change(made.listing.id, {"title": "Iron bed"}, Writer(), now())
    assert changed.findings == ()
    assert market.listings.duplicates() == []
    lines = [(1, values | {"id": "b2"}), (2, values | {"id": "b3"})]
    assert [one.status for one in market.offers.upsert(lines, Writer(), now())] == ["created"] * 2
    links = {(one.listing, one.of) for one in market.listings.duplicates()}
    assert links == {("a1", "b2"), ("b3", "b2")}
    market.offers.end(ListingId("b2"), Writer(), now())
    assert {(one.listing, one.of) for one in market.listings.duplicates()} == {("a1", "b3")}
