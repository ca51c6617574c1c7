"""What a retraining came to: kept, logged, measured and told.

    <home>/reports/retrain/<UTC time>.json   all steps, the decision and its numbers
    <home>/reports/retrain/metrics.prom      gauges for node_exporter's textfile collector

Nothing of it is about buyers: counts, versions and scores.
"""

import logging
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from marketrank.durable import write
from marketrank.errors import BadInput
from marketrank.pipelines.reports import RETRAIN
from marketrank.pipelines.retrain_history import FAILED
from marketrank.pipelines.retrain_plan import Done
from marketrank.pipelines.retrain_steps import PROMOTED, Options

GAUGES = "metrics.prom"
_TIMEOUT = 10.0  # seconds
_TOLD = ("at", "until", "why", "status", "version", "champion", "current", "reasons")
_log = logging.getLogger(__name__)
Report = dict[str, Any]
Send = Callable[[str, bytes], None]


def folder_of_reports(home: Path) -> Path:
    return home / "reports" / RETRAIN


def describe(
    options: Options,
    done: Sequence[Done],
    *,
    at: datetime,
    until: datetime,
    error: tuple[str, str] | None = None,
    current: str | None = None,
) -> Report:
    """The report. `error` is the step that failed, and how; `current` the version in use where no
    step has told."""
    made = {one.name: one.output for one in done}
    outcome = made.get("publish", {})
    decision = made.get("gate", {}).get("decision", {})
    found: Report = {
        "at": at.astimezone(UTC),
        "until": until.astimezone(UTC),
        "why": options.why,
        "status": outcome.get("status", FAILED),
        "version": made.get("export", {}).get("version"),
        "champion": decision.get("champion"),
        "current": outcome.get("current", current),
        "ranker": outcome.get("ranker"),
        "reasons": list(decision.get("reasons", [])),
        "notes": list(decision.get("notes", [])),
        "recipe": options.recipe,
        "seed": options.seed,
        "decision": decision,
        "audit": made.get("audit", {}),
        "steps": [_step(one) for one in done],
    }
    if error is not None:
        step, said = error
        found |= {"failed": {"step": step, "error": said}, "reasons": [f"{step}: {said}"]}
    return found


def notify(home: Path, report: Report, *, webhook: str = "", send: Send | None = None) -> Path:
    """Keep the report, log a line, write the gauges, and post the outcome to the webhook where
    there is one; returns the report's file. That nobody answers there is logged, and no error.
    Raises BadInput, after all that, where the report cannot be written."""
    path = folder_of_reports(home) / f"{report['at']:%Y%m%dT%H%M%S}.json"
    problem = _keep(path, report)
    level = logging.WARNING if report["status"] == FAILED else logging.INFO
    _log.log(level, "%s", summary(report))
    if webhook:
        told = {name: report[name] for name in _TOLD}
        try:
            (send or _post)(webhook, orjson.dumps(told))
        except (OSError, ValueError) as error:
            # The address may hold a secret: its host alone is named.
            host = urlsplit(webhook).hostname
            _log.warning("the webhook at %s was not told: %s", host, type(error).__name__)
    if problem is not None:
        raise BadInput(f"{path} cannot be written: {problem}; make room there") from problem
    return path


def _keep(path: Path, report: Report) -> OSError | None:
    """Write the report and the gauges; what the disk says against it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
        write(path.parent / GAUGES, _gauges(report).encode())
    except OSError as error:
        return error
    return None


def summary(report: Report) -> str:
    """One line."""
    words = [f"retraining {report['status']}: version {report['version'] or 'none'}"]
    if report["champion"]:
        words.append(f"compared with {report['champion']}")
    if report["status"] == FAILED and report["current"]:
        words.append(f"{report['current']} stays in use")
    return "; ".join([*words, *report["reasons"]])


def _step(one: Done) -> Mapping[str, Any]:
    """Without what stands elsewhere in the report."""
    kept = {**asdict(one)}
    if one.name in {"evaluate", "gate", "audit"}:
        kept["output"] = {}
    return kept


def _gauges(report: Report) -> str:
    """Prometheus' text format."""
    seconds = (report["until"] - report["at"]).total_seconds()
    values = {
        "marketrank_retrain_timestamp_seconds": (
            "When the last retraining ended (seconds since 1970)",
            report["until"].timestamp(),
        ),
        "marketrank_retrain_seconds": ("How long it took", seconds),
        "marketrank_retrain_promoted": (
            "1 where it has put a version in use",
            float(report["status"] == PROMOTED),
        ),
        "marketrank_retrain_failed": (
            "1 where a step has failed",
            float(report["status"] == FAILED),
        ),
        "marketrank_retrain_reasons": (
            "How many reasons spoke against promoting",
            float(len(report["reasons"])),
        ),
    }
    return "".join(
        f"# HELP {name} {text}\n# TYPE {name} gauge\n{name} {value:.3f}\n"
        for name, (text, value) in values.items()
    )


def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(
        url, data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
        answer.read()
