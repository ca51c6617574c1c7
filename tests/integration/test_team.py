"""Two processes that train together come to what one comes to. They talk by gloo, on CPUs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from safetensors.torch import load_file  # noqa: E402

import train_in_team  # noqa: E402
from marketrank.errors import BadInput  # noqa: E402
from marketrank.models.team import Team, joined, team  # noqa: E402

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What came of it: "alone", in this process, and in each of two."""
    out = tmp_path_factory.mktemp("team")
    command = [sys.executable, *TORCHRUN, str(Path(train_in_team.__file__)), str(out)]
    subprocess.run(command, check=True, timeout=240)
    found = {path.stem: load_file(path) for path in sorted(out.glob("*.safetensors"))}
    return {"alone": train_in_team.both(out / "alone"), **found}


def test_two_processes_come_to_what_one_comes_to(made: dict[str, dict[str, Any]]) -> None:
    alone, together = made["alone"], made["together-0"]
    assert together["size"] == 2
    assert set(together) == {*alone, "size"}
    assert alone["photos/scores"].shape[0] == 3
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value, rtol=1e-4, atol=2e-5, msg=name)


def test_all_processes_end_with_the_same_model(made: dict[str, dict[str, Any]]) -> None:
    first, second = made["together-0"], made["together-1"]
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_process_alone_is_a_team_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert team() == Team(0, 1)
    assert team().leads
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(BadInput, match="--processes"), joined("cpu"):
        pass
