"""What every source of scores has in common, and the choice of the best."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np

from marketrank.buyers.recommend.histories import Floats, Histories, Ints, Matrix

Scores = Mapping[str, Floats]
"""By name, each of shape (rows, listings); higher is better."""
_AT_ONCE = 4_000_000  # scores of one name held at a time: 16 MB


class Signal(Protocol):
    def __call__(self, rows: Ints) -> Scores:
        """Scores of all listings for some buyers, who are rows of the histories it was fitted
        to."""


def portions(rows: Ints, listings: int) -> Iterator[Ints]:
    """Few enough rows at a time that their scores fit in little memory."""
    step = max(1, _AT_ONCE // max(listings, 1))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def without_seen(scores: Floats, histories: Histories, rows: Ints) -> Floats:
    """A copy in which what a buyer has had to do with is -inf."""
    found = np.array(scores, np.float32)
    where, column = histories.matrix[rows].nonzero()
    found[where, column] = -np.inf
    return found


def best(scores: Floats, k: int) -> Ints:
    """Columns of the k highest scores of each row (rows, k), best first, equal ones by column: -1
    where fewer are above -inf."""
    n = scores.shape[1]
    found = np.full((len(scores), k), -1, np.int64)
    for row, some in enumerate(scores):
        threshold = np.partition(some, n - k)[n - k] if n > k else -np.inf
        columns = np.flatnonzero((some >= threshold) & (some > -np.inf))
        order = np.lexsort((columns, -some[columns]))[:k]
        found[row, : len(order)] = columns[order]
    return found


def dense(matrix: Matrix) -> Floats:
    """A sparse matrix as an array."""
    return np.asarray(matrix.toarray(), np.float32)
