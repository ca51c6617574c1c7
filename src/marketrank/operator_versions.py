"""Models, rankers and buyer towers as the operator's area shows them and chooses among them."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from marketrank.api.operator.desk import Change, Decision, Version, Versions
from marketrank.errors import BadInput, Corrupt
from marketrank.models import promotions, published_tower
from marketrank.models.registry import Manifest, Registry
from marketrank.operator_runs import flat, read_object
from marketrank.pipelines import shelves
from marketrank.pipelines.ranker_gate import AUDIT
from marketrank.pipelines.shelves import Shelf
from marketrank.ranking import session_model

_log = logging.getLogger(__name__)
_MOST_CHANGES = 20
_NO_TIME = ""


@dataclass(frozen=True, slots=True)
class Stand:
    """One kind: its folder, the names in it, how one is read, who chooses among them, what makes
    one. `to_none`: a rollback from the first leads to none."""

    kind: str
    folder: Path
    names: Callable[[], list[str]]
    read: Callable[[str], Version]
    chooser: Registry | Shelf
    command: str
    to_none: bool = True

    def show(self) -> Versions:
        """What is there; versions that cannot be read are logged and left out."""
        current, log = promotions.current(self.folder), promotions.read(self.folder)
        found = []
        for name in self.names():
            try:
                found.append(self.read(name))
            except (BadInput, Corrupt) as error:
                _log.warning("%s", error)
        found.sort(key=lambda one: (_stamp(one.created_at), one.name), reverse=True)
        changes = [
            Change(one.at, one.version, one.previous, one.why, one.rollback)
            for one in reversed(log[-_MOST_CHANGES:])
        ]
        back = bool(current) and (self.to_none or bool(promotions.earlier(log, current)))
        return Versions(self.kind, current, found, changes, back, self.command)


def stands(registry: Registry, ranker_folder: Path, tower_folder: Path) -> dict[str, Stand]:
    """All kinds of a home, by name."""
    every = (
        Stand(
            "models",
            registry.folder,
            lambda: [one.version for one in registry.versions()],
            lambda name: _model(registry.folder, registry.read(name)),
            registry,
            "marketrank train all",
            to_none=False,
        ),
        Stand(
            "rankers",
            ranker_folder,
            partial(session_model.versions, ranker_folder),
            partial(_ranker, ranker_folder),
            shelves.rankers(ranker_folder),
            "marketrank train ranker",
        ),
        Stand(
            "towers",
            tower_folder,
            partial(published_tower.versions, tower_folder),
            partial(_tower, tower_folder),
            shelves.towers(tower_folder),
            "marketrank train buyers",
        ),
    )
    return {one.kind: one for one in every}


def _stamp(at: datetime | None) -> str:
    return at.isoformat() if at else _NO_TIME


def _model(folder: Path, manifest: Manifest) -> Version:
    facts = {
        "kind": manifest.kind,
        "trained on": f"{manifest.trained_on:,} listings",
        "seed": str(manifest.seed),
        "data": manifest.data_hash[:12],
        **{f"run of {part}": run for part, run in manifest.runs.items()},
        **{f"parity of {name}": f"{value:.3g}" for name, value in manifest.parity.items()},
    }
    decision = _decided(folder / "decisions" / f"{manifest.version}.json")
    return Version(manifest.version, manifest.created_at, flat(manifest.metrics), facts, decision)


def _decided(path: Path) -> Decision | None:
    """What the gate has kept beside the versions, if it has."""
    told = read_object(path)
    if not told:
        return None
    reasons, notes = told.get("reasons") or (), told.get("notes") or ()
    promoted = bool(told.get("promote", not reasons))
    numbers = flat(told.get("evaluation") or {})
    return Decision("passed" if promoted else "refused", list(reasons), list(notes), numbers)


def _ranker(folder: Path, name: str) -> Version:
    model = session_model.read(folder, name)
    told: Mapping[str, Any] = model.trained
    facts = {"features": str(len(model.features)), "ranks": ", ".join(model.surfaces)}
    sessions = told.get("sessions", {}).get("early", {}).get("n")
    if sessions is not None:
        facts["learned from"] = f"{sessions:,} sessions"
    if method := told.get("propensity", {}).get("method"):
        facts["position bias by"] = str(method)
    # Each score has an interval beside its mean; the mean is the score.
    metrics = {key.removesuffix(".mean"): value for key, value in flat(model.metrics).items()}
    metrics = {key: value for key, value in metrics.items() if not key.endswith((".low", ".high"))}
    decision = None
    if isinstance(audit := told.get(AUDIT), Mapping):
        reasons = list(audit.get("reasons", ()))
        notes = [*audit.get("too_few", ()), *audit.get("unjudged", ())]
        decision = Decision("refused" if reasons else "passed", reasons, notes)
    return Version(name, _created(folder / name / "manifest.json"), metrics, facts, decision)


def _created(path: Path) -> datetime | None:
    try:
        return datetime.fromisoformat(orjson.loads(path.read_bytes())["created_at"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _tower(folder: Path, name: str) -> Version:
    found = published_tower.read(folder / name)
    facts = {
        "for encoder": found.encoder,
        "seed": str(found.seed),
        "parity": f"{found.parity:.3g}",
        **{f"trained on {key}": str(value) for key, value in found.trained_on.items()},
    }
    created = datetime.fromisoformat(found.created_at)
    return Version(name, created, flat(found.metrics), facts)
