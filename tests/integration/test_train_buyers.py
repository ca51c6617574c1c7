"""The buyer tower: from events to a published graph that serves without torch."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from marketrank.buyers.tower import Known, points_of, space_of
from marketrank.errors import BadInput, Corrupt
from marketrank.models.published_tower import GRAPH, MANIFEST, PublishedTower, TowerFolder, read
from marketrank.people import Purpose
from marketrank.pipelines.buyer_examples import pairs_of, vocabulary_of
from marketrank.pipelines.tower_gate import Past
from marketrank.pipelines.train_buyers import DECISION, Trained, train_buyers
from marketrank.types import ModelVersion
from small_buyers import START, crowd

pytest.importorskip("torch")
from marketrank.models.buyer_tower import Recipe

ENCODER = ModelVersion("small")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def trained(home: Path) -> Trained:
    return train_buyers(
        crowd(), home, TowerFolder(home / "towers"), encoder=ENCODER, at=START, epochs=6
    )


@pytest.fixture
def tower(home: Path, trained: Trained) -> PublishedTower:
    found = TowerFolder(home / "towers")()
    assert found is not None
    return found


def test_it_beats_what_is_popular_and_is_put_in_use(
    trained: Trained, tower: PublishedTower
) -> None:
    metrics = trained.facts.metrics
    assert trained.objections == []
    assert metrics["recall@50"] > 1.5 * metrics["popular_recall@50"]
    assert metrics["cold_recall@50"] > 1.2 * metrics["popular_recall@50"]
    assert tower.version == trained.facts.version
    assert tower.encoder == ENCODER
    assert trained.facts.parity < 1e-4
    assert (trained.run / "config.json").exists()


def test_demographics_alone_tell_the_young_from_the_old(tower: PublishedTower) -> None:
    history = crowd()
    space = space_of(tower)
    facts = history.facts
    described = space.describe(facts.vectors, facts.prices, facts.points)
    kinds = np.array([int(path[1].split()[1]) for path in facts.paths])
    points = points_of(
        tower,
        space,
        [Known(attributes={"age": "18-24"}), Known(attributes={"age": "65+"}), Known()],
        START,
    )
    scores = points @ described.T
    liked_by_old = scores[:, kinds >= 4].mean(axis=1) - scores[:, kinds < 4].mean(axis=1)
    assert liked_by_old[0] < liked_by_old[2] < liked_by_old[1]
    unknown = points_of(tower, space, [Known(attributes={"age": "unheard of"})], START)
    assert np.allclose(unknown[0], points[2], atol=1e-5)


def test_a_history_moves_the_point_and_its_absence_is_no_fault(tower: PublishedTower) -> None:
    history = crowd()
    space, facts = space_of(tower), history.facts
    liked = history.events[0]
    row = history.ids.index(liked.listing)
    one = replace(
        facts,
        vectors=facts.vectors[[row]],
        paths=[facts.paths[row]],
        prices=facts.prices[[row]],
        points=facts.points[[row]],
    )
    known = Known(interactions=(liked,), facts=one)
    points = points_of(tower, space, [known, Known()], START)
    described = space.describe(one.vectors, one.prices, one.points)[0]
    assert points[0] @ described > points[1] @ described
    assert np.isfinite(points).all()


def test_no_name_of_a_buyer_is_in_any_file(home: Path, trained: Trained) -> None:
    for path in (home / "towers").rglob("*"):
        if path.is_file():
            assert b"buyer-" not in path.read_bytes(), path


def test_a_changed_file_is_refused(home: Path, trained: Trained, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / trained.facts.version
    shutil.copytree(home / "towers" / trained.facts.version, folder)
    (folder / GRAPH).write_bytes(b"no graph")
    with pytest.raises(Corrupt, match=GRAPH):
        PublishedTower(folder)
    text = (folder / MANIFEST).read_text().replace('"seed": 7', '"seed": 8')
    (folder / MANIFEST).write_text(text)
    with pytest.raises(Corrupt, match="changed after it was published"):
        read(folder)


def test_who_did_not_agree_teaches_nothing() -> None:
    history = crowd(buyers=20)
    silent = [replace(one, consents={}) for one in history.buyers]
    from marketrank.buyers.listing_space import Space
    from marketrank.buyers.profile import Weighting

    with pytest.raises(BadInput, match="no event of a buyer who agreed"):
        pairs_of(replace(history, buyers=silent), Space(16), weighting=Weighting())
    only_history = [replace(one, consents={Purpose.HISTORY: START}) for one in history.buyers]
    pairs = pairs_of(
        replace(history, buyers=only_history), Space(16), weighting=Weighting(), fewest=1
    )
    assert pairs.vocabulary == {}
    assert pairs.columns["attributes"].shape == (20, 1)
    assert not np.any(pairs.columns["places"])


def test_rare_values_are_not_learned() -> None:
    buyers = crowd(buyers=20).buyers
    assert vocabulary_of(buyers, 10) == {"age": ["18-24", "65+"]}
    assert vocabulary_of(buyers, 11) == {}


def test_pairs_know_only_what_was_before() -> None:
    from marketrank.buyers.listing_space import Space
    from marketrank.buyers.profile import Weighting

    history = crowd(buyers=12, events=6)
    columns = pairs_of(history, Space(16), weighting=Weighting()).columns
    days = np.asarray(columns["event_day"], np.float64)
    for pair in range(len(columns["buyer"])):
        before = slice(int(columns["first"][pair]), int(columns["last"][pair]))  # type: ignore[call-overload]
        assert (days[before] < columns["day"][pair]).all()
        assert int(columns["listing"][pair]) not in columns["event_listing"][before]  # type: ignore[call-overload]
    assert (np.diff(np.asarray(columns["day"], np.float64)) >= 0).all()


def test_a_tower_that_finds_less_than_the_one_in_use_is_refused(
    home: Path, trained: Trained
) -> None:
    towers = TowerFolder(home / "towers")
    champion = towers.current()
    again = train_buyers(
        crowd(),
        home,
        towers,
        encoder=ENCODER,
        at=START + timedelta(hours=1),
        epochs=1,
        recipe=Recipe(rate=1e-6),  # learns nothing
    )
    assert towers.current() == champion == trained.facts.version
    decision = json.loads((towers.folder / again.facts.version / DECISION).read_text())
    assert decision == again.decision
    assert decision["against"] == champion
    assert decision["promoted"] is False
    assert any(f"against {champion} in use" in one for one in decision["objections"])
    assert decision["compared"]["cold_recall@50"]["difference"] < 0


def test_an_audit_can_stop_a_tower_and_is_kept_with_the_decision(tmp_path: Path) -> None:
    def audit(past: Past, tower: object, since: datetime, until: datetime) -> dict[str, object]:
        assert since < until
        return {"reasons": ["age 65+: badly served"], "unjudged": []}

    towers = TowerFolder(tmp_path / "towers")
    history = crowd(buyers=60, listings=100)
    done = train_buyers(
        history,
        tmp_path,
        towers,
        encoder=ENCODER,
        at=START + timedelta(days=30),
        epochs=1,
        audit=audit,  # type: ignore[arg-type]
    )
    assert towers.current() is None
    assert "age 65+: badly served" in done.objections
    kept = json.loads((towers.folder / done.facts.version / DECISION).read_text())
    assert kept["audit"]["reasons"] == ["age 65+: badly served"]
