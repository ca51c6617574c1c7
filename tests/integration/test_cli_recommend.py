"""`marketrank evaluate recommend` on made-up sets."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.interactions import write_tastes
from typer.testing import CliRunner

from marketrank.cli import app

SYSTEMS = ["popularity", "item_knn", "ease", "ials", "ours", "ours_no_demographics"]
BUCKETS = ["all", "0", "1-2", "3-9", "10+"]


def run(folder: Path, *options: str) -> str:
    result = CliRunner().invoke(
        app, ["evaluate", "recommend", str(folder), *options], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Scores and details of a set in which kinds follow demographics, and one listing another."""
    folder = tmp_path_factory.mktemp("set")
    write_tastes(folder, buyers=300, listings=120, events=10, seed=3, follow=0.3)
    details = folder / "details.json"
    scores = json.loads(run(folder, "--json", "--details", str(details)))
    return scores, json.loads(details.read_text())


def test_json_has_systems_buckets_and_metrics(
    told: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    scores, details = told
    assert list(scores) == SYSTEMS
    for buckets in scores.values():
        assert list(buckets) == BUCKETS
        for one in buckets.values():
            assert one["n"] == 0 or {"ndcg@10", "recall@10", "coverage", "ndcg@10_ci95"} <= set(one)
    assert scores["ours"]["0"]["n"] == details["set"]["buyers"]
    assert (
        sum(scores["ours"][name]["n"] for name in ("1-2", "3-9", "10+"))
        == (scores["ours"]["all"]["n"])
    )
    assert details["scores"] == scores
    assert details["peers"]["ease"]["penalty"] > 0


def test_ours_learns_what_follows_and_what_demographics_tell(
    told: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    scores, _ = told
    assert scores["ours"]["all"]["ratio"] > 1.05
    assert scores["ours"]["0"]["ratio"] > 1.04
    assert scores["ours"]["0"]["best_peer"] == "popularity"
    without = scores["ours_no_demographics"]["0"]["ndcg@10"]
    assert without == pytest.approx(scores["popularity"]["0"]["ndcg@10"], rel=0.03)


def test_the_same_seed_gives_the_same_scores_and_a_table(tmp_path: Path) -> None:
    write_tastes(tmp_path, buyers=80, listings=40, events=5, seed=5)
    one = json.loads(run(tmp_path, "--json"))
    assert json.loads(run(tmp_path, "--json")) == one
    assert json.loads(run(tmp_path, "--json", "--seed", "8")) != one
    table = run(tmp_path)
    assert "buyers with a history" in table
    assert "ours_no_demographics" in table
    assert "(popularity)" in table or "(ease)" in table or "(i" in table


@pytest.mark.parametrize(
    "events",
    [
        "",
        "u,a,2026-01-01,view\n",
        "u,a,2026-01-01,view\nu,b,2026-01-02,view\nw,b,2026-01-02,view\n",
        "u,a,never,view\n",
    ],
)
def test_sets_of_almost_nothing(tmp_path: Path, events: str) -> None:
    (tmp_path / "listings.csv").write_text("listing_id,title,category\na,A,\nb,B,\n")
    (tmp_path / "events.csv").write_text("buyer_id,listing_id,at,kind\n" + events)
    scores = json.loads(run(tmp_path, "--json"))
    assert list(scores) == SYSTEMS
    if not events or "never" in events:
        assert all(one == {"n": 0} for one in scores["ours"].values())


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from marketrank import cli_recommend
    from marketrank.errors import MissingExtra

    write_tastes(tmp_path, buyers=5, listings=5, events=2, seed=1)
    monkeypatch.setattr(cli_recommend, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"marketrank\[train\]"):
        run(tmp_path)
