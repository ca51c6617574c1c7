"""Reports that a home keeps, so that the operator's area can show the newest of each kind.

<home>/reports/<kind>/<UTC time>.json     what the command prints with --json
<home>/reports/<kind>/<UTC time>.html     the same as a page, where there is one
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from marketrank import durable
from marketrank.errors import BadInput

RELEVANCE, AUDIT, DRIFT, RETRAIN = "relevance", "audit", "drift", "retrain"
MOST = 20
"""Of each kind so many are kept, the newest."""
_FOLDER = "reports"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, ready for JSON; `name` is its file's without the ending, `page` its HTML."""

    name: str
    at: datetime
    content: Mapping[str, Any]
    page: Path | None = None


def keep_report(
    home: Path, kind: str, content: Mapping[str, Any], *, at: datetime, page: bytes | None = None
) -> Path | None:
    """Keep a report in a home and forget the oldest beyond MOST; returns its file, or None where
    there is no such home. Raises BadInput where the disk takes no more."""
    if not home.is_dir():
        return None
    folder = home / _FOLDER / kind
    file = folder / f"{at.astimezone(UTC):%Y%m%dT%H%M%S}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if page is not None:
            durable.write(file.with_suffix(".html"), page)
        durable.write(file, orjson.dumps({"at": at, **content}, option=orjson.OPT_INDENT_2))
        for old in sorted(folder.glob("*.json"), reverse=True)[MOST:]:
            old.with_suffix(".html").unlink(missing_ok=True)
            old.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error}; make room there") from error
    return file


def reports_of(home: Path, kind: str, most: int = MOST) -> list[Report]:
    """Those of a kind, the newest first; torn ones are warned of and left out."""
    found: list[Report] = []
    for file in sorted((home / _FOLDER / kind).glob("*.json"), reverse=True):
        if len(found) == most:
            break
        try:
            content = orjson.loads(file.read_bytes())
            at = datetime.fromisoformat(content["at"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            _log.warning("report %s is left out: %s", file, error)
            continue
        page = file.with_suffix(".html")
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        found.append(Report(file.stem, at, content, page if page.is_file() else None))
    return found
