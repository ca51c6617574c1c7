from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marketrank.errors import BadInput, Corrupt
from marketrank.ranking import ltr
from marketrank.ranking.features import NAMES
from marketrank.ranking.ltr import Fitted, Group, Judge, fit, query_digest
from marketrank.ranking.ranker import FeedbackRanker, LearnedRanker, NoopRanker
from marketrank.ranking.ranker_file import RankerFile

COLUMN = NAMES.index("title_coverage")
PRIOR = NAMES.index("prior")


def groups(n: int = 60) -> list[Group]:
    """Grades follow the coverage of titles, and the prior says nothing."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(n):
        features = rng.uniform(0, 1, (30, len(NAMES))).astype(np.float32)
        made.append(Group(features, np.floor(features[:, COLUMN] * 4).astype(np.int64)))
    return made


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return Fitted(fit(groups(), seed=1), "made-up", 60, (query_digest("Oak  table"),))


def test_the_trees_learn_what_grades_follow(fitted: Fitted) -> None:
    new = np.random.default_rng(9).uniform(0, 1, (50, len(NAMES))).astype(np.float32)
    scores = Judge(replace(fitted, mix=1.0))(new)
    assert np.corrcoef(scores, new[:, COLUMN])[0, 1] > 0.9


def test_the_prior_counts_as_much_as_the_mix_leaves_it(fitted: Fitted) -> None:
    new = np.random.default_rng(9).uniform(0, 1, (50, len(NAMES))).astype(np.float32)
    with_prior = [
        float(np.corrcoef(Judge(replace(fitted, mix=mix))(new), new[:, PRIOR])[0, 1])
        for mix in (0.0, 0.7, 1.0)
    ]
    assert with_prior[0] == pytest.approx(1, abs=1e-6)
    assert with_prior[0] > with_prior[1] > with_prior[2]


def test_equal_seeds_give_equal_trees() -> None:
    assert fit(groups(20), seed=3) == fit(groups(20), seed=3)


def test_one_query_is_enough_to_try_and_no_order_is_not() -> None:
    assert len(Judge(Fitted(fit(groups(1), seed=1), "one", 1, ()))(groups(1)[0].features)) == 30
    flat = Group(groups(1)[0].features, np.ones(30, np.int64))
    with pytest.raises(BadInput, match="two different grades"):
        fit([flat], seed=1)


def test_a_model_comes_back_from_its_file(fitted: Fitted, tmp_path: Path) -> None:
    ltr.save(tmp_path / "home" / "ranker.json", fitted)
    found = ltr.load(tmp_path / "home" / "ranker.json")
    assert found == fitted
    assert found is not None
    assert found.version == fitted.version != replace(fitted, mix=0.5).version
    assert ltr.load(tmp_path / "nowhere.json") is None


def test_a_query_is_known_again_and_not_kept(fitted: Fitted, tmp_path: Path) -> None:
    assert fitted.has_seen("oak table ")
    assert not fitted.has_seen("oak tables")
    ltr.save(tmp_path / "r.json", fitted)
    assert b"oak" not in (tmp_path / "r.json").read_bytes().lower()


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"format": 99}', b'{"format": 1}'])
def test_a_torn_file_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(content)
    with pytest.raises(Corrupt, match=r"r\.json cannot be read.*train fusion"):
        ltr.load(tmp_path / "r.json")


def test_features_or_trees_that_are_not_understood_are_refused(fitted: Fitted) -> None:
    with pytest.raises(Corrupt, match="reads colour_of_the_sky"):
        Judge(replace(fitted, features=("colour_of_the_sky",)))
    with pytest.raises(Corrupt, match="trees of ranker"):
        Judge(replace(fitted, trees="no trees"))


def test_the_ranker_in_use_follows_its_file(fitted: Fitted, tmp_path: Path) -> None:
    path = tmp_path / "ranker.json"
    current = RankerFile(path, "learned", 10)
    assert isinstance(current(), FeedbackRanker)
    ltr.save(path, fitted)
    assert isinstance(current(), LearnedRanker)
    before = current()
    path.with_name("torn").write_bytes(b"{")
    path.with_name("torn").replace(path)
    assert current() is before  # a file that cannot be read changes nothing
    path.unlink()
    assert isinstance(current(), FeedbackRanker)


def test_settings_choose_who_ranks(fitted: Fitted, tmp_path: Path) -> None:
    path = tmp_path / "ranker.json"
    ltr.save(path, fitted)
    assert isinstance(RankerFile(path, "feedback", 10)(), FeedbackRanker)
    assert isinstance(RankerFile(path, "none", 10)(), NoopRanker)


def test_contributions_sum_to_the_scores() -> None:
    rng = np.random.default_rng(4)
    groups = [
        Group(rng.standard_normal((30, len(NAMES))).astype(np.float32), rng.integers(0, 3, 30))
        for _ in range(20)
    ]
    judge = Judge(Fitted(fit(groups, seed=1), "made up", 20, ()))
    features = groups[0].features
    rows = np.arange(len(features))
    values, names = judge.contributions(features, rows)
    assert names == (*NAMES, "bias")
    assert np.allclose(values.sum(axis=1), judge(features), atol=1e-4)
    few, _ = judge.contributions(features, rows[[7, 3]])
    assert np.allclose(few, values[[7, 3]])
    assert judge.contributions(features, rows[:0])[0].shape == (0, len(NAMES) + 1)
    assert judge.contributions(features[:0], rows[:0])[0].shape == (0, len(NAMES) + 1)
