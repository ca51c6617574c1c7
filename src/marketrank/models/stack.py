"""Several classifiers as one: a weighted product of their probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.models.probabilities import Floats, log_softmax, softmax

_MOST = 4.0  # a weight beyond it says that the source is badly calibrated, not that it is right
_START = 0.5
_FOLDS = 10


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
        logs = log_softmax(np.tensordot(weights, kept, axes=1))
        expected = (np.exp(logs) * kept).sum(axis=2)
        return -float(logs[rows, true].mean()), (expected - kept[:, rows, true]).mean(axis=1)

    rows = np.arange(len(true))
    start = np.full(len(names), _START)
    bounds = [(0.0, _MOST)] * len(names)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return Stack({name: round(float(w), 4) for name, w in zip(names, found.x, strict=True)})


def mix_crosswise(
    sources: Mapping[str, Floats], codes: NDArray[np.int64], groups: Sequence[str]
) -> Floats:
    """What a stack says of each listing, whose weights were fitted to listings of other groups
    (cross-validated: Stone, JRSS B 1974), shape (n, k), from log probabilities (n, k) by source.
    `groups` names the leak group of each. Raises BadInput where fewer than two groups have a known
    category."""
    labelled = sorted({group for group, code in zip(groups, codes, strict=True) if code >= 0})
    folds = {group: place % _FOLDS for place, group in enumerate(labelled)}
    # A group without a known category is in no fold, and everything is fitted to others.
    fold = np.array([folds.get(group, -1) for group in groups], np.int64)
    found = np.empty_like(next(iter(sources.values())))
    for one in np.unique(fold):
        rows = fold == one
        stack = fit_stack({name: logs[~rows] for name, logs in sources.items()}, codes[~rows])
        found[rows] = stack.mix({name: logs[rows] for name, logs in sources.items()})
    return found
