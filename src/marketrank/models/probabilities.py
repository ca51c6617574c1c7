"""Probabilities of classes as rows, and their logarithms. numpy alone."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Real = TypeVar("Real", np.float32, np.float64)
_LEAST = 1e-9  # what is held impossible still has a logarithm


def softmax(scores: NDArray[np.floating[Any]]) -> Floats:
    """Rows that add up to 1."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: Floats = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def log_softmax(logits: NDArray[Real]) -> NDArray[Real]:
    """Shape (n, k): the logarithms of the softmax of logits, in their own precision."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs: NDArray[Real] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def logs(probabilities: Floats) -> Floats:
    """ln p, of 1e-9 where p is less."""
    found: Floats = np.log(np.maximum(probabilities, np.float32(_LEAST)))
    return found


def log_loss(probabilities: Floats, codes: NDArray[np.int64]) -> float:
    """Mean of -ln p of the true class; 0 for no rows."""
    true = probabilities[np.arange(len(codes)), codes]
    return float(-logs(true).mean()) if len(codes) else 0.0


def mean_by_owner(rows: Floats, owner: NDArray[np.int64], n: int) -> Floats:
    """Shape (n, k): the mean of the rows (m, k) of each owner; zeros for one that has none."""
    sums = np.zeros((n, rows.shape[1]), np.float32)
    np.add.at(sums, owner, rows)
    counts = np.maximum(np.bincount(owner, minlength=n), 1).astype(np.float32)
    means: Floats = sums / counts[:, None]
    return means
