"""Rankers and towers: listed, promoted, rolled back, and followed by whoever serves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from marketrank.errors import BadInput, Corrupt, NotReady
from marketrank.models import published_tower
from marketrank.models.published_tower import GRAPH, METRICS, WEIGHTS, TowerFacts, TowerFolder
from marketrank.people import Surface
from marketrank.pipelines.shelves import Kind, kind_of, rankers, towers
from marketrank.ranking import ltr, session_model
from marketrank.ranking.ranker import FeedbackRanker
from marketrank.ranking.ranker_file import RankerFile
from marketrank.ranking.session_model import SessionModel
from marketrank.ranking.session_ranker import SessionRanker
from marketrank.ranking.unbiased import SessionGroup
from marketrank.types import ModelVersion

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def trees() -> str:
    random = np.random.default_rng(0)
    groups = []
    for _ in range(60):
        features = random.random((8, 1)).astype(np.float32)
        groups.append(SessionGroup(features, (features[:, 0] > 0.7).astype(np.int64), np.ones(8)))
    return ltr.fit_sessions(groups, seed=1, rounds=5)


@pytest.fixture
def publish_ranker(trees: str, tmp_path: Path) -> Callable[[int], ModelVersion]:
    def publish(n: int) -> ModelVersion:
        metrics = {"new": {"ndcg@10": {"mean": 0.1 * n}}}
        model = SessionModel(trees, ("taste",), (Surface.FEED,), {"seed": n}, metrics)
        return session_model.publish(tmp_path / "rankers", model, at=AT + timedelta(hours=n))

    return publish


def publish_tower(folder: TowerFolder, n: int) -> ModelVersion:
    def fill(draft: Path) -> TowerFacts:
        for name in (GRAPH, WEIGHTS, METRICS):
            (draft / name).write_bytes(b"{}")
        at = (AT + timedelta(hours=n)).isoformat()
        metrics = {"recall@50": 0.1 * n}
        return TowerFacts(
            ModelVersion("e"), {}, {}, ["click"], 5, 0.5, 0.1, at, n, {}, metrics, 0.0
        )

    return folder.publish(fill).version


def test_names_say_what_a_version_is() -> None:
    assert kind_of("ranker-20260301T120000-0123456789ab") is Kind.RANKER
    assert kind_of("buyers-20260301T120000-0123456789ab") is Kind.BUYERS
    assert kind_of("towers-20260301T120000-0123456789ab") is Kind.MODEL


def test_a_ranker_is_rolled_back_and_whoever_serves_follows(
    publish_ranker: Callable[[int], ModelVersion], tmp_path: Path
) -> None:
    shelf = rankers(tmp_path / "rankers")
    serving = RankerFile(tmp_path / "ranker.json", "learned", 10, shelf.folder)
    first, second = publish_ranker(1), publish_ranker(2)
    assert [one["version"] for one in shelf.versions()] == [second, first]
    assert shelf.promote(first, at=AT, why="a test") is None
    assert shelf.promote(second, at=AT, why="") == first
    assert in_use(serving) == second
    assert shelf.rollback(at=AT, why="worse") == first
    assert in_use(serving) == first
    assert shelf.rollback(at=AT, why="worse still") is None
    assert shelf.current() is None
    assert session_model.current(shelf.folder) is None
    assert isinstance(serving(), FeedbackRanker)
    with pytest.raises(NotReady, match="marketrank train ranker"):
        shelf.rollback(at=AT, why="")
    assert shelf.promote(second, at=AT, why="") is None
    assert in_use(serving) == second
    assert shelf.rollback(at=AT, why="") is None  # as it was before


def in_use(serving: RankerFile) -> ModelVersion:
    found = serving()
    assert isinstance(found, SessionRanker)
    return found.judge.version


def test_a_damaged_ranker_is_passed_over(
    publish_ranker: Callable[[int], ModelVersion], tmp_path: Path
) -> None:
    shelf = rankers(tmp_path / "rankers")
    one, two, three = (publish_ranker(n) for n in (1, 2, 3))
    for version in (one, two, three):
        shelf.promote(version, at=AT, why="")
    (shelf.folder / two / session_model.TREES).write_text("no trees")
    assert "damaged" in shelf.versions()[1]
    with pytest.raises(Corrupt):
        shelf.promote(two, at=AT, why="")
    assert shelf.current() == three
    assert shelf.rollback(at=AT, why="") == one


def test_an_unknown_version_lists_the_known(
    publish_ranker: Callable[[int], ModelVersion], tmp_path: Path
) -> None:
    shelf = rankers(tmp_path / "rankers")
    with pytest.raises(BadInput, match="none: run `marketrank train ranker`"):
        shelf.show("ranker-x")
    version = publish_ranker(1)
    with pytest.raises(BadInput, match=version):
        shelf.promote("ranker-x", at=AT, why="")
    assert shelf.show(version)["features"] == ["taste"]


def test_a_tower_is_rolled_back_and_whoever_serves_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Opened:
        def __init__(self, folder: Path) -> None:
            self.version = folder.name

    monkeypatch.setattr(published_tower, "PublishedTower", Opened)
    serving = TowerFolder(tmp_path / "towers")
    first, second = publish_tower(serving, 1), publish_tower(serving, 2)
    shelf = towers(tmp_path / "towers")
    assert [one["metrics"]["recall@50"] for one in shelf.versions()] == [0.2, 0.1]
    for version in (first, second):
        shelf.promote(version, at=AT, why="")
        assert serving().version == version  # type: ignore[union-attr]
    assert shelf.rollback(at=AT, why="") == first
    assert serving().version == first  # type: ignore[union-attr]
    assert shelf.rollback(at=AT, why="") is None
    assert serving() is None
