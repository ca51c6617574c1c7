"""The commands around relevance, as their users meet them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from made_up_relevance import made_up_set
from marketrank.cli import app
from marketrank.errors import BadInput
from marketrank.evaluation.sets.relevance_set import read, write
from marketrank.pipelines.reports import RELEVANCE, reports_of

RUN = CliRunner()


@pytest.fixture(scope="module")
def home(encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the default encoder, which a fresh home would export first."""
    home = tmp_path_factory.mktemp("home")
    (home / "models").mkdir()
    (home / "models" / encoder_folder.name).symlink_to(encoder_folder)
    return home


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets") / "made-up"
    write(folder, made_up_set())
    return folder


def call(*arguments: object) -> str:
    done = RUN.invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_relevance_prints_one_json_object_and_writes_runs(
    folder: Path, home: Path, tmp_path: Path
) -> None:
    asked = ["evaluate", "relevance", folder, "--home", home]
    told = json.loads(call(*asked, "--json", "--runs", tmp_path / "runs", "--seed", 3))
    assert told["seed"] == 3
    (kept,) = reports_of(home, RELEVANCE, 1)
    assert dict(kept.content) == {**told, "at": kept.content["at"]}
    assert told["model"].startswith("minilm")
    assert told["judged_pool"]["hybrid"]["ndcg@10"] > told["judged_pool"]["random"]["ndcg@10"]
    assert (tmp_path / "runs" / "qrels.trec").exists()
    page = call(*asked)
    for word in ("judged pool", "corpus", "ranked - bm25", "36 queries", "ndcg@10"):
        assert word in page
    assert " reciprocal_rank " in page  # nothing is cut where a terminal is narrow
    assert "…" not in page
    assert not (home / "postgres").exists()  # no database for what reads no store


def test_a_fitted_ranker_is_kept_and_named(folder: Path, home: Path, tmp_path: Path) -> None:
    told = json.loads(call("train", "fusion", folder, "--home", home, "--json"))
    assert told["queries"] == 36
    assert Path(told["file"]).exists()
    scored = json.loads(call("evaluate", "relevance", folder, "--home", home, "--json"))
    assert told["ranker"] in scored["ranked"]["why"]
    other = read(folder)
    others = tuple(type(q)(q.id, f"a {q.text} please") for q in other.queries)
    write(tmp_path / "other", type(other)("other", other.documents, others, other.grades))
    scored = json.loads(call("evaluate", "relevance", tmp_path / "other", "--home", home, "--json"))
    assert scored["ranked"]["version"] == told["ranker"]
    Path(told["file"]).unlink()


def test_sets_are_made_from_a_feed(tmp_path: Path, home: Path) -> None:
    feed = tmp_path / "feed.csv"
    lines = [
        f"{n},Sturdy {colour} oak table number {n},Home / Tables\n"
        for n, colour in enumerate(["red", "blue", "green", "black", "white", "brown"])
    ]
    feed.write_text("id,title,category\n" + "".join(lines))
    out = tmp_path / "out"
    asked = ["evaluate", "make-set", "--out", out, "--products", feed, "--home", home]
    told = json.loads(call(*asked, "--queries", 4, "--json"))
    assert [Path(name).name for name in told["sets"]] == [
        "known-item",
        "known-item-misspelt",
        "category",
    ]
    assert len(read(out / "known-item").queries) == 4
    assert read(out / "known-item").queries != read(out / "known-item-misspelt").queries


def test_an_unknown_public_set_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="known are esci, wands"):
        call("evaluate", "fetch", "trec", "--out", tmp_path)
