"""What a process counts and times, for Prometheus.

Labels are routes, stages, kinds of request, release and model names: never words of a query, ids
of listings or buyers, or addresses. With PROMETHEUS_MULTIPROC_DIR set before this module is
imported, all processes write into that folder and any of them answers for all.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import psutil  # type: ignore[import-untyped]
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    start_http_server,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.parser import text_string_to_metric_families

from marketrank.asking import Ranking, Request
from marketrank.types import ModelVersion, ReleaseId

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
OTHER = "other"
"""The route of addresses that nobody serves."""
REFUSED = ("release", "model", "encoder")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
_RESULTS = (0, 1, 5, 10, 24, 50, 100, 200, 500, 1000)


@dataclass(frozen=True, slots=True)
class Sample:
    """One number, as Prometheus would read it."""

    name: str
    labels: Mapping[str, str]
    value: float


class Metrics:
    """The instruments of one process, in a registry of their own. Every method may be called from
    several threads."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        if not os.environ.get(SHARED_FOLDER):
            ProcessCollector(registry=own)
        self._registry = own
        self._requests = Histogram(
            "marketrank_http_request_seconds",
            "Time from the first byte of a request to the last of its answer",
            ["route", "method", "status"],
            buckets=_SECONDS,
            registry=own,
        )
        self._in_flight = Gauge(
            "marketrank_requests_in_flight",
            "Requests that are being answered",
            multiprocess_mode="livesum",
            registry=own,
        )
        self._waiting = Gauge(
            "marketrank_requests_waiting",
            "Requests that wait for a thread, as the last one to come in saw it",
            multiprocess_mode="livesum",
            registry=own,
        )
        self._shed = Counter(
            "marketrank_requests_shed_total",
            "Requests that were told to come again, as too many were being answered",
            registry=own,
        )
        self._stages = Histogram(
            "marketrank_stage_seconds",
            "Time that a stage of the engine took",
            ["stage"],
            buckets=_SECONDS,
            registry=own,
        )
        self._results = Histogram(
            "marketrank_search_results",
            "Results of a request, all pages together (0: it found nothing)",
            ["kind"],
            buckets=_RESULTS,
            registry=own,
        )
        self._release = Gauge(
            "marketrank_release_info",
            "1 for the release that answers, 0 for those before it",
            ["release", "model_version"],
            multiprocess_mode="livemax",
            registry=own,
        )
        self._refused = Gauge(
            "marketrank_release_refused",
            "1 while the newest release is broken and the one before it answers",
            multiprocess_mode="livemax",
            registry=own,
        )
        self._live = Gauge(
            "marketrank_live_listings",
            "Listings on offer, as this process sees them",
            multiprocess_mode="livemin",
            registry=own,
        )
        self._lag = Gauge(
            "marketrank_index_lag_seconds",
            "For how long the oldest change has waited to be followed",
            ["what"],
            multiprocess_mode="livemax",
            registry=own,
        )
        self._leads = Gauge(
            "marketrank_indexer_leads",
            "1 in the process that indexes",
            multiprocess_mode="livesum",
            registry=own,
        )
        self._indexed_at = Gauge(
            "marketrank_indexer_success_timestamp_seconds",
            "When the indexer last was up to date (seconds since 1970)",
            multiprocess_mode="livemax",
            registry=own,
        )
        self._indexed = Counter(
            "marketrank_indexed_total", "Changes indexed", ["what"], registry=own
        )
        self._refusals = Counter(
            "marketrank_refused_total",
            "Releases, models and encoders that were broken and did not take over",
            ["what"],
            registry=own,
        )
        for what in REFUSED:  # an increase can be seen from the first on
            self._refusals.labels(what)
        self._drift = Gauge(
            "marketrank_drift_ratio",
            "Of the last report, a column's score over its limit: above 1 it may have drifted",
            ["column", "kind"],
            multiprocess_mode="livemax",
            registry=own,
        )
        self._drift_alarm = Gauge(
            "marketrank_drift_alarm",
            "Columns that have drifted by the last report",
            multiprocess_mode="livemax",
            registry=own,
        )
        self._drift_at = Gauge(
            "marketrank_drift_timestamp_seconds",
            "When drift was last looked for (seconds since 1970; 0: never)",
            multiprocess_mode="livemax",
            registry=own,
        )
        self._retrain_failed = Gauge(
            "marketrank_retrain_failed",
            "1 where the last retraining has failed or was cut off; the version in use stays",
            multiprocess_mode="livemax",
            registry=own,
        )
        self._retrain_promoted = Gauge(
            "marketrank_retrain_promoted",
            "1 where the last retraining has put a version in use",
            multiprocess_mode="livemax",
            registry=own,
        )
        self._retrain_at = Gauge(
            "marketrank_retrain_timestamp_seconds",
            "When the last retraining ended (seconds since 1970; 0: never)",
            multiprocess_mode="livemax",
            registry=own,
        )
        self._shown: tuple[ReleaseId, ModelVersion] | None = None

    @contextmanager
    def request(self, waiting: int) -> Iterator[None]:
        """For as long as a request is being answered; `waiting` requests wait for a thread."""
        self._waiting.set(waiting)
        self._in_flight.inc()
        try:
            yield
        finally:
            self._in_flight.dec()

    def shed(self) -> None:
        """A request was told to come again."""
        self._shed.inc()

    def served(self, route: str, method: str, status: int, since: float) -> None:
        """A request was answered. `route` is the pattern of its address, never the address;
        `since` is the perf_counter of its start."""
        self._requests.labels(
            route, method if method in _METHODS else OTHER, f"{status // 100}xx"
        ).observe(perf_counter() - since)

    def answered(self, request: Request, ranking: Ranking) -> None:
        """The engine has ranked."""
        for stage, took_ms in ranking.stages_ms.items():
            self._stages.labels(stage).observe(took_ms / 1000)
        self._results.labels(kind_of(request)).observe(ranking.total)

    def serves(self, release: ReleaseId, model: ModelVersion, live: int, refused: bool) -> None:
        """This release answers now, over so many listings; `refused`: a newer one was broken."""
        if self._shown is not None and self._shown != (release, model):
            self._release.labels(*self._shown).set(0)
        self._shown = (release, model)
        self._release.labels(release, model).set(1)
        self._live.set(live)
        self._refused.set(refused)

    def refused(self, what: str) -> None:
        """Something of REFUSED was broken, and what it would have replaced stays."""
        self._refusals.labels(what).inc()

    def drifted(self, ratios: Mapping[tuple[str, str], float], n: int, at: float) -> None:
        """The last report of drift, made at this time (seconds since 1970): score over limit by
        name and kind of a column, and how many have drifted."""
        for (column, kind), ratio in ratios.items():
            self._drift.labels(column, kind).set(ratio)
        self._drift_alarm.set(n)
        self._drift_at.set(at)

    def retrained(self, status: str, at: float) -> None:
        """The last retraining came to this ("promoted", "refused", "failed", …) at this time."""
        self._retrain_failed.set(status == "failed")
        self._retrain_promoted.set(status == "promoted")
        self._retrain_at.set(at)

    def lags(self, what: str, seconds: float) -> None:
        """How far `what` ("listings", "words", "embeddings") is behind the store."""
        self._lag.labels(what).set(seconds)

    def indexed(self, *, texts: int, embedded: int, released: bool, at: float) -> None:
        """The indexer has caught up at this time (seconds since 1970)."""
        self._leads.set(1)
        self._indexed_at.set(at)
        for what, n in (("texts", texts), ("embeddings", embedded), ("releases", int(released))):
            self._indexed.labels(what).inc(n)

    def leads(self) -> None:
        """This process indexes, even if its first round is not over."""
        self._leads.set(1)

    def follows(self) -> None:
        """Another process indexes."""
        self._leads.set(0)

    def listen(self, host: str, port: int) -> Callable[[], None]:
        """Answer with the metrics on a port, in a thread, for a process without an API; what is
        returned ends it. Raises OSError where the port is taken."""
        server, thread = start_http_server(port, host, self._registry)

        def close() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return close

    def samples(self) -> list[Sample]:
        """All metrics as they would be rendered."""
        text = self.render().decode()
        return [
            Sample(one.name, one.labels, one.value)
            for family in text_string_to_metric_families(text)
            for one in family.samples
        ]

    def render(self) -> bytes:
        """All metrics in Prometheus' text format; of all processes where they share a folder."""
        folder = os.environ.get(SHARED_FOLDER)
        if not folder:
            return generate_latest(self._registry)
        _forget_dead(Path(folder))
        together = CollectorRegistry()
        MultiProcessCollector(together, path=folder)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def kind_of(request: Request) -> str:
    """Which of the five kinds a request is."""
    if request.like is not None:
        return "similar"
    words = bool(request.text.strip())
    if request.photo is not None:
        return "photo_and_words" if words else "photo"
    return "words" if words else "feed"


def _forget_dead(folder: Path) -> None:
    """Take back what processes that have ended said of themselves (gauges); what they counted
    stays counted."""
    pids = {int(path.stem.rsplit("_", 1)[1]) for path in folder.glob("gauge_live*_*.db")}
    for pid in pids:
        if not psutil.pid_exists(pid):
            mark_process_dead(pid, path=str(folder))  # type: ignore[no-untyped-call]
