"""Listings and buyers as points of one space."""

import numpy as np
import pytest

from marketrank.buyers.listing_space import Space, point_of
from marketrank.types import Place

SPACE = Space(4, waves=256)
LEEDS = Place("Leeds", latitude=53.80, longitude=-1.55)
BRADFORD = Place("Bradford", latitude=53.79, longitude=-1.75)  # 13 km
EXETER = Place("Exeter", latitude=50.72, longitude=-3.53)


def points(*places: Place | None) -> np.ndarray:
    return np.array([point_of(place) for place in places], np.float32)


def test_the_product_of_places_falls_with_their_distance() -> None:
    waves = SPACE.places(points(LEEDS, LEEDS, BRADFORD, EXETER))
    near = waves @ waves[0]
    scales = len(SPACE.scales_km)
    assert near[1] == pytest.approx(scales, abs=1e-3)
    expected = np.exp(-(13.2**2) / (2 * 20.0**2)) + np.exp(-(13.2**2) / (2 * 120.0**2))
    assert near[2] == pytest.approx(expected, abs=0.15)
    assert abs(near[3]) < 0.3


def test_what_is_not_known_is_zero() -> None:
    vectors = np.eye(4, dtype=np.float32)[:2]
    found = SPACE.describe(vectors, np.array([-1, 5000]), points(None, Place("Nowhere")))
    assert found.shape == (2, SPACE.width)
    assert found.dtype == np.float32
    assert not found[0, 4:].any()
    assert not found[1, -SPACE.place_width :].any()
    assert found[1, 4 + SPACE.bumps] == 1


def test_like_prices_are_near_each_other() -> None:
    prices = np.array([1000, 1100, 100_000])
    found = SPACE.describe(np.zeros((3, 4), np.float32), prices, points(None, None, None))
    assert found[0] @ found[1] > 1.5 * (found[0] @ found[2])


def test_the_space_is_the_same_in_every_process() -> None:
    waves = Space(4).places(points(LEEDS))[0]
    assert waves[:3] == pytest.approx(Space(4).places(points(LEEDS))[0, :3])
    assert float(np.linalg.norm(waves)) == pytest.approx(np.sqrt(2), abs=1e-4)
