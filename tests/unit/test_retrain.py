"""The order of the steps, what is not done again, and what is told; the steps themselves are
stood in for."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from marketrank.errors import BadInput, NotReady
from marketrank.models.registry import Registry
from marketrank.pipelines import retrain as running
from marketrank.pipelines import retrain_plan
from marketrank.pipelines.retrain import do_step, retrain
from marketrank.pipelines.retrain_files import Made, read_made, write_made
from marketrank.pipelines.retrain_history import CUT_OFF, newest_retraining, retrainings
from marketrank.pipelines.retrain_mark import Mark, only_one, read_mark, write_mark
from marketrank.pipelines.retrain_plan import NAMES, PLAN, Done, Step, run_step, step_of
from marketrank.pipelines.retrain_report import FAILED, describe, notify
from marketrank.pipelines.retrain_steps import Options, Workshop

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
UNTIL = AT + timedelta(minutes=5)
OPTIONS = Options()


def workshop(home: Path) -> Workshop:
    nothing: Any = None
    return Workshop(
        home=home,
        listings=nothing,
        blobs=nothing,
        registry=Registry(home / "models"),
        ingest=nothing,
        estimator=nothing,
        open_encoder=nothing,
        ranker=nothing,
        limits=nothing,
        currency="GBP",
        threads=1,
        stopwatch=iter(range(1000)).__next__,
        at=AT,
    )


@dataclass
class Steps:
    """Three steps that count how often they were done. `first` is done every time."""

    calls: list[str] = field(default_factory=list)
    first: str = "a"
    key: str = "k"
    there: bool = True
    failing: str = ""
    error: Exception = field(default_factory=lambda: BadInput("the disk is full"))

    def plan(self) -> tuple[Step, ...]:
        def does(name: str, made: Callable[[Any], dict[str, Any]]) -> Callable[..., Any]:
            def call(shop: Workshop, options: Options, given: Any) -> dict[str, Any]:
                self.calls.append(name)
                if name == self.failing:
                    raise self.error
                return made(given)

            return call

        return (
            Step("refresh", (), does("refresh", lambda _: {"made": self.first})),
            Step(
                "export",
                ("refresh",),
                does("export", lambda given: {"version": given["refresh"]["made"] + "1"}),
                lambda *_: self.key,
                lambda *_: self.there,
            ),
            Step(
                "publish",
                ("export",),
                does("publish", lambda _: {"status": "promoted", "current": "a1", "ranker": None}),
            ),
        )


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    found = Steps()
    monkeypatch.setattr(running, "PLAN", found.plan())
    return found


def run(home: Path) -> dict[str, Any]:
    report, path = retrain(workshop(home), OPTIONS, clock=lambda: UNTIL)
    assert json.loads(path.read_bytes())["status"] == report["status"]
    return report


def test_what_was_done_for_the_same_inputs_is_not_done_again(steps: Steps, tmp_path: Path) -> None:
    first = run(tmp_path)
    assert [(one["name"], one["reused"]) for one in first["steps"]] == [
        ("refresh", False),
        ("export", False),
        ("publish", False),
    ]
    assert steps.calls == ["refresh", "export", "publish"]
    again = run(tmp_path)
    assert [one["reused"] for one in again["steps"]] == [False, True, False]
    assert again["steps"][1]["output"] == {"version": "a1"}
    assert again["version"] == "a1"


@pytest.mark.parametrize("change", [{"first": "b"}, {"key": "other"}, {"there": False}])
def test_other_inputs_or_what_is_gone_are_done_again(
    steps: Steps, tmp_path: Path, change: dict[str, Any]
) -> None:
    run(tmp_path)
    for name, value in change.items():
        setattr(steps, name, value)
    run(tmp_path)
    assert steps.calls.count("export") == 2


def test_a_torn_record_is_done_again(
    steps: Steps, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path)
    (tmp_path / "retrain" / "export.json").write_text("{")
    run(tmp_path)
    assert steps.calls.count("export") == 2
    assert "export.json cannot be read" in caplog.text


def test_a_step_that_fails_is_reported_and_what_was_done_is_kept(
    steps: Steps, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    steps.failing = "publish"
    with pytest.raises(BadInput, match="the disk is full"):
        retrain(workshop(tmp_path), OPTIONS, clock=lambda: UNTIL)
    report = newest_retraining(tmp_path)
    assert report is not None
    assert report["status"] == FAILED
    assert report["failed"] == {"step": "publish", "error": "the disk is full"}
    assert report["reasons"] == ["publish: the disk is full"]
    assert "retraining failed: version a1; publish: the disk is full" in caplog.text
    gauges = (tmp_path / "reports" / "retrain" / "metrics.prom").read_text()
    assert "\nmarketrank_retrain_failed 1.000\n" in gauges
    steps.failing = ""
    run(tmp_path)
    assert steps.calls.count("export") == 1


def test_any_failure_is_reported_with_what_stays_in_use(
    steps: Steps, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "CURRENT").write_text("v1\n")
    steps.failing, steps.error = "export", OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        retrain(workshop(tmp_path), Options(why="drift: words"), clock=lambda: UNTIL)
    report = newest_retraining(tmp_path)
    assert report is not None
    assert report["failed"]["step"] == "export"
    assert "No space left on device" in report["failed"]["error"]
    assert (report["current"], report["why"]) == ("v1", "drift: words")
    assert "retraining failed: version none; v1 stays in use; export: OSError" in caplog.text
    assert read_mark(tmp_path / "retrain") is None


def test_where_not_even_the_report_can_be_written_the_mark_tells(
    steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    told: list[bytes] = []
    monkeypatch.setattr("marketrank.pipelines.retrain_report.write", full)
    monkeypatch.setattr(
        "marketrank.pipelines.retrain_report._post", lambda _, body: told.append(body)
    )
    steps.failing = "export"
    with pytest.raises(BadInput, match="the disk is full"):
        retrain(workshop(tmp_path), OPTIONS, clock=lambda: UNTIL, webhook="https://hooks.example")
    assert json.loads(told[0])["status"] == FAILED
    report = newest_retraining(tmp_path)
    assert report is not None
    assert report["failed"]["step"] == "export"


def test_one_that_was_cut_off_is_told_until_the_next_reports_it(
    steps: Steps, tmp_path: Path
) -> None:
    folder = tmp_path / "retrain"
    mark = Mark(AT - timedelta(days=1), "train", "drift: words", "default", 7)
    with only_one(folder):
        write_mark(folder, mark)
        assert retrainings(tmp_path, 5) == []  # it is at work
    (cut,) = retrainings(tmp_path, 5)
    assert cut.content["status"] == FAILED
    assert cut.content["reasons"] == [f"train: {CUT_OFF}"]
    run(tmp_path)
    newest, before = retrainings(tmp_path, 5)
    assert newest.content["status"] == "promoted"
    assert before.content["failed"] == {"step": "train", "error": CUT_OFF}
    assert before.content["why"] == "drift: words"
    write_mark(folder, mark)
    (folder / "running.json").write_text("{")
    assert len(retrainings(tmp_path, 5)) == 2


def test_a_step_of_its_own_reports_its_failure(
    steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrain_plan, "PLAN", steps.plan())
    steps.failing = "export"
    made = do_step("refresh", workshop(tmp_path), OPTIONS, None, clock=lambda: UNTIL)
    assert read_mark(tmp_path / "retrain") is None
    with pytest.raises(BadInput, match="the disk is full"):
        do_step("export", workshop(tmp_path), OPTIONS, made, clock=lambda: UNTIL)
    report = newest_retraining(tmp_path)
    assert report is not None
    assert report["failed"] == {"step": "export", "error": "the disk is full"}
    assert report["steps"][0]["name"] == "refresh"


def test_one_at_a_time(steps: Steps, tmp_path: Path) -> None:
    shop = workshop(tmp_path)
    with only_one(shop.folder), pytest.raises(NotReady, match="another retraining"):
        retrain(shop, OPTIONS, clock=lambda: UNTIL)
    assert steps.calls == []
    run(tmp_path)


def test_steps_can_be_done_by_processes_of_their_own(
    steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrain_plan, "PLAN", steps.plan())
    made, file = None, tmp_path / "deep" / "made"
    for name in ("refresh", "export", "publish", "notify"):
        shop = replace(workshop(tmp_path), at=UNTIL if made else AT)
        write_made(file, do_step(name, shop, OPTIONS, made, clock=lambda: UNTIL))
        made = read_made(file)
    assert made is not None
    assert made.begun == AT
    assert [one.name for one in made.done] == ["refresh", "export", "publish", "notify"]
    assert (tmp_path / made.done[-1].output["report"]).exists()
    report = newest_retraining(tmp_path)
    assert report is not None
    assert (report["status"], report["until"]) == ("promoted", UNTIL.isoformat())
    with pytest.raises(BadInput, match="step export needs what refresh made"):
        do_step("export", workshop(tmp_path), OPTIONS, None, clock=lambda: UNTIL)
    with pytest.raises(BadInput, match="unknown step 'exports'; known are refresh, clean"):
        do_step("exports", workshop(tmp_path), OPTIONS, None, clock=lambda: UNTIL)
    file.write_text('{"begun": 1}')
    with pytest.raises(BadInput, match="marketrank pipeline step"):
        read_made(file)


def test_each_step_needs_what_comes_before_it() -> None:
    seen: set[str] = set()
    for one in PLAN:
        assert set(one.needs) <= seen
        seen.add(one.name)
    steps = "refresh clean split train export evaluate gate audit publish notify"
    assert " ".join(NAMES) == steps
    assert step_of("gate").name == "gate"


def test_unknown_recipes_are_refused() -> None:
    with pytest.raises(BadInput, match="recipe 'slow': known are default, quick"):
        Options(recipe="slow")


def test_the_recipe_and_the_seed_decide_what_is_done_again(tmp_path: Path) -> None:
    shop = workshop(tmp_path)
    keys = {one.name: one.key for one in PLAN}
    assert keys["refresh"] is keys["clean"] is keys["gate"] is keys["publish"] is None
    train, split = keys["train"], keys["split"]
    assert train is not None
    assert split is not None
    assert train(shop, OPTIONS) != train(shop, Options(recipe="quick"))
    assert split(shop, OPTIONS) != split(shop, Options(seed=8))


DONE = [
    Done("export", {"version": "v2"}, 1.0, False),
    Done(
        "gate",
        {"decision": {"champion": "v1", "reasons": ["worse than v1: text"], "notes": ["n"]}},
        1.0,
        False,
    ),
    Done("publish", {"status": "refused", "current": "v1", "ranker": None}, 1.0, False),
]


def test_the_webhook_is_told_the_outcome(tmp_path: Path) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    report = describe(OPTIONS, DONE, at=AT, until=UNTIL)
    url = "https://hooks.example/secret"
    notify(tmp_path, report, webhook=url, send=lambda to, body: sent.append((to, json.loads(body))))
    notify(tmp_path, report, send=lambda *_: pytest.fail("nobody is to be told"))
    assert sent == [
        (
            url,
            {
                "at": AT.isoformat(),
                "until": UNTIL.isoformat(),
                "why": "",
                "status": "refused",
                "version": "v2",
                "champion": "v1",
                "current": "v1",
                "reasons": ["worse than v1: text"],
            },
        )
    ]
    gauges = (tmp_path / "reports" / "retrain" / "metrics.prom").read_text()
    assert "\nmarketrank_retrain_promoted 0.000\n" in gauges
    assert "\nmarketrank_retrain_seconds 300.000\n" in gauges


def test_a_webhook_that_fails_is_no_error_and_its_address_stays_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError("https://hooks.example/secret does not answer")

    caplog.set_level(logging.INFO)
    report = describe(OPTIONS, DONE, at=AT, until=UNTIL)
    notify(tmp_path, report, webhook="https://hooks.example/secret", send=fail)
    assert "the webhook at hooks.example was not told" in caplog.text
    assert "secret" not in caplog.text
    assert "retraining refused: version v2; compared with v1; worse than v1: text" in caplog.text


def test_a_step_alone_is_recorded(tmp_path: Path, steps: Steps) -> None:
    refresh = steps.plan()[0]
    done = run_step(refresh, workshop(tmp_path), OPTIONS, {})
    assert done == Done("refresh", {"made": "a"}, 1, False)
    assert Made(AT, (done,)).done[0].output == {"made": "a"}
