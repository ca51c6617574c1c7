"""Metrics against scikit-learn and against the plainest possible counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from marketrank.errors import BadInput
from marketrank.evaluation import model_metrics
from marketrank.evaluation.model_metrics import (
    Classified,
    classified,
    confusion,
    priced,
    sibling_recall,
    title_to_image_recall,
)
from marketrank.types import ListingId, Vectors

CODES = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), min_size=1, max_size=40)
PRICES = st.lists(
    st.tuples(st.floats(0, 10, width=32), st.floats(0, 10, width=32)), min_size=2, max_size=30
)


@given(pairs=CODES)
def test_classification_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    true, predicted = np.array(pairs, dtype=np.int64).T
    found = classified(true, predicted)
    assert found.accuracy == pytest.approx(sklearn_metrics.accuracy_score(true, predicted))
    expected = sklearn_metrics.f1_score(true, predicted, average="macro", zero_division=0)
    assert found.macro_f1 == pytest.approx(expected)
    assert found.n == len(pairs)


def test_classification_by_hand() -> None:
    found = classified(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    assert found == Classified(0.75, pytest.approx((4 / 5 + 2 / 3) / 2), 4)


@given(pairs=PRICES)
def test_prices_are_scored_as_by_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    true, predicted = np.array(pairs).T
    found = priced(true, predicted)
    if np.ptp(true) > 1e-3:
        assert found.log_r2 == pytest.approx(
            sklearn_metrics.r2_score(true, predicted), rel=1e-6, abs=1e-6
        )
    rmse = sklearn_metrics.root_mean_squared_error(true, predicted)
    assert found.log_rmse == pytest.approx(rmse, abs=1e-9)
    assert found.n == len(pairs)


def test_equal_prices_have_no_variance_to_explain() -> None:
    assert priced(np.array([2.0, 2.0]), np.array([2.0, 3.0])).log_r2 == 0


def test_nothing_to_compare_is_refused() -> None:
    for true, predicted in (([], []), ([1], [1, 2])):
        with pytest.raises(BadInput, match="cannot be compared"):
            classified(np.array(true, dtype=np.int64), np.array(predicted, dtype=np.int64))
        with pytest.raises(BadInput, match="cannot be compared"):
            priced(np.array(true, dtype=float), np.array(predicted, dtype=float))


def test_confusion_counts_rows_of_truth() -> None:
    true, predicted = np.array([0, 0, 1, 2, -1]), np.array([0, 1, 1, 0, 0])
    assert confusion(true, predicted, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


# Recall. Vectors with few different values, so that ties are the rule.


def draw_vectors(rng: np.random.Generator, n: int) -> Vectors:
    raw = rng.integers(-1, 2, (n, 3)).astype(np.float32) + np.float32(0.25)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


def draw_ids(rng: np.random.Generator, n: int) -> list[ListingId]:
    return [ListingId(str(number)) for number in rng.integers(0, max(1, n // 2), n)]


def first_k(scores: NDArray[np.float32], skip: int | None, k: int) -> list[int]:
    order = sorted(range(len(scores)), key=lambda row: (-scores[row], row))
    return [row for row in order if row != skip][:k]


@given(seed=st.integers(0, 10_000), n=st.integers(0, 40), k=st.integers(1, 12))
def test_sibling_recall_is_that_of_brute_force(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, ids = draw_vectors(rng, n), draw_ids(rng, n)
    near = vectors @ vectors.T
    asked = [row for row in range(n) if ids.count(ids[row]) > 1]
    hits = [any(ids[one] == ids[row] for one in first_k(near[row], row, k)) for row in asked]
    found = sibling_recall(vectors, ids, k)
    assert found.n == len(asked)
    assert found.value == pytest.approx(sum(hits) / len(hits) if hits else 0)


@given(seed=st.integers(0, 10_000), n=st.integers(0, 20), m=st.integers(0, 40))
def test_title_recall_is_that_of_brute_force(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    titles, photos = draw_vectors(rng, n), draw_vectors(rng, m)
    ids, owners = draw_ids(rng, n), draw_ids(rng, m)
    near = titles @ photos.T
    asked = [row for row in range(n) if ids[row] in owners]
    hits = [any(owners[one] == ids[row] for one in first_k(near[row], None, 5)) for row in asked]
    found = title_to_image_recall(titles, ids, photos, owners, 5)
    assert found.n == len(asked)
    assert found.value == pytest.approx(sum(hits) / len(hits) if hits else 0)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    vectors, ids = draw_vectors(rng, 60), draw_ids(rng, 60)
    whole = sibling_recall(vectors, ids, 3)
    assert 0 < whole.value < 1
    monkeypatch.setattr(model_metrics, "_SIMILARITIES_AT_ONCE", 7 * 60)
    assert sibling_recall(vectors, ids, 3) == whole


def test_vectors_that_are_all_alike_find_little() -> None:
    vectors = np.ones((100, 1), np.float32)
    ids = [ListingId(str(row // 2)) for row in range(100)]
    assert sibling_recall(vectors, ids, 10).value == pytest.approx(0.11, abs=0.02)


def test_vectors_without_their_ids_are_refused() -> None:
    with pytest.raises(BadInput, match="give one id a row"):
        sibling_recall(np.ones((2, 1), np.float32), [ListingId("a")])
