"""Drift as a file for programs and a page for people, kept in the home.

<home>/reports/drift/<UTC time>.json    see pipelines.drift.as_dict
<home>/reports/drift/<UTC time>.html    the same as a page that needs nothing besides itself
"""

from dataclasses import dataclass
from datetime import UTC
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, StrictUndefined

from marketrank import durable
from marketrank.errors import BadInput
from marketrank.monitoring.drift import Judged
from marketrank.pipelines.drift import Drift, as_dict, lines

MOST = 60
"""So many reports are kept, the newest."""
_TEMPLATE = "drift.html.jinja"


def drift_folder(home: Path) -> Path:
    return home / "reports" / "drift"


def write_drift(home: Path, found: Drift) -> tuple[Path, Path]:
    """Keep a report in the home; returns its JSON and its page. Raises BadInput where the disk
    takes no more."""
    folder = drift_folder(home)
    file = folder / f"{found.at.astimezone(UTC):%Y%m%dT%H%M%S}.json"
    page = file.with_suffix(".html")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        durable.write(page, _page(found).encode())
        durable.write(file, orjson.dumps(as_dict(found), option=orjson.OPT_INDENT_2))
        for old in sorted(folder.glob("*.json"), reverse=True)[MOST:]:
            old.with_suffix(".html").unlink(missing_ok=True)
            old.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error}; make room there") from error
    return file, page


def newest_drift(home: Path) -> dict[str, Any] | None:
    """The last report; None where there is none that can be read."""
    for file in sorted(drift_folder(home).glob("*.json"), reverse=True):
        try:
            found = orjson.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and "columns" in found:
            return found
    return None


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
