"""A release is rebuilt beside the one that answers, which goes on answering."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from sqlalchemy import event

from marketrank.asking import Request
from marketrank.config import load
from marketrank.pipelines import indexing, release_building
from marketrank.pipelines.progress import silent
from marketrank.retrieval import release as releases
from marketrank.retrieval.text_index import TextWriter
from marketrank.types import (
    Attributes,
    Listing,
    ListingId,
    ModelVersion,
    ReleaseId,
    RequestId,
    Seq,
    StoredVectors,
)
from marketrank.wiring import Marketplace

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_PATIENCE = 60.0


def ask(market: Marketplace, text: str) -> list[str]:
    market.follower.refresh()
    ranking = market.answer(Request(RequestId("r"), NOW, text=text))
    return [item.listing.id for item in ranking.items]


def has_vector(market: Marketplace, listing: str) -> bool:
    market.follower.refresh()
    view = market.follower.view()
    assert view is not None
    key = view.catalogue.key_of(ListingId(listing))
    assert key is not None
    return bool(view.vectors.vectors_of(np.array([key])).any())


def named(number: int) -> Listing:
    return Listing(ListingId(f"l{number}"), f"oak table zebra{number}")


@pytest.fixture
def market(
    tmp_path: Path, database_url: str, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Marketplace]:
    """Thirty listings, released; five fresh or ended ones make the release stale."""
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    monkeypatch.setattr(indexing, "_MIN_FRESH", 4)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / encoder_folder.name).symlink_to(encoder_folder)
    market = Marketplace(load(tmp_path))
    market.listings.apply([named(n) for n in range(30)], at=NOW)
    market.index(rebuild=False)
    yield market
    market.database.dispose()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Builds of an index wait until this is set."""
    go, build = Event(), release_building.build

    def wait_and_build(*args: object, **options: object) -> None:
        assert go.wait(_PATIENCE)
        build(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(release_building, "build", wait_and_build)
    yield go
    go.set()


def current(market: Marketplace) -> ReleaseId | None:
    return releases.current(market.release_folder)


def test_searches_and_changes_go_on_while_a_release_is_built(
    market: Marketplace, slow: Event
) -> None:
    indexer = market.indexer()
    before = current(market)
    market.listings.apply([named(n) for n in range(30, 36)], at=NOW)
    assert indexer.catch_up(NOW, in_background=True).released
    assert "l3" in ask(market, "zebra3")
    # What is new, changed and ended meanwhile shows at once, though the build has not ended.
    market.listings.apply([named(100), Listing(ListingId("l7"), "okapi")], at=NOW)
    market.listings.end([ListingId("l8")], at=NOW)
    assert not indexer.catch_up(NOW, in_background=True).released
    assert ask(market, "zebra100")[0] == "l100"
    assert ask(market, "okapi")[0] == "l7"
    assert "l8" not in ask(market, "zebra8")
    assert current(market) == before
    slow.set()
    indexer.close()  # waits
    assert current(market) != before
    # The new release answers, and what came during its build is not lost.
    assert ask(market, "zebra100")[0] == "l100"
    assert ask(market, "okapi")[0] == "l7"
    assert "l8" not in ask(market, "zebra8")
    view = market.follower.view()
    assert view is not None
    assert view.release == current(market)


def test_what_comes_while_vectors_are_read_for_a_release_is_not_lost(
    market: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexer, other = market.indexer(), market.indexer()
    attributes, late = market.listings.attributes, [named(100)]

    def read_and_add(after: Seq, limit: int) -> list[Attributes]:
        found = attributes(after, limit)
        if not found and late:  # all were read: now the vectors are
            market.listings.apply([late.pop()], at=NOW)
            other._embed(silent)
        return found

    monkeypatch.setattr(market.listings, "attributes", read_and_add)
    monkeypatch.setattr(other, "_index_texts", lambda progress: 0)
    assert indexer.catch_up(NOW, rebuild=True).released
    assert not late
    assert has_vector(market, "l100")
    indexer.close()


def test_many_texts_are_committed_together_and_none_is_left(
    market: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit begins a segment, which every search then looks through."""
    monkeypatch.setattr(indexing, "_TEXT_BATCH", 2)
    monkeypatch.setattr(indexing, "_TEXT_COMMIT", 5)
    market.listings.apply([named(number) for number in range(200, 215)], at=NOW)
    indexer, committed = market.indexer(), list[int]()
    commit = TextWriter.commit

    def count(writer: TextWriter, seq: Seq) -> None:
        committed.append(seq)
        commit(writer, seq)

    monkeypatch.setattr(TextWriter, "commit", count)
    assert indexer.catch_up(NOW).texts == 15
    assert np.diff(committed).tolist() == [6, 3]  # of three batches, and what was left
    indexer.close()
    assert all(ask(market, f"zebra{number}")[0] == f"l{number}" for number in range(200, 215))


def test_what_ended_is_left_out_of_the_next_release(market: Marketplace) -> None:
    indexer = market.indexer()
    before = current(market)
    market.listings.end([ListingId(f"l{n}") for n in range(5)], at=NOW)
    assert indexer.catch_up(NOW, in_background=True).released
    indexer.close()
    after = current(market)
    assert after is not None and after != before
    manifest = releases.read_manifest(market.release_folder, after)
    assert manifest.count == 25
    again = market.indexer()
    assert not again.catch_up(NOW, in_background=True).released
    again.close()


def test_a_build_that_fails_is_told_and_tried_again(
    market: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OSError("no space left")

    build = release_building.build
    monkeypatch.setattr(release_building, "build", fail)
    indexer = market.indexer()
    before = current(market)
    market.listings.apply([named(n) for n in range(30, 36)], at=NOW)
    assert indexer.catch_up(NOW, in_background=True).released
    with pytest.raises(OSError, match="no space left"):
        for _ in range(1_000):
            indexer.catch_up(NOW, in_background=True)
    monkeypatch.setattr(release_building, "build", build)
    assert current(market) == before
    assert indexer.catch_up(NOW, in_background=True).released
    indexer.close()
    assert current(market) != before


def test_an_index_of_an_older_version_is_rebuilt(market: Marketplace) -> None:
    before = current(market)
    assert before is not None
    manifest = market.release_folder / before / "index" / "vectors.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"format": 2', b'"format": 1'))
    indexer = market.indexer()
    assert indexer.catch_up(NOW).released
    indexer.close()
    assert current(market) != before
    assert ask(market, "zebra3")[0] == "l3"


def test_a_listing_that_comes_back_as_it_was_is_found_by_its_meaning(market: Marketplace) -> None:
    indexer = market.indexer()
    market.listings.end([ListingId(f"l{n}") for n in range(5)], at=NOW)
    assert indexer.catch_up(NOW).released
    market.listings.apply([named(3)], at=NOW)
    indexer.catch_up(NOW)
    indexer.close()
    assert has_vector(market, "l3")


def test_a_listing_that_comes_back_during_a_build_is_found_by_its_meaning(
    market: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go, build = Event(), Event(), release_building.build

    def build_late(*args: object, **options: object) -> None:
        reached.set()  # what has ended was read
        assert go.wait(_PATIENCE)
        build(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(release_building, "build", build_late)
    indexer = market.indexer()
    before = current(market)
    market.listings.end([ListingId(f"l{n}") for n in range(5)], at=NOW)
    assert indexer.catch_up(NOW, in_background=True).released
    assert reached.wait(_PATIENCE)
    market.listings.apply([named(3)], at=NOW)
    indexer.catch_up(NOW, in_background=True)
    go.set()
    indexer.close()
    assert current(market) != before
    assert has_vector(market, "l3")


def test_polls_that_find_nothing_ask_one_question(
    market: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexer = market.indexer()
    indexer.catch_up(NOW, in_background=True)
    ask(market, "zebra3")
    market.estimates.refresh(market.follower.followed)
    asked: list[str] = []
    event.listen(market.database, "before_cursor_execute", lambda *each: asked.append(each[2]))
    vectors_after = market.vectors.vectors_after

    def noted(version: ModelVersion, after: Seq, limit: int) -> StoredVectors:
        asked.append("vectors")
        return vectors_after(version, after, limit)

    monkeypatch.setattr(market.vectors, "vectors_after", noted)
    indexer.catch_up(NOW, in_background=True)
    market.follower.refresh()
    market.estimates.refresh(market.follower.followed)
    assert len(asked) == 2, asked
    assert all("counters" in one for one in asked)
    # What comes is found by the next poll, and from time to time all is looked at.
    market.listings.apply([named(99)], at=NOW)
    indexer.catch_up(NOW, in_background=True)
    assert ask(market, "zebra99")[0] == "l99"
    indexer.catch_up(NOW, in_background=True)
    asked.clear()
    indexer.catch_up(NOW + timedelta(seconds=1), in_background=True)
    assert len(asked) > 3
    indexer.close()


def test_what_a_release_holds_is_prepared_for_rankers(market: Marketplace) -> None:
    market.follower.refresh()
    assert market.engine.look_ahead(100) == 0
    market.listings.apply([named(31), Listing(ListingId("l7"), "okapi")], at=NOW)
    market.follower.refresh()
    assert market.engine.look_ahead(100) == 2
