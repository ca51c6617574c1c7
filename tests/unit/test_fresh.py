from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.asking import Hits
from marketrank.retrieval.catalogue import Catalogue, Snapshot
from marketrank.retrieval.fresh import fresh
from marketrank.types import Attributes, ListingId, ListingKey, Mask, Seq

_START = datetime(2024, 1, 1, tzinfo=UTC)
_AT = _START + timedelta(days=10)


def _catalogue(days: list[int], ended: frozenset[int] = frozenset()) -> Catalogue:
    catalogue = Catalogue()
    catalogue.apply(
        [
            Attributes(
                ListingKey(key), ListingId(f"L{key}"), Seq(key + 1), key not in ended, (), None,
                None, None, _START + timedelta(days=day),
            )
            for key, day in enumerate(days)
        ]
    )  # fmt: skip
    return catalogue


def newest(snapshot: Snapshot, k: int, allowed: Mask | None = None) -> Hits:
    return fresh(snapshot, k, allowed, at=_AT, half_life_days=5)


@given(st.lists(st.integers(0, 6), max_size=30), st.integers(0, 35))
def test_agrees_with_sorting(days: list[int], k: int) -> None:
    snapshot = _catalogue(days).snapshot()
    allowed = np.array([day % 3 != 1 for day in days], np.bool_)
    hits = newest(snapshot, k, allowed)
    keys = [key for key in range(len(days)) if allowed[key]]
    expected = sorted(keys, key=lambda key: (-days[key], key))[:k]
    assert hits.keys.tolist() == expected
    decayed = [0.5 ** ((10 - days[key]) / 5) for key in expected]
    assert hits.scores.tolist() == pytest.approx(decayed)


def test_what_is_listed_in_the_future_is_as_new_as_can_be() -> None:
    hits = newest(_catalogue([12, 10, 5]).snapshot(), 5)
    assert hits.keys.tolist() == [0, 1, 2]
    assert hits.scores.tolist() == [1, 1, 0.5]


def test_without_a_mask_all_live_ones() -> None:
    snapshot = _catalogue([1, 2, 3], ended=frozenset({1})).snapshot()
    assert newest(snapshot, 10).keys.tolist() == [2, 0]


def test_an_empty_catalogue_has_nothing_new() -> None:
    hits = newest(Catalogue().snapshot(), 5)
    assert hits.keys.shape == hits.scores.shape == (0,)
