"""What a ranking would have brought, estimated from what was shown instead.

A policy gives each shown listing another position. Its value is what buyers would do there: the sum
of λ(new position) · relevance over the listings of a request, where λ is the chance of being looked
at, as the position-based model of `propensity` has it (Li, Abbasi-Yadkori, Kveton, Muthukrishnan,
Vinay and Wen, "Offline evaluation of ranking policies with click models", KDD 2018). Only what was
shown can be judged: a policy that finds other listings must be shown to buyers, see `interleave`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.feedback.propensity import Propensity
from marketrank.feedback.sessions import Group

Doubles = NDArray[np.float64]
Policy = Callable[[Group], NDArray[np.float32]]
"""A score for each candidate of a group, (n,): highest first, ties by listing."""
Model = Callable[[Group], Doubles]
"""How likely each candidate of a group is wanted once it is looked at, (n,)."""
CLIP = 20.0
_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval; errors are clustered by buyer. `n` counts requests."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def error(self) -> float:
        """One standard error."""
        return (self.high - self.low) / (2 * _Z95)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A policy's numbers by request, shape (requests,), in the order of the groups. `ips` and
    `doubly_robust` are interactions, `reachable` is what `ips` would be were all looked at; `ndcg`
    is NaN for a request where nobody did anything. `clusters` numbers the buyers."""

    ips: Doubles
    doubly_robust: Doubles
    reachable: Doubles
    ndcg: Doubles
    clusters: NDArray[np.int64]


METHODS = ("ndcg@10", "ips", "snips", "dr")
"""
ndcg@10  of the grades that were given, each divided by the chance of being looked at: as if all
         had been looked at. Requests where nobody did anything are left out.
ips      inverse propensity scoring: mean of Σ c λ(new) / p(old).
snips    self-normalised: Σ c λ(new) / p(old) over Σ c / p(old), the average λ at which what is
         wanted stands (Wang et al., WSDM 2018, average 1 / rank so); of smaller variance.
dr       doubly robust: a model's guess, corrected by inverse propensity where it errs, right if
         either is (Oosterhuis, "Doubly robust estimation for correcting position bias in click
         feedback for unbiased learning to rank", TOIS 2023).
"""


def judge(
    groups: Sequence[Group],
    policy: Policy,
    propensity: Propensity,
    model: Model,
    *,
    clip: float = CLIP,
) -> Judged:
    """What a policy would have brought in each of these groups. Raises BadInput for none."""
    if not groups:
        raise BadInput("there are no sessions to judge a ranking by; collect some first")
    names = {name: row for row, name in enumerate(sorted({one.cluster for one in groups}))}
    rows = np.array([_one(group, policy, propensity, model, clip) for group in groups])
    clusters = np.array([names[one.cluster] for one in groups], np.int64)
    return Judged(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], clusters)


def estimates(judged: Judged) -> dict[str, Estimate]:
    """One for each of METHODS."""
    ones = np.ones(len(judged.ips))
    met = ~np.isnan(judged.ndcg)
    return {
        "ndcg@10": _ratio(np.where(met, judged.ndcg, 0), met.astype(np.float64), judged.clusters),
        "ips": _ratio(judged.ips, ones, judged.clusters),
        "snips": _ratio(judged.ips, judged.reachable, judged.clusters),
        "dr": _ratio(judged.doubly_robust, ones, judged.clusters),
    }


def differences(new: Judged, old: Judged) -> dict[str, Estimate]:
    """New minus old over the same groups, paired, one for each of METHODS."""
    ones = np.ones(len(new.ips))
    met = ~np.isnan(new.ndcg)
    ndcg = np.where(met, new.ndcg - old.ndcg, 0)
    return {
        "ndcg@10": _ratio(ndcg, met.astype(np.float64), new.clusters),
        "ips": _ratio(new.ips - old.ips, ones, new.clusters),
        "snips": _ratio(new.ips - old.ips, new.reachable, new.clusters),
        "dr": _ratio(new.doubly_robust - old.doubly_robust, ones, new.clusters),
    }


def as_logged(group: Group) -> NDArray[np.float32]:
    """The policy of the order that was shown."""
    return -group.impression.positions.astype(np.float32)


def _one(
    group: Group, policy: Policy, propensity: Propensity, model: Model, clip: float
) -> tuple[float, float, float, float]:
    rows = np.flatnonzero(group.shown)
    positions = group.impression.positions[rows]
    ids = [group.impression.listings[row] for row in rows.tolist()]
    scores = policy(group)[rows]
    best_first = sorted(range(len(rows)), key=lambda row: (-float(scores[row]), ids[row]))
    moved = np.empty_like(positions)
    moved[best_first] = np.sort(positions)
    grades = np.maximum(group.grades[rows], 0)
    done = (grades > 0).astype(np.float64)
    inverse = propensity.weights(positions, clip)
    seen = propensity.at(moved)
    wanted = np.clip(model(group)[rows], 0, 1)
    mass = done * inverse
    # Where a weight is clipped, this lies between the model's guess and the truth.
    corrected = wanted + inverse * (done - propensity.at(positions) * wanted)
    return (
        float((seen * mass).sum()),
        float((seen * corrected).sum()),
        float(mass.sum()),
        _ndcg(grades * inverse, np.array(best_first, np.int64)),
    )


def _ndcg(gains: Doubles, best_first: NDArray[np.int64], k: int = 10) -> float:
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.sort(gains)[::-1][:k]
    reached = gains[best_first][:k]
    whole = float((ideal * discounts[: len(ideal)]).sum())
    return float((reached * discounts[: len(reached)]).sum()) / whole if whole > 0 else float("nan")


def _ratio(above: Doubles, below: Doubles, clusters: NDArray[np.int64]) -> Estimate:
    """Σ above / Σ below, its error by linearisation from sums by cluster (Taylor series, as for
    cluster samples: Cochran, Sampling Techniques, 1977, ch. 11)."""
    whole, n = float(below.sum()), int(np.count_nonzero(below))
    if whole <= 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    mean = float(above.sum()) / whole
    residuals = np.bincount(clusters, above - mean * below)
    m = int(np.count_nonzero(np.bincount(clusters, below)))
    error = float(np.sqrt((residuals**2).sum() * (m / (m - 1)))) / whole if m > 1 else float("inf")
    return Estimate(mean, mean - _Z95 * error, mean + _Z95 * error, n)


def as_json(found: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    """Estimates as plain values."""
    return {
        name: {"mean": one.mean, "low": one.low, "high": one.high, "n": one.n}
        for name, one in found.items()
    }
