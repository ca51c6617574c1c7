"""The data report: what it says, that it needs nothing but itself, and how it stands in a
browser."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import pytest
from playwright.sync_api import Browser, sync_playwright

from chromium import ARGUMENTS, CHROMIUM
from marketrank.errors import BadInput
from marketrank.listings.report import write_report
from marketrank.types import (
    BlobKey,
    Duplicate,
    Finding,
    Flag,
    ImageId,
    Listing,
    ListingId,
    ListingKey,
    Money,
    Photo,
    Place,
    Reason,
    Rejected,
    Seq,
    Signal,
    Stored,
)

AT = datetime(2024, 3, 1, 9, 30, tzinfo=UTC)
BRISTOL = Place("Bristol", "Avon", latitude=51.455, longitude=-2.588)
LEEDS = Place("Leeds", "West Yorkshire", latitude=53.797, longitude=-1.544)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> $a$ & {{ 7 * 7 }}"
VOID = {"meta", "img", "br", "link", "input", "hr"}


def stored(
    id: str,
    title: str = "Oak table",
    *,
    category: tuple[str, ...] = ("Home", "Tables"),
    price: int | None = 5000,
    currency: str = "GBP",
    place: Place | None = BRISTOL,
    photos: Sequence[tuple[int, int]] = ((800, 600),),
    flags: tuple[Flag, ...] = (),
    signals: tuple[Signal, ...] = (),
    live: bool = True,
    created_at: datetime | None = None,
) -> Stored:
    listing = Listing(
        id=ListingId(id),
        title=title,
        description=f"{title} in good condition",
        category=category,
        price=None if price is None else Money(price, currency),
        place=place,
        created_at=created_at,
        photos=tuple(
            Photo(ImageId(f"{id}-{n}"), n, BlobKey(f"b{id}{n}"), f"s{id}{n}", *size, 0)
            for n, size in enumerate(photos)
        ),
        flags=flags,
    )
    return Stored(
        listing,
        ListingKey(1),
        Seq(1),
        live,
        AT,
        tuple(Finding(signal, "odd") for signal in signals),
    )


def bad(n: int, reason: Reason = Reason.MISSING_TITLE, raw: str = "") -> Rejected:
    return Rejected("listing", f"row {n}", reason, "it has no title; give it one", "feed", raw)


MARKET = [
    stored("1", created_at=datetime(2024, 2, 3, 8, tzinfo=UTC)),
    stored("2", "Oak desk", price=15000, created_at=datetime(2024, 2, 28, 8, tzinfo=UTC)),
    stored("3", "Pine shelf", category=("Home", "Shelves"), price=0, photos=[]),
    stored("4", "Oak shelf", category=("Home",), price=7000, place=LEEDS, photos=[(600, 800)] * 2),
    stored("5", "Road bike", category=("Sports", "Bikes"), price=None, flags=(Flag.NO_PRICE,)),
    stored("6", "Gravel bike", category=("Sports", "Bikes"), price=99900, currency="EUR"),
    stored("7", "Lamp", category=(), place=None, signals=(Signal.PRICE_OUTLIER,)),
    stored("8", "Chair", live=False, price=123456),
]
REJECTED = [bad(n) for n in range(30)] + [bad(31, Reason.TORN_RECORD)]
DUPLICATES = [
    Duplicate(ListingId("2"), ListingId("1"), "near_text", 0.875),
    Duplicate(ListingId("2"), ListingId("1"), "exact_photo", 1.0),
    Duplicate(ListingId("4"), ListingId("1"), "exact_photo", 1.0),
]


class Parsed(HTMLParser):
    """A page's elements, texts and tables; fails where tags are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.texts.append(data)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def report(
    out: Path,
    listings: Sequence[Stored],
    rejected: Sequence[Rejected] = (),
    duplicates: Sequence[Duplicate] = (),
) -> Parsed:
    page = write_report(
        out, listings=iter(listings), rejected=rejected, duplicates=duplicates, at=AT
    )
    assert page == out / "index.html"
    return Parsed(page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out") / "deep" / "report"


@pytest.fixture(scope="module")
def page(folder: Path) -> Parsed:
    return report(folder, MARKET, REJECTED, DUPLICATES)


def tile(page: Parsed, name: str) -> tuple[str, str]:
    """The value and the remark of a figure on top."""
    texts = [text.strip() for text in page.texts if text.strip()]
    at = texts.index(name)
    return texts[at - 1], texts[at - 2]


# What it says.


def test_the_summary_counts_live_listings(page: Parsed) -> None:
    assert tile(page, "live listings") == ("7", "in 2 categories")
    assert tile(page, "photos") == ("7", "1.00 a listing")
    assert tile(page, "median price") == ("£50", "of 5 prices in GBP")
    assert tile(page, "on the map") == ("6", "85.7 % of the listings")
    assert tile(page, "duplicates") == ("2", "28.6 % of the listings")
    assert tile(page, "rejected")[0] == "31"
    assert "Made on 1 March 2024, 09:30 UTC." in page.text()
    assert "between 3 February 2024 and 28 February 2024" in page.text()
    assert "Ended listings, left out: 1." in page.text()


def test_prices_are_told_by_category_in_the_main_currency(page: Parsed) -> None:
    assert ["Home", "£60", "£70", "£110", "£150"] in page.rows
    assert "Listings at a price of zero, not drawn: 1." in page.text()
    assert "Prices in EUR, not drawn: 1." in page.text()
    assert ["(no category)", "£50", "£50", "£50", "£50"] in page.rows


def test_tables_count_towns_categories_sizes_and_missing_values(page: Parsed) -> None:
    for row in (
        ["Bristol", "5", "71.4 %"],
        ["Tables", "2", "50.0 %"],
        ["Bikes", "2", "100 %"],
        ["800 × 600", "5", "71.4 %"],
        ["price", "1", "14.3 %"],
        ["seller", "7", "100 %"],
        ["description", "0", "0 %"],
        ["no price", "1", "14.3 %"],
        ["price outlier", "1", "14.3 %"],
        ["oak", "3", "42.9 %"],
    ):
        assert row in page.rows, row
    assert "(no category) 1 14.3 %" in page.text()


def test_duplicates_and_rejections_are_told_with_examples(page: Parsed) -> None:
    assert ["the same photo", "2", "66.7 %"] in page.rows
    assert ["Oak desk2", "Oak table1", "nearly the same text", "0.88"] in page.rows
    assert ["missing title (listing)", "30", "96.8 %"] in page.rows
    examples = [row for row in page.rows if row[1:2] and row[1].startswith("row ")]
    assert [row[1] for row in examples] == [f"row {n}" for n in range(20)]


def test_plots_name_what_they_draw(page: Parsed) -> None:
    labels = " ".join(page.texts)
    for text in ("£100", "52°N", "4:3", "Leeds"):
        assert text in labels
    assert [svg["role"] for svg in page.named("svg")] == ["img"] * 5


# That it is sound.


def test_the_page_needs_nothing_but_itself(page: Parsed, folder: Path) -> None:
    for tag, attributes in page.elements:
        assert tag not in {"script", "link", "iframe", "base"}
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    html = (folder / "index.html").read_text(encoding="utf-8")
    assert "http" not in html and "@import" not in html
    assert not any(stand_in in html for stand_in in ("#010203", "#040506", "#070809", "#0a0b0c"))


def test_the_page_is_accessible(page: Parsed) -> None:
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert max(ids.values()) == 1
    links = [attributes["href"] for attributes in page.named("a")]
    assert links and all(link and link[1:] in ids for link in links)
    headings = [int(tag[1]) for tag, _ in page.elements if tag in {"h1", "h2", "h3"}]
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(headings))
    assert all(len(picture["alt"] or "") > 20 for picture in page.named("img"))
    assert all(len(svg["aria-label"] or "") > 10 for svg in page.named("svg"))
    assert page.named("html")[0]["lang"] == "en"
    assert all("scope" in head for head in page.named("th"))


def test_whatever_people_write_is_escaped(tmp_path: Path) -> None:
    hostile = stored(
        "x" + HOSTILE,
        HOSTILE,
        category=(HOSTILE, HOSTILE),
        place=Place(HOSTILE, latitude=51.0, longitude=0.0),
    )
    links = [Duplicate(hostile.listing.id, ListingId(HOSTILE), HOSTILE, 1.0)]
    ruin = Rejected(HOSTILE, HOSTILE, Reason.NOT_A_RECORD, HOSTILE, HOSTILE, HOSTILE)
    page = report(tmp_path, [hostile, stored("2", HOSTILE)], [ruin], links)
    assert not page.named("script")
    assert all("onerror" not in attributes for _, attributes in page.elements)
    assert all((picture["src"] or "").startswith("data:") for picture in page.named("img"))
    plain = " ".join(HOSTILE.split())
    # Title, category in plot, table and list, town, kind, key, detail, raw, …
    assert page.text().count(plain) >= 10


def test_contact_details_of_rejected_records_are_masked(tmp_path: Path) -> None:
    detail = "not a price: call 07700 900123"
    raw = "id,1,write to someone@example.com or call 07700 900456"
    ruin = Rejected("listing", "1", Reason.NOT_A_RECORD, detail, "feed", raw + " x" * 500)
    [row] = [row for row in report(tmp_path, [], [ruin]).rows if "not a price" in row[-1]]
    assert "900123" not in row[-1] and "900456" not in row[-1] and "example.com" not in row[-1]
    assert row[-1].endswith("…") and len(row[-1]) < 400


@pytest.mark.parametrize(
    ("listings", "says"),
    [
        ([], "There are no listings."),
        ([stored("1", live=False)], "Ended listings, left out: 1."),
        ([stored("1", photos=[])], "No listing has a photo."),
        ([stored("1", price=None)], "No listing has a price above zero."),
        ([stored("1", price=0), stored("2", price=0)], "No listing has a price above zero."),
        ([stored("1", place=None)], "No listing has coordinates."),
        ([stored("1", place=Place("Bristol"))], "No listing has coordinates."),
        ([stored("1", category=())], "(no category)"),
        ([stored("1", "🙂", price=1, photos=[(16, 60000)])], "16 × 60000"),
        ([stored("1", price=10**15, currency="XYZ")], "XYZ 10,000,000,000,000"),
        (
            [
                stored(str(n), place=Place("Far", latitude=float(n), longitude=179.0))
                for n in (-80, 80)
            ],
            "Far",
        ),
    ],
)
def test_whatever_is_missing_or_odd_the_page_is_written(
    tmp_path: Path, listings: list[Stored], says: str
) -> None:
    assert says in report(tmp_path, listings).text()


def test_many_categories_and_towns_are_summed_up(tmp_path: Path) -> None:
    market = [
        stored(
            str(n),
            category=(f"Root {n % 60:02}", f"Second {n}"),
            place=Place(f"Town {n:03}", latitude=50 + n / 50, longitude=-n / 60),
        )
        for n in range(300)
    ]
    page = report(tmp_path, market)
    assert ["all others (286)", "286", "95.3 %"] in page.rows  # of towns, 14 are named
    assert "all others (12)" in page.text()  # of roots, 48 are named
    assert [row[0] for row in page.rows if len(row) == 5][-1] == "all others"  # of prices


def test_the_same_data_make_the_same_page(folder: Path, page: Parsed, tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    report(tmp_path, MARKET, REJECTED, DUPLICATES)
    assert (tmp_path / "index.html").read_bytes() == (folder / "index.html").read_bytes()
    assert dict(mpl.rcParams) == before


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    file = tmp_path / "report"
    file.write_text("")
    for out in (file, file / "deeper"):
        with pytest.raises(BadInput, match=r"cannot write the report to .*report.*--out"):
            report(out, [])


def test_many_listings_make_a_page_that_a_browser_can_open(tmp_path: Path) -> None:
    rng = random.Random(4)
    words = [f"w{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(500)]
    market = [
        stored(
            str(n),
            " ".join(rng.choices(words, k=5)),
            category=(f"Root {n % 13}", f"Second {n % 117}"),
            price=round(10 ** rng.uniform(1, 6)),
            place=Place(
                f"Town {n % 900}", latitude=rng.uniform(50, 58), longitude=rng.uniform(-6, 2)
            ),
            photos=[(rng.randint(200, 4000), rng.randint(200, 4000))] * (n % 3),
        )
        for n in range(20_000)
    ]
    start = time.process_time()
    report(tmp_path, market)
    assert time.process_time() - start < 20
    assert (tmp_path / "index.html").stat().st_size < 3_000_000


# How it stands in a browser.


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium on this machine: install the package chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_overflows_in_a_browser(
    browser: Browser, page: Parsed, folder: Path, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844})
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: pytest.fail(f"the console says {message.text}"))
    tab.goto((folder / "index.html").as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert [url for url in asked if not url.startswith("data:")] == [tab.url]
    boxes = tab.evaluate(
        "[...document.querySelectorAll('svg, img')].map(e => e.getBoundingClientRect())"
        ".map(box => [box.width, box.height])"
    )
    assert len(boxes) == 7
    assert all(wide > 250 and high > 60 for wide, high in boxes), boxes
    assert tab.get_by_role("img", name="Prices in each category").is_visible()
    context.close()
