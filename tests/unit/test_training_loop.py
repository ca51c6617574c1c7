"""A run ends as if nothing had happened to it, or says what did."""

import errno
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

torch = pytest.importorskip("torch")

from marketrank.errors import BadInput, Corrupt  # noqa: E402
from marketrank.models.training_loop import Outcome, Plan, load_model, settle, train  # noqa: E402

CONFIG = {"width": 3}
PLAN = Plan(epochs=5, patience=5, watch="score")


class Small:
    """A learner with dropout (randomness), momentum (optimizer state) and a buffer. Its score is
    `scores[epoch]` where given, else minus its loss on fixed data."""

    def __init__(self, *, scores: list[float] | None = None, before: Callable[[int], None] = int):
        torch.manual_seed(0)
        self.model = torch.nn.Sequential(
            torch.nn.Linear(4, 3),
            torch.nn.BatchNorm1d(3),
            torch.nn.Dropout(),
            torch.nn.Linear(3, 1),
        )
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.01)
        self.scores = scores
        self.before = before
        self.epochs: list[int] = []

    def train_epoch(self, epoch: int) -> Mapping[str, float]:
        self.before(epoch)
        self.epochs.append(epoch)
        self.model.train()
        total = 0.0
        for _ in range(3):
            x = torch.randn(8, 4)
            loss = (self.model(x) - x.sum(1, keepdim=True)).square().mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += float(loss.detach())
        return {"loss": total}

    def evaluate(self) -> Mapping[str, float]:
        if self.scores:
            return {"score": self.scores[self.epochs[-1] - 1]}
        self.model.eval()
        x = torch.linspace(-1, 1, 32).view(8, 4)
        with torch.no_grad():
            loss = (self.model(x) - x.sum(1, keepdim=True)).square().mean()
        return {"score": -float(loss)}


def run(learner: Small, folder: Path, plan: Plan = PLAN, seed: int = 1, **config: Any) -> Outcome:
    return train(learner, folder, plan, config=config or CONFIG, seed=seed)


def weights(learner: Small) -> bytes:
    return b"".join(value.numpy().tobytes() for value in learner.model.state_dict().values())


def fail_at(epoch: int) -> Callable[[int], None]:
    def before(now: int) -> None:
        if now == epoch:
            raise KeyboardInterrupt

    return before


@pytest.mark.parametrize("epoch", [1, 2, 5])
def test_an_interrupted_run_ends_with_the_same_numbers(tmp_path: Path, epoch: int) -> None:
    whole = Small()
    expected = run(whole, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(Small(before=fail_at(epoch)), tmp_path / "broken")
    resumed = Small()
    torch.randn(7)  # another process has drawn other numbers
    assert run(resumed, tmp_path / "broken") == expected
    assert resumed.epochs == list(range(epoch, 6))
    assert weights(resumed) == weights(whole)
    one, other = ((tmp_path / name / "metrics.json").read_bytes() for name in ("whole", "broken"))
    assert one == other


def test_another_seed_gives_other_numbers(tmp_path: Path) -> None:
    assert run(Small(), tmp_path / "a") != run(Small(), tmp_path / "b", seed=2)


def test_the_model_is_that_of_the_best_epoch(tmp_path: Path) -> None:
    learner = Small(scores=[0.1, 0.4, 0.3, 0.4, 0.2])
    outcome = run(learner, tmp_path)
    assert outcome.best == 2
    assert outcome.scores["score"] == 0.4
    again = Small()
    load_model(again.model, tmp_path / "epoch-0002.safetensors")
    assert weights(again) == weights(learner)
    load_model(again.model, tmp_path / "epoch-0005.safetensors")
    assert weights(again) != weights(learner)


def test_a_run_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    plan = Plan(epochs=9, patience=2, watch="score")
    learner = Small(scores=[0.1, 0.4, 0.3, 0.2, 0.9])
    assert len(run(learner, tmp_path, plan).history) == 4
    summary = orjson.loads((tmp_path / "metrics.json").read_bytes())
    assert (summary["best"], summary["done"]) == (2, True)
    finished = Small(scores=[1.0])
    assert run(finished, tmp_path, plan).best == 2
    assert finished.epochs == []
    assert weights(finished) == weights(learner)


def test_runs_of_two_configs_do_not_mix(tmp_path: Path) -> None:
    run(Small(), tmp_path)
    with pytest.raises(BadInput, match="another config"):
        run(Small(), tmp_path, width=4)
    with pytest.raises(BadInput, match="another config"):
        run(Small(), tmp_path, seed=2)


@pytest.mark.parametrize("epochs, patience", [(0, 1), (1, 0)])
def test_a_plan_that_trains_nothing_is_refused(tmp_path: Path, epochs: int, patience: int) -> None:
    with pytest.raises(BadInput, match="trains nothing"):
        run(Small(), tmp_path, Plan(epochs, patience, "score"))


def test_a_score_that_is_not_there_or_no_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'recall'.*'score'"):
        run(Small(), tmp_path / "a", Plan(2, 2, "recall"))
    with pytest.raises(BadInput, match=r"score is nan in epoch 2.*learning rate"):
        run(Small(scores=[0.1, float("nan")]), tmp_path / "b")


@pytest.mark.parametrize("write", range(2, 8))
def test_a_full_disk_loses_no_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    """Whichever file the disk fills at: config, then model, resume and metrics of each epoch."""
    expected = run(Small(), tmp_path / "whole")
    sync, count = os.fsync, 0

    def full(handle: int) -> None:
        nonlocal count
        count += stat.S_ISREG(os.fstat(handle).st_mode)  # not the folder, synced after each file
        if count == write:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(BadInput, match=r"No space left.*make room"):
            run(Small(), tmp_path / "full")
    assert not list((tmp_path / "full").glob(".*"))
    resumed = Small()
    assert run(resumed, tmp_path / "full") == expected
    done_before = (write - 2 + 1) // 3  # epochs whose resume was whole: files 3, 6, 9, …
    assert resumed.epochs == list(range(done_before + 1, 6))


def test_a_torn_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(Small(before=fail_at(3)), tmp_path)
    file = tmp_path / "resume.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(Corrupt, match=r"resume\.safetensors"):
        run(Small(), tmp_path)


def test_a_checkpoint_of_another_model_is_named(tmp_path: Path) -> None:
    run(Small(), tmp_path)
    with pytest.raises(Corrupt, match="does not fit this model"):
        load_model(torch.nn.Linear(2, 2), tmp_path / "epoch-0001.safetensors")


def test_what_only_an_unfinished_run_needs_goes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(Small(), tmp_path / name)
    settle(tmp_path)
    assert not list(tmp_path.rglob("resume*"))
    assert len(list(tmp_path.rglob("epoch-*.safetensors"))) == 10
