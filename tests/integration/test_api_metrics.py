"""GET /metrics of an application, and of several processes together."""

import subprocess
import sys
from pathlib import Path

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from marketrank.api.app import create_app
from marketrank.config import Settings
from marketrank.monitoring.metrics import Metrics
from small_market import small_market


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Values by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics.render().decode()).get((name, tuple(sorted(labels.items()))))


def test_requests_are_timed_by_route_and_never_by_address(tmp_path: Path) -> None:
    metrics = Metrics()
    app = create_app(small_market(), settings=Settings(home=tmp_path), measured=metrics)
    client = TestClient(app, raise_server_exceptions=False)
    client.get("/v1/search", params={"q": "jane.doe@example.com"})
    client.get("/v1/search", params={"limit": "many"})
    client.get("/v1/listings/1001")
    client.get("/v1/listings/nobody-has-this")
    client.get("/wp-admin/secret")
    text = client.get("/metrics").text
    found = samples(text)
    name = "marketrank_http_request_seconds_count"

    def count(route: str, status: str) -> float | None:
        labels = (("method", "GET"), ("route", route), ("status", status))
        return found.get((name, labels))

    assert count("/v1/search", "2xx") == 1
    assert count("/v1/search", "4xx") == 1
    assert count("other", "4xx") == 1
    routes = {dict(labels)["route"] for found_name, labels in found if found_name == name}
    assert sum("listings" in route for route in routes) == 1
    # Not among the values: a time may have any digits.
    lines = text.splitlines()
    told = [line if line.startswith("#") else line.rpartition(" ")[0] for line in lines]
    assert any("/v1/listings/{id:path}" in one for one in told)
    for personal in ("jane", "nobody-has-this", "wp-admin", "1001"):
        assert not [one for one in told if personal in one]
    assert found["marketrank_requests_in_flight", ()] == 1  # this one


def test_a_request_that_fails_counts_as_5xx(tmp_path: Path) -> None:
    market = small_market()
    metrics = Metrics()
    app = create_app(market, settings=Settings(home=tmp_path), measured=metrics)
    market.ready = False
    TestClient(app, raise_server_exceptions=False).get("/v1/search", params={"q": "oak"})
    name = "marketrank_http_request_seconds_count"
    assert value(metrics, name, route="/v1/search", method="GET", status="5xx") == 1
    assert value(metrics, "marketrank_requests_in_flight") == 0


_CHILD = """
import sys
from marketrank.monitoring.metrics import Metrics
from marketrank.types import ModelVersion, ReleaseId
metrics = Metrics()
metrics.indexed(texts=2, embedded=0, released=False, at=1.0)
metrics.serves(ReleaseId("r"), ModelVersion("m"), 10, False)
if sys.argv[1] == "render":
    print(metrics.render().decode())
"""


def test_processes_that_share_a_folder_count_together_and_the_dead_lead_no_more(
    tmp_path: Path,
) -> None:
    def run(what: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", _CHILD, what],
            env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    run("die")
    found = samples(run("render"))
    assert found["marketrank_indexed_total", (("what", "texts"),)] == 4
    assert found["marketrank_indexer_leads", ()] == 1  # the first has ended
    assert found["marketrank_live_listings", ()] == 10
