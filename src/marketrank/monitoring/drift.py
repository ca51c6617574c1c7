"""How far a window of data lies from an earlier one, column by column.

With many rows a test of significance finds every difference, however small, and with many columns
one of them finds one by chance. So a column has drifted where two things hold: the effect is as
large as a threshold that means something in its own unit, and larger than what the same rows give
when they are dealt to the two windows at random (mean and CHANCE deviations of such deals).

    number   Wasserstein's distance over the deviation of the reference (1: as far as one deviation)
    share    population stability index Σ (q - p) ln(q / p) over labels (Siddiqi 2006)
    words    Jensen-Shannon divergence in bits of the words' shares, 0 to 1 (Lin 1991)
    vector   how well a linear classifier tells the windows apart: its AUC on rows that it was not
             fitted to, .5 to 1 (Lopez-Paz and Oquab, "Revisiting classifier two-sample tests",
             ICLR 2017)
    rate     the larger rate over the smaller one, 1 and more

The first three lie above 0 by chance alone; their score is what is more than that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
CHANCE = 6.0
"""Deviations: indices of stability follow χ², whose tail is long (with 12 degrees of freedom one in
600 lies beyond 4 of them, one in 25,000 beyond 6)."""
_DEALS = {"number": 40, "share": 100, "words": 20, "rate": 40, "vector": 10}
_SHOWN = 12
_RIDGE = 0.1  # share of the mean variance; keeps the discriminant steady where rows are few


class Kind(StrEnum):
    NUMBER = "number"
    SHARE = "share"
    WORDS = "words"
    VECTOR = "vector"
    RATE = "rate"


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Rows of both windows; `latest` (n,) says which are of the later one.

    `values` by kind: NUMBER (n,); SHARE (n, labels), a one in each row; WORDS (n, labels), ones for
    the words that a row has; VECTOR (n, dim); RATE (n, 2), hits and tries of a row.
    """

    name: str
    kind: Kind
    values: Floats
    latest: Mask
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """A share of each window."""

    label: str
    reference: float
    latest: float


@dataclass(frozen=True, slots=True)
class Judged:
    """`chance` is the largest score that dealing rows at random explains; `judged` is False where
    a window has too few rows, and then nothing has drifted. `bars` show the change."""

    name: str
    kind: Kind
    score: float
    threshold: float
    chance: float
    drifted: bool
    judged: bool
    reference: int
    latest: int
    bars: tuple[Bar, ...] = ()


def judge(column: Column, thresholds: Mapping[Kind, float], *, least: int, seed: int) -> Judged:
    """Compare the windows of a column; with fewer than `least` rows in one it is not judged."""
    threshold, latest = thresholds[column.kind], column.latest
    n, m = int((~latest).sum()), int(latest.sum())
    none = 1.0 if column.kind is Kind.RATE else 0.5 if column.kind is Kind.VECTOR else 0.0
    if min(n, m) < least:
        return Judged(column.name, column.kind, none, threshold, none, False, False, n, m)
    measure = _MEASURES[column.kind]
    raw = measure(column.values, latest)
    deal = np.random.default_rng(seed)
    dealt = [measure(column.values, deal.permutation(latest)) for _ in range(_DEALS[column.kind])]
    mean, highest = float(np.mean(dealt)), float(np.mean(dealt) + CHANCE * np.std(dealt))
    more = none == 0.0
    score = max(0.0, raw - mean) if more else raw
    chance = highest - mean if more else highest
    return Judged(
        column.name,
        column.kind,
        round(score, 4),
        threshold,
        round(chance, 4),
        bool(score > threshold and score > chance),
        True,
        n,
        m,
        _bars(column),
    )


def wasserstein(values: Floats, latest: Mask) -> float:
    """Of the two windows' values (n,), over the deviation of the first; 0 where all are equal."""
    ref, new = np.sort(values[~latest]), np.sort(values[latest])
    scale = float(ref.std()) or float(values.std())
    if not scale:
        return 0.0
    grid = np.sort(values)
    below = [np.searchsorted(one, grid[:-1], side="right") / len(one) for one in (ref, new)]
    return float(np.abs(below[0] - below[1]) @ np.diff(grid)) / scale


def stability(values: Floats, latest: Mask) -> float:
    """The population stability index of labels (n, labels); half a row more of each, so that one
    which a window lacks has a finite weight."""
    p, q = (_smoothed(values[one].sum(axis=0)) for one in (~latest, latest))
    return float(((q - p) * np.log(q / p)).sum())


def divergence(values: Floats, latest: Mask) -> float:
    """Jensen-Shannon, in bits."""
    p, q = (_smoothed(values[one].sum(axis=0)) for one in (~latest, latest))
    middle = (p + q) / 2
    return float((p * np.log2(p / middle)).sum() + (q * np.log2(q / middle)).sum()) / 2


def separability(values: Floats, latest: Mask) -> float:
    """AUC of Fisher's linear discriminant, each half of the rows judged by the other's."""
    halves = np.arange(len(latest)) % 2 == 0
    # Rows may come in an order that means something.
    halves = np.random.default_rng(len(latest)).permutation(halves)
    found = [
        area(values[~half] @ _discriminant(values[half], latest[half]), latest[~half])
        for half in (halves, ~halves)
    ]
    return max(0.5, float(np.mean(found)))


def area(scores: Floats, positive: Mask) -> float:
    """The chance that a positive row has a higher score than another (AUC); ties count half."""
    n, m = int((~positive).sum()), int(positive.sum())
    if not n or not m:
        return 0.5
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float((ranks[positive].sum() - m * (m + 1) / 2) / (n * m))


def ratio(values: Floats, latest: Mask) -> float:
    """Of the rates hits / tries (n, 2) of the windows, the larger over the smaller; half a hit
    more of each."""
    rates = [
        (values[one, 0].sum() + 0.5) / (values[one, 1].sum() + 1.0) for one in (~latest, latest)
    ]
    return float(max(rates) / min(rates))


_MEASURES: dict[Kind, Callable[[Floats, Mask], float]] = {
    Kind.NUMBER: wasserstein,
    Kind.SHARE: stability,
    Kind.WORDS: divergence,
    Kind.VECTOR: separability,
    Kind.RATE: ratio,
}


def _smoothed(counts: Floats) -> Floats:
    more = counts + 0.5
    shares: Floats = more / more.sum()
    return shares


def _discriminant(values: Floats, latest: Mask) -> Floats:
    """Shape (dim,)."""
    parts = [values[one] for one in (~latest, latest)]
    if not all(len(one) for one in parts):
        return np.zeros(values.shape[1])
    means = [one.mean(axis=0) for one in parts]
    centred = np.vstack([one - mean for one, mean in zip(parts, means, strict=True)])
    scatter = centred.T @ centred / len(centred)
    ridge = _RIDGE * float(np.trace(scatter)) / len(scatter) + 1e-12
    return np.linalg.solve(scatter + ridge * np.eye(len(scatter)), means[1] - means[0])


def _bars(column: Column) -> tuple[Bar, ...]:
    ref, new = column.values[~column.latest], column.values[column.latest]
    if column.kind is Kind.VECTOR:
        return ()
    if column.kind is Kind.RATE:
        rates = [float(one[:, 0].sum() / max(1.0, one[:, 1].sum())) for one in (ref, new)]
        return (Bar("rate", *(round(rate, 5) for rate in rates)),)
    if column.kind is Kind.NUMBER:
        edges = np.unique(np.quantile(column.values, np.linspace(0, 1, _SHOWN + 1)))
        if len(edges) < 2:
            return ()
        shares = [np.histogram(one, edges)[0] / len(one) for one in (ref, new)]
        labels = [f"{low:.3g} to {high:.3g}" for low, high in pairwise(edges)]
        chosen = np.arange(len(labels))
    else:
        shares = [one.mean(axis=0) for one in (ref, new)]
        labels = list(column.labels)
        chosen = np.argsort(-np.abs(shares[0] - shares[1]), kind="stable")[:_SHOWN]
    return tuple(
        Bar(labels[one], round(float(shares[0][one]), 5), round(float(shares[1][one]), 5))
        for one in chosen.tolist()
    )
