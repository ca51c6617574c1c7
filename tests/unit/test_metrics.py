"""What /metrics says after known events, and that it says nothing of people."""

from dataclasses import replace
from time import perf_counter
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from marketrank.asking import Request
from marketrank.monitoring.metrics import Metrics, kind_of
from marketrank.types import ListingId, ModelVersion, ReleaseId, RequestId
from small_market import NOW, small_market

ASKED = Request(RequestId("r"), NOW, text="oak")


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Values by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics.render().decode()).get((name, tuple(sorted(labels.items()))))


def test_a_ranking_is_counted_by_kind_with_its_stages() -> None:
    metrics = Metrics()
    ranking = small_market().answer(ASKED)
    metrics.answered(ASKED, ranking)
    metrics.answered(ASKED, replace(ranking, items=(), total=0))
    assert value(metrics, "marketrank_search_results_count", kind="words") == 2
    assert value(metrics, "marketrank_search_results_bucket", kind="words", le="0.0") == 1
    assert value(metrics, "marketrank_stage_seconds_count", stage="retrieve") == 2
    assert value(metrics, "marketrank_stage_seconds_sum", stage="retrieve") == pytest.approx(0.0005)


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"text": " "}, "feed"),
        ({"text": "oak"}, "words"),
        ({"text": "", "photo": b"jpeg"}, "photo"),
        ({"text": "oak", "photo": b"jpeg"}, "photo_and_words"),
        ({"text": "oak", "like": ListingId("1")}, "similar"),
    ],
)
def test_kinds(asked: dict[str, Any], kind: str) -> None:
    assert kind_of(replace(ASKED, **asked)) == kind


def test_only_the_release_that_answers_has_a_one() -> None:
    metrics = Metrics()
    metrics.serves(ReleaseId("a"), ModelVersion("m1"), 10, False)
    metrics.serves(ReleaseId("b"), ModelVersion("m2"), 12, True)
    info = "marketrank_release_info"
    assert value(metrics, info, release="a", model_version="m1") == 0
    assert value(metrics, info, release="b", model_version="m2") == 1
    assert value(metrics, "marketrank_live_listings") == 12
    assert value(metrics, "marketrank_release_refused") == 1


def test_the_indexer_counts_and_gives_up_the_lead() -> None:
    metrics = Metrics()
    metrics.indexed(texts=3, embedded=2, released=True, at=5.0)
    metrics.indexed(texts=4, embedded=0, released=False, at=6.0)
    assert value(metrics, "marketrank_indexed_total", what="texts") == 7
    assert value(metrics, "marketrank_indexed_total", what="releases") == 1
    assert value(metrics, "marketrank_indexer_success_timestamp_seconds") == 6
    assert value(metrics, "marketrank_indexer_leads") == 1
    metrics.follows()
    assert value(metrics, "marketrank_indexer_leads") == 0


def test_methods_that_nobody_knows_have_one_name() -> None:
    metrics = Metrics()
    metrics.served("/x", "JANE", 405, perf_counter())
    name = "marketrank_http_request_seconds_count"
    assert value(metrics, name, route="/x", method="other", status="4xx") == 1
