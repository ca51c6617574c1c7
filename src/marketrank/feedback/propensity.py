"""How likely each position is to be looked at, relative to the first: position bias.

Buyers click what they see, and they see what stands at the top. The position-based model says that
a click takes two things that do not depend on each other: the position is examined, with
probability p, and the listing is wanted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.feedback.sessions import Group

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Regress = Callable[[Floats, Doubles], Doubles]
"""Learns to tell targets in [0, 1] (m,) from features (m, f), and returns what it tells of the
same rows."""
_LOWEST = 1e-3  # what nobody seems to look at is looked at sometimes
_SUPPORT = 30.0  # shows that a position needs to be judged by itself
_STEPS = 200
_EM_STEPS = 12


@dataclass(frozen=True, slots=True)
class Propensity:
    """Probabilities of being looked at by position from 0, the first's taken as 1; the last counts
    for all positions below. `method` says where they come from."""

    examined: tuple[float, ...]
    method: str

    def at(self, positions: NDArray[np.int32]) -> Doubles:
        """Those of positions, all of which were shown."""
        table = np.array(self.examined)
        return table[np.clip(positions, 0, len(table) - 1)]

    def weights(self, positions: NDArray[np.int32], clip: float) -> Doubles:
        """1 / p, at most `clip`; 1 for what was not shown. Clipping trades a little bias for much
        variance, and bounds what wrong probabilities can do."""
        inverse = np.minimum(1 / self.at(positions), clip)
        return np.where(positions >= 0, inverse, 1.0)


def power(exponent: float, n: int) -> Propensity:
    """p = 1 / (position + 1) ** exponent, for n positions. 0 is no bias."""
    examined = 1 / np.arange(1, n + 1) ** exponent
    return _made(examined, f"power {exponent:g}")


def harvest(groups: Sequence[Group]) -> Propensity:
    """Intervention harvesting: wherever the same listing has stood at different positions for the
    same query, the clicks there differ by position bias alone (Agarwal, Zaitsev, Wang, Li, Najork
    and Joachims, "Estimating position bias without intrusive interventions", WSDM 2019, their
    AllPairs estimator).

    Of each pair of positions (k, l) clicks are weighed as by Mantel and Haenszel, by the shows at
    the other one: A(k, l) = Σ c_k n_l / (n_k + n_l) over query-listings, whose expectation is
    B(k, l) p_k r(k, l). p and r are fitted by turns to all pairs at once. A position with few such
    shows is taken as likely as the one above it. Raises BadInput where nothing has moved, or too
    little for any position.
    """
    clicks, shows = _pairs(_moved(groups))
    support = shows.sum(axis=1)
    # Each position below would be taken for as likely as the one above: no bias, out of ignorance.
    if not (support[1:] >= _SUPPORT).any() or support[0] == 0:
        raise BadInput(
            "too few listings have stood at different positions for the same query, so that "
            "position bias cannot be seen; try `--propensity em`, or let an experiment reorder "
            "some rankings"
        )
    total = clicks + clicks.T
    p = np.ones(len(support))
    for _ in range(_STEPS):
        with np.errstate(divide="ignore", invalid="ignore"):
            r = np.where(shows > 0, total / (shows * (p[:, np.newaxis] + p)), 0.0)
            p = np.where(support > 0, clicks.sum(axis=1) / (shows * r).sum(axis=1), 0.0)
        p = np.nan_to_num(p, nan=0.0, posinf=0.0)
        p /= p[0] if p[0] > 0 else 1.0
    if p[0] == 0:
        raise BadInput("nobody clicked the first position; collect more sessions")
    for k in range(1, len(p)):
        if support[k] < _SUPPORT or p[k] == 0:
            p[k] = p[k - 1]
    return _made(p, "harvest")


def em(groups: Sequence[Group], regress: Regress) -> Propensity:
    """Regression by expectation maximisation: by turns, how likely each click that did not happen
    was unseen or unwanted, and what positions and features tell of that (Wang, Golbandi, Bendersky,
    Metzler and Najork, "Position bias estimation for unbiased learning to rank in personal search",
    WSDM 2018).

    It needs no listing to move, but tells bias from relevance only as far as positions vary while
    features do not. Raises BadInput where nobody clicked."""
    positions, clicked, features = _flat(groups)
    if not clicked.any():
        raise BadInput("nobody clicked anything in these sessions; collect more")
    n = int(positions.max()) + 1
    count = np.maximum(np.bincount(positions, minlength=n), 1)
    p = np.maximum(np.bincount(positions, clicked, n) / count, _LOWEST)
    p /= p[0]
    wanted = np.full(len(positions), float(clicked.mean()))
    for _ in range(_EM_STEPS):
        examined = p[positions]
        neither = np.maximum(1 - examined * wanted, 1e-9)
        was_seen = np.where(clicked, 1.0, examined * (1 - wanted) / neither)
        was_wanted = np.where(clicked, 1.0, wanted * (1 - examined) / neither)
        p = np.maximum(np.bincount(positions, was_seen, n) / count, _LOWEST)
        wanted = np.clip(regress(features, was_wanted), 1e-6, 1 - 1e-6)
    return _made(p / p[0], "em")


def _made(examined: Doubles, method: str) -> Propensity:
    clipped = np.clip(examined / examined[0], _LOWEST, None)
    return Propensity(tuple(float(p) for p in np.minimum(clipped, 1.0)), method)


Tally = Mapping[int, tuple[int, int]]
"""By position: shows and clicks."""


def _moved(groups: Sequence[Group]) -> list[Tally]:
    """Of each query-listing that has stood at more than one position."""
    tallies: dict[tuple[str, str], dict[int, tuple[int, int]]] = {}
    for one in groups:
        shown = one.impression
        if not shown.query:
            continue
        for row in np.flatnonzero(one.shown).tolist():
            tally = tallies.setdefault((shown.query, shown.listings[row]), {})
            position = int(shown.positions[row])
            shows, clicks = tally.get(position, (0, 0))
            tally[position] = shows + 1, clicks + int(one.grades[row] != 0)
    return [tally for tally in tallies.values() if len(tally) > 1]


def _pairs(tallies: Sequence[Tally]) -> tuple[Doubles, Doubles]:
    """A and B of `harvest`, (positions, positions)."""
    n = 1 + max((max(tally) for tally in tallies), default=0)
    clicks, shows = np.zeros((n, n)), np.zeros((n, n))
    for tally in tallies:
        at = np.array(list(tally))
        shown, clicked = np.array(list(tally.values()), np.float64).T
        share = shown / (shown[:, np.newaxis] + shown)  # n_l / (n_k + n_l) at [k, l]
        np.fill_diagonal(share, 0)
        clicks[np.ix_(at, at)] += clicked[:, np.newaxis] * share
        shows[np.ix_(at, at)] += shown[:, np.newaxis] * share
    return clicks, shows


def _flat(groups: Sequence[Group]) -> tuple[NDArray[np.int32], NDArray[np.bool_], Floats]:
    shown = [one.shown for one in groups]
    pairs = list(zip(groups, shown, strict=True))
    return (
        np.concatenate([one.impression.positions[rows] for one, rows in pairs]),
        np.concatenate([one.grades[rows] != 0 for one, rows in pairs]),
        np.concatenate([one.impression.features[rows] for one, rows in pairs]),
    )
