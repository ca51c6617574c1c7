"""Counting in flat arrays, against sets."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marketrank.retrieval.tallies import distinct, tally


@given(st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 4)), max_size=40))
def test_as_sets_count(pairs: list[tuple[int, int]]) -> None:
    things = np.array([thing for thing, _ in pairs], np.int64)
    of = np.array([owner for _, owner in pairs], np.int64)
    seen = {(thing, owner) for thing, owner in pairs if thing >= 0}
    assert tally(things, of, 6).tolist() == [sum(t == n for t, _ in seen) for n in range(6)]
    assert list(zip(*(column.tolist() for column in distinct(things, of)), strict=True)) == sorted(
        seen
    )
