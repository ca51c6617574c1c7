"""The figures of an audit, and how sure each is."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def minus(self, other: "Interval") -> "Interval":
        """The difference of two independent estimates, by their standard errors."""
        spread = math.hypot(self.high - self.low, other.high - other.low) / 2
        return around(self.value - other.value, spread / _Z95)


@dataclass(frozen=True, slots=True)
class AgainstChance:
    """A measure that cannot be below 0, and so is above it by chance alone: `chance` is what
    shuffled group labels give on average, `chance_high` what they exceed once in 20 times."""

    value: float
    chance: float
    chance_high: float

    @property
    def beyond_chance(self) -> bool:
        return self.value > self.chance_high


def around(value: float, error: float, low: float = -math.inf, high: float = math.inf) -> Interval:
    """From a standard error, cut to what the quantity can be."""
    return Interval(value, max(low, value - _Z95 * error), min(high, value + _Z95 * error))


def error_of(interval: Interval) -> float:
    """The standard error of an interval that lies evenly about its estimate; of any other, what it
    would be were it as wide."""
    return (interval.high - interval.low) / 2 / _Z95


def ratio(above: Doubles, below: Doubles) -> Interval | None:
    """Σ above / Σ below of independent clusters, (n,) each, by the delta method (Cochran, Sampling
    Techniques, 3rd ed., 1977, 6.3). None where there are fewer than two, or nothing below."""
    n, total = len(below), float(below.sum())
    if n < 2 or total <= 0:
        return None
    value = float(above.sum()) / total
    residual = above - value * below
    return around(value, math.sqrt(n / (n - 1) * float((residual**2).sum())) / total)
