"""Listings like a listing."""

from dataclasses import replace

import numpy as np
import pytest

from marketrank.asking import Hits
from marketrank.ranking.similar import Affinity, Kind, price_ratio, rank_similar, shared_part

HITS = Hits(np.array([4, 8, 2]), np.array([0.8, 0.75, 0.7], np.float32))
TABLE, SOFA = ("Home", "Tables"), ("Home", "Sofas")
KINDS = [Kind(("Sports",), 5_000), Kind(SOFA, 10_000), Kind(TABLE, 10_000)]
ASKED = Kind(TABLE, 10_000)
PLAIN = Affinity(category=0.0, price=0.0, same=2.0)


def keys(affinity: Affinity, near: tuple[float, ...] = (0.8, 0.75, 0.7)) -> list[int]:
    found = rank_similar(HITS, np.array(near, np.float32), KINDS, ASKED, affinity)
    assert np.all(np.diff(found.scores) <= 0)
    return found.keys.tolist()  # type: ignore[no-any-return]


def test_without_affinities_the_order_stays() -> None:
    assert keys(PLAIN) == [4, 8, 2]


def test_the_same_category_counts() -> None:
    assert keys(replace(PLAIN, category=0.2)) == [2, 8, 4]


def test_a_near_price_counts() -> None:
    assert keys(replace(PLAIN, price=0.9)) == [8, 2, 4]


def test_the_same_thing_again_is_left_out() -> None:
    near = (0.99, 0.98, 0.7)
    assert keys(replace(PLAIN, same=0.985), near) == [8, 2]
    assert keys(replace(PLAIN, same=0.98), near) == [2]


def test_ties_come_by_key() -> None:
    even = Hits(HITS.keys, np.ones(3, np.float32))
    found = rank_similar(even, np.zeros(3, np.float32), KINDS, ASKED, PLAIN)
    assert found.keys.tolist() == [2, 4, 8]


@pytest.mark.parametrize(
    ("path", "asked", "part"),
    [(TABLE, TABLE, 1), (SOFA, TABLE, 0.5), (("Home",), TABLE, 0.5), ((), (), 0), ((), TABLE, 0)],
)
def test_shared_part(path: tuple[str, ...], asked: tuple[str, ...], part: float) -> None:
    assert shared_part(path, asked) == part


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [(100, 100, 1), (50, 100, 0.5), (100, 50, 0.5), (0, 0, 1), (0, 100, 0), (-1, 100, 0.5)],
)
def test_price_ratio(one: int, other: int, ratio: float) -> None:
    assert price_ratio(one, other) == ratio
