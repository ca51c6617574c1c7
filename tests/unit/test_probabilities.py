"""Rows of probabilities and their logarithms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.models.probabilities import log_loss, log_softmax, logs, mean_by_owner, softmax


@given(st.lists(st.floats(-500, 500, width=32), min_size=2, max_size=6))
def test_logarithms_are_of_probabilities(logits: list[float]) -> None:
    found = log_softmax(np.array([logits], np.float32))
    assert np.exp(found.astype(np.float64)).sum() == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(np.diff(found[0]), np.diff(logits), atol=1e-3)


def test_rows_are_averaged_by_owner_and_none_is_zeros() -> None:
    rows = np.array([[-1, -3], [-5, -1], [-2, -2]], np.float32)
    found = mean_by_owner(rows, np.array([2, 2, 0]), 4)
    assert found.tolist() == [[-2, -2], [0, 0], [-3, -2], [0, 0]]
    assert mean_by_owner(rows[:0], np.array([], np.int64), 2).tolist() == [[0, 0], [0, 0]]


def test_what_is_impossible_has_a_logarithm_all_the_same() -> None:
    rows = np.array([[0, 1], [0.25, 0.75]], np.float32)
    assert logs(rows)[0].tolist() == [pytest.approx(np.log(1e-9)), 0]
    assert log_loss(rows, np.array([0, 0])) == pytest.approx(-(np.log(1e-9) + np.log(0.25)) / 2)
    assert log_loss(rows[:0], np.array([], np.int64)) == 0


@given(st.lists(st.floats(-80, 80, width=32), min_size=2, max_size=6))
def test_both_softmaxes_are_the_same(logits: list[float]) -> None:
    row = np.array([logits], np.float32)
    np.testing.assert_allclose(softmax(row), np.exp(log_softmax(row)), rtol=1e-3, atol=1e-30)
