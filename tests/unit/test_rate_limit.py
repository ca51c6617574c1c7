"""Token buckets."""

import pytest

from marketrank.api.rate_limit import TokenBuckets


def test_a_burst_and_then_the_rate() -> None:
    buckets = TokenBuckets(rate=10, burst_seconds=2)
    assert [buckets.take("a", 1, 0.0) for _ in range(20)] == [0.0] * 20
    assert buckets.take("a", 1, 0.0) == pytest.approx(0.1)
    assert buckets.take("b", 1, 0.0) == 0  # another's bucket
    assert buckets.take("a", 1, 0.1) == 0
    assert buckets.take("a", 1, 0.1) > 0
    assert buckets.take("a", 20, 100.0) == 0  # full again, and no fuller
    assert buckets.take("a", 1, 100.0) > 0


def test_a_cost_above_the_bucket_waits_for_a_full_one() -> None:
    buckets = TokenBuckets(rate=1, burst_seconds=2)
    assert buckets.take("a", 5, 0.0) == 0
    assert buckets.take("a", 5, 1.0) == pytest.approx(1.0)
    assert buckets.take("a", 5, 2.0) == 0


def test_zero_sets_no_limit() -> None:
    buckets = TokenBuckets(rate=0, burst_seconds=1)
    assert not any(buckets.take("a", 1, 0.0) for _ in range(1000))


def test_many_names_do_not_fill_the_memory() -> None:
    buckets = TokenBuckets(rate=1, burst_seconds=2, most=10)
    buckets.take("busy", 2, 100.0)
    for n in range(100):
        buckets.take(f"n{n}", 1, float(n))
    assert len(buckets._buckets) <= 10
    again = TokenBuckets(rate=1, burst_seconds=2, most=10)
    for n in range(9):
        again.take(f"n{n}", 1, 0.0)
    again.take("busy", 2, 100.0)
    again.take("new", 1, 100.0)
    assert again.take("busy", 1, 100.0) > 0  # full ones were forgotten, this one was not
