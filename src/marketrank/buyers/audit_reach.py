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
_TRUE = np.linspace(0, 0.8, 81)
_DRAWS, _DRAWS_A_VALUE = 200, 60
_POWER = 0.7
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
    """An attribute's variance over all its values: of `listings`, those within the limit, `within`
    without noise and `observed` as counted; `blind` is what would be counted were nobody steered,
    with the range in which that falls 95 times in 100; `median` is the observed variance of the
    middle one."""

    listings: int
    within: Interval
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
    return Reach(
        len(apart),
        _share(_likelihood(apart, errors), np.abs(_GRID) <= limit + _EDGE, seed),
        float((np.abs(apart) <= limit + _EDGE).mean()),
        float(_blind(some.errors, number, limit)),
    )


def variances_of(some: Audiences, *, limit: float, seed: int) -> Variances | None:
    """Of an attribute as a whole. None where there is no listing.

    As `reach_of`, but that a variance cannot be below 0, so that noise always adds to it: how an
    observed variance is distributed where the true one is t is simulated, the true differences
    pointing anywhere that noise may point."""
    if len(some.listing) == 0:
        return None
    observed = variance(some.eligible, some.actual)
    random = np.random.default_rng(seed)
    noise = _noise(some, random, _DRAWS)
    blind = (_half_sum(noise) <= limit + _EDGE).mean(axis=0)
    low, high = np.quantile(blind, [0.025, 0.975])
    likelihood = _variance_likelihood(observed, noise[:_DRAWS_A_VALUE], some, random)
    return Variances(
        len(observed),
        _share(likelihood, limit + _EDGE >= _TRUE, seed),
        float((observed <= limit + _EDGE).mean()),
        Interval(float(blind.mean()), float(low), float(high)),
        float(np.median(observed)),
    )


def _noise(some: Audiences, random: np.random.Generator, draws: int) -> Doubles:
    """Differences of distributions that a blind ranking makes, (draws, listings, codes): normal,
    and such that as many are reached in all as were."""
    drawn = np.sqrt(some.spread) * random.normal(size=(draws, *some.spread.shape))
    tied = some.spread / np.maximum(some.spread.sum(axis=1, keepdims=True), 1e-12)
    drawn -= tied * drawn.sum(axis=2, keepdims=True)
    found: Doubles = drawn / some.reached.sum(axis=1, keepdims=True)
    return found


def _half_sum(differences: Doubles) -> Doubles:
    found: Doubles = np.abs(differences).sum(axis=-1) / 2
    return found


def _variance_likelihood(
    observed: Doubles, noise: Doubles, some: Audiences, random: np.random.Generator
) -> Doubles:
    """Of each observed variance where the true one is that on the grid _TRUE, (listings, grid). A
    power of them, which evens out their long upper tail, is taken as normal with the mean and
    deviation of simulated ones."""
    ways = _noise(some, random, len(noise))
    lengths = np.maximum(_half_sum(ways), 1e-12)[..., np.newaxis]
    ways = np.where(lengths > 1e-9, ways / lengths, 0.0)
    half_step = (_TRUE[1] - _TRUE[0]) / 2
    columns = []
    for true in _TRUE.tolist():
        seen = _half_sum(true * ways + noise) ** _POWER
        rounding = half_step * _POWER * max(true, half_step) ** (_POWER - 1)
        scale = np.sqrt(seen.var(axis=0) + rounding**2 / 3)
        columns.append(-0.5 * ((observed**_POWER - seen.mean(axis=0)) / scale) ** 2 - np.log(scale))
    logs = np.stack(columns, axis=1)
    found: Doubles = np.exp(np.maximum(logs - logs.max(axis=1, keepdims=True), -700))
    return found


def _share(likelihood: Doubles, inside: NDArray[np.bool_], seed: int) -> Interval:
    """The mass `inside` (grid,) of the distribution that fits best, and how sure it is."""
    n, size = likelihood.shape
    flat = np.full((size, 1), 1 / size)
    mass = _fitted(likelihood, np.ones((n, 1)), flat, _STEPS)
    random = np.random.default_rng(seed)
    times = random.multinomial(n, np.full(n, 1 / n), _RESAMPLES).T.astype(np.float64)
    # Off the solution: what has no mass could never gain any.
    start = np.tile(0.9 * mass + 0.1 * flat, _RESAMPLES)
    resampled = _fitted(likelihood, times, start, _RESAMPLED_STEPS)
    low, high = np.quantile(resampled[inside].sum(axis=0), [0.025, 0.975])
    value = float(mass[inside].sum())
    return _no_narrower(Interval(value, min(float(low), value), max(float(high), value)), n)


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
