"""The made-up marketplace: its feed, its words, its dirt."""

import csv
import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import orjson
import pytest

from marketrank.errors import BadInput
from marketrank.listings.sources import read_images_table, read_products
from marketrank.simulate.adverts import Advert, make_advert
from marketrank.simulate.catalogue import departments, read_department
from marketrank.simulate.dirt import soil
from marketrank.simulate.market import MarketFiles, write_market
from marketrank.simulate.palette import looks
from marketrank.simulate.phrases import phrases
from marketrank.simulate.sellers import choose_sellers, make_sellers
from marketrank.simulate.shapes import SHAPES
from marketrank.simulate.typing_slips import Hand, typed
from marketrank.simulate.wording import expand
from marketrank.types import Reason, Rejected

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
CAREFUL = Hand("sentence", 0, 0, 0, True, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def adverts() -> list[Advert]:
    rng = random.Random(3)
    sellers = choose_sellers(make_sellers(2_000, rng), 2_000, rng)
    return [make_advert(seller, at=AT, seed=f"3/{i}") for i, seller in enumerate(sellers)]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> MarketFiles:
    return write_market(tmp_path_factory.mktemp("market"), listings=40, at=AT, processes=1)


def _digest(files: MarketFiles) -> dict[str, str]:
    every = [files.products, files.images_table, files.truth, *sorted(files.images.iterdir())]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in every}


def test_the_same_seed_gives_the_same_bytes_in_one_process_or_two(tmp_path: Path):
    one = write_market(tmp_path / "one", listings=16, seed=5, at=AT, processes=1)
    two = write_market(tmp_path / "two", listings=16, seed=5, at=AT, processes=2)
    assert _digest(one) == _digest(two)


def test_another_seed_gives_another_market(tmp_path: Path, market: MarketFiles):
    other = write_market(tmp_path, listings=3, seed=8, at=AT, processes=1)
    assert not set(_digest(other).values()) & set(_digest(market).values())


def test_progress_counts_up_to_all_photos(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    write_market(
        tmp_path, listings=3, at=AT, processes=1, progress=lambda *counts: seen.append(counts)
    )
    assert seen[0][0] == 0
    assert seen == sorted(seen)
    assert seen[-1] == (seen[0][1], seen[0][1])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"listings": 0, "at": AT}, "listings"),
        ({"processes": 0, "at": AT}, "processes"),
        ({"at": AT.replace(tzinfo=None)}, "time zone"),
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path: Path, arguments, named):
    with pytest.raises(BadInput, match=named):
        write_market(tmp_path / "none", **arguments)
    assert not (tmp_path / "none").exists()


# The feed.


def test_the_real_reader_loses_no_record_and_finds_the_dirt(market: MarketFiles):
    records = list(read_products(str(market.products)))
    torn = [record for record in records if isinstance(record, Rejected)]
    whole = [record.values for record in records if not isinstance(record, Rejected)]
    truth = [orjson.loads(line) for line in market.truth.read_bytes().splitlines()]
    ids = Counter(values["id"] for values in whole)
    assert {one.reason for one in torn} == {Reason.TORN_RECORD}
    assert ids[None] + ids[""] == 1
    assert max(count for name, count in ids.items() if name) == 2
    assert {one["id"] for one in truth} == {name for name in ids if name} | {t.key for t in torn}
    assert sum(not (values["title"] or "").strip() for values in whole) >= 1


def test_some_records_are_torn_over_lines_and_an_ordinary_reader_stumbles(market: MarketFiles):
    with market.products.open(newline="") as file:
        rows = list(csv.reader(file))
    assert len({len(row) for row in rows}) > 1
    descriptions = [
        record.values["description"]
        for record in read_products(str(market.products))
        if not isinstance(record, Rejected)
    ]
    assert any("\n" in (text or "") for text in descriptions)


def test_every_photo_has_a_line_and_every_line_but_the_missing_ones_a_photo(market: MarketFiles):
    lines = list(read_images_table(str(market.images_table)))
    named = [line.id for line in lines if not isinstance(line, Rejected)]
    files = {path.stem for path in market.images.iterdir()}
    unnamed = {one.key for one in lines if isinstance(one, Rejected)}
    assert files <= set(named) | unnamed
    assert len(set(named) - files) == 1
    assert len(named) == len(set(named))


# What is sold.


def test_thirteen_roots_sell_at_least_120_kinds_and_all_can_be_drawn_and_told():
    kinds = [kind for department in departments() for kind in department.kinds]
    assert len({department.root for department in departments()}) == 13
    assert len({kind.name for kind in kinds}) == len(kinds) >= 120
    for kind in kinds:
        assert kind.shape in SHAPES, kind.name
        assert phrases().defects[kind.wear], kind.name
        assert phrases().reasons[kind.reason], kind.name
        for colour in kind.colours:
            for material in kind.materials:
                assert len(looks(material, colour)[0]) == 3
    assert any("/" in label for kind in kinds for label in kind.category)


def test_a_misspelt_field_of_a_kind_is_named():
    table = 'root = "R"\nshare = 1.0\n[[kind]]\nname = "spoon"\nprise = 3\n'
    with pytest.raises(BadInput, match=r"spoon.*prise"):
        read_department(table)


def test_prices_follow_the_kind_and_its_condition(adverts: list[Advert]):
    prices: dict[str, list[float]] = {}
    for advert in adverts:
        if advert.price.startswith("£"):
            prices.setdefault(advert.truth.kind, []).append(
                float(advert.price[1:].replace(",", ""))
            )
    assert median(prices["book"]) < 15
    assert 60 < median(prices["sofa"]) < 400
    assert median(prices["mobility scooter"]) > 200
    assert 20 < median(price for many in prices.values() for price in many) < 60
    free = sum(advert.price in ("Free", "£0.00") for advert in adverts)
    assert 0.004 < free / len(adverts) < 0.03


def test_a_market_of_2000_has_some_hundred_sellers_some_with_many(adverts: list[Advert]):
    counts = Counter(advert.seller for advert in adverts)
    assert 400 < len(counts) < 750
    assert counts.most_common(1)[0][1] > 12
    assert len({advert.category.split(" / ")[0] for advert in adverts}) == 13


def test_times_lie_in_the_90_days_before(adverts: list[Advert]):
    for advert in adverts:
        created = datetime.fromisoformat(advert.created)
        assert timedelta(0) < AT - created < timedelta(days=92)


# What is written.


def test_contact_details_are_of_reserved_ranges_only(adverts: list[Advert]):
    text = "\n".join(f"{a.title} {a.description}" for a in soil(adverts, random.Random(1)).adverts)
    numbers = re.findall(r"(?:\+44 ?|0)7[\d -]{8,12}\d", text)
    assert len(numbers) > 30
    for number in numbers:
        digits = re.sub(r"\D", "", number).removeprefix("44").removeprefix("0")
        assert re.fullmatch(r"7700900\d{3}", digits), number
    mails = re.findall(r"\S+@(\S+?)[.!,]*(?:\s|$)", text)
    assert {mail.lower() for mail in mails} == {"example.com"}
    assert set(re.findall(r"\b[A-Z]{2}\d{2} \d[A-Z]{2}\b", text)) == {"ZZ99 3VZ"}


def test_texts_are_varied_and_leave_no_slot_unfilled(adverts: list[Advert]):
    titles = {advert.title.lower() for advert in adverts}
    texts = [advert.description for advert in adverts]
    assert len(titles) > 0.9 * len(adverts)
    assert len(set(texts)) > 0.98 * len(texts)
    assert not [text for text in texts if re.search(r"[{}\[\]|]", text)]
    lengths = sorted(map(len, texts))
    assert lengths[len(lengths) // 10] < 100
    assert lengths[len(lengths) * 95 // 100] > 450
    assert any(advert.title.isupper() for advert in adverts)
    assert any(advert.title.islower() for advert in adverts)


def test_a_template_is_filled_with_either_and_the_slots():
    ways = {expand("[a|b] {Thing}, {THING}", {"thing": "jug"}, random.Random(i)) for i in range(30)}
    assert ways == {"a Jug, JUG", "b Jug, JUG"}


def test_a_careful_hand_types_what_is_meant_and_a_hasty_one_does_not():
    text = "This is an excellent wardrobe in very good condition, don't miss it"
    assert typed(text, CAREFUL, random.Random(1)) == text
    hasty = Hand("sentence", 0.5, 1.0, 1.0, False, 0, 0, 0, 0)
    wrong = {typed(text, hasty, random.Random(i)) for i in range(20)}
    assert text not in wrong
    assert any("vgc" in way for way in wrong)


# The dirt.


@pytest.fixture(scope="module")
def dirty(adverts: list[Advert]) -> Iterator[dict[str, int]]:
    soiled = soil(adverts, random.Random(2))
    rows = soiled.adverts
    yield {
        "all": len(rows),
        "site": sum(row.title.endswith("| Gumtree") for row in rows),
        "posted": sum("Posted by" in row.description for row in rows),
        "private": sum(row.category.endswith(" / Private") for row in rows),
        "entity": sum("&#x27;" in row.description or "&pound;" in row.description for row in rows),
        "mojibake": sum("â€™" in row.description for row in rows),
        "missing": sum("N/A" in (row.price, row.location, row.description) for row in rows),
        "untitled": sum(row.title.strip() in ("", "N/A") for row in rows),
        "nameless": sum(not row.id for row in rows),
        "joke": sum(row.price in ("£1,234,567.00", "£9,999,999.00", "£0.01") for row in rows),
        "copied photo": len(soiled.copies),
        "reworked photo": len(soiled.reworked),
        "no photo": sum(not row.photos for row in rows),
        "stray photo": len(soiled.orphans),
        "lost photo": len(soiled.missing),
    }


@pytest.mark.parametrize(
    "sort",
    ["site", "posted", "private", "entity", "mojibake", "missing", "untitled", "nameless", "joke",
     "copied photo", "reworked photo", "no photo", "stray photo", "lost photo"],
)  # fmt: skip
def test_each_sort_of_dirt_is_there_but_rare(dirty: dict[str, int], sort: str):
    assert 0 < dirty[sort] < 0.25 * dirty["all"]


def test_repeats_come_under_new_ids_with_the_same_or_a_slightly_changed_text(adverts: list[Advert]):
    rows = soil(adverts, random.Random(2)).adverts
    ids = [row.id for row in rows if row.id]
    texts = Counter(row.description for row in rows if len(row.description) > 60)
    assert len(ids) == len(set(ids))
    assert len(rows) > len(adverts)
    assert sum(count > 1 for count in texts.values()) >= 20
