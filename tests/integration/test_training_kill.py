"""A training process that is killed with SIGKILL goes on, and ends with the same numbers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")

PROGRAM = """
import sys, time
from pathlib import Path
import torch
from marketrank.models.training_loop import Plan, train

class Slow:
    def __init__(self):
        torch.manual_seed(0)
        self.model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(),
                                         torch.nn.Linear(8, 1))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.01)
    def train_epoch(self, epoch):
        time.sleep(float(sys.argv[2]))
        loss = self.model(torch.randn(16, 4)).square().mean()
        self.optimizer.zero_grad(); loss.backward(); self.optimizer.step()
        return {"loss": float(loss.detach())}
    def evaluate(self):
        return {"score": float(self.model[0].weight.detach().sum())}

train(Slow(), Path(sys.argv[1]), Plan(40, 40, "score"), config={}, seed=3)
"""


def start(folder: Path, pause: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder), str(pause)])


def test_a_killed_run_ends_with_the_same_numbers(tmp_path: Path) -> None:
    assert start(tmp_path / "whole", 0).wait(120) == 0
    process = start(tmp_path / "killed", 0.02)
    deadline = time.monotonic() + 60
    while not (tmp_path / "killed" / "epoch-0007.safetensors").exists():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "epoch-0040.safetensors").exists()
    assert start(tmp_path / "killed", 0).wait(120) == 0
    for name in ("metrics.json", "epoch-0040.safetensors"):
        whole, killed = ((tmp_path / run / name).read_bytes() for run in ("whole", "killed"))
        assert whole == killed, name
