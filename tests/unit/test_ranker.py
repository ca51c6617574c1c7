from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from marketrank.asking import Candidates
from marketrank.people import Surface
from marketrank.ranking.features import NAMES, Floats, ask
from marketrank.ranking.feedback import similarity_to_best
from marketrank.ranking.ranker import (
    FeedbackRanker,
    LearnedRanker,
    Material,
    NoopRanker,
    ShuffleRanker,
    look,
)
from marketrank.ranking.seen import SeenTable, see
from marketrank.types import Vectors

# Keys 0, 1 and 3 point one way, 2 another.
VECTORS = np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 0, 1], [0.9, 0.4, 0.1]], np.float32)
QUERY = np.array([[1, 1, 1]], np.float32)
FUSED = Candidates(
    np.array([0, 1, 2, 3]),
    np.array([0.9, 0.8, 0.7, 0.6], np.float32),
    {"text": np.arange(4, dtype=np.int32)},
    {"vector": np.array([0.9, 0.8, 0.7, 0.6], np.float32)},
)


def near(vector: Vectors, keys: NDArray[np.int64]) -> Floats:
    return np.asarray(VECTORS[keys] @ vector[0], np.float32)


def material(query: Vectors | None = QUERY, known: bool = True) -> Material:
    def seen(keys: NDArray[np.int64]) -> SeenTable:
        return SeenTable.of([see(f"table {key}", "", "", str.split) for key in keys.tolist()])

    return Material(
        query=query,
        vectors_of=lambda keys: VECTORS[keys] if known else None,
        near=near,
        asked=lambda: ask("table 2", {"table": 1.0, "2": 1.0}, str.split),
        seen=seen,
    )


def test_feedback_is_the_score_for_the_mean_of_the_best() -> None:
    found = similarity_to_best(FUSED, QUERY, 2, lambda keys: VECTORS[keys], near)
    mean = 0.9 * VECTORS[0] + 0.8 * VECTORS[1]
    np.testing.assert_allclose(found, VECTORS @ (mean / np.linalg.norm(mean)), rtol=1e-5)


def test_feedback_leaves_out_what_the_query_does_not_speak_about() -> None:
    words_only = np.array([[1, 0, 0]], np.float32)
    found = similarity_to_best(FUSED, words_only, 2, lambda keys: VECTORS[keys], near)
    np.testing.assert_allclose(found, VECTORS[:, 0], rtol=1e-5)


def test_without_vectors_there_is_no_feedback() -> None:
    assert similarity_to_best(FUSED, QUERY, 2, lambda keys: None, near).tolist() == [0] * 4
    nobody = FUSED.take(np.empty(0, np.int64))
    assert similarity_to_best(nobody, QUERY, 2, lambda keys: VECTORS[keys], near).shape == (0,)


def test_shuffling_is_by_chance_and_the_same_for_the_same_candidates() -> None:
    ranked = ShuffleRanker(depth=3).rank(FUSED, material())
    again = ShuffleRanker(depth=3).rank(FUSED.take(np.array([2, 0, 1, 3])), material())
    assert ranked.keys.tolist() == again.keys.tolist()
    assert ranked.keys[3] == 3  # below the depth
    many = Candidates(np.arange(200), np.arange(200, 0, -1).astype(np.float32), {})
    keys = ShuffleRanker(depth=200).rank(many, material()).keys
    assert sorted(keys.tolist()) == list(range(200))
    assert abs(np.corrcoef(keys, np.arange(200))[0, 1]) < 0.3


def test_rankers_of_words_leave_other_surfaces_alone() -> None:
    feed = replace(material(), surface=Surface.FEED)
    for ranker in (FeedbackRanker(4), LearnedRanker(4, lambda features: -features[:, 0])):
        assert ranker.rank(FUSED, feed).keys.tolist() == FUSED.keys.tolist()
        assert ranker.rank(FUSED, material()).keys.tolist() != FUSED.keys.tolist()


def test_what_is_unlike_the_best_falls() -> None:
    ranked = FeedbackRanker(depth=4).rank(FUSED, material())
    assert ranked.keys.tolist() == [0, 1, 3, 2]
    assert ranked.scores.tolist() == FUSED.scores.tolist()  # places keep their scores
    assert ranked.ranks["text"].tolist() == [0, 1, 3, 2]
    assert ranked.parts["vector"].tolist() == pytest.approx([0.9, 0.8, 0.6, 0.7])


def test_only_the_first_change_places() -> None:
    assert FeedbackRanker(depth=3).rank(FUSED, material()).keys.tolist() == [0, 1, 2, 3]


def test_without_a_vector_feedback_changes_nothing() -> None:
    for given in (material(query=None), material(known=False)):
        assert FeedbackRanker(depth=4).rank(FUSED, given).keys.tolist() == [0, 1, 2, 3]


def test_nobody_changes_nothing() -> None:
    assert NoopRanker().rank(FUSED, material()) is FUSED


def test_a_judge_sees_the_features_of_the_first_and_decides() -> None:
    shapes = []

    def judge(features: Floats) -> Floats:
        shapes.append(features.shape)
        return features[:, NAMES.index("title_coverage")]

    ranked = LearnedRanker(3, judge).rank(FUSED, material())
    assert ranked.keys.tolist() == [2, 0, 1, 3]
    assert shapes == [(3, len(NAMES))]


def test_no_candidates_are_no_trouble() -> None:
    nobody = FUSED.take(np.empty(0, np.int64))
    assert look(nobody, material()).shape == (0, len(NAMES))
    assert FeedbackRanker(4).rank(nobody, material()).keys.shape == (0,)
