"""Train category from a photo alone, and measure it on the test part (ADR 93). Nothing is
published: what publishing takes is the multimodal training's tower."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput, MissingExtra
from marketrank.evaluation.confusion_plot import draw_confusion
from marketrank.evaluation.model_metrics import confusion
from marketrank.models.labels import Labels, class_weights, learn_labels
from marketrank.pipelines.model_evaluation import classified_part, score_siblings
from marketrank.pipelines.neighbours import Shown, draw_neighbours, write_vectors
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.run_facts import write_facts
from marketrank.pipelines.runs import Run, finish_run, identify, open_run
from marketrank.pipelines.train_multimodal import MOST_PHOTOS, read_material
from marketrank.pipelines.training_data import Rows, TrainingData
from marketrank.ports import BlobStore
from marketrank.types import BlobKey

if TYPE_CHECKING:
    from marketrank.models.multimodal_training import Schedule
    from marketrank.models.vision_training import Photos, Seen

_PATIENCE = 3
Report = dict[str, Any]


@dataclass(frozen=True)
class _Task:
    """What every network is trained on. `roots` are its labels; `weights` are where pretrained
    ones come from, where the command says so."""

    kind: str
    data: TrainingData
    parts: tuple[Rows, Rows, Rows]
    roots: Labels
    blobs: BlobStore
    home: Path
    epochs: int
    schedule: "Schedule | None"
    weights: str | None
    threads: int
    device: str
    progress: Progress

    def open_run(self, recipe: Report) -> tuple[Path, Report]:
        """The run's folder, and what its config says beyond what all runs say."""
        known = {"seed": self.data.seed, "epochs": self.epochs, **recipe}
        identity = identify(data=self.data.data_hash, **known)
        return open_run(self.home, self.kind, identity), {"identity": identity, **recipe}


@dataclass(frozen=True)
class _Trained:
    """A run's folder with a trained network, what it sees in the test part's photos, `keys`, of
    which each belongs to a row of the part, `owner`, and what config.json shall say."""

    folder: Path
    seen: "Seen"
    keys: list[BlobKey]
    owner: Rows
    config: Report


@dataclass(frozen=True)
class _Network:
    """How a network of the command line is trained, and for how many epochs where it does not
    say."""

    train: Callable[[_Task], _Trained]
    epochs: int


def train_vision(
    data: TrainingData,
    blobs: BlobStore,
    home: Path,
    *,
    at: datetime,
    threads: int,
    network: str = "lite",
    weights: str | None = None,
    epochs: int | None = None,
    schedule: "Schedule | None" = None,
    device: str = "auto",
    progress: Progress = silent,
) -> Run:
    """Write a run folder of the kind vision-<network>. `epochs` are the second stage's of "lite",
    which takes a `schedule` of both instead. A training that was killed goes on where it stopped
    when it is started again with the same data, network, weights and epochs.

    Raises BadInput for an unknown network, one that takes no `weights`, and where a part of the
    listings has no photo to learn from or to test on; see also `models.networks.build`."""
    if network not in NETWORKS:
        raise BadInput(f"there is no network {network!r}; the known ones are {sorted(NETWORKS)}")
    try:
        import marketrank.models.vision_training  # noqa: F401
    except ImportError as error:
        raise MissingExtra("training on photos", "train") from error
    parts = data.rows()
    _need_photos(data, parts)
    roots = learn_labels(one.category for one in data.listings)
    chosen, kind = NETWORKS[network], f"vision-{network}"
    task = _Task(
        kind,
        data,
        parts,
        roots,
        blobs,
        home,
        epochs=epochs or chosen.epochs,
        schedule=schedule,
        weights=weights,
        threads=threads,
        device=device,
        progress=progress,
    )
    return _finish(task, chosen.train(task), at)


def _train_lite(task: _Task) -> _Trained:
    """The multimodal training's own two stages, without what its contrasts teach."""
    from marketrank.models.multimodal import Recipe
    from marketrank.models.multimodal_training import NETWORKS as TOWERS
    from marketrank.models.multimodal_training import Schedule, Setup, fit
    from marketrank.models.vision_training import see_by_tower

    if task.weights is not None:
        raise BadInput(f"network 'lite' has its own weights and cannot take {task.weights!r}")
    seconds = learn_labels((one.category for one in task.data.listings), depth=2)
    recipe = Recipe(text_photo=0.0, siblings=0.0)
    schedule = task.schedule or Schedule(tower_epochs=task.epochs)
    asked = {"recipe": asdict(recipe), "schedule": asdict(schedule)}
    folder, config = task.open_run({"network": {"name": "lite", "towers": TOWERS}, **asked})
    material, keys = read_material(
        task.data,
        task.blobs,
        task.home,
        (task.roots, seconds),
        size=schedule.size,
        threads=task.threads,
        progress=task.progress,
    )
    # Every text the same: what picks the best epoch then hangs on photos alone.
    nothing = np.zeros((len(material.roots), 1), np.float32)
    material = replace(material, titles=nothing, texts=nothing)
    train, validation, test = task.parts
    setup = Setup(
        material,
        folder,
        recipe,
        schedule,
        labels=(len(task.roots), len(seconds)),
        class_weights=class_weights(material.roots[train], task.roots, power=recipe.balance),
        seed=task.data.seed,
        device=task.device,
        progress=task.progress,
    )
    fitted = fit(setup, train, validation)
    owner, place = np.nonzero(material.photos[test] >= 0)
    rows = material.photos[test][owner, place]
    seen = see_by_tower(fitted, material, rows)
    config["best"] = fitted.outcome.best
    return _Trained(folder, seen, [keys[row] for row in rows], owner, config)


def _train_network(name: str) -> Callable[[_Task], _Trained]:
    """How a network of `models.networks` is trained end to end."""

    def train(task: _Task) -> _Trained:
        from marketrank.models.networks import build
        from marketrank.models.training_loop import Plan
        from marketrank.models.vision_learner import Recipe
        from marketrank.models.vision_training import fit_network, read_from, see_by_network

        network = build(name, len(task.roots), seed=task.data.seed, weights=task.weights)
        recipe = Recipe()
        source = None if network.source is None else asdict(network.source)
        described = {"name": name, "size": network.size, "source": source}
        folder, config = task.open_run({"network": described, "recipe": asdict(recipe)})
        read = read_from(task.blobs)
        (training, _), (validation, _), (test, owner) = (
            _photos_of(task, rows) for rows in task.parts
        )
        outcome = fit_network(
            network,
            (training, validation),
            folder / "measured",
            recipe,
            Plan(task.epochs, min(_PATIENCE, task.epochs), "score"),
            labels=task.roots,
            read=read,
            seed=task.data.seed,
            device=task.device,
            workers=task.threads,
            stage=f"train {name}",
            progress=task.progress,
        )
        seen = see_by_network(network, test.keys, read)
        keys = [BlobKey(test.keys[row]) for row in seen.rows]
        config["best"] = outcome.best
        return _Trained(folder, seen, keys, owner[seen.rows], config)

    return train


NETWORKS: Mapping[str, _Network] = {
    "lite": _Network(_train_lite, 5),
    "cnn": _Network(_train_network("cnn"), 20),
    "resnet50": _Network(_train_network("resnet50"), 8),
}


def _photos_of(task: _Task, rows: Rows) -> tuple["Photos", NDArray[np.int64]]:
    """The photos of these listings, and the position in `rows` of the listing of each."""
    from marketrank.models.vision_training import Photos

    listings = [task.data.listings[row] for row in rows]
    shown = [(at, photo) for at, one in enumerate(listings) for photo in one.photos[:MOST_PHOTOS]]
    owner = np.array([at for at, _ in shown], np.int64)
    codes = task.roots.encode(one.category for one in listings)[owner]
    return Photos([photo.blob for _, photo in shown], codes), owner


def _need_photos(data: TrainingData, parts: tuple[Rows, ...]) -> None:
    for name, rows in zip(("training", "validation", "test"), parts, strict=True):
        listings = [data.listings[row] for row in rows]
        if not any(one.photos and one.category for one in listings):
            raise BadInput(
                f"no listing of the {name} part ({len(rows)} of {len(data.listings)} listings) has "
                "a category and a photo; ingest more with --images, or run `marketrank train text`"
            )


def _report(task: _Task, trained: _Trained) -> Report:
    """Metrics of the test part; pictures are written beside."""
    seen, owner, folder = trained.seen, trained.owner, trained.folder
    listings = [task.data.listings[row] for row in task.parts[2]]
    labelled = np.array([bool(listings[row].category) for row in owner], np.bool_)
    if not labelled.any():
        raise BadInput("none of the test part's photos can be read; ingest with --images again")
    codes = task.roots.encode(listings[row].category for row in owner)
    guessed = seen.logits.argmax(axis=1)
    metrics = {"image": classified_part(codes[labelled], guessed[labelled])}
    matrix = confusion(codes, guessed, len(task.roots))
    names = [" / ".join(name) for name in task.roots.names]
    title = f"{task.kind}: category by image, test part"
    draw_confusion(matrix, names, folder / "confusion-image.png", title=title)
    draw_neighbours(folder, Shown(listings, trained.keys, owner, seen.vectors, None), task.blobs)
    shown = [listings[row] for row in owner]
    write_vectors(folder / "measured", shown, seen.vectors)
    return metrics | score_siblings(seen.vectors, [one.id for one in shown])


def _finish(task: _Task, trained: _Trained, at: datetime) -> Run:
    """Write what is left to be written into the run's folder, and give it its name."""
    from marketrank.models.training_loop import settle

    folder, metrics = trained.folder, _report(task, trained)
    write_facts(folder, task.data, metrics, kind=task.kind, at=at, **trained.config)
    task.roots.save(folder / "labels.json")
    final = finish_run(folder, task.home, task.kind, at=at)
    settle(final)
    return Run(final, metrics)
