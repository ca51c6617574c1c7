"""From listings to a query that is understood: index, release, follower, engine."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from marketrank.asking import ParseKind, Request
from marketrank.config import load
from marketrank.pipelines import indexing, release_building
from marketrank.retrieval.understand import categories
from marketrank.types import Listing, ListingId, Money, Place, RequestId
from marketrank.wiring import Marketplace

AT = datetime(2026, 1, 1, tzinfo=UTC)
SOFAS, BIKES = ("Home & Garden", "Sofas"), ("Sports", "Bicycles")
LEEDS = Place("Leeds", latitude=53.8, longitude=-1.55)
TRURO = Place("Truro", latitude=50.26, longitude=-5.05)


def made_up(n: int) -> Listing:
    title, path = (("velvet sofa", SOFAS), ("mountain bike", BIKES))[n % 2]
    place = TRURO if n < 16 else LEEDS
    return Listing(
        ListingId(f"l{n}"), f"{title} {n}", category=path, price=Money(n * 500, "GBP"), place=place
    )


@pytest.fixture
def market(
    tmp_path: Path, database_url: str, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Marketplace:
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / encoder_folder.name).symlink_to(encoder_folder)
    market = Marketplace(load(tmp_path))
    market.listings.apply([made_up(n) for n in range(20)], at=AT)
    market.index(rebuild=False)
    market.follower.refresh()
    return market


def test_a_query_is_understood_from_the_index_to_the_answer(market: Marketplace) -> None:
    ask = Request(RequestId("r"), AT, text="bicycles under £90 near Leeds")
    ranking = market.answer(ask)
    assert [(p.kind, p.value) for p in ranking.understood.parses] == [
        ("price", "..90"),
        ("near", "Leeds"),
        ("category", "Sports / Bicycles"),
    ]
    first = ranking.items[0].listing
    assert (first.category, first.place, first.id) == (BIKES, LEEDS, "l17")
    assert {item.listing.price.minor <= 9000 for item in ranking.items if item.listing.price} == {
        True
    }
    words = market.answer(
        Request(RequestId("r"), AT, text=ask.text, ignore=tuple(ParseKind))
    ).understood
    assert (words.text, words.parses) == (ask.text, ())
    market.database.dispose()


def test_a_release_holds_the_classifier_and_the_next_one_keeps_it(
    market: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = market.release()
    assert before is not None
    held = categories.read(market.release_folder / before / "index")
    assert held is not None
    assert held.classes == (SOFAS, BIKES)
    manifest = (market.release_folder / before / "release.json").read_text()
    assert "index/categories.npz" in manifest  # with its checksum

    def refuse(*given: object, **named: object) -> None:
        raise RuntimeError("fitted anew")

    monkeypatch.setattr(release_building, "fit_categories", refuse)
    monkeypatch.setattr(indexing, "_MIN_FRESH", 0)
    market.listings.apply([made_up(n) for n in range(20, 24)], at=AT)
    assert market.index(rebuild=False).released
    market.follower.refresh()
    after = market.follower.view()
    assert after is not None
    assert after.release != before
    assert after.categories is not None
    assert after.categories.classes == held.classes
    with pytest.raises(RuntimeError, match="fitted anew"):
        market.index(rebuild=True)
    assert market.release() == after.release
    market.database.dispose()
