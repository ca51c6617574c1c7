"""No group of an audit is so small that it tells of a person."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from marketrank.buyers.audit_groups import group

VALUES = st.lists(st.sampled_from(["a", "b", "c", "d", None]), max_size=120)


def test_small_values_are_pooled() -> None:
    given_ = ["a"] * 40 + ["b"] * 35 + ["c"] * 7 + ["d"] * 6 + [None] * 5
    found = group("age", given_, least=10)
    assert found.values == ("a", "b")
    assert (found.pooled, found.pooled_buyers) == (2, 13)
    assert Counter(found.code.tolist()) == {0: 40, 1: 35, 2: 13, -1: 5}
    assert found.members(1).sum() == 35
    assert found.known.sum() == 88


def test_a_lone_small_value_takes_the_next_with_it() -> None:
    """Else it could be had by taking the groups that are shown from their whole."""
    found = group("sex", ["f"] * 40 + ["m"] * 35 + ["x"] * 2, least=10)
    assert found.values == ("f",)
    assert found.pooled_buyers == 37


@given(VALUES, st.integers(1, 30))
def test_whatever_is_shown_or_pooled_is_large_enough(values: list[str | None], least: int) -> None:
    found = group("x", values, least=least)
    counts = Counter(value for value in values if value is not None)
    assert all(counts[value] >= least for value in found.values)
    assert found.pooled_buyers == 0 or found.pooled_buyers >= least or not found.values
    assert sum(counts[value] for value in found.values) + found.pooled_buyers == counts.total()
    assert found.n_codes == len(found.values) + (found.pooled > 0)
