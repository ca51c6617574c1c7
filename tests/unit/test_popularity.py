"""Counts that fade."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from marketrank.buyers.popularity import Popularity
from marketrank.people import InteractionKind
from marketrank.types import ListingKey

NOW = datetime(2026, 1, 31, tzinfo=UTC)
CLICK, SAVE = InteractionKind.CLICK, InteractionKind.SAVE


def at(days: float) -> datetime:
    return NOW + timedelta(days=days)


def test_counts_halve_with_the_half_life() -> None:
    popular = Popularity(2.0)
    popular.add(ListingKey(3), CLICK, at(0))
    keys = np.array([3, 4, 900])
    assert popular.scores(keys, at(0)).tolist() == [1, 0, 0]
    assert popular.scores(keys, at(4)).tolist() == [0.25, 0, 0]


def test_the_order_of_arrival_does_not_matter() -> None:
    one, other = Popularity(2.0), Popularity(2.0)
    done = [(1, CLICK, 0.0), (2, SAVE, -8.0), (1, CLICK, 3.0), (2, CLICK, 1.0)]
    for key, kind, days in done:
        one.add(ListingKey(key), kind, at(days))
    for key, kind, days in reversed(done):
        other.add(ListingKey(key), kind, at(days))
    keys = np.arange(4)
    assert one.scores(keys, at(5)) == pytest.approx(other.scores(keys, at(5)))


def test_years_of_events_do_not_overflow() -> None:
    popular = Popularity(0.5)
    for day in range(0, 2000, 10):
        popular.add(ListingKey(1), CLICK, at(day))
    assert popular.scores(np.array([1]), at(1990))[0] == pytest.approx(1.0, abs=0.01)


def test_the_best_of_what_is_allowed_and_nothing_that_nobody_wanted() -> None:
    popular = Popularity(2.0)
    for key in (0, 1, 1, 2):
        popular.add(ListingKey(key), CLICK, at(0))
    popular.add(ListingKey(3), InteractionKind.HIDE, at(0))
    popular.add(ListingKey(4), InteractionKind.SOLD, at(0))
    everything = np.ones(5, np.bool_)
    assert popular.top(10, everything, at(0)).keys.tolist() == [1, 0, 2]
    assert popular.top(2, everything, at(0)).keys.tolist() == [1, 0]
    everything[1] = False
    assert popular.top(10, everything, at(0)).keys.tolist() == [0, 2]
    assert popular.top(10, everything[:1], at(0)).keys.tolist() == [0]
    assert len(Popularity(1.0).top(10, everything, at(0)).keys) == 0
