"""How many listings reach an audience like their eligible one, noise taken off.

See `audit_audience` for the measure and where it comes from.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.audit_audience import Audiences, variance
from marketrank.buyers.audit_values import Interval

Doubles = NDArray[np.float64]
_GRID = np.linspace(-1, 1, 201)
_STEPS = 300
_RESAMPLED_STEPS = 30
_RESAMPLES = 200
_DRAWS = 200
_EDGE = 1e-9
_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Reach:
    """Of `listings`, those whose share of a group is within the limit of its eligible share:
    `within` without noise, `observed` as counted, `blind` what would be counted were nobody
    steered."""

    listings: int
    within: Interval
    observed: float
    blind: float


@dataclass(frozen=True, slots=True)
class Variances:
    """An attribute's variance over all its values: `observed` and `blind` shares of listings within
    the limit, as counted, with the range in which a blind ranking falls 95 times in 100; and the
    `median` variance."""

    listings: int
    observed: float
    blind: Interval
    median: float


def reach_of(some: Audiences, number: int, *, limit: float, seed: int) -> Reach | None:
    """Of one group against all others. None where there is no listing.

    The true differences are taken to be drawn from any distribution at all, which is estimated by
    maximum likelihood from the observed ones and their errors (Kiefer and Wolfowitz, 1956; by EM on
    a grid, Koenker and Mizera, JASA 2014); `within` is its mass from -limit to limit. The interval
    is by resampling listings, and no narrower than Wilson's for as many listings: it is of other
    listings like these, shown to these buyers."""
    if len(some.listing) == 0:
        return None
    apart = (some.actual - some.eligible)[:, number]
    errors = some.errors[:, number]
    likelihood = _likelihood(apart, errors)
    n = len(apart)
    flat = np.full((len(_GRID), 1), 1 / len(_GRID))
    mass = _fitted(likelihood, np.ones((n, 1)), flat, _STEPS)
    random = np.random.default_rng(seed)
    times = random.multinomial(n, np.full(n, 1 / n), _RESAMPLES).T.astype(np.float64)
    # Off the solution: what has no mass could never gain any.
    start = np.tile(0.9 * mass + 0.1 * flat, _RESAMPLES)
    resampled = _fitted(likelihood, times, start, _RESAMPLED_STEPS)
    inside = np.abs(_GRID) <= limit + _EDGE
    low, high = np.quantile(resampled[inside].sum(axis=0), [0.025, 0.975])
    value = float(mass[inside].sum())
    return Reach(
        n,
        _no_narrower(Interval(value, min(float(low), value), max(float(high), value)), n),
        float((np.abs(apart) <= limit + _EDGE).mean()),
        float(_blind(some.errors, number, limit)),
    )


def variances_of(some: Audiences, *, limit: float, seed: int) -> Variances | None:
    """Of an attribute as a whole. None where there is no listing."""
    if len(some.listing) == 0:
        return None
    observed = variance(some.eligible, some.actual)
    random = np.random.default_rng(seed)
    deviations = np.sqrt(some.spread)
    tied = some.spread / np.maximum(some.spread.sum(axis=1, keepdims=True), 1e-12)
    n = some.reached.sum(axis=1)
    shares = []
    for _ in range(_DRAWS):
        drawn = deviations * random.normal(size=deviations.shape)
        drawn -= tied * drawn.sum(axis=1, keepdims=True)  # as many are reached as were
        shares.append((np.abs(drawn).sum(axis=1) / (2 * n) <= limit + _EDGE).mean())
    low, high = np.quantile(shares, [0.025, 0.975])
    return Variances(
        len(observed),
        float((observed <= limit + _EDGE).mean()),
        Interval(float(np.mean(shares)), float(low), float(high)),
        float(np.median(observed)),
    )


def _likelihood(apart: Doubles, errors: Doubles) -> Doubles:
    """Of each difference on the grid, (listings, grid), up to a factor for each listing."""
    step = _GRID[1] - _GRID[0]
    scale = np.sqrt(errors**2 + step**2 / 12)[:, np.newaxis]  # the grid rounds
    scaled = (apart[:, np.newaxis] - _GRID) / scale
    scaled = np.minimum(0.5 * scaled**2, 700)
    found: Doubles = np.exp(scaled.min(axis=1, keepdims=True) - scaled)
    return found


def _fitted(likelihood: Doubles, times: Doubles, mass: Doubles, steps: int) -> Doubles:
    """Masses on the grid, (grid, m), after steps of EM from `mass`, for listings that count
    `times`, (listings, m)."""
    total = times.sum(axis=0)
    for _ in range(steps):
        mass = mass * (likelihood.T @ (times / (likelihood @ mass))) / total
    return mass


def _no_narrower(found: Interval, n: int) -> Interval:
    """Than Wilson's (JASA 1927): where all listings are alike, resampling them shows no doubt."""
    centre = (found.value + _Z95**2 / (2 * n)) / (1 + _Z95**2 / n)
    odds = found.value * (1 - found.value) / n + _Z95**2 / (4 * n**2)
    half = _Z95 * math.sqrt(max(0.0, odds)) / (1 + _Z95**2 / n)
    low, high = min(found.low, centre - half), max(found.high, centre + half)
    return Interval(found.value, max(0.0, low), min(1.0, high))


def _blind(errors: Doubles, number: int, limit: float) -> float:
    """The mean probability of a normal error within the limit."""
    scale = np.maximum(errors[:, number], 1e-12) * np.sqrt(2)
    return float(np.mean([math.erf(limit / one) for one in scale.tolist()]))
