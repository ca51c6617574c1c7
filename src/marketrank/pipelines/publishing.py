"""From finished runs to a version of the registry: fusion weights, scores, files, promotion."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput, Corrupt, MissingExtra, NotReady
from marketrank.evaluation.not_worse import not_worse
from marketrank.models.labels import Labels
from marketrank.models.preprocess import to_pixels
from marketrank.models.published import LABELS, SECONDS, write_classifiers
from marketrank.models.registry import METRICS, Facts, Registry
from marketrank.models.stack import Stack, fit_stack
from marketrank.pipelines.heldout import HeldOut
from marketrank.pipelines.model_evaluation import Categorised, score
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.run_facts import CONFIG, read_facts, write_json
from marketrank.pipelines.run_facts import METRICS as RUN_METRICS
from marketrank.pipelines.runs import runs_of
from marketrank.pipelines.training_data import TrainingData
from marketrank.ports import BlobStore
from marketrank.types import ModelVersion

if TYPE_CHECKING:
    from marketrank.models.export_learned import Learned, Samples

KIND = "multimodal"
SHARE = 0.2
"""Of a listing's similarity, the part that the learned space decides: see docs/models.md."""
_SAMPLES = 80
_TEXT_SOURCES = ("words", "tuned", "space")
_STAGE = "publish the model"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """A new version, its scores on the test part, and why it was not promoted ([] where it was)."""

    version: ModelVersion
    metrics: dict[str, Any]
    objections: list[str]


def publish(
    data: TrainingData,
    blobs: BlobStore,
    home: Path,
    registry: Registry,
    *,
    at: datetime,
    currency: str = "GBP",
    progress: Progress = silent,
) -> Published:
    """Make a version of the newest runs of baselines, text and multimodal on these data, and
    promote it where it is not worse than the version in use, nor than the baselines.

    Raises NotReady, naming the command, where such a run is missing, and what `Registry.publish`
    raises; the version in use stays then.
    """
    progress(_STAGE, 0, 2)
    runs = {kind: _find(home, kind, data) for kind in ("baselines", "text", KIND)}
    floor = read_facts(runs["baselines"], RUN_METRICS)
    stacks, metrics = _combine(data, runs, floor, currency)

    def fill(draft: Path) -> Facts:
        part, parity = _write(draft, runs, data, blobs)
        classifiers = draft / "classifiers"
        shutil.copytree(runs["baselines"] / "model", classifiers / "baselines")
        for name in (LABELS, SECONDS):
            shutil.copy(runs[KIND] / name, classifiers / name)
        write_classifiers(classifiers, part, stacks, [one.id for one in data.listings])
        write_json(draft / METRICS, {"model": metrics, "floor": floor})
        names = {kind: run.name for kind, run in runs.items()}
        return Facts(KIND, data.data_hash, data.seed, len(data.listings), names, parity, metrics)

    version = registry.publish(fill, at=at)
    progress(_STAGE, 1, 2)
    objections = _object(registry, metrics, floor)
    if not objections:
        registry.promote(version, at=at, why="not worse than the version before, nor the baselines")
    progress(_STAGE, 2, 2)
    return Published(version, metrics, objections)


def _object(registry: Registry, metrics: dict[str, Any], floor: dict[str, Any]) -> list[str]:
    """What speaks against promoting a model of these metrics."""
    against = [f"under the baselines: {one}" for one in not_worse(metrics, floor)]
    champion = registry.current()
    if champion is not None:
        try:
            before = registry.read(champion).metrics
        except (BadInput, Corrupt) as error:  # gone, or damaged
            _log.warning("the version in use cannot be compared: %s", error)
        else:
            against += [f"worse than {champion}: {one}" for one in not_worse(metrics, before)]
    return against


def _find(home: Path, kind: str, data: TrainingData) -> Path:
    for folder in runs_of(home, kind):
        try:
            config = read_facts(folder, CONFIG)
        except Corrupt as error:
            _log.warning("%s", error)
            continue
        if (config.get("data_hash"), config.get("seed")) == (data.data_hash, data.seed):
            return folder
    raise NotReady(
        f"{home} has no finished run of {kind} on these listings with seed {data.seed}; "
        f"run `marketrank train {kind} --seed {data.seed}`"
    )


def _combine(
    data: TrainingData, runs: Mapping[str, Path], floor: dict[str, Any], currency: str
) -> tuple[dict[str, Stack], dict[str, Any]]:
    """Fusion weights that the validation part chooses, and the scores on the test part."""
    _, validation, test = data.rows()
    labels = Labels.load(runs[KIND] / LABELS)
    codes = labels.encode(one.category for one in data.listings)
    held = [HeldOut.load(run) for run in runs.values()]
    sources = [
        {name: array for one in held for name, array in getattr(one, part).items()}
        for part in ("validation", "test")
    ]
    names = {"text": _TEXT_SOURCES, "combined": (*_TEXT_SOURCES, "photos")}
    stacks = {
        name: fit_stack({one: sources[0][one] for one in wanted}, codes[validation])
        for name, wanted in names.items()
    }
    found = sources[1]
    categorised = Categorised(
        labels,
        stacks["text"].mix(found),
        np.exp(found["photo_logs"]),
        found["owner"],
        stacks["combined"].mix(found),
        found["titles"],
        found["photo_vectors"],
    )
    listings = [data.listings[row] for row in test]
    metrics = score(listings, categorised, None, currency=currency)
    # The price model is the baselines' own: their run scored it on the same part.
    return stacks, metrics | ({"price": floor["price"]} if "price" in floor else {})


def _write(
    draft: Path, runs: Mapping[str, Path], data: TrainingData, blobs: BlobStore
) -> tuple[Any, dict[str, float]]:
    try:
        from marketrank.models.export_learned import write_learned
    except ImportError as error:
        raise MissingExtra("publishing a model", "train") from error
    learned = _load(runs)
    return write_learned(draft, learned, _samples(data, blobs, learned.size))


def _load(runs: Mapping[str, Path]) -> "Learned":
    from marketrank.models.export_learned import Learned
    from marketrank.models.multimodal_training import SIZE, load_fitted
    from marketrank.models.text_tuner import load_tuned

    configs = {kind: read_facts(runs[kind], CONFIG) for kind in ("text", KIND)}
    for name in (LABELS, SECONDS):
        if (runs["text"] / name).read_bytes() != (runs[KIND] / name).read_bytes():
            raise BadInput(
                f"{runs['text']} and {runs[KIND]} learned other labels; train both again"
            )
    counts = tuple(len(Labels.load(runs[KIND] / name)) for name in (LABELS, SECONDS))
    labels = (counts[0], counts[1])
    heads, tower = load_fitted(
        runs[KIND] / configs[KIND]["model"], labels=labels, recipe=configs[KIND]["recipe"]
    )
    text = load_tuned(
        runs["text"] / configs["text"]["model"], labels=labels, recipe=configs["text"]["recipe"]
    )
    return Learned(heads, tower, text, SHARE, SIZE)


def _samples(data: TrainingData, blobs: BlobStore, size: int) -> "Samples":
    """Photos and texts of training listings that can be read, evenly taken."""
    from marketrank.models.export_learned import Samples
    from marketrank.models.pretrained import minilm
    from marketrank.models.text_tuner import tokenise

    listings = [data.listings[row] for row in data.rows()[0]]
    pixels: list[NDArray[np.uint8]] = []
    shown = [one.photos[0].blob for one in listings if one.photos]
    for key in shown[:: max(1, len(shown) // _SAMPLES)]:
        try:
            pixels.append(to_pixels(blobs.get(key), size, crop=True))
        except (BadInput, KeyError) as error:
            _log.warning("photo %s is not a sample: %s", key, error)
    if not pixels:
        raise BadInput(
            f"none of {len(shown)} photos of training listings can be read, and 8-bit graphs are "
            "calibrated on photos; ingest with --images again"
        )
    texts = [one.text for one in listings[:: max(1, len(listings) // _SAMPLES)]]
    return Samples(np.stack(pixels[:_SAMPLES]), tokenise(minilm(), texts[:_SAMPLES]))
