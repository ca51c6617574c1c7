import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.retrieval.short_rows import shorten


def _unit(seed: int, n: int, dim: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@given(st.integers(0, 10_000), st.integers(1, 700))
def test_scores_are_those_of_float32(seed: int, dim: int) -> None:
    rows, query = _unit(seed, 20, dim), _unit(seed + 1, 1, dim)[0]
    chosen = np.array([3, 7, 19])
    assert shorten(rows).scores(query, chosen) == pytest.approx(rows[chosen] @ query, abs=4e-5)


def test_a_row_scores_its_own_length_with_itself() -> None:
    rows = _unit(1, 5, 384)
    small = shorten(rows)
    for row in range(5):
        assert small.scores(rows[row], np.array([row]))[0] == pytest.approx(1, abs=2e-6)


def test_two_bytes_a_component() -> None:
    assert shorten(_unit(2, 100, 64)).codes.nbytes == 2 * 100 * 64


def test_a_row_of_zeros_scores_nothing() -> None:
    assert shorten(np.zeros((2, 8), np.float32)).scores(
        np.ones(8, np.float32), np.arange(2)
    ).tolist() == [0, 0]


def test_more_rows_than_a_block() -> None:
    rows, query = _unit(3, 2_500, 8), _unit(4, 1, 8)[0]
    chosen = np.arange(2_500)[::-1].copy()
    assert shorten(rows).scores(query, chosen) == pytest.approx(rows[chosen] @ query, abs=4e-5)
