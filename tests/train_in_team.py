"""Two small trainings in each process of a team: `torchrun train_in_team.py OUT`. Each process
writes what they came to."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).parent), str(Path(__file__).parent / "unit")]

import numpy as np
import torch
from safetensors.torch import save_file
from test_text_tuner import PARTS, RECIPE, ROOTS, SECONDS, states

from marketrank.models import team as teams
from marketrank.models import text_tuner
from marketrank.models.device import Runtime
from marketrank.models.training_loop import Plan, train
from multimodal_market import market, tuning
from small_bert import small_bert


def photos(folder: Path) -> dict[str, Any]:
    """Batches of 32 with their negatives, the last of an odd size."""
    learner = tuning(market(81), epochs=3)
    outcome = train(learner, folder, Plan(3, 9, "score"), config={}, seed=1)
    return {"photos/scores": scores(outcome), **state("photos", learner)}


def words(folder: Path) -> dict[str, Any]:
    """Of a small tower, and without dropout, of which each process would draw its own."""
    learner = text_tuner.text_learner(
        small_bert(),
        states(),
        (ROOTS, SECONDS),
        (3, 6),
        PARTS,
        recipe=replace(RECIPE, batch=7, head_rate=20.0, dropout=0.0),
        epochs=2,
        seed=1,
        device="cpu",
        class_weights=np.ones(3, np.float32),
    )
    learner._runtime = Runtime.on(torch.device("cpu"))  # sums in bfloat16 go by their order
    for part in learner.model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    outcome = train(learner, folder, Plan(2, 9, "score"), config={}, seed=1)
    return {"words/scores": scores(outcome), **state("words", learner)}


def scores(outcome: Any) -> torch.Tensor:
    return torch.tensor([[one[name] for name in sorted(one)] for one in outcome.history])


def state(name: str, learner: Any) -> dict[str, Any]:
    return {f"{name}/{part}": value for part, value in learner.model.state_dict().items()}


def both(folder: Path) -> dict[str, Any]:
    return {**photos(folder / "photos"), **words(folder / "words")}


if __name__ == "__main__":
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    with teams.joined("cpu") as (team, device):
        assert device == "cpu"
        made = both(out / f"process-{team.rank}")
        made["size"] = torch.tensor(team.size)
        save_file(made, out / f"together-{team.rank}.safetensors")
