"""The commands that learn from what buyers do, as their users meet them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from made_up_sessions import START, World, click, impression
from marketrank.cli import app
from marketrank.errors import BadInput
from marketrank.feedback.session_files import write_sessions
from marketrank.people import Session
from marketrank.ranking import session_model
from marketrank.storage import embedded

RUN = CliRunner()
WORLD = World.drawn()


def call(*arguments: object) -> str:
    done = RUN.invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sessions")
    write_sessions(folder, WORLD.sessions(1_500))
    return folder


def test_a_ranker_learns_from_files_and_takes_over(sessions: Path, tmp_path: Path) -> None:
    asked = ["train", "ranker", "--sessions", sessions, "--home", tmp_path]
    tried = json.loads(call(*asked, "--dry-run", "--propensity", "power:1.0", "--json"))
    assert tried["promoted"] is None
    assert tried["propensity"]["method"] == "power 1"
    assert session_model.current(tmp_path / "rankers") is None
    told = json.loads(call(*asked, "--json", "--without", "price", "--seed", 5, "--clip", 10))
    assert told["worse"] == []
    assert "price_log" not in told["features"]
    assert told["propensity"]["method"] == "harvest"
    in_use = session_model.current(tmp_path / "rankers")
    assert in_use is not None and in_use.version == told["promoted"]
    kept = session_model.read(tmp_path / "rankers", told["promoted"])
    assert (kept.trained["seed"], kept.trained["clip"]) == (5, 10)
    assert "none of" in kept.trained["audit"]["unjudged"][0]  # files that name no buyers
    assert not (tmp_path / "postgres").exists()  # no database for what reads files
    page = call(*asked, "--later", 0.5)
    for word in ("champion", "shuffle", "position bias by harvest", "ndcg@10"):
        assert word in page


def test_what_is_wrong_is_named(sessions: Path, tmp_path: Path) -> None:
    asked = ["train", "ranker", "--sessions", sessions, "--home", tmp_path]
    for more, told in (
        (["--without", "moods"], "known parts are words"),
        (["--propensity", "guess"], "unknown propensity 'guess'"),
    ):
        done = RUN.invoke(app, [str(one) for one in (*asked, *more)])
        assert isinstance(done.exception, BadInput)
        assert told in str(done.exception)


def test_the_home_has_sessions_of_its_own(tmp_path: Path) -> None:
    """As a running server logs them: yesterday's, and those of long ago, which do not count."""
    from marketrank.config import load
    from marketrank.people import Buyer
    from marketrank.types import BuyerId
    from marketrank.wiring import Marketplace

    market = Marketplace(load(tmp_path))
    now = datetime.now(UTC)
    later = now - timedelta(days=1) - START
    try:
        market.buyers.put(Buyer(BuyerId("b")), at=now)
        for number, days in enumerate((0, 0, 200)):
            shown = replace(
                impression(4, request=f"r{number}", arms=("now", "next", "now", "next")),
                at=START + later - timedelta(days=days),
            )
            market.events.log([shown])
            market.events.record([click(shown, 1)], at=now)
        (tmp_path / "experiments.toml").write_text(EXPERIMENT)
        found = json.loads(call("experiment", "report", "--home", tmp_path, "--json"))
        (one,) = found["experiments"]
        assert one["sessions"] == 2
        assert one["arms"]["next"] == {"ranker": "none", "wanted": 2}
        every = ["experiment", "report", "test", "--home", tmp_path, "--days", 400, "--json"]
        assert json.loads(call(*every))["experiments"][0]["sessions"] == 3
    finally:
        market.database.dispose()
        embedded.leave(tmp_path)


EXPERIMENT = """
[[experiment]]
name = "test"
kind = "interleave"
share = 0.5
arms = { now = "current", next = "none" }
"""


def test_experiments_are_reported_from_files(tmp_path: Path) -> None:
    shown = [impression(2, request=f"r{n}", buyer=f"b{n}", arms=("now", "next")) for n in range(40)]
    write_sessions(tmp_path / "s", [Session(one, (click(one, 1),)) for one in shown])
    home = tmp_path / "home"
    home.mkdir()
    asked = ["experiment", "report", "--home", home, "--sessions", tmp_path / "s"]
    assert "no experiment is declared" in call(*asked)
    (home / "experiments.toml").write_text(EXPERIMENT)
    page = call(*asked)
    assert "next - now: +0.5000 [+0.4124, +0.5000], p = 0.0000, n = 40" in page
    assert "40 sessions of 40 buyers, 50% take part" in page
    done = RUN.invoke(app, [str(one) for one in (*asked, "other")])
    assert isinstance(done.exception, BadInput)
    assert "known are test" in str(done.exception)
