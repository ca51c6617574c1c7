"""The operator's desk over a real marketplace: see `api.operator.desk`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from marketrank import operator_runs
from marketrank.api.operator.desk import Health, KeptReport, TrainingRun, Versions
from marketrank.listings.addresses import shown
from marketrank.monitoring.metrics import Sample
from marketrank.monitoring.timings import by_label, timings, total
from marketrank.operator_versions import Stand, stands
from marketrank.pipelines.reports import RETRAIN, reports_of
from marketrank.pipelines.retrain_history import retrainings
from marketrank.retrieval.follow import View
from marketrank.types import Reason, Rejected

if TYPE_CHECKING:
    from marketrank.wiring import Marketplace

_STAGES, _ROUTES = "marketrank_stage_seconds", "marketrank_http_request_seconds"
_EVERY = 1_000_000_000
"""More than a catalogue holds."""


class OperatorDesk:
    """Implements Desk. May be called from several threads."""

    def __init__(self, market: "Marketplace") -> None:
        self._market = market

    def health(self, at: datetime) -> Health:
        market, samples = self._market, self._market.metrics.samples()
        view, settings = market.follower.view(), market.settings
        return Health(
            release=view.release if view else None,
            refused=market.follower.refused,
            model=view.encoder.version if view else "",
            database=f"{shown(settings.database_url)}" if settings.database_url else "embedded",
            live=view.catalogue.live_count if view else None,
            ended=_ended(view),
            lag_seconds=by_label(samples, "marketrank_index_lag_seconds", "what"),
            leads=total(samples, "marketrank_indexer_leads") > 0,
            indexed_at=_time(total(samples, "marketrank_indexer_success_timestamp_seconds")),
            in_flight=int(total(samples, "marketrank_requests_in_flight")),
            waiting=int(total(samples, "marketrank_requests_waiting")),
            impressions_dropped=market.people.impression_log.dropped,
            stages=timings(samples, _STAGES, "stage"),
            routes=timings(_not_ours(samples), _ROUTES, "route"),
            slow=market.slow.slowest(at),
            kept_words=settings.keep_slow_queries,
        )

    @cached_property
    def _stands(self) -> dict[str, Stand]:
        market = self._market
        return stands(market.registry, market.ranker_folder, market.liking.towers.folder)

    def versions(self, kind: str) -> Versions:
        return self._stands[kind].show()

    def promote(self, kind: str, version: str, *, at: datetime, why: str) -> None:
        self._stands[kind].chooser.promote(version, at=at, why=why)

    def roll_back(self, kind: str, *, at: datetime, why: str) -> str | None:
        return self._stands[kind].chooser.rollback(at=at, why=why)

    def runs(self) -> Sequence[TrainingRun]:
        return operator_runs.runs_in(self._market.settings.home / "runs")

    def run(self, name: str) -> TrainingRun | None:
        return operator_runs.run_in(self._market.settings.home / "runs", name)

    def picture(self, run: str, name: str) -> bytes | None:
        return operator_runs.picture_in(self._market.settings.home / "runs", run, name)

    def reports(self, kind: str, most: int) -> Sequence[KeptReport]:
        read = retrainings if kind == RETRAIN else partial(reports_of, kind=kind)
        found = read(self._market.settings.home, most=most)
        return [KeptReport(one.name, one.at, one.content, one.page) for one in found]

    def rejections(self) -> Mapping[tuple[str, Reason], int]:
        return self._market.quarantine.counts()

    def rejected(
        self, kind: str | None, reason: Reason | None, offset: int, limit: int
    ) -> Sequence[tuple[datetime, Rejected]]:
        return self._market.quarantine.page(kind, reason, offset, limit)

    def experiments(self, days: int, at: datetime) -> Sequence[Mapping[str, Any]]:
        # Brings numpy's random generators and the log along: only who looks pays for it.
        from marketrank.feedback import experiment_report
        from marketrank.feedback.experiments import FILE_NAME, read_experiments
        from marketrank.feedback.sessions import group

        declared = read_experiments(self._market.settings.home / FILE_NAME)
        if not declared:
            return []
        sessions = self._market.events.sessions(at - timedelta(days=days), at)
        groups = [group(one) for one in sessions if one.impression.experiment]
        return [experiment_report.report(one, groups) for one in declared]


def _ended(view: View | None) -> int | None:
    return None if view is None else len(view.catalogue.ended((), _EVERY))


def _time(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _not_ours(samples: Sequence[Sample]) -> list[Sample]:
    """Without the operator's own pages: they would be the slowest that they show."""
    return [one for one in samples if not one.labels.get("route", "").startswith("/operator")]
