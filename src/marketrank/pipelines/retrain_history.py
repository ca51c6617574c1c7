"""What became of retrainings, for who shows or measures it: light enough for a server to import.

<home>/reports/retrain/<UTC time>.json   see `pipelines.retrain_report`
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from marketrank.models import promotions
from marketrank.pipelines.reports import RETRAIN, Report, reports_of
from marketrank.pipelines.retrain_mark import FOLDER, Mark, read_cut_off

FAILED = "failed"
CUT_OFF = (
    "the process ended without a report: it was killed, ran out of memory or disk, or the machine "
    "stopped. What was done by then is kept; `marketrank retrain` goes on"
)


def retrainings(home: Path, most: int) -> list[Report]:
    """The reports, the newest first; before them one that was cut off and has none of its own."""
    found = reports_of(home, RETRAIN, most)
    mark = read_cut_off(home / FOLDER)
    if mark is None:
        return found
    said = describe_cut_off(mark, until=mark.begun, current=promotions.current(home / "models"))
    return [Report(f"{mark.begun:%Y%m%dT%H%M%S}", mark.begun, said), *found][:most]


def newest_retraining(home: Path) -> Mapping[str, Any] | None:
    """None where there was none."""
    found = retrainings(home, 1)
    return found[0].content if found else None


def describe_cut_off(mark: Mark, *, until: datetime, current: str | None) -> dict[str, Any]:
    """The report of a retraining that could not write its own. `current` is in use now."""
    return {
        "at": mark.begun,
        "until": until,
        "why": mark.why,
        "status": FAILED,
        "version": None,
        "champion": None,
        "current": current,
        "reasons": [f"{mark.step}: {CUT_OFF}"],
        "notes": [],
        "recipe": mark.recipe,
        "seed": mark.seed,
        "failed": {"step": mark.step, "error": CUT_OFF},
    }
