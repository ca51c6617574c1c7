from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marketrank.retrieval.catalogue import Catalogue
from marketrank.retrieval.fresh import newest
from marketrank.types import Attributes, ListingId, ListingKey, Seq

_START = datetime(2024, 1, 1, tzinfo=UTC)


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


@given(st.lists(st.integers(0, 6), max_size=30), st.integers(0, 35))
def test_agrees_with_sorting(days: list[int], k: int) -> None:
    snapshot = _catalogue(days).snapshot()
    allowed = np.array([day % 3 != 1 for day in days], np.bool_)
    hits = newest(snapshot, k, allowed)
    keys = [key for key in range(len(days)) if allowed[key]]
    expected = sorted(keys, key=lambda key: (-days[key], key))[:k]
    assert hits.keys.tolist() == expected
    # Equal scores exactly where times are equal.
    later = [
        len({days[other] for other in expected if days[other] > days[key]}) for key in expected
    ]
    assert hits.scores.tolist() == [-n for n in later]


def test_without_a_mask_all_live_ones() -> None:
    snapshot = _catalogue([1, 2, 3], ended=frozenset({1})).snapshot()
    assert newest(snapshot, 10).keys.tolist() == [2, 0]


def test_an_empty_catalogue_has_nothing_new() -> None:
    hits = newest(Catalogue().snapshot(), 5)
    assert hits.keys.shape == hits.scores.shape == (0,)
