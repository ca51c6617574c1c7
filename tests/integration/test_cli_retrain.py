"""`marketrank retrain` and `marketrank pipeline step` as their users meet them; what they run is
stood in for."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from marketrank import cli, wiring_retrain
from marketrank.errors import BadInput
from marketrank.pipelines import retrain as running
from marketrank.pipelines.retrain_files import Made, read_made
from marketrank.pipelines.retrain_plan import Done
from marketrank.pipelines.retrain_report import describe, notify
from marketrank.pipelines.retrain_steps import Options

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
SCORE = {"n": 40, "new": 0.5, "other": 0.75, "difference": -0.25, "low": -0.4, "high": -0.1}
DECISION = {
    "evaluation": {
        "compared": {"champion": {"on": "", "scores": {"text": SCORE}, "unpaired": []}},
        "golden": {"new": 0.9, "champion": 0.95, "queries": 40},
        "times": {
            "listing_ms": 30.0,
            "listing_ratio": 1.5,
            "query_ms": 4.0,
            "query_ratio": 0.5,
        },
    },
    "reasons": ["worse than v1: text"],
    "notes": ["few listings"],
}
REPORT = {
    "status": "refused",
    "version": "v2",
    "ranker": None,
    "decision": DECISION,
    "audit": {"reasons": ["no session to learn a ranker from"]},
    "steps": [{"name": "train", "seconds": 12.34, "reused": True, "output": {}}],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the commands have asked for."""
    found: dict[str, Any] = {}

    def retrain(shop: object, options: Options, **more: Any) -> tuple[Any, Path]:
        found.update(options=options, webhook=more["webhook"])
        return REPORT, Path("r.json")

    def step(name: str, shop: object, options: Options, before: Any, **more: Any) -> Made:
        found.update(name=name, options=options, before=before, webhook=more["webhook"])
        done = before.done if before else ()
        return Made(AT, (*done, Done(name, {"made": name}, 1.0, False)))

    monkeypatch.setattr(wiring_retrain, "workshop", lambda *_, **__: None)
    monkeypatch.setattr(running, "retrain", retrain)
    monkeypatch.setattr(running, "do_step", step)
    return found


def run(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(
        cli.app, [*arguments, "--home", str(home)], catch_exceptions=False, env={"COLUMNS": "120"}
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def test_options_and_settings_reach_the_steps(asked: dict[str, Any], tmp_path: Path) -> None:
    run(tmp_path, "retrain")
    assert asked["options"] == Options()
    assert asked["webhook"] == ""
    (tmp_path / "marketrank.toml").write_text('retrain_webhook = "https://hooks.example/x"')
    feed = ["--products", "p.csv", "--images-table", "i.csv", "--images", "dir", "--full"]
    more = ["--recipe", "quick", "--no-promote", "--seed", "9", "--device", "cpu"]
    more += ["--why", "words", "--processes", "2"]
    run(tmp_path, "retrain", *feed, *more)
    assert asked["options"] == Options(
        "p.csv", "i.csv", "dir", True, "quick", 9, "cpu", False, "words", 2
    )
    assert asked["webhook"] == "https://hooks.example/x"


def test_the_outcome_is_printed(asked: dict[str, Any], tmp_path: Path) -> None:
    shown = [line.split() for line in run(tmp_path, "retrain").splitlines()]
    for line in (
        "train 12.3 as before",
        "champion text 0.5000 0.7500 -0.2500 [-0.4000, -0.1000] 40",
        "champion golden queries 0.9000 0.9500 40",
        "champion ms a listing 30.0 20.0 x 1.50",
        "champion ms a query 4.0 8.0 x 0.50",
        "against it: worse than v1: text",
        "note: few listings",
        "v2 is not promoted",
        "no new ranker: no session to learn a ranker from",
        "r.json",
    ):
        assert line.split() in shown, line
    assert json.loads(run(tmp_path, "retrain", "--json")) == {**REPORT, "report": "r.json"}


def test_a_step_goes_from_a_file_to_a_file(asked: dict[str, Any], tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    empty = ["--products", "", "--images-table", "", "--images", ""]
    run(tmp_path, "pipeline", "step", "refresh", "--out", str(first), *empty)
    assert asked["options"] == Options()
    assert asked["before"] is None
    options = ["--given", str(first), "--out", str(second), "--promote", "no"]
    run(tmp_path, "pipeline", "step", "publish", *options, "--processes", "3")
    assert asked["options"].processes == 3
    assert asked["name"] == "publish"
    assert not asked["options"].promote
    assert [one.name for one in read_made(second).done] == ["refresh", "publish"]
    with pytest.raises(BadInput, match="--promote maybe: give yes or no"):
        run(tmp_path, "pipeline", "step", "publish", "--out", str(second), "--promote", "maybe")


def test_decisions_of_the_last_retrainings_are_listed(tmp_path: Path) -> None:
    assert "no retraining has ended" in run(tmp_path, "models", "decisions")
    done = [
        Done("export", {"version": "v2"}, 1.0, False),
        Done("gate", {"decision": {"champion": "v1", "reasons": ["worse: text"]}}, 1.0, False),
        Done("publish", {"status": "refused", "current": "v1", "ranker": None}, 1.0, False),
    ]
    report = describe(Options(why="drift: words"), done, at=AT, until=AT)
    notify(tmp_path, report)
    later = AT + timedelta(days=1)
    notify(tmp_path, describe(Options(), [], at=later, until=later, error=("train", "no room")))
    assert run(tmp_path, "models", "decisions").splitlines() == [
        "2026-03-15 12:00  failed; version none; in use none",
        "  train: no room",
        "2026-03-14 12:00  refused; version v2; compared with v1; in use v1; drift: words",
        "  worse: text",
    ]
    said = json.loads(run(tmp_path, "models", "decisions", "--most", "1", "--json"))
    assert [one["status"] for one in said["retrainings"]] == ["failed"]
