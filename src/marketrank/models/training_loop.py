"""The loop that every training shares: epochs, checkpoints, early stopping, going on after a kill.
Needs the extra [train].

A run is a folder:

    config.json              the config, the seed and what the data were (a hash), as given
    epoch-0001.safetensors   the model after each epoch
    resume.safetensors       all that the next epoch needs: model, optimizer, history; see `settle`
    metrics.json             what each epoch reached, which is best, whether the run is done
    events.out.tfevents.*    for TensorBoard, where it is installed

Every file is replaced whole (written beside, synced, renamed), `resume` after its epoch's own. A
run that was killed goes on from its last whole epoch, and ends with the numbers it would have had:
each epoch seeds every generator from the run's seed and its own number, so no state of a generator
has to survive.
"""

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from marketrank.durable import write
from marketrank.errors import BadInput, Corrupt
from marketrank.models.team import team

Scores = dict[str, float]
Report = Callable[[str, int, int | None], None]
"""Called with the name of the stage, how much is done, and of how much."""

_log = logging.getLogger(__name__)
_CONFIG, _RESUME, _METRICS = "config.json", "resume.safetensors", "metrics.json"
_MODEL, _OPTIMIZER = "model/", "optimizer/"


class Learner(Protocol):
    """What is trained. All its state is in `model` and `optimizer`; schedules are functions of
    the epoch, and randomness comes from torch's, numpy's and Python's global generators or a
    generator seeded by the epoch."""

    @property
    def model(self) -> torch.nn.Module: ...

    @property
    def optimizer(self) -> torch.optim.Optimizer: ...

    def train_epoch(self, epoch: int) -> Mapping[str, float]:
        """One pass over the training data, counted from 1; mean losses by name."""

    def evaluate(self) -> Mapping[str, float]:
        """Scores on the validation data by name."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a run lasts: at most `epochs`, and no more than `patience` of them without a
    better score of the name `watch` (higher is better). With `watch` None nothing is held back
    to watch: all epochs run, and the last is the best."""

    epochs: int
    patience: int
    watch: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`history` has the losses and scores of each epoch; `best` is the number of one, from 1."""

    history: tuple[Scores, ...]
    best: int

    @property
    def scores(self) -> Scores:
        return self.history[self.best - 1]


def train(
    learner: Learner,
    folder: Path,
    plan: Plan,
    *,
    config: Mapping[str, Any],
    seed: int,
    stage: str = "train",
    progress: Report | None = None,
) -> Outcome:
    """Train to the end of the plan, or go on where a killed run of the same config stopped.

    Afterwards the learner's model is that of the best epoch. Raises BadInput where the folder
    holds a run of another config, a loss or the watched score is not a number, or the disk is full
    (what was reached by then is kept, and running again goes on from there); Corrupt for a
    checkpoint that cannot be read.

    Processes that work together (`models.team`) each have a `folder` of their own, and begin with
    and end in the state of the first.
    """
    if plan.epochs < 1 or plan.patience < 1:
        raise BadInput(f"{plan} trains nothing; give 1 or more epochs and patience of 1 or more")
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, {"config": config, "seed": seed, "watch": plan.watch})
    together = team()
    history = together.agree(_load(learner, folder))
    together.take_up(learner.model, learner.optimizer)
    if history:
        _log.info("%s: going on after epoch %d of %d", folder, len(history), plan.epochs)
    board = _open_board(folder, len(history))
    try:
        while not _done(history, plan):
            epoch = len(history) + 1
            if progress:
                progress(stage, epoch - 1, plan.epochs)
            seed_everything(seed, epoch)
            losses = {f"train/{name}": value for name, value in learner.train_epoch(epoch).items()}
            # Of several processes all must come to the same end of the same training.
            scores = together.agree({**losses, **learner.evaluate()})
            _check(scores, plan.watch, epoch)
            history = [*history, scores]
            _keep(learner, folder, history)
            _summarise(folder, history, plan)
            for name, value in scores.items():
                board(name, value, epoch)
    finally:
        board.close()
    if progress:
        progress(stage, plan.epochs, plan.epochs)
    _summarise(folder, history, plan)  # a kill may have come between it and the checkpoint
    best = _best(history, plan.watch)
    if together.leads:  # the others may not have seen the best
        load_model(learner.model, folder / _epoch_file(best))
    together.take_up(learner.model, learner.optimizer)
    return Outcome(tuple(history), best)


def seed_everything(seed: int, epoch: int) -> None:
    """Seed Python's, NumPy's and torch's global generators from both numbers."""
    root = np.random.SeedSequence([seed, epoch])
    python, numpy, pytorch = (int(part) for part in root.generate_state(3))
    random.seed(python)
    np.random.seed(numpy)
    torch.manual_seed(pytorch)


def load_model(model: torch.nn.Module, file: Path) -> None:
    """Fill `model` from an epoch's file. Raises Corrupt where that cannot be done."""
    _fill(model, _read(file)[0], file)


def save_model(model: torch.nn.Module, file: Path, notes: Mapping[str, str] | None = None) -> None:
    """See `load_model`; `notes` are the file's metadata. Raises BadInput where the disk is full; an
    earlier file stays then."""
    _replace(file, save(_state(model), None if notes is None else dict(notes)))


def settle(folder: Path) -> None:
    """Remove what only unfinished trainings in or below `folder` need: half of what they wrote."""
    for path in folder.rglob(_RESUME):
        path.unlink()


def _done(history: list[Scores], plan: Plan) -> bool:
    if not history:
        return False
    if plan.watch is None:
        return len(history) >= plan.epochs
    waited = len(history) - _best(history, plan.watch)
    return len(history) >= plan.epochs or waited >= plan.patience


def _best(history: list[Scores], watch: str | None) -> int:
    """The epoch, from 1; the earliest of equals."""
    if watch is None:
        return len(history)
    values = [scores[watch] for scores in history]
    return values.index(max(values)) + 1


def _check(scores: Scores, watch: str | None, epoch: int) -> None:
    if watch is not None and watch not in scores:
        raise BadInput(f"there is no score {watch!r} to watch; there are {sorted(scores)}")
    for name, value in scores.items():
        if not np.isfinite(value) and (name == watch or name.startswith("train/")):
            raise BadInput(
                f"{name} is {value} in epoch {epoch}: training went astray; "
                "lower the learning rate and give a new run folder"
            )


def _claim(folder: Path, description: Mapping[str, Any]) -> None:
    """Write config.json, or check that it says the same: two runs must not mix."""
    content = orjson.dumps(description, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    path = folder / _CONFIG
    if not path.exists():
        _replace(path, content)
    elif path.read_bytes() != content:
        raise BadInput(
            f"{folder} holds a run with another config, seed or data; "
            "give another run folder, or delete this one"
        )


def _keep(learner: Learner, folder: Path, history: list[Scores]) -> None:
    model = _state(learner.model)
    _replace(folder / _epoch_file(len(history)), save(model))
    tensors, plain = _flatten(learner.optimizer.state_dict())
    everything = {_MODEL + name: value for name, value in model.items()}
    everything |= {_OPTIMIZER + name: value for name, value in tensors.items()}
    notes = {"history": history, "optimizer": plain}
    header = {"notes": orjson.dumps(notes, option=orjson.OPT_NON_STR_KEYS).decode()}
    _replace(folder / _RESUME, save(everything, header))


def _summarise(folder: Path, history: list[Scores], plan: Plan) -> None:
    summary = {
        "best": _best(history, plan.watch),
        "done": _done(history, plan),
        "epochs": history,
    }
    _replace(folder / _METRICS, orjson.dumps(summary, option=orjson.OPT_INDENT_2))


def _load(learner: Learner, folder: Path) -> list[Scores]:
    """Fill the learner from resume.safetensors; the history so far, [] where there is none."""
    path = folder / _RESUME
    if not path.exists():
        return []
    tensors, header = _read(path)
    try:
        notes = orjson.loads(header["notes"])
        optimizer = _unflatten(_part(tensors, _OPTIMIZER), notes["optimizer"])
        learner.optimizer.load_state_dict(optimizer)
        history: list[Scores] = notes["history"]
    except (ValueError, KeyError, TypeError) as error:
        raise Corrupt(f"{path} does not fit this training ({error}); delete it") from error
    _fill(learner.model, _part(tensors, _MODEL), path)
    return history


def _state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies on the CPU: safetensors takes no tensors that share memory."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def _fill(model: torch.nn.Module, state: Mapping[str, torch.Tensor], file: Path) -> None:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise Corrupt(f"{file} does not fit this model: {error}; train again") from error


def _part(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {n.removeprefix(prefix): value for n, value in tensors.items() if n.startswith(prefix)}


def _flatten(state: Mapping[str, Any]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """An optimizer's state as named tensors and the rest, which JSON holds."""
    tensors: dict[str, torch.Tensor] = {}
    plain: dict[str, dict[str, Any]] = {}
    for index, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{index}/{name}"] = value.detach().cpu().clone()
            else:
                plain.setdefault(str(index), {})[name] = value
    return tensors, {"state": plain, "groups": state["param_groups"]}


def _unflatten(tensors: Mapping[str, torch.Tensor], plain: Mapping[str, Any]) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {int(i): dict(v) for i, v in plain["state"].items()}
    for key, value in tensors.items():
        index, name = key.split("/", 1)
        state.setdefault(int(index), {})[name] = value
    return {"state": state, "param_groups": plain["groups"]}


def _read(file: Path) -> tuple[dict[str, torch.Tensor], Mapping[str, str]]:
    try:
        with safe_open(file, "pt") as opened:
            return {n: opened.get_tensor(n) for n in opened.keys()}, opened.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise Corrupt(f"checkpoint {file} cannot be read ({error}); delete it") from error


def _epoch_file(epoch: int) -> str:
    return f"epoch-{epoch:04d}.safetensors"


def _replace(path: Path, content: bytes) -> None:
    try:
        write(path, content)
    except OSError as error:
        raise BadInput(
            f"{path} ({len(content):,} bytes) cannot be written: {error}; make room and run again: "
            "it goes on from the last whole epoch"
        ) from error


class _Board:
    """TensorBoard's scalars, or nothing where it is not installed."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def __call__(self, name: str, value: float, epoch: int) -> None:
        if self._writer is not None:
            self._writer.add_scalar(name, value, epoch)
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _open_board(folder: Path, epochs: int) -> _Board:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        _log.info("no TensorBoard: pip install tensorboard writes its curves")
        return _Board(None)
    # Epochs that a killed run wrote after its last checkpoint would be shown twice.
    return _Board(SummaryWriter(str(folder), purge_step=epochs + 1))
