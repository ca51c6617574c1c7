"""Quantiles from buckets, as Prometheus would tell them."""

import math

import pytest
from test_metrics import ASKED

from marketrank.monitoring.metrics import Metrics
from marketrank.monitoring.timings import by_label, quantile, timings, total
from small_market import NOW, small_market

STEPS = [(0.1, 10.0), (0.2, 30.0), (math.inf, 40.0)]


@pytest.mark.parametrize(
    ("share", "value"), [(0.125, 0.05), (0.25, 0.1), (0.5, 0.15), (0.75, 0.2), (0.99, 0.2)]
)
def test_values_lie_evenly_in_a_bucket(share: float, value: float) -> None:
    assert quantile(STEPS, share) == pytest.approx(value)


def test_of_nothing_there_is_no_quantile() -> None:
    with pytest.raises(ValueError, match="nothing"):
        quantile([(math.inf, 0.0)], 0.5)


def test_stages_are_read_from_the_metrics_themselves() -> None:
    metrics, ranking = Metrics(), small_market().answer(ASKED)
    assert timings(metrics.samples(), "marketrank_stage_seconds", "stage") == []
    for _ in range(4):
        metrics.answered(ASKED, ranking)
    (one,) = timings(metrics.samples(), "marketrank_stage_seconds", "stage")
    assert (one.name, one.count) == ("retrieve", 4)
    assert one.mean_ms == pytest.approx(0.25)
    assert one.p50_ms <= one.p95_ms <= one.p99_ms <= 1


def test_gauges_are_summed_or_told_by_label() -> None:
    metrics = Metrics()
    metrics.lags("words", 0.5)
    metrics.lags("listings", 2)
    samples, name = metrics.samples(), "marketrank_index_lag_seconds"
    assert by_label(samples, name, "what") == {"words": 0.5, "listings": 2.0}
    assert total(samples, name) == 2.5
    assert total(samples, name, {"what": "words"}) == 0.5
    assert total(samples, "marketrank_indexer_success_timestamp_seconds") == 0
    metrics.indexed(texts=1, embedded=1, released=False, at=NOW.timestamp())
    found = total(metrics.samples(), "marketrank_indexer_success_timestamp_seconds")
    assert found == NOW.timestamp()
