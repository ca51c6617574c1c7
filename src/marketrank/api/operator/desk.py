"""What the operator's area asks of the rest: one Protocol, and the nouns that it answers with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from marketrank.monitoring.slow import Slow
from marketrank.monitoring.timings import Timing
from marketrank.types import Reason, Rejected

KINDS = ("models", "rankers", "towers")
"""What has versions of which one is in use."""


@dataclass(frozen=True, slots=True)
class Health:
    """How one process is. A figure is None where nothing tells it; `lag_seconds` is by what is
    followed; `leads`: some process indexes; `kept_words`: slow queries show theirs."""

    release: str | None
    refused: str | None
    model: str
    database: str
    live: int | None
    ended: int | None
    lag_seconds: Mapping[str, float]
    leads: bool
    indexed_at: datetime | None
    in_flight: int
    waiting: int
    impressions_dropped: int | None
    stages: Sequence[Timing]
    routes: Sequence[Timing]
    slow: Sequence[Slow]
    kept_words: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What a gate said of a version: what speaks against it, what could not be judged, and the
    numbers by their names."""

    verdict: str
    reasons: Sequence[str]
    notes: Sequence[str] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """A published version. `metrics` are flat, by part and score; `facts` for people; `decision` is
    None where no gate has kept one."""

    name: str
    created_at: datetime | None
    metrics: Mapping[str, float]
    facts: Mapping[str, str]
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A promotion or a rollback."""

    at: datetime
    version: str
    previous: str | None
    why: str
    rollback: bool


@dataclass(frozen=True, slots=True)
class Versions:
    """All of one of KINDS, the newest first, and the changes, the latest first."""

    kind: str
    current: str | None
    versions: Sequence[Version]
    changes: Sequence[Change]
    can_roll_back: bool
    command: str
    """What makes a version."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What each epoch of a training reached, by name ("train/loss"); NaN where one has no value.
    `best` is the epoch that was kept, from 1."""

    part: str
    series: Mapping[str, Sequence[float]]
    best: int | None


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A folder of <home>/runs. `finished`: not interrupted, nor still going on."""

    name: str
    kind: str
    at: datetime | None
    finished: bool
    metrics: Mapping[str, float]
    facts: Mapping[str, str] = field(default_factory=dict)
    curves: Sequence[Curve] = ()
    pictures: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class KeptReport:
    """See `pipelines.reports.Report`."""

    name: str
    at: datetime
    content: Mapping[str, Any]
    page: Path | None


class Desk(Protocol):
    """The marketplace as its operator sees it. Every method may be called from several threads;
    what cannot be read is left out and logged, unless said otherwise."""

    def health(self, at: datetime) -> Health: ...

    def versions(self, kind: str) -> Versions:
        """`kind` is one of KINDS."""

    def promote(self, kind: str, version: str, *, at: datetime, why: str) -> None:
        """Raises BadInput for an unknown version and Corrupt for a damaged one: the version in use
        stays then."""

    def roll_back(self, kind: str, *, at: datetime, why: str) -> str | None:
        """The version that is in use again; None: none, as before the first. Raises NotReady where
        there is nothing to go back to."""

    def runs(self) -> Sequence[TrainingRun]:
        """The newest first, without curves and pictures."""

    def run(self, name: str) -> TrainingRun | None:
        """None for one that is not there."""

    def picture(self, run: str, name: str) -> bytes | None:
        """A PNG that the run names among its pictures, else None."""

    def reports(self, kind: str, most: int) -> Sequence[KeptReport]:
        """Of `pipelines.reports`' kinds, the newest first."""

    def rejections(self) -> Mapping[tuple[str, Reason], int]:
        """How many of each kind and reason."""

    def rejected(
        self, kind: str | None, reason: Reason | None, offset: int, limit: int
    ) -> Sequence[tuple[datetime, Rejected]]:
        """A page, the newest first."""

    def experiments(self, days: int, at: datetime) -> Sequence[Mapping[str, Any]]:
        """What `feedback.experiment_report.report` says of each. Raises BadInput where the file
        that declares them is wrong."""
