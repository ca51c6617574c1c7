"""What an experiment has found: which arm buyers wanted more of, and how sure that is."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.feedback.experiments import Experiment, Kind
from marketrank.feedback.interleave import credits
from marketrank.feedback.sessions import Group

Doubles = NDArray[np.float64]
_RESAMPLES = 2_000
_LEVEL = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`value` is of `arm` less that of `against`, with a 95 % interval; `p` is two-sided; `n`
    counts what was compared, see `report`."""

    arm: str
    against: str
    value: float
    low: float
    high: float
    p: float
    n: int


def report(experiment: Experiment, groups: Sequence[Group], seed: int = 7) -> dict[str, Any]:
    """Ready for JSON. `groups` may be of any sessions; those of the experiment count.

    Interleaved: `value` is the share of buyers who preferred the arm, over those who preferred one
    of the two, less a half, so 0 is a draw; a buyer prefers the arm with more of what they wanted,
    over all their sessions. p is of the sign test.
    A/B: `value` is the difference in sessions in which something was wanted, as a share of the
    arm's sessions; whole buyers are redrawn, as their sessions are not independent (Deng, Lu and
    Litz, "Trustworthy analysis of online A/B tests", WSDM 2017). p is of Welch's ratio by the
    normal distribution.
    """
    own = [one for one in groups if one.impression.experiment == experiment.name]
    kinds = {Kind.INTERLEAVE: _interleaved, Kind.AB: _split}
    arms, compared = kinds[experiment.kind](sorted(experiment.arms), own, seed)
    return {
        "name": experiment.name,
        "kind": str(experiment.kind),
        "share": experiment.share,
        "arms": {arm: {"ranker": experiment.arms[arm]} | facts for arm, facts in arms.items()},
        "sessions": len(own),
        "buyers": len({one.cluster for one in own}),
        "comparisons": [_plain(one) for one in compared],
    }


def sign_test(wins: int, losses: int) -> float:
    """Two-sided p of so many of wins + losses under a fair coin, exactly; 1 for none."""
    n, fewer = wins + losses, min(wins, losses)
    if n == 0:
        return 1.0
    logs = (
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2)
        for i in range(fewer + 1)
    )
    return min(1.0, 2 * math.fsum(map(math.exp, logs)))


def wilson(wins: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share of n (Wilson, JASA 1927); (0, 1) of none."""
    if n == 0:
        return 0.0, 1.0
    share, spread = wins / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return middle - half, middle + half


def _interleaved(
    arms: Sequence[str], own: Sequence[Group], seed: int
) -> tuple[dict[str, dict[str, Any]], list[Comparison]]:
    by_buyer: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(arms, 0))
    for one in own:
        for arm, count in credits(one, arms).items():
            by_buyer[one.cluster][arm] += count
    compared = []
    for arm, against in combinations(arms, 2):
        gaps = [counts[arm] - counts[against] for counts in by_buyer.values()]
        wins, losses = sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)
        n = wins + losses
        low, high = (end - 0.5 for end in wilson(wins, n))
        value = wins / n - 0.5 if n else 0.0
        compared.append(Comparison(arm, against, value, low, high, sign_test(wins, losses), n))
    wanted = {arm: sum(counts[arm] for counts in by_buyer.values()) for arm in arms}
    return {arm: {"wanted": wanted[arm]} for arm in arms}, compared


def _split(
    arms: Sequence[str], own: Sequence[Group], seed: int
) -> tuple[dict[str, dict[str, Any]], list[Comparison]]:
    by_arm: dict[str, Doubles] = {arm: _by_buyer(arm, own) for arm in arms}
    compared = []
    for arm, against in combinations(arms, 2):
        new, old = by_arm[arm], by_arm[against]
        value = _share(new) - _share(old)
        low, high, p = _difference(new, old, seed)
        compared.append(Comparison(arm, against, value, low, high, p, len(new) + len(old)))
    facts = {
        arm: {
            "buyers": len(rows),
            "sessions": int(rows[:, 1].sum()),
            "with_interactions": _share(rows),
        }
        for arm, rows in by_arm.items()
    }
    return facts, compared


def _by_buyer(arm: str, own: Sequence[Group]) -> Doubles:
    """Shape (buyers, 2): sessions in which something was wanted, and all of them."""
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in own:
        if arm in one.impression.arms:
            found[one.cluster][0] += int((one.grades > 0).any())
            found[one.cluster][1] += 1
    return np.array(list(found.values()), np.float64).reshape(-1, 2)


def _share(rows: Doubles) -> float:
    wanted, n = rows.sum(axis=0)
    return float(wanted / n) if n else 0.0


def _difference(new: Doubles, old: Doubles, seed: int) -> tuple[float, float, float]:
    """The interval of the difference of two shares, and its p."""
    if not len(new) or not len(old):
        return -1.0, 1.0, 1.0
    random = np.random.default_rng(seed)
    drawn = _redrawn(new, random) - _redrawn(old, random)
    low, high = np.quantile(drawn, _LEVEL)
    error = math.sqrt(_variance(new) + _variance(old))
    z = abs(_share(new) - _share(old)) / error if error > 0 else 0.0
    return float(low), float(high), math.erfc(z / math.sqrt(2))


def _redrawn(rows: Doubles, random: np.random.Generator) -> Doubles:
    n = len(rows)
    shares = np.empty(_RESAMPLES)
    for i in range(_RESAMPLES):
        wanted, whole = rows[random.integers(0, n, n)].sum(axis=0)
        shares[i] = wanted / whole
    return shares


def _variance(rows: Doubles) -> float:
    """Of the share, by linearisation over buyers."""
    n, whole = len(rows), rows[:, 1].sum()
    residuals = rows[:, 0] - _share(rows) * rows[:, 1]
    return float((residuals**2).sum() * n / max(n - 1, 1) / whole**2)


def _plain(one: Comparison) -> dict[str, Any]:
    return {
        "arm": one.arm,
        "against": one.against,
        "value": one.value,
        "ci95": [one.low, one.high],
        "p": one.p,
        "n": one.n,
    }
