"""Train one space for listings, texts and photos: measured on a part, then finished on all listings
(ADR 93)."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marketrank.errors import BadInput, MissingExtra
from marketrank.evaluation.confusion_plot import draw_confusion
from marketrank.evaluation.model_metrics import confusion
from marketrank.models.labels import Labels, class_weights, learn_labels
from marketrank.models.stack import fit_stack
from marketrank.pipelines.heldout import HeldOut
from marketrank.pipelines.model_evaluation import Categorised, score
from marketrank.pipelines.neighbours import Shown, draw_neighbours, write_vectors
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.run_facts import write_facts
from marketrank.pipelines.runs import Run, finish_run, finished_run, identify, open_run
from marketrank.pipelines.training_data import Rows, TrainingData
from marketrank.ports import BlobStore
from marketrank.types import BlobKey

if TYPE_CHECKING:
    from marketrank.models.multimodal_training import HeldOutAnswers, Material, Schedule

KIND = "multimodal"
_KEPT = "kept"
_MODEL = f"{_KEPT}/model.safetensors"
VARIANTS = 4
MOST_PHOTOS = 8
"""Photos of one listing that training sees; serving sees all."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Task:
    """What measuring, drawing and keeping share."""

    data: TrainingData
    material: "Material"
    roots: Labels
    folder: Path


def train_multimodal(
    data: TrainingData,
    blobs: BlobStore,
    home: Path,
    *,
    at: datetime,
    threads: int,
    currency: str = "GBP",
    epochs: int | None = None,
    schedule: "Schedule | None" = None,
    device: str = "auto",
    reuse: bool = False,
    progress: Progress = silent,
) -> Run:
    """Write a run folder; nothing is published. `epochs` are of the second stage. A training that
    was killed goes on where it stopped when it is started again with the same data and schedule;
    with `reuse` one that was finished is not done again."""
    try:
        from marketrank.models.multimodal import Recipe
        from marketrank.models.multimodal_training import (
            Schedule,
            Setup,
            answer,
            choose_votes,
            finish,
            fit,
            kept_votes,
            save_fitted,
            vote,
        )
        from marketrank.models.training_loop import settle
    except ImportError as error:
        raise MissingExtra("multimodal training", "train") from error
    train, validation, test = data.rows()
    recipe, schedule = Recipe(), schedule or Schedule()
    schedule = replace(schedule, tower_epochs=epochs or schedule.tower_epochs)
    identity = identity_of(data, schedule)
    if reuse and (done := finished_run(home, KIND, identity)):
        return done
    folder = open_run(home, KIND, identity)
    categories = [one.category for one in data.listings]
    roots, seconds = learn_labels(categories), learn_labels(categories, depth=2)
    material, keys = read_material(
        data,
        blobs,
        home,
        (roots, seconds),
        size=schedule.size,
        threads=threads,
        progress=progress,
    )
    setup = Setup(
        material,
        folder,
        recipe,
        schedule,
        labels=(len(roots), len(seconds)),
        class_weights=class_weights(material.roots[train], roots, power=recipe.balance),
        seed=data.seed,
        device=device,
        progress=progress,
    )
    measured = fit(setup, train, validation)
    answers = [answer(measured, material, rows) for rows in (validation, test)]
    votes = choose_votes(setup, measured, train, answers[0], validation)
    answers = [vote(votes, said) for said in answers]
    task = _Task(data, material, roots, folder)
    metrics = _report(task, answers, (validation, test), currency)
    _draw(task, answers[1], test, keys, blobs)
    kept = finish(setup)
    save_fitted(folder / _MODEL, kept)
    if votes is not None:
        kept_votes(setup, kept, votes.rule).save(folder / _KEPT)
    write_facts(
        folder,
        data,
        metrics,
        kind=KIND,
        at=at,
        identity=identity,
        recipe=asdict(recipe),
        schedule=asdict(schedule),
        model=_MODEL,
        votes=None if votes is None else asdict(votes.rule),
        photo_weight=float(answers[1].weights[:, 1].mean()),
    )
    roots.save(folder / "labels.json")
    seconds.save(folder / "labels-second.json")
    final = finish_run(folder, home, KIND, at=at)
    settle(final)
    return Run(final, metrics)


def identity_of(data: TrainingData, schedule: "Schedule") -> str:
    """Of a run of this training; see `runs.identify`."""
    from marketrank.models.multimodal import Recipe

    return identify(
        data=data.data_hash, seed=data.seed, recipe=asdict(Recipe()), schedule=asdict(schedule)
    )


def prepare(
    data: TrainingData, blobs: BlobStore, home: Path, *, threads: int, progress: Progress = silent
) -> None:
    """Fill the home's cache with all that the training reads of frozen towers."""
    from marketrank.models.multimodal_training import Schedule

    categories = [one.category for one in data.listings]
    labels = learn_labels(categories), learn_labels(categories, depth=2)
    size = Schedule().size
    read_material(data, blobs, home, labels, size=size, threads=threads, progress=progress)


def read_material(
    data: TrainingData,
    blobs: BlobStore,
    home: Path,
    labels: tuple[Labels, Labels],
    *,
    size: int,
    threads: int,
    progress: Progress = silent,
) -> tuple["Material", list[BlobKey]]:
    """What frozen towers make of the listings, of photos at `size` pixels a side, and the photos'
    keys by row; cached in the home. Raises BadInput where no photo can be read."""
    from marketrank.models.backbones import LITES
    from marketrank.models.multimodal_training import (
        NETWORKS,
        Material,
        encode_texts,
        frozen_features,
    )
    from marketrank.models.photo_maps import map_photos

    cache = home / "cache" / "features"
    listings = data.listings
    words = {
        name: encode_texts(cache, texts, kind=name, threads=threads, progress=progress)
        for name, texts in (
            ("titles", [one.title for one in listings]),
            ("texts", [one.text for one in listings]),
        )
    }
    keys = sorted({photo.blob for one in listings for photo in one.photos[:MOST_PHOTOS]})
    if not keys:
        raise BadInput(
            "no listing has a photo, and the space is of texts and photos; ingest with --images, "
            "or run `marketrank train text`"
        )
    maps = map_photos(
        cache,
        keys,
        lambda key: blobs.get(BlobKey(key)),
        [LITES[name] for name in NETWORKS],
        size=size,
        variants=VARIANTS,
        seed=data.seed,
        threads=threads,
        progress=progress,
    )
    if not maps.readable.any():
        raise BadInput(f"none of the {len(keys)} photos can be read; ingest with --images again")
    for key in (keys[row] for row in np.flatnonzero(~maps.readable)):
        _log.warning("photo %s cannot be read: left out", key)
    features = frozen_features(cache, maps, keys, progress=progress)
    known = {key: row for row, key in enumerate(keys) if maps.readable[row]}
    photos = np.full((len(listings), MOST_PHOTOS), -1, np.int64)
    for row, listing in enumerate(listings):
        found = [known[one.blob] for one in listing.photos[:MOST_PHOTOS] if one.blob in known]
        photos[row, : len(found)] = found
    roots, seconds = (one.encode(listing.category for listing in listings) for one in labels)
    groups = data.group_numbers()
    material = Material(
        **words,
        photos=photos,
        maps=maps,
        features=features,
        roots=roots,
        seconds=seconds,
        groups=groups,
    )
    return material, keys


def _report(
    task: _Task,
    answers: list["HeldOutAnswers"],
    parts: tuple[Rows, Rows],
    currency: str,
) -> dict[str, Any]:
    """Metrics of the test part with fusion weights that the validation part chose; plots and the
    answers are written beside."""
    validation, test = answers
    sources = [{"space": one.space, "photos": one.photos} for one in answers]
    stack = fit_stack(sources[0], task.material.roots[parts[0]])
    listings = [task.data.listings[row] for row in parts[1]]
    combined = stack.mix(sources[1])
    found = Categorised(
        task.roots,
        np.exp(test.space),
        np.exp(test.photo_logs),
        test.owner,
        combined,
        test.titles,
        test.photo_vectors,
    )
    HeldOut(_arrays(validation), _arrays(test)).save(task.folder)
    codes = task.material.roots[parts[1]]
    names = [" / ".join(name) for name in task.roots.names]
    kinds = {"image": (codes[test.owner], found.photos), "combined": (codes, combined)}
    for kind, (true, probabilities) in kinds.items():
        assert probabilities is not None
        matrix = confusion(true, probabilities.argmax(axis=1), len(names))
        title = f"Multimodal model: category by {kind}, test part"
        draw_confusion(matrix, names, task.folder / f"confusion-{kind}.png", title=title)
    return score(listings, found, None, currency=currency)


def _draw(
    task: _Task, answers: "HeldOutAnswers", test: Rows, keys: list[BlobKey], blobs: BlobStore
) -> None:
    listings = [task.data.listings[row] for row in test]
    rows = task.material.photos[test]
    shown = Shown(
        listings,
        [keys[row] for row in rows[rows >= 0]],
        answers.owner,
        answers.photo_vectors,
        answers.titles,
    )
    draw_neighbours(task.folder, shown, blobs)
    write_vectors(task.folder / "measured" / "tower", listings, answers.fused)


def _arrays(answers: "HeldOutAnswers") -> Mapping[str, np.ndarray[Any, Any]]:
    return asdict(answers)
