"""The Kubeflow pipeline: that it has the steps of `marketrank retrain`, what it compiles to, and a
whole run on this machine. The last two need kfp, which lives in an environment of its own:
`make test-kubeflow` makes that, and sets TEST_KUBEFLOW to its Python."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from made_up_feed import write_feed
from marketrank.errors import MissingExtra
from marketrank.pipelines.kubeflow import compiling
from marketrank.pipelines.retrain_plan import NAMES

KFP_PYTHON = os.environ.get("TEST_KUBEFLOW", "")
needs_kfp = pytest.mark.skipif(not KFP_PYTHON, reason="run `make test-kubeflow`: it installs kfp")


def run_kfp(*arguments: str, code: str = "", timeout: float = 120) -> None:
    command = ["-c", code] if code else ["-m", "marketrank"]
    subprocess.run([KFP_PYTHON, *command, *arguments], check=True, timeout=timeout)


def test_the_pipeline_has_the_steps_of_a_retraining() -> None:
    assert compiling.NAMES == NAMES


def test_without_kfp_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kfp", None)
    with pytest.raises(MissingExtra, match=r"marketrank\[kubeflow\]"):
        compiling.compile_pipeline(tmp_path / "out.yaml", compiling.Target())


@needs_kfp
@pytest.mark.parametrize("gpus", [0, 2], ids=["cpus", "gpus"])
def test_what_is_compiled(tmp_path: Path, gpus: int) -> None:
    out = tmp_path / "pipeline.yaml"
    options = ["--image", "example.org/train:1", "--gpus", str(gpus), "--volume", "held"]
    run_kfp("pipeline", "compile", "--out", str(out), *options)
    pipeline, platform = yaml.safe_load_all(out.read_text())
    parameters = pipeline["root"]["inputDefinitions"]["parameters"]
    assert parameters["image"]["defaultValue"] == "example.org/train:1"
    assert set(parameters) > {"products", "images_table", "images", "recipe", "seed", "promote"}
    tasks = by_name(pipeline["root"]["dag"]["tasks"])
    assert set(tasks) == set(NAMES)
    for before, name in pairwise(NAMES):
        assert len(tasks[name]["dependentTasks"]) == 1
        assert tasks[name]["dependentTasks"][0] == tasks[before]["key"]
    asked = {
        name: task["inputs"]["parameters"]["processes"]["runtimeValue"]["constant"]
        for name, task in tasks.items()
        if name != "refresh"
    }
    assert asked.pop("train") == max(1, gpus)
    assert set(asked.values()) == {1}
    cached = {name for name, task in tasks.items() if task["cachingOptions"].get("enableCache")}
    assert cached == {"split", "train", "export"}
    assert all(task["retryPolicy"]["maxRetryCount"] == 2 for task in tasks.values())
    held = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert all(one["pvcMount"][0]["constant"] == "held" for one in held.values())
    (selected,) = (one for one in held.values() if "nodeSelector" in one)
    assert selected["nodeSelector"]["labels"] == {"marketrank/pool": "training"}
    executors = pipeline["deploymentSpec"]["executors"].values()
    images = {one["container"]["image"] for one in executors}
    assert images == {"{{$.inputs.parameters['pipelinechannel--image']}}"}
    counts = [
        one["container"]["resources"]["accelerator"]["resourceCount"]
        for one in executors
        if "accelerator" in one["container"]["resources"]
    ]
    assert counts == ([str(gpus)] if gpus else [])


def by_name(tasks: dict[str, Any]) -> dict[str, Any]:
    return {task["taskInfo"]["name"]: {**task, "key": key} for key, task in tasks.items()}


@needs_kfp
def test_a_whole_run_on_this_machine(tmp_path: Path) -> None:
    """All ten steps, each a process, from a feed to a version in use. Minutes."""
    feed = write_feed(tmp_path / "feed", first=0, n=60, seed=1)
    home = tmp_path / "home"
    arguments = {
        "products": feed[1],
        "images_table": feed[3],
        "images": feed[5],
        "recipe": "quick",
    }
    code = f"""
from itertools import pairwise
from pathlib import Path
from marketrank.pipelines.kubeflow.running_here import run_here
run_here(Path({str(tmp_path / "root")!r}), home=Path({str(home)!r}), python={sys.executable!r},
         arguments={arguments!r})
"""
    try:
        run_kfp(code=code, timeout=3600)
        (report,) = (home / "reports" / "retrain").glob("*.json")
        found = json.loads(report.read_bytes())
        assert [one["name"] for one in found["steps"]] == list(NAMES[:-1])
        for one in found["steps"]:
            print(f"{one['name']:9}{one['seconds']:7.1f} s")
        for than, compared in found["decision"]["evaluation"]["compared"].items():
            for score, pair in compared["scores"].items():
                print(f"{score} {pair['new']:.3f}, {than} {pair['other']:.3f}, n = {pair['n']}")
        print(found["status"], *found["reasons"], *found["notes"], sep="\n")
        assert found["status"] in {"promoted", "refused"}
        assert found["decision"]["evaluation"]["golden"]["queries"] > 0
        in_use = (home / "models" / "CURRENT").exists()
        assert in_use == (found["status"] == "promoted") == (not found["reasons"])
    finally:
        subprocess.run(
            [sys.executable, "-m", "marketrank", "stop", "--force", "--home", str(home)],
            check=False,
        )
