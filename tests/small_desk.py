"""The operator's desk in memory: what tests of the area run on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from marketrank.api.operator.desk import (
    Change,
    Curve,
    Decision,
    Health,
    KeptReport,
    TrainingRun,
    Version,
    Versions,
)
from marketrank.errors import BadInput, Corrupt, NotReady
from marketrank.monitoring.slow import Slow
from marketrank.monitoring.timings import Timing
from marketrank.types import Reason, Rejected

PICTURE = b"\x89PNG\r\n\x1a\nnot much of one"


@dataclass
class SmallDesk:
    """Implements api.operator.desk.Desk. Empty unless `furnished`."""

    shown: Health
    held: dict[str, Versions] = field(default_factory=dict)
    trained: list[TrainingRun] = field(default_factory=list)
    pictures: dict[tuple[str, str], bytes] = field(default_factory=dict)
    kept: dict[str, list[KeptReport]] = field(default_factory=dict)
    quarantined: list[tuple[datetime, Rejected]] = field(default_factory=list)
    reported: list[Mapping[str, Any]] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)
    mistake: str = ""
    asked_days: list[int] = field(default_factory=list)

    def health(self, at: datetime) -> Health:
        return self.shown

    def versions(self, kind: str) -> Versions:
        return self.held.get(kind) or Versions(kind, None, (), (), False, "marketrank train all")

    def promote(self, kind: str, version: str, *, at: datetime, why: str) -> None:
        found = self.versions(kind)
        if version not in {one.name for one in found.versions}:
            raise BadInput(f"there is no {version!r}")
        if version in self.damaged:
            raise Corrupt(f"{version}: trees.txt does not match its checksum")
        self._switch(found, version, Change(at, version, found.current, why, False))

    def roll_back(self, kind: str, *, at: datetime, why: str) -> str | None:
        found = self.versions(kind)
        if not found.can_roll_back:
            raise NotReady("there is nothing to go back to")
        before = found.changes[0].previous
        self._switch(found, before, Change(at, before or "", found.current, why, True))
        return before

    def _switch(self, found: Versions, version: str | None, change: Change) -> None:
        changes = (change, *found.changes)
        self.held[found.kind] = replace(found, current=version, changes=changes, can_roll_back=True)

    def runs(self) -> Sequence[TrainingRun]:
        return [replace(one, curves=(), pictures=()) for one in self.trained]

    def run(self, name: str) -> TrainingRun | None:
        return next((one for one in self.trained if one.name == name), None)

    def picture(self, run: str, name: str) -> bytes | None:
        return self.pictures.get((run, name))

    def reports(self, kind: str, most: int) -> Sequence[KeptReport]:
        return self.kept.get(kind, [])[:most]

    def rejections(self) -> Mapping[tuple[str, Reason], int]:
        counts: dict[tuple[str, Reason], int] = {}
        for _, one in self.quarantined:
            counts[one.kind, one.reason] = counts.get((one.kind, one.reason), 0) + 1
        return counts

    def rejected(
        self, kind: str | None, reason: Reason | None, offset: int, limit: int
    ) -> Sequence[tuple[datetime, Rejected]]:
        found = [
            (at, one)
            for at, one in self.quarantined
            if kind in (None, one.kind) and reason in (None, one.reason)
        ]
        return found[offset : offset + limit]

    def experiments(self, days: int, at: datetime) -> Sequence[Mapping[str, Any]]:
        self.asked_days.append(days)
        if self.mistake:
            raise BadInput(self.mistake)
        return self.reported


def small_desk() -> SmallDesk:
    """Of a home in which nothing has happened yet."""
    return SmallDesk(
        Health(
            release=None,
            refused=None,
            model="",
            database="embedded",
            live=None,
            ended=None,
            lag_seconds={},
            leads=False,
            indexed_at=None,
            in_flight=1,
            waiting=0,
            impressions_dropped=0,
            stages=(),
            routes=(),
            slow=(),
            kept_words=False,
        )
    )


def furnished(now: datetime, folder: Path) -> SmallDesk:
    """Of a home in use; `folder` takes the page of an audit."""
    desk = small_desk()
    desk.shown = _health(now)
    desk.held = {"models": _models(now), "rankers": _rankers(now)}
    desk.trained = [_run(now), TrainingRun(".unfinished-text-1", "text", now, False, {})]
    desk.pictures = {("vision-1", "confusion-image.png"): PICTURE}
    page = folder / "audit.html"
    page.write_text("<!doctype html><style>p { color: red }</style><p>The whole audit</p>")
    desk.kept = {
        "relevance": [KeptReport("1", now, _RELEVANCE, None)],
        "audit": [KeptReport("1", now, _AUDIT, page)],
        "retrain": [KeptReport("2", now, _RETRAINED, None), KeptReport("1", now, _FAILED, None)],
        "drift": [
            KeptReport("2", now, _DRIFT, None),
            KeptReport("1", now - timedelta(days=1), {"alarm": False, "columns": []}, None),
        ],
    }
    desk.quarantined = [(now - timedelta(hours=n), _rejected(n)) for n in range(120)]
    desk.reported = [_EXPERIMENT]
    return desk


def _health(now: datetime) -> Health:
    stages = [
        Timing(name, 1200 + n, 4.0 * n + 0.4, 3.0 * n + 0.3, 11.0 * n + 1, 24.0 * n + 2)
        for n, name in enumerate(("facets", "retrieve", "rank", "encode"))
    ]
    slow = [
        Slow(
            now - timedelta(minutes=n),
            "words",
            900.0 - 70 * n,
            {"rank": 420.0 - 30 * n, "retrieve": 310.0, "encode": 91.2, "fill": 3.0},
            3 + n,
            ("category", "price") if n % 2 else (),
            240 * n,
        )
        for n in range(4)
    ]
    return Health(
        release="20260314T110000-5ma11",
        refused=None,
        model="multimodal-20260310T090000-a1b2c3d4e5f6",
        database="embedded",
        live=104_211,
        ended=3_120,
        lag_seconds={"listings": 0.0, "words": 0.4, "embeddings": 75.0},
        leads=True,
        indexed_at=now - timedelta(seconds=70),
        in_flight=2,
        waiting=0,
        impressions_dropped=0,
        stages=stages,
        routes=[Timing("/v1/search", 8214, 12.2, 9.1, 31.0, 60.5)],
        slow=slow,
        kept_words=False,
    )


def _models(now: datetime) -> Versions:
    names = [f"multimodal-2026031{n}T090000-{'abc'[n]}1b2c3d4e5f6" for n in (2, 1, 0)]
    scores = (0.866, 0.859, 0.841)
    versions = [
        Version(
            name,
            now - timedelta(days=2 + n),
            {
                "image.accuracy": 0.59 - 0.01 * n,
                "text.accuracy": 0.85 + 0.004 * n,
                "combined.accuracy": score,
                "price.log_rmse": 1.04 + 0.02 * n,
                "combined.n": 1223,
            },
            {"kind": "multimodal", "trained on": "5,788 listings", "seed": "7"},
        )
        for n, (name, score) in enumerate(zip(names, scores, strict=True))
    ]
    worse = Decision(
        "refused",
        ["combined accuracy −0.021 of champion’s 0.8590"],
        ["no golden query was asked"],
        {"latency_ratio": 1.04},
    )
    versions[0] = replace(versions[0], decision=worse)
    versions[1] = replace(versions[1], decision=Decision("passed", []))
    changes = (
        Change(now - timedelta(days=3), names[1], names[2], "not worse than before", False),
        Change(now - timedelta(days=4), names[2], None, "the first", False),
    )
    return Versions("models", names[1], versions, changes, True, "marketrank train all")


def _rankers(now: datetime) -> Versions:
    one = Version("ranker-20260312T120000-0123456789ab", now, {"new.ndcg@10.ips": 0.31}, {})
    return Versions("rankers", None, [one], (), False, "marketrank train ranker")


def _run(now: datetime) -> TrainingRun:
    epochs = range(1, 9)
    return TrainingRun(
        name="vision-1",
        kind="vision",
        at=now - timedelta(days=1),
        finished=True,
        metrics={"image.accuracy": 0.59, "image.n": 2135},
        facts={"seed": "7", "listings": "5,788 all, 4,600 train"},
        curves=(
            Curve(
                "measured",
                {
                    "train/loss": [2.4 / n + 0.2 for n in epochs],
                    "validation/loss": [1.9 / n + 0.55 + 0.02 * n for n in epochs],
                    "validation/accuracy": [0.6 - 0.4 / n for n in epochs],
                },
                6,
            ),
        ),
        pictures=("confusion-image.png",),
    )


def _rejected(n: int) -> Rejected:
    kind, reason = ("photo", Reason.PHOTO_TRUNCATED) if n % 3 else ("listing", Reason.TORN_RECORD)
    raw = '{"title": "<b>oak table</b>"}' if n % 3 == 0 else ""
    return Rejected(kind, f"row {n}", reason, f"ends at byte {n}", "products.csv", raw)


_SCORES = {
    system: {
        "ndcg@10": value,
        "ndcg@10_ci95": [value - 0.03, value + 0.03],
        "recall@100": value + 0.1,
        "recall@100_ci95": [value, value + 0.2],
    }
    for system, value in (("random", 0.2), ("bm25", 0.61), ("hybrid", 0.68), ("ranked", 0.71))
}
_RELEVANCE: Mapping[str, Any] = {
    "model": "multimodal-1",
    "set": {"name": "known-item", "queries": 500, "judgments": 500, "listings": 5788},
    "judged_pool": _SCORES,
    "corpus": _SCORES,
}
_GAP = {"value": -0.03, "low": -0.08, "high": 0.02}
_AUDIT: Mapping[str, Any] = {
    "of": "the log",
    "buyers": 640,
    "sessions": 5210,
    "limits": {"ndcg_gap": 0.1},
    "attributes": [
        {
            "name": "age_band",
            "groups": [
                {"value": "18-24", "buyers": 120, "quality": {"gap": _GAP}},
                {"value": "25-34", "buyers": 140, "quality": None},
            ],
        },
        {"name": "sex", "groups": []},
    ],
    "reasons": ["NDCG of age_band 18-24 is −0.12 of all others"],
    "unjudged": ["reach by sex: no listing reached 20 buyers"],
}
_RETRAINED: Mapping[str, Any] = {
    "status": "refused",
    "why": "drift: price",
    "version": "v2",
    "champion": "v1",
    "current": "v1",
    "reasons": ["worse than v1: text"],
    "notes": ["few listings"],
}
_FAILED: Mapping[str, Any] = {
    "status": "failed",
    "why": "",
    "version": None,
    "champion": None,
    "current": None,
    "reasons": ["train: no room"],
}
_DRIFT: Mapping[str, Any] = {
    "window": {"days": 7, "latest": {"what": "seen since", "listings": 812}},
    "alarm": True,
    "columns": [
        {"name": "price", "kind": "input", "score": 0.31, "threshold": 0.2, "drifted": True},
        {"name": "category", "kind": "input", "score": 0.04, "threshold": 0.2, "drifted": False},
    ],
}
_EXPERIMENT: Mapping[str, Any] = {
    "name": "sessions",
    "kind": "interleave",
    "share": 0.2,
    "sessions": 812,
    "buyers": 301,
    "arms": {
        "now": {"ranker": "current", "wanted": 140},
        "next": {"ranker": "feedback", "wanted": 171},
    },
    "comparisons": [
        {"arm": "next", "against": "now", "value": 0.06, "ci95": [0.01, 0.11], "p": 0.02, "n": 180}
    ],
}
