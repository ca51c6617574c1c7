"""How a training by several processes is started, and for what; torchrun is stood in for."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

from typer.testing import CliRunner

from marketrank import cli, wiring_retrain
from marketrank.errors import BadInput, NotReady
from marketrank.pipelines import retrain_steps, train_all, train_together
from marketrank.pipelines.retrain_steps import Divided, Options
from marketrank.pipelines.train_together import _home_of, _telling, torchrun

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
DATA: Any = SimpleNamespace(data_hash="d", seed=7)


def test_torchrun_starts_so_many_and_its_failure_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    left = tmp_path / "retrain" / ".together" / "1"  # by a process that was killed

    def run(command: list[str], **_: object) -> Any:
        assert not left.exists()
        left.mkdir(parents=True)
        ran.append(command[1:])
        return SimpleNamespace(returncode=len(ran) - 1)

    monkeypatch.setattr(train_together.subprocess, "run", run)
    left.mkdir(parents=True)
    torchrun(3, ["pipeline", "share"], tmp_path)
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3"]
    assert ran == [[*start, "-m", "marketrank", "pipeline", "share"]]
    with pytest.raises(NotReady, match="3 processes ended with 1: one of them was killed"):
        torchrun(3, [], tmp_path)
    assert not left.exists()


def test_what_has_failed_in_a_process_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of them: the others then miss it. Torchrun itself tells nothing but a number."""

    def run(*_: object, **__: object) -> Any:
        for error in (BadInput("no room for epoch 3"), RuntimeError("closed by peer\nat x")):
            with pytest.raises(type(error)), _telling(tmp_path):
                raise error
        return SimpleNamespace(returncode=1)

    monkeypatch.setattr(train_together.subprocess, "run", run)
    with pytest.raises(NotReady, match="2 processes ended with 1: no room for epoch 3; the same"):
        torchrun(2, [], tmp_path)
    with pytest.raises(RuntimeError), _telling(tmp_path):
        raise RuntimeError("out of memory\nat x")
    assert train_together._said(tmp_path) == "RuntimeError: out of memory"


def test_each_process_reads_the_same_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the step asks torchrun for is a command, which hands on all of it."""
    asked: list[Any] = []
    shared: list[Any] = []
    monkeypatch.setattr(retrain_steps, "torchrun", lambda *given: asked.append(given))
    shop: Any = SimpleNamespace(home=tmp_path, at=AT)
    options = Options(recipe="quick", seed=9, device="cpu", processes=2)
    divided = Divided("retrain/data-1", 9, "d", 3, 2, 1)
    retrain_steps._train_together(shop, options, divided, "text")
    ((processes, command, home),) = asked
    assert (processes, home) == (2, tmp_path)

    def workshop(_: object, *, at: datetime, progress: object) -> datetime:
        return at

    monkeypatch.setattr(retrain_steps, "share", lambda *given: shared.append(given))
    monkeypatch.setattr(wiring_retrain, "workshop", workshop)
    result = CliRunner().invoke(cli.app, command)
    assert result.exit_code == 0, result.output
    told = Options(recipe="quick", seed=9, device="cpu")
    assert shared == [(AT, told, "retrain/data-1", "text", os.getpid())]


@pytest.mark.parametrize("done", [(), ("text",), ("text", "multimodal")])
def test_only_networks_without_a_finished_run_are_trained_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: tuple[str, ...]
) -> None:
    calls: list[str] = []

    def notes(name: str) -> Callable[..., Any]:
        def call(*_: object, **__: object) -> Any:
            calls.append(name)
            return SimpleNamespace(folder=Path(name))

        return call

    for name in ("train_baselines", "prepare", "train_text", "train_multimodal"):
        monkeypatch.setattr(train_all, name, notes(name))
    monkeypatch.setattr(
        train_all, "finished_run", lambda _, kind, __: object() if kind in done else None
    )
    blobs: Any = None
    common: dict[str, Any] = {"at": AT, "threads": 1, "currency": "GBP"}
    train_all.train_runs(DATA, blobs, tmp_path, together=calls.append, **common)
    wanted = [kind for kind in train_together.KINDS if kind not in done]
    assert calls == ["train_baselines", "prepare", *wanted, "train_text", "train_multimodal"]
    calls.clear()
    train_all.train_runs(DATA, blobs, tmp_path, **common)
    assert calls == ["train_baselines", "train_text", "train_multimodal"]


def test_only_the_first_works_in_the_home(tmp_path: Path) -> None:
    with _home_of(tmp_path, 0) as first:
        assert first == tmp_path
    with _home_of(tmp_path, 1) as other, _home_of(tmp_path, 2) as third:
        assert len({tmp_path, other, third}) == 3
        (other / "runs").mkdir()
        (other / "cache" / "file").write_text("x")
        assert (third / "cache" / "file").read_text() == "x"
    assert not other.exists()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["file"]


def test_no_processes_are_refused() -> None:
    with pytest.raises(BadInput, match="0 processes"):
        Options(processes=0)
