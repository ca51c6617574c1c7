"""Tune a text tower to categories: measured on a part, then finished on all listings (ADR 93)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from marketrank.errors import MissingExtra
from marketrank.evaluation.confusion_plot import draw_confusion
from marketrank.evaluation.model_metrics import confusion
from marketrank.models.labels import Labels, class_weights, learn_labels
from marketrank.models.probabilities import log_softmax
from marketrank.pipelines.heldout import HeldOut
from marketrank.pipelines.model_evaluation import classified_part
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.run_facts import write_facts
from marketrank.pipelines.runs import Run, finish_run, finished_run, identify, open_run
from marketrank.pipelines.training_data import Rows, TrainingData

if TYPE_CHECKING:
    from marketrank.models.pretrained import TextTower
    from marketrank.models.text_states import TextStates
    from marketrank.models.text_tuner import TextLearner, TextRecipe
    from marketrank.models.training_loop import Outcome, Plan

KIND = "text"
EPOCHS, PATIENCE = 4, 2
FINISH_EPOCHS = 2  # on all listings
_BALANCE = 0.25  # power of the class weights: rare classes count somewhat more


@dataclass(frozen=True)
class _Task:
    """What both trainings share."""

    data: TrainingData
    roots: Labels
    seconds: Labels
    folder: Path
    recipe: "TextRecipe"
    tower: "TextTower"
    states: "TextStates"
    device: str
    progress: Progress


def train_text(
    data: TrainingData,
    home: Path,
    *,
    at: datetime,
    epochs: int = EPOCHS,
    device: str = "auto",
    reuse: bool = False,
    progress: Progress = silent,
) -> Run:
    """Write a run folder; nothing is published. A training that was killed goes on where it
    stopped when it is started again with the same data and epochs; with `reuse` one that
    was finished is not done again."""
    try:
        from marketrank.models.text_layers import open_tower
        from marketrank.models.text_states import text_states
        from marketrank.models.text_tuner import TextRecipe
        from marketrank.models.training_loop import settle
    except ImportError as error:
        raise MissingExtra("training on texts", "train") from error
    train, validation, test = data.rows()
    categories = [one.category for one in data.listings]
    roots, seconds = learn_labels(categories), learn_labels(categories, depth=2)
    recipe, identity = TextRecipe(), identity_of(data, epochs)
    if reuse and (done := finished_run(home, KIND, identity)):
        return done
    folder = open_run(home, KIND, identity)
    tower = open_tower(recipe.tower)
    states = text_states(
        home / "cache" / "features",
        tower,
        [one.text for one in data.listings],
        layers=recipe.frozen,
        device=device,
        progress=progress,
    )
    task = _Task(data, roots, seconds, folder, recipe, tower, states, device, progress)
    learner, best = _measure(task, train, validation, epochs)
    logits = [learner.judge(rows) for rows in (validation, test)]
    kept = _keep(task, learner)
    codes, guessed = roots.encode(categories)[test], logits[1].argmax(axis=1)
    labelled = np.array([bool(categories[row]) for row in test])
    metrics = {"text": classified_part(codes[labelled], guessed[labelled])}
    tuned = [log_softmax(one) for one in logits]
    HeldOut({"tuned": tuned[0]}, {"tuned": tuned[1]}).save(folder)
    matrix = confusion(codes, guessed, len(roots))
    names = [" / ".join(name) for name in roots.names]
    title = "Tuned text tower: category by text, test part"
    draw_confusion(matrix, names, folder / "confusion-text.png", title=title)
    write_facts(
        folder,
        data,
        metrics,
        kind=KIND,
        at=at,
        identity=identity,
        epochs=best,
        recipe=asdict(recipe),
        model=kept,
    )
    roots.save(folder / "labels.json")
    seconds.save(folder / "labels-second.json")
    final = finish_run(folder, home, KIND, at=at)
    settle(final)
    return Run(final, metrics)


def identity_of(data: TrainingData, epochs: int) -> str:
    """Of a run of this training; see `runs.identify`."""
    from marketrank.models.text_tuner import TextRecipe

    return identify(
        data=data.data_hash,
        seed=data.seed,
        epochs=[epochs, FINISH_EPOCHS],
        recipe=asdict(TextRecipe()),
    )


def _measure(task: _Task, train: Rows, validation: Rows, epochs: int) -> tuple["TextLearner", int]:
    """Train on a part; the learner with the model of the best epoch, and that epoch."""
    from marketrank.models.training_loop import Plan

    learner = _learner(task, train, validation, epochs)
    outcome = _run(task, learner, "measured", Plan(epochs, PATIENCE, "score"), "on a part")
    return learner, outcome.best


def _keep(task: _Task, learner: "TextLearner") -> str:
    """Some epochs on all listings, at half the rate; the file of the model, within the run."""
    from marketrank.models.training_loop import Plan

    every = np.arange(len(task.data.listings))
    going_on = learner.go_on(every, rate=0.5, epochs=FINISH_EPOCHS)
    outcome = _run(task, going_on, "kept", Plan(FINISH_EPOCHS, 1, None), "on all listings")
    return f"kept/epoch-{outcome.best:04d}.safetensors"


def _learner(task: _Task, train: Rows, validation: Rows, epochs: int) -> "TextLearner":
    from marketrank.models.text_tuner import text_learner

    categories = [one.category for one in task.data.listings]
    roots, seconds = (labels.encode(categories) for labels in (task.roots, task.seconds))
    return text_learner(
        task.tower,
        task.states,
        (roots, seconds),
        (len(task.roots), len(task.seconds)),
        (train, validation),
        recipe=task.recipe,
        epochs=epochs,
        seed=task.data.seed,
        device=task.device,
        class_weights=class_weights(roots[train], task.roots, power=_BALANCE),
    )


def _run(task: _Task, learner: "TextLearner", name: str, plan: "Plan", stage: str) -> "Outcome":
    from marketrank.models.training_loop import train

    return train(
        learner,
        task.folder / name,
        plan,
        config=asdict(task.recipe),
        seed=task.data.seed,
        stage=f"tune the text tower {stage}",
        progress=task.progress,
    )
