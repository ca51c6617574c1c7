"""Training runs as the operator's area shows them: read from <home>/runs, whatever trained them."""

import logging
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from marketrank.api.operator.desk import Curve, TrainingRun

_log = logging.getLogger(__name__)
_UNFINISHED = ".unfinished-"
_FACTS = ("seed", "data_hash", "device", "currency", "classes", "model")
_DEPTH = 3
"""How deep below a run the metrics of a training may lie: measured/tower/metrics.json."""


def runs_in(folder: Path) -> list[TrainingRun]:
    """All of a folder, the newest first."""
    if not folder.is_dir():
        return []
    found = [_run(path, whole=False) for path in folder.iterdir() if path.is_dir()]
    floor = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda one: (one.at or floor, one.name), reverse=True)


def run_in(folder: Path, name: str) -> TrainingRun | None:
    """One by its name, with curves and pictures."""
    path = _find(folder, name)
    return None if path is None else _run(path, whole=True)


def picture_in(folder: Path, run: str, name: str) -> bytes | None:
    """A PNG of a run."""
    path = _find(folder, run)
    # Names are looked up among those that are there, never joined to a path: nothing outside.
    found = None if path is None else next((p for p in _pictures(path) if p.name == name), None)
    return None if found is None else found.read_bytes()


def _find(folder: Path, name: str) -> Path | None:
    if not folder.is_dir():
        return None
    return next((p for p in folder.iterdir() if p.name == name and p.is_dir()), None)


def _run(path: Path, *, whole: bool) -> TrainingRun:
    finished = not path.name.startswith(_UNFINISHED)
    config = read_object(path / "config.json")
    name = path.name.removeprefix(_UNFINISHED)
    facts = {key: str(config[key]) for key in _FACTS if key in config}
    listings = config.get("listings")
    if isinstance(listings, dict):
        facts["listings"] = ", ".join(f"{n:,} {part}" for part, n in listings.items())
    return TrainingRun(
        name=path.name,
        kind=str(config.get("kind") or name.rpartition("-")[0] or name),
        at=_time(config.get("at"), path),
        finished=finished,
        metrics=flat(read_object(path / "metrics.json")) if finished else {},
        facts=facts,
        curves=tuple(_curves(path)) if whole else (),
        pictures=tuple(p.name for p in _pictures(path)) if whole else (),
    )


def _time(told: Any, path: Path) -> datetime | None:
    """When it was, by its config, else by its name, else by its folder."""
    for text, shape in ((told, None), (path.name.rpartition("-")[2], "%Y%m%dT%H%M%S")):
        if not isinstance(text, str):
            continue
        try:
            at = datetime.strptime(text, shape) if shape else datetime.fromisoformat(text)
        except ValueError:
            continue
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None


def _pictures(path: Path) -> list[Path]:
    return sorted(p for p in path.glob("*.png") if p.is_file() and not p.is_symlink())


def _curves(path: Path) -> Iterator[Curve]:
    for file in sorted(path.rglob("metrics.json")):
        inside = file.relative_to(path)
        if len(inside.parts) > _DEPTH:
            continue
        told = read_object(file)
        epochs = told.get("epochs")
        if not isinstance(epochs, list) or not all(isinstance(one, dict) for one in epochs):
            continue
        names = sorted({name for one in epochs for name in one})
        series = {name: [_number(one.get(name)) for one in epochs] for name in names}
        best, part = told.get("best"), inside.parent.as_posix()
        known = best if best in range(1, len(epochs) + 1) else None
        if series:
            yield Curve("" if part == "." else part, series, known)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none, or none that can be read, which is logged."""
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _log.warning("%s is left out: %s", path, error)
        return {}
    return found if isinstance(found, dict) else {}


def flat(metrics: Mapping[str, Any], path: str = "") -> dict[str, float]:
    """The numbers of nested metrics by their dotted names, without those of lists."""
    found: dict[str, float] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{path}{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found[path + name] = value
    return found
