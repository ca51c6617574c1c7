"""The operator's desk over the files of a home, and over its database."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from marketrank.asking import Request
from marketrank.config import load
from marketrank.errors import BadInput, Corrupt
from marketrank.operator_desk import OperatorDesk
from marketrank.people import Surface
from marketrank.pipelines.reports import AUDIT, keep_report
from marketrank.ranking import ltr, session_model
from marketrank.ranking.session_model import SessionModel
from marketrank.ranking.unbiased import SessionGroup
from marketrank.types import Reason, Rejected, RequestId
from marketrank.wiring import Marketplace, now
from small_market import small_market
from small_model import AT, promote, publish_three


@pytest.fixture
def market(tmp_path: Path) -> Marketplace:
    """Of a home without a database: what is read of files needs none."""
    return Marketplace(load(tmp_path, {}))


@pytest.fixture
def desk(market: Marketplace) -> OperatorDesk:
    return OperatorDesk(market)


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(content))


def test_nothing_has_happened_yet(desk: OperatorDesk) -> None:
    for kind in ("models", "rankers", "towers"):
        found = desk.versions(kind)
        assert (found.versions, found.current, found.can_roll_back) == ([], None, False)
    assert (desk.runs(), desk.run("x"), desk.picture("x", "y")) == ([], None, None)
    assert desk.reports("relevance", 5) == []
    assert desk.experiments(28, AT) == []


def test_models_are_shown_promoted_and_rolled_back(market: Marketplace, desk: OperatorDesk) -> None:
    first, second, third = publish_three(market.registry)
    promote(market.registry, first, second)
    found = desk.versions("models")
    assert [one.name for one in found.versions] == [third, second, first]
    assert (found.current, found.can_roll_back) == (second, True)
    assert [one.version for one in found.changes] == [second, first]
    assert all("." in name for name in found.versions[0].metrics)
    desk.promote("models", third, at=AT, why="by hand")
    assert market.registry.current() == third
    assert desk.versions("models").changes[0].why == "by hand"
    assert desk.roll_back("models", at=AT, why="") == second
    graph = next((market.registry.path(third) / "int8").glob("*.onnx"))
    graph.write_bytes(b"other")
    with pytest.raises(Corrupt, match="checksum"):
        desk.promote("models", third, at=AT, why="")
    with pytest.raises(BadInput, match="known are"):
        desk.promote("models", "nothing", at=AT, why="")
    assert market.registry.current() == second


def test_the_gates_decision_stands_beside_the_model(
    market: Marketplace, desk: OperatorDesk
) -> None:
    _, _, third = publish_three(market.registry)
    told = {
        "promote": False,
        "reasons": ["latency: 1.7 times"],
        "notes": ["no golden query"],
        "evaluation": {"times": {"query_ratio": 1.7}, "version": third},
    }
    write(market.registry.folder / "decisions" / f"{third}.json", told)
    found = desk.versions("models").versions
    assert [one.decision is None for one in found] == [False, True, True]
    decision = found[0].decision
    assert decision is not None
    assert (decision.verdict, decision.reasons) == ("refused", ["latency: 1.7 times"])
    assert (decision.notes, decision.numbers) == (["no golden query"], {"times.query_ratio": 1.7})


@cache
def trees() -> str:
    """Of a ranker that prefers high numbers."""
    numbers, grades = np.arange(10, dtype=np.float32).reshape(10, 1), np.array([0] * 8 + [2, 2])
    return ltr.fit_sessions([SessionGroup(numbers, grades, np.ones(10))] * 30, seed=1, rounds=2)


def ranker(
    folder: Path, *, reasons: Sequence[str] = (), at: datetime = AT, reads: str = "taste"
) -> str:
    trained: dict[str, Any] = {
        "audit": {"reasons": list(reasons), "unjudged": ["too few"]},
        "sessions": {"early": {"n": 812}},
    }
    metrics = {"new": {"ndcg@10": {"mean": 0.31, "low": 0.29, "high": 0.33}}}
    model = SessionModel(trees(), (reads,), (Surface.FEED,), trained, metrics)
    return session_model.publish(folder, model, at=at)


def test_rankers_are_chosen_too(market: Marketplace, desk: OperatorDesk) -> None:
    folder = market.ranker_folder
    old = ranker(folder)
    new = ranker(folder, reasons=["NDCG of women"], at=AT + timedelta(days=1))
    found = desk.versions("rankers").versions
    assert [one.name for one in found] == [new, old]
    assert found[0].metrics == {"new.ndcg@10": 0.31}
    assert found[0].facts["learned from"] == "812 sessions"
    assert [one.decision and one.decision.verdict for one in found] == ["refused", "passed"]
    for version in (old, new):
        desk.promote("rankers", version, at=AT, why="")
    assert desk.versions("rankers").can_roll_back
    assert desk.roll_back("rankers", at=AT, why="") == old
    (folder / new / "trees.txt").write_text("other")
    assert [one.name for one in desk.versions("rankers").versions] == [old]
    with pytest.raises(Corrupt):
        desk.promote("rankers", new, at=AT, why="")
    assert desk.roll_back("rankers", at=AT, why="") is None
    assert desk.versions("rankers").current is None
    odd = ranker(folder, reads="phase_of_the_moon")
    with pytest.raises(Corrupt, match="phase_of_the_moon"):
        desk.promote("rankers", odd, at=AT, why="")
    assert desk.versions("rankers").current is None
    with pytest.raises(BadInput, match="no version"):
        desk.promote("towers", "x", at=AT, why="")


def test_runs_with_scores_curves_and_pictures(market: Marketplace, desk: OperatorDesk) -> None:
    runs = market.settings.home / "runs"
    one = runs / "vision-20260314T120000"
    write(one / "config.json", {"kind": "vision", "at": AT, "seed": 7, "listings": {"all": 5000}})
    write(one / "metrics.json", {"image": {"accuracy": 0.5, "n": 20}, "note": "x"})
    epochs = [{"train/loss": 2.0, "val/loss": 3.0}, {"train/loss": 1.0}]
    write(one / "measured" / "tower" / "metrics.json", {"epochs": epochs, "best": 1})
    write(one / "kept" / "metrics.json", {"epochs": "torn"})
    (one / "confusion-image.png").write_bytes(b"png")
    (one / "link.png").symlink_to("/etc/passwd")
    write(runs / "text-20260101T000000" / "metrics.json", {"text": {"accuracy": 0.8}})
    (runs / "text-20260101T000000" / "config.json").write_text("{torn")
    (runs / ".unfinished-text-abc").mkdir()

    found = {each.name: each for each in desk.runs()}
    assert [found[name].kind for name in sorted(found)] == ["text", "text", "vision"]
    assert found["text-20260101T000000"].at == datetime(2026, 1, 1, tzinfo=UTC)
    assert not found[".unfinished-text-abc"].finished
    assert found[one.name].curves == ()

    run = desk.run(one.name)
    assert run is not None
    assert run.metrics == {"image.accuracy": 0.5, "image.n": 20}
    assert run.facts == {"seed": "7", "listings": "5,000 all"}
    (curve,) = run.curves
    assert (curve.part, curve.best) == ("measured/tower", 1)
    assert curve.series["train/loss"] == [2, 1]
    assert curve.series["val/loss"][0] == 3
    assert math.isnan(curve.series["val/loss"][1])
    assert run.pictures == ("confusion-image.png",)
    assert desk.picture(one.name, "confusion-image.png") == b"png"


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("..", "secret.png"),
        (".", "secret.png"),
        ("vision-1", "../../secret.png"),
        ("vision-1", "config.json"),
        ("vision-1/..", "../secret.png"),
        ("", "secret.png"),
    ],
)
def test_nothing_beside_a_run_is_a_picture_of_it(
    market: Marketplace, desk: OperatorDesk, run: str, name: str
) -> None:
    home = market.settings.home
    write(home / "runs" / "vision-1" / "config.json", {})
    (home / "secret.png").write_bytes(b"secret")
    assert desk.picture(run, name) is None


def test_reports_come_with_their_pages(market: Marketplace, desk: OperatorDesk) -> None:
    keep_report(market.settings.home, AUDIT, {"buyers": 12}, at=AT, page=b"<p>")
    (kept,) = desk.reports(AUDIT, 3)
    assert (kept.content["buyers"], kept.at) == (12, AT)
    assert kept.page is not None


def test_what_a_process_tells_of_itself(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    monkeypatch.setenv("MARKETRANK_KEEP_SLOW_QUERIES", "true")
    market = Marketplace(load(tmp_path))
    desk, at = OperatorDesk(market), now()
    empty = desk.health(at)
    assert (empty.release, empty.live, empty.ended, empty.stages) == (None, None, None, [])
    assert empty.database.startswith("postgresql")
    assert "password" not in empty.database
    asked = Request(RequestId("r"), at, text="grey sofa")
    ranking = small_market(padding=0).answer(asked)
    monkeypatch.setattr(market, "engine", type("Engine", (), {"answer": lambda _, r: ranking})())
    market.answer(asked)
    market.metrics.served("/v1/search", "GET", 200, 0)
    market.metrics.served("/operator/log", "GET", 200, 0)
    market.metrics.lags("words", 1.5)
    told = desk.health(at)
    assert [one.name for one in told.stages] == ["retrieve"]
    assert [one.name for one in told.routes] == ["/v1/search"]
    assert told.lag_seconds == {"words": 1.5}
    assert [(one.text, one.words) for one in told.slow] == [("grey sofa", 2)]

    put = [Rejected("listing", "7", Reason.TORN_RECORD, "two fields", "feed.csv")]
    market.quarantine.put(put, at=at)
    assert desk.rejections() == {("listing", Reason.TORN_RECORD): 1}
    assert desk.rejected("listing", None, 0, 5) == [(at, put[0])]
    assert desk.rejected("photo", None, 0, 5) == []

    (tmp_path / "experiments.toml").write_text(
        '[[experiment]]\nname = "e"\nkind = "ab"\narms = { a = "current", b = "none" }\n'
    )
    (report,) = desk.experiments(28, at)
    assert (report["name"], report["sessions"]) == ("e", 0)
    (tmp_path / "experiments.toml").write_text("torn")
    with pytest.raises(BadInput, match="TOML"):
        desk.experiments(28, at)
