"""The benchmark scripts run, on few listings and without the peers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import interactions

from marketrank.evaluation.sets.interaction_set import read

_REPOSITORY = Path(__file__).parents[2]


def run(script: str, *arguments: object) -> None:
    command = [sys.executable, str(_REPOSITORY / "benchmarks" / script), *map(str, arguments)]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_retrieval(tmp_path: Path) -> None:
    cache, out = tmp_path / "cache", tmp_path / "result.json"
    small = ["--n", 500, "--distinct", 200, "--queries", 10, "--rounds", 1, "--no-tower"]
    for more in (["--no-engine"], ["--out", out]):  # the second reads what the first has kept
        run("retrieval.py", *small, "--sides", "marketrank", "--cache", cache, *more)
    found = json.loads(out.read_text())
    assert found["n"] == 500
    assert set(found["sides"]) == {"marketrank"}
    searches = found["sides"]["marketrank"]["searches"]
    assert set(searches) == {"text", "vector", "hybrid", "filtered"}
    assert searches["vector"]["recall@10"] == 1.0  # so few are searched exactly
    for search in searches.values():
        assert 0 < search["p50_ms"] <= search["p99_ms"]
    assert found["engine"]["recall@10"] == 1.0
    for how in ("engine", "engine, learned ranker"):
        assert set(found[how]["stages"]) >= {"understand", "rank", "rerank", "fill"}
    assert found["engine, learned ranker"]["ranker"] != "NoopRanker"  # else none was fitted
    assert "words" in out.with_suffix(".svg").read_text()


def test_vectors(tmp_path: Path) -> None:
    out = tmp_path / "vectors.json"
    run("vectors.py", "--n", 3_000, "--dim", 32, "--queries", 10, "--out", out)
    found = json.loads(out.read_text())
    assert found["probes"] > 0
    assert {"none", "random 1.0%", "alike 1.0%"} <= set(found["searches"])
    assert all(search["recall@10"] >= 0.95 for search in found["searches"].values())
    assert found["resident_mib"]["with the catalogue"] > found["resident_mib"]["imports"]


def test_clicks_weighed_against_position_bias_find_what_is_wanted(tmp_path: Path) -> None:
    """In a small simulated market; the large one is in benchmarks/results."""
    out = tmp_path / "result.json"
    small = ["--sessions", 8_000, "--listings", 2_000, "--buyers", 500]
    run("unbiased.py", "--seeds", 1, *small, "--out", out)
    assert out.with_suffix(".svg").exists()
    found = json.loads(out.read_text())
    gain = {
        (model, name): one["gain"]
        for model in ("position", "cascade")
        for name, one in found[model].items()
    }
    assert gain["position", "known"] > 0.025
    for name in ("known x 1/2", "known x 2", "harvest"):
        assert gain["position", name] > 0, name
    for name in ("known", "harvest"):
        assert gain["cascade", name] > 0, name
    for model in ("position", "cascade"):
        assert gain[model, "shown"] < -0.1 > gain[model, "shuffle"]


def write_atomic(folder: Path) -> Path:
    """Three films, and two people of whom the first saw all, as atomic files."""
    folder.mkdir()
    (folder / "films.user").write_text("user_id:token\tage:token\nu1\t24\nu2\t53\n")
    (folder / "films.item").write_text(
        "item_id:token\tname:token_seq\tclass:token_seq\n"
        'f1\tA "film"\tDrama War\nf2\tB\tDrama\nf3\tC\t\n'
    )
    (folder / "films.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
        "u1\tf1\t5\t881250949\nu1\tf2\t3\t881250950\nu1\tf3\t4\t881250960\nu2\tf2\t2\t881250951\n"
    )
    return folder


def test_atomic_files_become_an_interaction_set(tmp_path: Path) -> None:
    source, columns = write_atomic(tmp_path / "films"), ["--title", "name", "--category", "class"]
    interactions.main([str(source), str(tmp_path / "all"), *columns])
    given = read(tmp_path / "all")
    assert given.buyers == ("u1", "u2")
    assert [dict(one) for one in given.attributes] == [{"age": "24"}, {"age": "53"}]
    assert given.titles == ('A "film"', "B", "C")
    assert given.categories == ("Drama|War", "Drama", "")
    assert given.at.tolist() == [881250949, 881250950, 881250960, 881250951]
    interactions.main([str(source), str(tmp_path / "plain"), "--new-ids"])
    plain = read(tmp_path / "plain")
    assert plain.titles == plain.categories == ("", "", "")
    assert plain.listings == ("00000000", "00000001", "00000002")
    assert sorted(np.bincount(plain.listing).tolist()) == [1, 1, 2]
    (source / "films.item").write_text("name:token\n")
    with pytest.raises(SystemExit, match="has no column 'item_id'; it has name"):
        interactions.main([str(source), str(tmp_path / "none")])


def test_a_part_of_atomic_files(tmp_path: Path) -> None:
    source = str(write_atomic(tmp_path / "films"))

    def counted(*options: str) -> list[int]:
        interactions.main([source, str(tmp_path / "part"), *options])
        given = read(tmp_path / "part")
        return sorted(np.bincount(given.buyer).tolist())

    assert counted("--at-least", "3") == [3]
    assert counted("--buyers", "1") in ([1], [3])
    assert counted("--run", "0.001") == [1, 2]
    assert counted("--thin", "1") == [1, 3]
    assert counted("--thin", "0") == []
