"""`marketrank models` as its users meet it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from marketrank import cli, cli_registry
from marketrank.errors import BadInput, MarketrankError, NotReady
from marketrank.models import promotions
from marketrank.models.registry import Registry
from marketrank.people import Surface
from marketrank.ranking import ltr, session_model
from marketrank.ranking.session_model import SessionModel
from marketrank.ranking.unbiased import SessionGroup
from marketrank.types import ModelVersion
from small_model import AT, FACTS, fill, promote, publish_three


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "home" / "models")


@pytest.fixture
def three(registry: Registry) -> list[ModelVersion]:
    return publish_three(registry)


def run(registry: Registry, *arguments: str) -> str:
    home = ["--home", str(registry.folder.parent)]
    result = CliRunner().invoke(
        cli_registry.app, [*arguments, *home], catch_exceptions=False, env={"COLUMNS": "80"}
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def test_versions_are_listed_with_a_star_at_the_one_in_use(
    registry: Registry, three: list[ModelVersion]
) -> None:
    promote(registry, three[1])
    head, *rows = run(registry, "list").splitlines()
    assert head.split() == ["version", "trained", "on", "image", "text", "combined", "price"]
    assert [row.split() for row in rows] == [
        [three[2], "1,234", "0.6200", "0.2500"],
        ["*", three[1], "1,234", "0.6200", "0.2500"],
        [three[0], "1,234", "0.6200", "0.2500"],
    ]
    found = json.loads(run(registry, "list", "--json"))
    assert found["current"] == three[1]
    assert [one["version"] for one in found["versions"]] == three[::-1]
    assert found["versions"][0]["metrics"] == FACTS.metrics


def test_an_empty_registry_says_so(registry: Registry) -> None:
    assert f"no model was published in {registry.folder} yet" in run(registry, "list")
    empty = {"current": None, "versions": []}
    told = json.loads(run(registry, "list", "--json"))
    assert told == {**empty, "rankers": empty, "towers": empty}
    assert not registry.folder.parent.exists()


def test_a_version_is_shown(registry: Registry, three: list[ModelVersion]) -> None:
    promote(registry, three[1])
    shown = run(registry, "show", three[1])
    for fact in (
        f"{three[1]} *",
        "2026-03-14 12:00:01 UTC",
        "1,234 listings",
        "runs/towers-20260314T110000",
        "parity of text.int8",
        "0.95",
    ):
        assert fact in shown
    assert [line.split() for line in shown.splitlines()[-4:]] == [
        ["image.accuracy", "0.6200"],
        ["image.macro_f1", "0.5000"],
        ["image.n", "900"],
        ["price.log_r2", "0.2500"],
    ]
    assert "*" not in run(registry, "show", three[0])
    runs = {"towers": "runs/[b]odd"}
    version = registry.publish(lambda folder: replace(fill(folder), runs=runs), at=AT)
    assert runs["towers"] in run(registry, "show", version)
    found = json.loads(run(registry, "show", three[1], "--json"))
    assert (found["current"], found["seed"], found["parity"]) == (True, 7, FACTS.parity)
    assert json.loads(run(registry, "show", three[0], "--json"))["current"] is False


def test_promotion_and_rollback_say_what_comes_next(
    registry: Registry, three: list[ModelVersion]
) -> None:
    assert run(registry, "promote", three[0], "--why", "first").splitlines() == [
        f"{three[0]} is in use, after none.",
        "`marketrank index`, or the running server, embeds the listings with it.",
    ]
    assert run(registry, "promote", three[0]) == f"{three[0]} is in use already.\n"
    found = json.loads(run(registry, "promote", three[1], "--json"))
    assert found == {"current": three[1], "previous": three[0]}
    said = run(registry, "rollback", "--why", "[/b] odd")
    assert said.startswith(f"{three[0]} is in use again, after {three[1]}.\n`marketrank index`")
    promote(registry, three[2])
    found = json.loads(run(registry, "rollback", "--json"))
    assert found == {"current": three[0], "previous": three[2]}
    whys = [line.why for line in promotions.read(registry.folder)]
    assert whys == ["first", "", "[/b] odd", "number 0", ""]
    assert abs(promotions.read(registry.folder)[0].at - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [(["show", "no"], BadInput), (["promote", "no"], BadInput), (["rollback"], NotReady)],
)
def test_what_cannot_be_done_is_said(
    registry: Registry, arguments: list[str], error: type[MarketrankError]
) -> None:
    registry.publish(fill, at=AT)
    result = CliRunner().invoke(
        cli.app, ["models", *arguments, "--home", str(registry.folder.parent)]
    )
    assert isinstance(result.exception, error)
    assert registry.current() is None


def test_rankers_are_listed_shown_promoted_and_rolled_back(registry: Registry) -> None:
    home = registry.folder.parent
    random = np.random.default_rng(0).random((60, 8, 1)).astype(np.float32)
    groups = [SessionGroup(x, (x[:, 0] > 0.7).astype(np.int64), np.ones(8)) for x in random]
    trees = ltr.fit_sessions(groups, seed=1, rounds=5)
    metrics = {"new": {"ndcg@10": {"mean": 0.5}}}
    model = SessionModel(trees, ("taste",), (Surface.FEED,), {"seed": 1}, metrics)
    version = session_model.publish(home / "rankers", model, at=AT)
    assert f"{version} ndcg@10 0.5000" in " ".join(run(registry, "list").split())
    assert "taste" in run(registry, "show", version)
    assert run(registry, "promote", version).splitlines() == [
        f"{version} is in use, after none.",
        "Running servers follow from the next request on.",
    ]
    assert f"* {version}" in " ".join(run(registry, "list").split())
    assert json.loads(run(registry, "show", version, "--json"))["current"] is True
    said = run(registry, "rollback", "ranker", "--why", "buyers complained")
    assert said.startswith(f"none is in use again, after {version}.")
    assert promotions.read(home / "rankers")[-1].why == "buyers complained"
