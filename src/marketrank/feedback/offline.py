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
Policy = Callable[[Sequence[Group]], Sequence[NDArray[np.float32]]]
"""For each group a score for each of its candidates, (n,): highest first, ties by listing."""
CLIP = 20.0
"""The highest weight of an interaction in all estimates but the doubly robust one."""
TRUSTED = 4.0
"""The same in that one: what stood lower than positions that are looked at one time in so many is
judged by the model in part. Without such a limit it would be the same as ips."""
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
    `doubly_robust` are interactions, `reachable` is what `ips` would be were all looked at; `dcg`
    and `ideal` are discounted gains at 10. `clusters` numbers the buyers."""

    ips: Doubles
    doubly_robust: Doubles
    reachable: Doubles
    dcg: Doubles
    ideal: Doubles
    clusters: NDArray[np.int64]


METHODS = ("ndcg@10", "ips", "snips", "dr")
"""
ndcg@10  of the grades that were given, each divided by the chance of being looked at: as if all
         had been looked at. It is Σ DCG over Σ ideal DCG: the mean of requests' own NDCGs would
         count a click at the top like the rare one below, and so bring the bias back.
ips      inverse propensity scoring: mean of Σ c λ(new) / p(old).
snips    self-normalised: Σ c λ(new) / p(old) over Σ c / p(old), the average λ at which what is
         wanted stands (Wang et al., WSDM 2018, average 1 / rank so); of smaller variance.
dr       doubly robust: a model's guess, corrected by inverse propensity as far as weights are
         trusted, so right if the model is or no weight is above TRUSTED (Oosterhuis, "Doubly robust
         estimation for correcting position bias in click feedback for unbiased learning to rank",
         TOIS 2023).
"""


def judge(
    groups: Sequence[Group],
    policy: Policy,
    propensity: Propensity,
    wanted: Sequence[Doubles],
    *,
    clip: float = CLIP,
    trusted: float = TRUSTED,
) -> Judged:
    """What a policy would have brought in each of these groups. `wanted` says for each candidate,
    as a model guesses, how likely it is wanted once it is looked at. Raises BadInput for none."""
    if not groups:
        raise BadInput("there are no sessions to judge a ranking by; collect some first")
    scores = policy(groups)
    rows = np.array(
        [
            _one(group, ranked, guessed, propensity, (clip, trusted))
            for group, ranked, guessed in zip(groups, scores, wanted, strict=True)
        ]
    )
    names = {name: row for row, name in enumerate(sorted({one.cluster for one in groups}))}
    clusters = np.array([names[one.cluster] for one in groups], np.int64)
    return Judged(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4], clusters)


def estimates(judged: Judged) -> dict[str, Estimate]:
    """One for each of METHODS."""
    return _means(judged, judged.dcg, judged.ips, judged.doubly_robust)


def differences(new: Judged, old: Judged) -> dict[str, Estimate]:
    """New minus old over the same groups, paired, one for each of METHODS."""
    return _means(new, new.dcg - old.dcg, new.ips - old.ips, new.doubly_robust - old.doubly_robust)


def _means(judged: Judged, dcg: Doubles, ips: Doubles, dr: Doubles) -> dict[str, Estimate]:
    ones = np.ones(len(ips))
    return {
        "ndcg@10": _ratio(dcg, judged.ideal, judged.clusters),
        "ips": _ratio(ips, ones, judged.clusters),
        "snips": _ratio(ips, judged.reachable, judged.clusters),
        "dr": _ratio(dr, ones, judged.clusters),
    }


def as_logged(groups: Sequence[Group]) -> list[NDArray[np.float32]]:
    """The policy of the order that was shown."""
    return [-one.impression.positions.astype(np.float32) for one in groups]


def _one(
    group: Group,
    scores: NDArray[np.float32],
    guessed: Doubles,
    propensity: Propensity,
    limits: tuple[float, float],
) -> tuple[float, float, float, float, float]:
    rows = np.flatnonzero(group.shown)
    positions = group.impression.positions[rows]
    ids = [group.impression.listings[row] for row in rows.tolist()]
    best_first = sorted(range(len(rows)), key=lambda row: (-float(scores[rows[row]]), ids[row]))
    moved = np.empty_like(positions)
    moved[best_first] = np.sort(positions)
    grades = np.maximum(group.grades[rows], 0)
    done = (grades > 0).astype(np.float64)
    inverse, trusted = (propensity.weights(positions, limit) for limit in limits)
    seen = propensity.at(moved)
    wanted = np.clip(guessed[rows], 0, 1)
    mass = done * inverse
    # Where a weight is cut, this lies between the model's guess and the truth.
    corrected = wanted + trusted * (done - propensity.at(positions) * wanted)
    gains = grades * inverse
    return (
        float((seen * mass).sum()),
        float((seen * corrected).sum()),
        float(mass.sum()),
        _dcg(gains[best_first]),
        _dcg(np.sort(gains)[::-1]),
    )


def _dcg(gains: Doubles, k: int = 10) -> float:
    top = gains[:k]
    return float((top / np.log2(np.arange(2, len(top) + 2))).sum())


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
