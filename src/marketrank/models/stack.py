"""Several classifiers as one: a weighted product of their probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.models.baselines import softmax
from marketrank.models.tfidf import Floats

Real = TypeVar("Real", np.float32, np.float64)
_MOST = 4.0  # a weight beyond it says that the source is badly calibrated, not that it is right
_START = 0.5


@dataclass(frozen=True, slots=True)
class Stack:
    """p(category) in proportion to the product of each source's p, to the power of its weight: a
    logarithmic opinion pool (Genest and Zidek, Statistical Science 1986)."""

    weights: Mapping[str, float]

    def mix(self, sources: Mapping[str, Floats]) -> Floats:
        """Shape (n, k), rows add up to 1, from log probabilities (n, k) by source. A row of equal
        numbers has no say. Raises BadInput where a source with a weight is missing."""
        missing = sorted(set(self.weights) - set(sources))
        if missing:
            raise BadInput(f"the stack needs {missing} and was given {sorted(sources)}")
        parts = [weight * sources[name] for name, weight in self.weights.items()]
        return softmax(np.sum(parts, axis=0))


def fit_stack(sources: Mapping[str, Floats], codes: NDArray[np.int64]) -> Stack:
    """The weights, 0 or more, of least log loss on listings that no source was fitted to (stacked
    generalization: Wolpert, Neural Networks 1992). Negative codes do not count. Raises BadInput
    where none counts."""
    from scipy.optimize import minimize

    known = codes >= 0
    if not known.any():
        raise BadInput("no held-out listing has a known category; ingest more listings")
    names = sorted(sources)
    kept = np.stack([sources[name][known] for name in names]).astype(np.float64)
    true = codes[known]

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Mean -ln p, and its gradient. In float64 and exact: the rounding of float32 is larger
        than the steps by which a minimiser would estimate one."""
        logs = log_probabilities(np.tensordot(weights, kept, axes=1))
        expected = (np.exp(logs) * kept).sum(axis=2)
        return -float(logs[rows, true].mean()), (expected - kept[:, rows, true]).mean(axis=1)

    rows = np.arange(len(true))
    start = np.full(len(names), _START)
    bounds = [(0.0, _MOST)] * len(names)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return Stack({name: round(float(w), 4) for name, w in zip(names, found.x, strict=True)})


def log_probabilities(logits: NDArray[Real]) -> NDArray[Real]:
    """Shape (n, k): the logarithms of the softmax of logits, in their own precision."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs: NDArray[Real] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def mean_by_owner(logs: Floats, owner: NDArray[np.int64], n: int) -> Floats:
    """Shape (n, k): the mean of the rows (m, k) of each owner; zeros, which have no say, for one
    that has none."""
    sums = np.zeros((n, logs.shape[1]), np.float32)
    np.add.at(sums, owner, logs)
    counts = np.maximum(np.bincount(owner, minlength=n), 1).astype(np.float32)
    means: Floats = sums / counts[:, None]
    return means
