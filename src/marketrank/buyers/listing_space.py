"""The space that buyers and listings meet in: an encoder's vectors beside a few facts, so that how
well a listing fits a buyer is one inner product, which an index of either can search.

    [vector (dim) ; bumps of the price ; whether there is one ; waves of the place at each scale]

Waves are random Fourier features (Rahimi and Recht, "Random features for large-scale kernel
machines", NIPS 2007): the product of those of two places is about exp(-d²/2s²), d kilometres apart
at the scale s. A bump is a Gaussian over ln(1 + price), so a price range is a sum of bumps.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from marketrank.types import Place, Vectors

Floats = NDArray[np.float32]
_EARTH_RADIUS_KM = 6371.0088
_LOWEST, _HIGHEST = math.log(3), math.log(20_000)  # major units
_MINOR_PER_MAJOR = 100
_SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Space:
    """`dim` is the encoder's width; `bumps` how many prices; `scales_km` of distances, each with
    `waves` pairs. Equal values mean equal spaces."""

    dim: int
    bumps: int = 8
    scales_km: tuple[float, ...] = (20.0, 120.0)
    waves: int = 32

    @property
    def place_width(self) -> int:
        return 2 * self.waves * len(self.scales_km)

    @property
    def width(self) -> int:
        return self.dim + self.bumps + 1 + self.place_width

    def describe(
        self, vectors: Vectors, prices: NDArray[np.int64], points: NDArray[np.float32]
    ) -> Floats:
        """Listings as points of the space, shape (n, width): `vectors` (n, dim), `prices` (n,) in
        minor units, -1 for none, `points` (n, 3) on the unit sphere, NaN for no place."""
        priced = (prices >= 0)[:, np.newaxis]
        values = np.log1p(np.maximum(prices, 0) / _MINOR_PER_MAJOR)[:, np.newaxis]
        centres = np.linspace(_LOWEST, _HIGHEST, self.bumps)
        width = centres[1] - centres[0] if self.bumps > 1 else 1.0
        bumps = np.exp(-(((values - centres) / width) ** 2) / 2) * priced
        parts = [vectors, bumps, priced, self.places(points)]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def places(self, points: NDArray[np.float32]) -> Floats:
        """Shape (n, place_width); a row of zeros for a place that is not known."""
        known = np.isfinite(points).all(axis=1, keepdims=True)
        where = np.where(known, points, 0).astype(np.float64) * _EARTH_RADIUS_KM
        turns = where @ _frequencies(self.scales_km, self.waves)
        waves = np.concatenate([np.cos(turns), np.sin(turns)], axis=1) / math.sqrt(self.waves)
        return np.asarray(waves * known, np.float32)


def point_of(place: Place | None) -> tuple[float, float, float]:
    """A place on the unit sphere; NaN where it has no coordinates."""
    if place is None or place.latitude is None or place.longitude is None:
        return (math.nan, math.nan, math.nan)
    phi, theta = math.radians(place.latitude), math.radians(place.longitude)
    return (math.cos(phi) * math.cos(theta), math.cos(phi) * math.sin(theta), math.sin(phi))


@lru_cache(maxsize=8)
def _frequencies(scales_km: tuple[float, ...], waves: int) -> NDArray[np.float64]:
    """Shape (3, waves · scales), radians a kilometre: part of the space, so always the same."""
    rng = np.random.default_rng(_SEED)
    parts = [rng.standard_normal((3, waves)) / scale for scale in scales_km]
    return np.concatenate(parts, axis=1)
