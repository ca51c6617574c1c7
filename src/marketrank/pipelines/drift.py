"""Drift: whether what comes in, what the models say of it and what buyers do has moved away from
what the version in use was trained on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from marketrank.config import Settings
from marketrank.monitoring.drift import Column, Judged, Kind, judge

_SEED = 7
_DIRECTIONS = {
    Kind.NUMBER: "its values lie {score:.2f} deviations from those before",
    Kind.SHARE: "the stability index of its shares is {score:.2f}",
    Kind.WORDS: "the divergence of its words is {score:.3f} bits",
    Kind.VECTOR: "a classifier tells the windows apart with an AUC of {score:.2f}",
    Kind.RATE: "the rate has changed by a factor of {score:.2f}",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """What was found at `at`. `window` says what was compared, ready for JSON."""

    at: datetime
    window: Mapping[str, Any]
    columns: tuple[Judged, ...]

    @property
    def drifted(self) -> list[Judged]:
        return [one for one in self.columns if one.drifted]

    @property
    def alarm(self) -> bool:
        return bool(self.drifted)

    @property
    def reasons(self) -> list[str]:
        """A line for each column that has drifted."""
        return [f"{one.name}: {_said(one)}" for one in self.drifted]

    @property
    def calm(self) -> str:
        """What there is to say without an alarm: that nothing was judged is no good news."""
        if any(one.judged for one in self.columns):
            return "no column has drifted"
        if self.columns:
            return "no column has drifted: all have too few rows to tell"
        return "no column has drifted: nothing has come in of late that was not trained on"


def thresholds_of(settings: Settings) -> dict[Kind, float]:
    return {
        Kind.NUMBER: settings.drift_number,
        Kind.SHARE: settings.drift_share,
        Kind.WORDS: settings.drift_words,
        Kind.VECTOR: settings.drift_vector,
        Kind.RATE: settings.drift_rate,
    }


def find_drift(
    columns: Iterable[Column],
    *,
    thresholds: Mapping[Kind, float],
    least: int,
    window: Mapping[str, Any],
    at: datetime,
) -> Drift:
    """Judge each column; with fewer than `least` rows in a window it is not judged."""
    found = [judge(one, thresholds, least=least, seed=_SEED) for one in columns]
    return Drift(at, window, tuple(found))


def as_dict(found: Drift) -> dict[str, Any]:
    """Ready for JSON."""
    return {
        "at": found.at,
        "window": dict(found.window),
        "columns": [asdict(one) for one in found.columns],
        "alarm": found.alarm,
        "reasons": found.reasons,
    }


def lines(found: Drift) -> Sequence[tuple[str, str, str, str]]:
    """Name, score, threshold and verdict of each column, those that have drifted first."""
    order = sorted(found.columns, key=lambda one: (not one.drifted, not one.judged))
    return [
        (
            one.name,
            f"{one.score:.3f}" if one.judged else "",
            f"{one.threshold:g}",
            "drifted" if one.drifted else "" if one.judged else "too few rows",
        )
        for one in order
    ]


def _said(one: Judged) -> str:
    return _DIRECTIONS[one.kind].format(score=one.score) + f" (limit {one.threshold:g})"
