"""A model of sessions: as files, as a judge, as a ranker, and as the ranker in use."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from marketrank.asking import Candidates
from marketrank.errors import BadInput, Corrupt
from marketrank.people import Surface
from marketrank.ranking import ltr, session_model
from marketrank.ranking.ranker import (
    FeedbackRanker,
    Looked,
    Material,
    NoopRanker,
    Ranker,
    ShuffleRanker,
)
from marketrank.ranking.ranker_file import RankerFile
from marketrank.ranking.session_features import NAMES, Facts, table
from marketrank.ranking.session_model import SessionJudge, SessionModel, publish, read
from marketrank.ranking.session_ranker import SessionRanker, look_at_session
from marketrank.ranking.unbiased import SessionGroup
from marketrank.types import ModelVersion, Vectors

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
READS = ("taste", "age_log")
CANDIDATES = Candidates(
    np.arange(6), np.linspace(1, 0, 6).astype(np.float32), {"fresh": np.arange(6, dtype=np.int32)}
)
TASTE = np.array([0.1, 0.9, 0.3, 0.8, 0.0, 1.0])


def trees(width: int = len(READS)) -> str:
    """They like the first feature."""
    random = np.random.default_rng(0)
    groups = []
    for _ in range(200):
        features = random.random((10, width)).astype(np.float32)
        groups.append(
            SessionGroup(features, (features[:, 0] > 0.8).astype(np.int64) * 2, np.ones(10))
        )
    return ltr.fit_sessions(groups, seed=1, rounds=30)


@pytest.fixture(scope="module")
def model() -> SessionModel:
    return SessionModel(trees(), READS, (Surface.FEED,), {"seed": 1}, {"dr": 0.5})


def material(surface: Surface, saw: Callable[[Looked], None] | None = None) -> Material:
    def facts(keys: NDArray[np.int64]) -> Facts:
        return Facts(len(keys), taste=TASTE[keys], ages_days=np.ones(len(keys)))

    def nothing(keys: NDArray[np.int64]) -> Vectors | None:
        return None

    more = {} if saw is None else {"saw": saw}
    return Material(
        query=None,
        vectors_of=nothing,
        near=lambda vector, keys: np.zeros(len(keys), np.float32),
        asked=lambda: pytest.fail("nobody asked for words"),
        seen=lambda keys: pytest.fail("nobody asked for words"),
        facts=facts,
        surface=surface,
        **more,
    )


def test_a_version_comes_back_and_is_named_by_its_content(
    model: SessionModel, tmp_path: Path
) -> None:
    version = publish(tmp_path, model, at=AT)
    assert version.startswith("ranker-20260301T120000-")
    assert read(tmp_path, version) == model
    assert publish(tmp_path, model, at=AT) == version
    assert session_model.versions(tmp_path) == [version]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["manifest.json", "trees.txt"])
def test_a_changed_file_is_refused(model: SessionModel, tmp_path: Path, name: str) -> None:
    version = publish(tmp_path, model, at=AT)
    path = tmp_path / version / name
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    with pytest.raises(Corrupt, match="marketrank train ranker"):
        read(tmp_path, version)


def test_an_unknown_version_lists_the_known(model: SessionModel, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="none: run"):
        read(tmp_path, "x")
    version = publish(tmp_path, model, at=AT)
    with pytest.raises(BadInput, match=version):
        read(tmp_path, "x")


def test_a_judge_finds_its_columns_by_name_and_says_what_each_added(model: SessionModel) -> None:
    judge = SessionJudge(model, ModelVersion("v"))
    features = table(Facts(6, taste=TASTE, ages_days=np.arange(6.0)))
    scores = judge(features)
    assert np.argmax(scores) in {1, 5}
    rows = np.arange(len(features))
    added, names = judge.contributions(features, rows)
    assert names == (*READS, "bias")
    np.testing.assert_allclose(added.sum(axis=1), scores, rtol=1e-4, atol=1e-5)
    assert np.abs(added[:, 0]).max() > 3 * np.abs(added[:, 1]).max()
    np.testing.assert_allclose(judge.contributions(features, rows[[4, 1]])[0], added[[4, 1]])
    assert judge.contributions(features, rows[:0])[0].shape == (0, 3)
    assert judge(features[:0]).shape == (0,)


def test_what_this_version_cannot_give_is_refused(model: SessionModel) -> None:
    odd = SessionModel(model.trees, ("taste", "phase_of_the_moon"), model.surfaces, {}, {})
    with pytest.raises(Corrupt, match="phase_of_the_moon"):
        SessionJudge(odd, ModelVersion("v"))
    fewer = SessionModel(model.trees, ("taste",), model.surfaces, {}, {})
    with pytest.raises(Corrupt, match="2 features, not 1"):
        SessionJudge(fewer, ModelVersion("v"))
    torn = SessionModel("torn", READS, model.surfaces, {}, {})
    with pytest.raises(Corrupt, match="cannot be read"):
        SessionJudge(torn, ModelVersion("v"))


def test_it_ranks_where_it_was_taught_and_leaves_the_rest_to_others(model: SessionModel) -> None:
    judge = SessionJudge(model, ModelVersion("v"))
    ranker = SessionRanker(4, judge, lambda: ShuffleRanker(6))
    looked: list[Looked] = []
    ranked = ranker.rank(CANDIDATES, material(Surface.FEED, looked.append))
    assert set(ranked.keys[:2].tolist()) == {1, 3}  # among the first four
    assert ranked.keys[4:].tolist() == [4, 5]
    assert looked[0].names == NAMES
    assert looked[0].features.shape == (4, len(NAMES))
    elsewhere = ranker.rank(CANDIDATES, material(Surface.SIMILAR))
    shuffled = ShuffleRanker(6).rank(CANDIDATES, material(Surface.SIMILAR))
    assert elsewhere.keys.tolist() == shuffled.keys.tolist()


def test_words_are_looked_at_for_searches_alone() -> None:
    seen = look_at_session(CANDIDATES, material(Surface.FEED))
    assert np.isnan(seen[:, NAMES.index("title_coverage")]).all()
    with pytest.raises(pytest.fail.Exception):
        look_at_session(CANDIDATES, material(Surface.SEARCH))


def promote(folder: Path, version: str) -> None:
    beside = folder / "beside"
    beside.write_text(version + "\n")
    beside.replace(folder / "CURRENT")


def test_the_ranker_in_use_follows_the_promoted_version(
    model: SessionModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "rankers"
    in_use = RankerFile(tmp_path / "ranker.json", "learned", 10, folder)
    assert isinstance(in_use(), FeedbackRanker)
    first = publish(folder, model, at=AT)
    assert isinstance(in_use(), FeedbackRanker)  # published is not promoted
    promote(folder, first)
    held = in_use()
    assert isinstance(held, SessionRanker)
    assert held.judge.version == first
    assert in_use() is held
    promote(folder, "nobody")
    assert in_use() is held
    assert caplog.text.count("stays as it was") == 1
    assert isinstance(RankerFile(tmp_path / "x", "judged", 10, folder)(), FeedbackRanker)


def test_rankers_have_names(model: SessionModel, tmp_path: Path) -> None:
    folder = tmp_path / "rankers"
    version = publish(folder, model, at=AT)
    rankers = RankerFile(tmp_path / "ranker.json", "none", 10, folder)
    kinds: dict[str, type[Ranker]] = {
        "current": NoopRanker,
        "none": NoopRanker,
        "shuffle": ShuffleRanker,
        "feedback": FeedbackRanker,
        "judged": FeedbackRanker,  # until there is one
        version: SessionRanker,
    }
    for name, kind in kinds.items():
        assert isinstance(rankers.named(name), kind), name
    assert rankers.named(version) is rankers.named(version)
    with pytest.raises(BadInput, match="known are current, learned, judged, feedback"):
        rankers.named("nobody")
