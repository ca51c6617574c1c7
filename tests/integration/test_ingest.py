"""Ingest over a real database: nothing lost, nothing done twice, everything mended in time."""

import csv
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from marketrank.cli import app
from marketrank.config import load
from marketrank.errors import BadInput
from marketrank.types import Flag, ListingId, Reason, Signal
from marketrank.wiring import Marketplace
from small_feed import IMAGES, ROWS, Feed


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


def test_a_feed_comes_in_clean(run: Callable[..., dict[str, object]], market: Marketplace) -> None:
    summary = run()
    assert summary == {
        "read": 4,
        "accepted": 4,
        "unchanged": 0,
        "rejected": {},
        "inserted": 4,
        "updated": 0,
        "ended": 0,
        "photos": {"read": 4, "accepted": 4, "unchanged": 0, "rejected": {}},
        "duplicates": 0,
        "price_outliers": 0,
        "signals": dict.fromkeys(map(str, Signal), 0) | {"contact_in_text": 1},
    }
    held = market.listings.get([ListingId(row[0]) for row in ROWS])
    table, lamp, bicycle, sofa = (held[ListingId(row[0])].listing for row in ROWS)
    assert (table.title, str(table.price), table.category) == (
        "Oak table",
        "£40",
        ("Home", "Tables"),
    )
    assert table.place is not None
    assert table.place.latitude == pytest.approx(51.38, abs=0.1)
    assert [photo.id for photo in table.photos] == ["p1", "p2"]
    assert all(market.blobs.exists(photo.blob) for photo in table.photos)
    assert "07700" not in lamp.description
    assert Flag.CONTACT_MASKED in lamp.flags
    assert bicycle.seller_type == "private"
    assert {Flag.NO_PRICE, Flag.PLACE_NOT_FOUND} <= set(bicycle.flags)
    assert {Flag.NO_PHOTOS, Flag.NO_DESCRIPTION} <= set(sofa.flags)


def test_the_same_feed_again_writes_nothing(
    run: Callable[..., dict[str, object]], market: Marketplace
) -> None:
    run()
    before = market.listings.last_seq()
    again = run(full=True)
    assert (again["unchanged"], again["inserted"], again["updated"], again["ended"]) == (4, 0, 0, 0)
    assert again["photos"] == {"read": 4, "accepted": 4, "unchanged": 4, "rejected": {}}
    assert market.listings.last_seq() == before


def test_a_changed_row_and_a_changed_photo_are_one_update_each(
    feed: Feed, run: Callable[..., dict[str, object]], market: Marketplace
) -> None:
    run()
    before = market.listings.last_seq()
    feed.write([(*ROWS[0][:4], "£35.00", ROWS[0][5]), *ROWS[1:]])
    assert run()["updated"] == 1
    feed.draw("p4", 9)
    summary = run()
    assert summary["updated"] == 1
    assert summary["photos"] == {"read": 4, "accepted": 4, "unchanged": 3, "rejected": {}}
    assert [change.listing.id for change in market.listings.changes(before, 10)] == ["a1", "a3"]


def test_a_row_that_is_gone_ends_only_in_a_full_feed(
    feed: Feed, run: Callable[..., dict[str, object]], market: Marketplace
) -> None:
    run()
    feed.write(ROWS[:3])
    feed.write_table(IMAGES)
    assert run()["ended"] == 0
    assert run(full=True)["ended"] == 1
    assert market.listings.live_ids() == {"a1", "a2", "a3"}
    feed.write(ROWS)
    assert run(full=True)["updated"] == 1  # it is back
    assert len(market.listings.live_ids()) == 4


def test_a_bad_row_waits_until_it_is_mended(
    feed: Feed, run: Callable[..., dict[str, object]], market: Marketplace
) -> None:
    run()
    feed.write([(ROWS[0][0], "", *ROWS[0][2:]), ("", *ROWS[1][1:]), *ROWS[2:], ROWS[2]])
    summary = run(full=True)
    assert summary["rejected"] == {"missing_id": 1, "missing_title": 1, "repeated_id": 1}
    assert (summary["read"], summary["accepted"]) == (5, 2)
    # a1 is still in the feed, if only as a ruin, and lives on; a2 cannot be known to be.
    assert market.listings.live_ids() == {"a1", "a3", "a4"}
    reasons = {(one.key, one.reason) for one in market.quarantine.all() if one.kind == "listing"}
    assert ("a1", Reason.MISSING_TITLE) in reasons
    feed.write(ROWS)
    run(full=True)
    assert "a1" not in {one.key for one in market.quarantine.all()}


def test_a_bad_photo_is_left_out_and_named(
    feed: Feed, run: Callable[..., dict[str, object]], market: Marketplace
) -> None:
    (feed.images / "p2.jpg").write_bytes((feed.images / "p2.jpg").read_bytes()[:400])
    (feed.images / "p3.jpg").unlink()
    feed.write_table([*IMAGES, ("p9", "unknown"), ("p1", "a4")])
    summary = run()
    assert summary["photos"] == {
        "read": 6,
        "accepted": 2,
        "unchanged": 0,
        "rejected": {
            "photo_missing": 1,
            "photo_truncated": 1,
            "photo_without_listing": 1,
            "repeated_id": 1,
        },
    }
    held = market.listings.get([ListingId("a1"), ListingId("a2")])
    assert [photo.id for photo in held[ListingId("a1")].listing.photos] == ["p1"]
    assert Flag.NO_PHOTOS in held[ListingId("a2")].listing.flags
    feed.draw("p2", 1)
    feed.draw("p3", 2)
    feed.write_table(IMAGES)
    assert run()["updated"] == 2
    left = {one.key for one in market.quarantine.all()}
    assert not left & {"p2", "p3"}


def test_a_feed_without_photos_keeps_them(
    feed: Feed, run: Callable[..., dict[str, object]], market: Marketplace
) -> None:
    run()
    summary = run(photos=False)
    assert (summary["unchanged"], summary["updated"]) == (4, 0)
    feed.write([(*ROWS[0][:4], "£35.00", ROWS[0][5]), *ROWS[1:]])
    run(photos=False)
    held = market.listings.get([ListingId("a1")])[ListingId("a1")].listing
    assert [photo.id for photo in held.photos] == ["p1", "p2"]
    assert str(held.price) == "£35"


def test_without_a_table_the_files_names_say_whose_they_are(
    feed: Feed, market: Marketplace
) -> None:
    for old, new in (("p1", "a1"), ("p2", "a1-2"), ("p3", "a2_1"), ("p4", "stray")):
        (feed.images / f"{old}.jpg").rename(feed.images / f"{new}.jpg")
    summary = market.ingest(str(feed.products), None, str(feed.images)).as_dict()
    assert summary["photos"] == {
        "read": 4,
        "accepted": 3,
        "unchanged": 0,
        "rejected": {"photo_without_listing": 1},
    }
    held = market.listings.get([ListingId("a1"), ListingId("a2")])
    assert [p.id for p in held[ListingId("a1")].listing.photos] == ["a1", "a1-2"]
    assert [p.id for p in held[ListingId("a2")].listing.photos] == ["a2_1"]


def test_a_table_without_files_is_refused_with_the_remedy(feed: Feed, market: Marketplace) -> None:
    with pytest.raises(BadInput, match="--images"):
        market.ingest(str(feed.products), str(feed.table), None)


def test_the_command_prints_one_json_object(feed: Feed, market: Marketplace) -> None:
    feed.write([*ROWS, ("a5", "", *ROWS[0][2:])])
    arguments = ["ingest", "--products", str(feed.products), "--home", str(market.settings.home)]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert summary["rejected"] == {"missing_title": 1}
    assert summary["read"] == summary["accepted"] + 1 == 5
    listed = CliRunner().invoke(app, ["rejected", "--home", str(market.settings.home), "--csv"])
    header, row = listed.stdout.splitlines()
    assert header == "kind,key,reason,detail,source,raw"
    assert row.startswith("listing,a5,missing_title,")


def test_what_the_store_cannot_hold_is_rejected_alone(tmp_path: Path, market: Marketplace) -> None:
    hostile = [
        {"id": "x" * 5000, "title": "Long id"},
        {"id": "nul\0id", "title": "Lamp\0s", "category": "Ho\0me / La\0mps", "location": "Ba\0th"},
        {
            "id": "ok1",
            "title": "Chair",
            "seller_id": "s\0",
            "price": "£9",
            "description": "\ud800!",
        },
        {"id": "ok2", "title": "x" * 100_000, "description": "y" * 1_000_000},
        {
            "id": "ok3",
            "title": "Big",
            "price": "£" + "9" * 400,
            "latitude": "1e400",
            "longitude": 0,
        },
        {"id": "ok4", "title": "Odd", "created_at": "9999999999999999", "category": ["", "a"] * 9},
        {"id": {"deep": ["\0"]}, "title": "Not a text"},
        ["no", "record"],
    ]
    products = tmp_path / "hostile.jsonl"
    products.write_text("\n".join(json.dumps(row) for row in hostile) + '\n{"torn": \n\0\0\n')
    summary = market.ingest(str(products), None, None)
    summary.listings.check("listing")
    assert summary.listings.rejected["not_storable"] == 1
    assert {"ok2", "ok3", "ok4"} <= market.listings.live_ids()
    again = market.ingest(str(products), None, None)
    assert (again.inserted, again.updated) == (0, 0)


def test_a_database_is_a_feed_with_both_its_tables(
    feed: Feed, market: Marketplace, empty_database_url: str
) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(
            "CREATE TABLE products (id text, product_name text, category text, "
            "product_description text, price text, location text)"
        )
        connection.execute("CREATE TABLE images (id text, product_id text)")
        for row in ROWS:
            connection.execute("INSERT INTO products VALUES (%s, %s, %s, %s, %s, %s)", row)
        for image in IMAGES:
            connection.execute("INSERT INTO images VALUES (%s, %s)", image)
    # The embedded server trusts its socket, so any password will do; none may be kept.
    url = empty_database_url.replace("postgres@", "postgres:s3cret@")
    summary = market.ingest(url, None, str(feed.images)).as_dict()
    assert (summary["read"], summary["accepted"]) == (4, 4)
    assert summary["photos"] == {"read": 4, "accepted": 4, "unchanged": 0, "rejected": {}}
    again = market.ingest(str(feed.products), str(feed.table), str(feed.images)).as_dict()
    assert again["unchanged"] == 4  # "N/A" and all: the same listings as from the files
    (feed.images / "p1.jpg").unlink()
    market.ingest(url, None, str(feed.images))
    assert "s3cret" not in repr(market.quarantine.all())


def test_a_full_feed_without_a_listing_ends_nothing(
    feed: Feed, run: Callable[..., dict[str, object]], market: Marketplace
) -> None:
    run()
    feed.write([])
    with pytest.raises(BadInput, match="no usable listing"):
        run(full=True)
    assert len(market.listings.live_ids()) == 4


def test_rejections_without_an_id_are_kept_apart_and_cleared_by_their_source(
    tmp_path: Path, market: Marketplace
) -> None:
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    bad = '{"title": "no id"}\n'
    good = '{"id": "B", "title": "ok"}\n'
    one.write_text(bad + good * 3)
    other.write_text(bad)
    market.ingest(str(one), None, None)
    market.ingest(str(other), None, None)
    rows = {(record.source, record.reason) for record in market.quarantine.all()}
    assert len(market.quarantine.all()) == 4
    assert rows == {
        (str(one), Reason.MISSING_ID),
        (str(one), Reason.REPEATED_ID),
        (str(other), Reason.MISSING_ID),
    }
    one.write_text('{"id": "A", "title": "mended"}\n' + good)
    market.ingest(str(one), None, None)
    (left,) = market.quarantine.all()
    assert left.source == str(other)


def test_ids_beyond_64_bits_stay_apart(tmp_path: Path, market: Marketplace) -> None:
    products = tmp_path / "big.jsonl"
    ids = ["12345678901234567890123", "12345678901234567890124"]
    products.write_text("".join(f'{{"id": {id}, "title": "Lamp"}}\n' for id in ids))
    market.ingest(str(products), None, None)
    assert market.listings.live_ids() == set(ids)


def test_a_photo_is_found_by_the_file_that_the_table_names(
    feed: Feed, run: Callable[..., dict[str, object]], market: Marketplace
) -> None:
    rows = [("id", "product_id", "file"), ("q1", "a1", "deep/p1.jpg"), ("p2", "a1", "")]
    with feed.table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    run()
    held = market.listings.get([ListingId("a1")])[ListingId("a1")].listing
    assert [photo.id for photo in held.photos] == ["q1", "p2"]
