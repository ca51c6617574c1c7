"""A buyer's taste, from what they did: sums that fade, so that one more event is one more addition.

With w the weight of an event's kind and h the half-life, the taste at a moment t is the direction
of Σ w·2^(-(t - t_event)/h)·v over the vectors v of the listings (exponential time decay: Ding and
Li, "Time weight collaborative filtering", CIKM 2005). Hidden and reported listings weigh below 0
and turn it away from what is like them (Rocchio's negative feedback, 1971). Nothing is learned.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.people import Interaction, InteractionKind
from marketrank.types import Vectors

Path = tuple[str, ...]
Floats = NDArray[np.float64]
_SECONDS_PER_DAY = 86_400
_SPREAD = 1.28  # deviations to each side that hold 80 % of a normal distribution
_LEAST_DEVIATION = math.log(1.5)  # a single price says little about the next one

KIND_WEIGHTS: Mapping[InteractionKind, float] = {
    InteractionKind.VIEW: 0.5,
    InteractionKind.CLICK: 1.0,
    InteractionKind.SAVE: 3.0,
    InteractionKind.MESSAGE: 4.0,
    InteractionKind.OFFER: 5.0,
    InteractionKind.SOLD: 5.0,
    InteractionKind.HIDE: -2.0,
    InteractionKind.REPORT: -3.0,
}
"""What each kind says of an interest in things like the listing."""


@dataclass(frozen=True, slots=True)
class Weighting:
    """How much an event counts: by its kind, halved with every `half_life_days` of age."""

    half_life_days: float = 14.0
    kinds: Mapping[InteractionKind, float] = field(default_factory=lambda: KIND_WEIGHTS)

    def fading(self, seconds: float) -> float:
        """What is left after so many seconds; 1 for 0 and below (clocks differ)."""
        return math.exp2(-max(seconds, 0.0) / (self.half_life_days * _SECONDS_PER_DAY))

    def weights(self, interactions: Sequence[Interaction], at: datetime) -> Floats:
        """Shape (n,)."""
        return np.array(
            [
                self.kinds.get(one.kind, 0.0) * self.fading((at - one.at).total_seconds())
                for one in interactions
            ],
            np.float64,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What is known of n listings, row by row: `vectors` (n, dim), zeros where there is none;
    `paths` of categories; `prices` (n,) in minor units, -1 for none; `points` (n, 3) on the unit
    sphere, NaN for no place."""

    vectors: Vectors
    paths: Sequence[Path]
    prices: NDArray[np.int64]
    points: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Everything as it weighed at the moment `at`. `total` (dim,) is the sum of weighted vectors;
    `strength` the sum of positive weights: how much is known; `categories` sums by path; `prices`
    Σw, Σw·ln p and Σw·ln² p over liked listings with a price p in minor units, above 0."""

    at: datetime
    total: Floats
    strength: float = 0.0
    categories: Mapping[Path, float] = field(default_factory=dict)
    prices: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @staticmethod
    def empty(dim: int, at: datetime) -> "Profile":
        return Profile(at, np.zeros(dim))

    @property
    def taste(self) -> Vectors | None:
        """The direction of the taste, shape (1, dim); None where nothing is known of it."""
        length = float(np.linalg.norm(self.total))
        if self.strength <= 0 or length < 1e-9:
            return None
        return np.asarray(self.total[np.newaxis] / length, np.float32)

    @property
    def liked(self) -> tuple[Path, ...]:
        """Categories that count above 0, the most liked first, ties by path."""
        paths = [path for path, weight in self.categories.items() if weight > 0]
        return tuple(sorted(paths, key=lambda path: (-self.categories[path], path)))

    @property
    def price_range(self) -> tuple[int, int] | None:
        """Between which prices (minor units) four fifths of what they like should lie, taking ln p
        as normal; None where they liked nothing with a price."""
        weight, total, squares = self.prices
        if weight <= 0:
            return None
        mean = total / weight
        deviation = max(math.sqrt(max(squares / weight - mean**2, 0.0)), _LEAST_DEVIATION)
        low, high = mean - _SPREAD * deviation, mean + _SPREAD * deviation
        return round(math.exp(low)), round(math.exp(high))

    def updated(
        self, interactions: Sequence[Interaction], facts: Facts, weighting: Weighting
    ) -> "Profile":
        """With further events, in any order of their times; row i of `facts` tells of the listing
        of the i-th. The moment becomes that of the latest. Raises BadInput where counts differ."""
        if len(interactions) != len(facts):
            raise BadInput(f"{len(interactions)} events came with facts of {len(facts)} listings")
        if not interactions:
            return self
        at = max(self.at, *(one.at for one in interactions))
        return _added(self._at(at, weighting), weighting.weights(interactions, at), facts)

    def _at(self, at: datetime, weighting: Weighting) -> "Profile":
        left = weighting.fading((at - self.at).total_seconds())
        if left == 1.0:
            return self
        return Profile(
            at,
            self.total * left,
            self.strength * left,
            {path: weight * left for path, weight in self.categories.items()},
            (self.prices[0] * left, self.prices[1] * left, self.prices[2] * left),
        )


def profile_of(
    interactions: Sequence[Interaction], facts: Facts, *, at: datetime, weighting: Weighting
) -> Profile:
    """The profile at a moment, of all that is known; see `Profile.updated`. What lies after `at`
    counts as of now."""
    empty = Profile.empty(facts.vectors.shape[1], at)
    if len(interactions) != len(facts):
        return empty.updated(interactions, facts, weighting)  # says what is wrong
    return _added(empty, weighting.weights(interactions, at), facts)


def _added(profile: Profile, weights: Floats, facts: Facts) -> Profile:
    liked = np.maximum(weights, 0.0)
    categories = dict(profile.categories)
    for path, weight in zip(facts.paths, weights.tolist(), strict=True):
        if path:
            categories[path] = categories.get(path, 0.0) + weight
    priced = facts.prices > 0
    logs = np.log(np.maximum(facts.prices, 1).astype(np.float64))
    counted = np.where(priced, liked, 0.0)
    sums = (counted.sum(), (counted * logs).sum(), (counted * logs**2).sum())
    old = profile.prices
    return Profile(
        profile.at,
        profile.total + weights @ facts.vectors.astype(np.float64),
        profile.strength + float(liked.sum()),
        categories,
        (old[0] + float(sums[0]), old[1] + float(sums[1]), old[2] + float(sums[2])),
    )
