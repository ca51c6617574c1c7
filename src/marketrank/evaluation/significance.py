"""How sure means over queries are, and whether systems differ by more than chance."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput

Values = NDArray[np.float64]
RESAMPLES = 10_000  # of a test: p can then be as low as 0.0001
_REDRAWN = 2_000  # of an interval, whose ends are read at two decimals
_AT_ONCE = 4_000_000  # random numbers held at a time


def bootstrap_intervals(
    values: Values, *, seed: int, level: float = 0.95, resamples: int = _REDRAWN
) -> Values:
    """Percentile bootstrap intervals of the means of columns: `values` has shape (queries,
    columns), the result (2, columns), low above high. Queries are drawn with replacement, the same
    ones for all columns (Sakai, SIGIR 2006). Raises BadInput for no queries."""
    n = _need(values)
    random = np.random.default_rng(seed)
    means = []
    for rows in _portions(resamples, n):
        drawn = random.integers(0, n, (rows, n), dtype=np.int32)
        offsets = np.arange(rows, dtype=np.int64)[:, np.newaxis] * n
        times = np.bincount((drawn + offsets).ravel(), minlength=rows * n).reshape(rows, n)
        means.append(times.astype(np.float64) @ values / n)
    low_high: Values = np.quantile(
        np.concatenate(means), [(1 - level) / 2, (1 + level) / 2], axis=0
    )
    return low_high


def randomisation_p(differences: Values, *, seed: int, resamples: int = RESAMPLES) -> Values:
    """Two-sided p of the paired randomisation test, for each column of `differences` (queries,
    columns) between two systems: how often swapping the two at random within queries makes the
    means differ as much (Smucker, Allan and Carterette, CIKM 2007). Shape (columns,), at least
    1 / (resamples + 1), 1 where no query differs. Raises BadInput for no queries."""
    n = _need(differences)
    random = np.random.default_rng(seed)
    reached = np.abs(differences.sum(axis=0)) - 1e-9  # rounding must not hide a tie
    hits = np.zeros(differences.shape[1], np.int64)
    for rows in _portions(resamples, n):
        signs = random.integers(0, 2, (rows, n), dtype=np.int8) * 2.0 - 1
        hits += (np.abs(signs @ differences) >= reached).sum(axis=0)
    p: Values = (hits + 1) / (resamples + 1)
    return p


def _portions(resamples: int, n: int) -> Iterator[int]:
    step = max(1, _AT_ONCE // n)
    for start in range(0, resamples, step):
        yield min(step, resamples - start)


def _need(values: Values) -> int:
    if len(values) == 0:
        raise BadInput("there are no queries to compare; give a set with judged queries")
    return len(values)
