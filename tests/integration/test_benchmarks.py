"""The benchmark scripts run, on few listings and without the peers."""

import json
import os
import subprocess
import sys
from pathlib import Path

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
