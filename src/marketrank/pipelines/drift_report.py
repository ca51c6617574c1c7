"""Drift as a file for programs and a page for people, kept in the home.

<home>/reports/drift/<UTC time>.json    see pipelines.drift.as_dict
<home>/reports/drift/<UTC time>.html    the same as a page that needs nothing besides itself
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from marketrank.monitoring.drift import Judged
from marketrank.pipelines.drift import Drift, as_dict, lines
from marketrank.pipelines.reports import DRIFT, keep_report, reports_of

_TEMPLATE = "drift.html.jinja"


def write_drift(home: Path, found: Drift) -> Path | None:
    """Keep a report in the home, and return its JSON: see `reports.keep_report`."""
    return keep_report(home, DRIFT, as_dict(found), at=found.at, page=_page(found).encode())


def newest_drift(home: Path) -> Mapping[str, Any] | None:
    """The last report; None where there is none that can be read."""
    found = reports_of(home, DRIFT, 1)
    return found[0].content if found else None


@dataclass(frozen=True, slots=True)
class _Row:
    """A pair of bars, as parts of the widest of its column."""

    label: str
    reference: float
    latest: float
    reference_width: float
    latest_width: float


def _rows(one: Judged) -> list[_Row]:
    widest = max((max(bar.reference, bar.latest) for bar in one.bars), default=0.0) or 1.0
    return [
        _Row(
            bar.label,
            bar.reference,
            bar.latest,
            round(260 * bar.reference / widest, 1),
            round(260 * bar.latest / widest, 1),
        )
        for bar in one.bars
    ]


def _page(found: Drift) -> str:
    source = files("marketrank.pipelines").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    order = sorted(found.columns, key=lambda one: (not one.drifted, not one.judged))
    return template.render(
        found=found, lines=lines(found), plots=[(one, _rows(one)) for one in order if one.bars]
    )
