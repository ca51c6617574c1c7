"""From finished runs to a version of the registry: fusion weights, scores, files, promotion."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marketrank.errors import BadInput, Corrupt, MissingExtra, NotReady
from marketrank.models.decisions import write_decision
from marketrank.models.labels import Labels
from marketrank.models.preprocess import to_pixels
from marketrank.models.published import LABELS, SECONDS, write_classifiers
from marketrank.models.registry import METRICS, Facts, Registry
from marketrank.pipelines.answers import from_runs
from marketrank.pipelines.gate import Contest, Decision, Limits, decide, evaluate
from marketrank.pipelines.model_evaluation import score
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.run_facts import CONFIG, read_facts, write_json
from marketrank.pipelines.run_facts import METRICS as RUN_METRICS
from marketrank.pipelines.runs import runs_of
from marketrank.pipelines.stacking import kept_stacks
from marketrank.pipelines.training_data import TrainingData
from marketrank.ports import BlobStore
from marketrank.types import ModelVersion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from marketrank.models.export_learned import Learned, Samples

KIND = "multimodal"
BY_THE_GATE = "the gate: see `marketrank models show`"
SHARE = 0.2
"""Of a listing's similarity, the part that the learned space decides: see docs/models.md."""
_FIRST_SIZE = 224  # of runs that do not say
_SAMPLES = 80
_STAGE = "publish the model"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """A new version, its scores on the test part, and what was decided about it."""

    version: ModelVersion
    metrics: dict[str, Any]
    decision: Decision

    @property
    def objections(self) -> list[str]:
        """Why it was not promoted; [] where it was."""
        return list(self.decision.reasons)


def publish(
    contest: Contest, *, at: datetime, limits: Limits, progress: Progress = silent
) -> Published:
    """Export the newest runs on these data as a version, evaluate it, keep the decision, and
    promote it where nothing speaks against that. Raises what `find_runs` and `export` raise; the
    version in use stays then."""
    runs = find_runs(contest.home, contest.data)
    version = export(contest.data, contest.blobs, runs, contest.registry, at=at, progress=progress)
    decision = decide(evaluate(contest, version, progress=progress), limits, at=at)
    keep(contest.registry, decision)
    if decision.promote:
        contest.registry.promote_after(version, decision.champion, at=at, why=BY_THE_GATE)
    return Published(version, dict(decision.evaluation["metrics"]), decision)


def keep(registry: Registry, decision: Decision) -> None:
    """Keep a decision beside the version that it is of."""
    write_decision(registry.folder, decision.version, asdict(decision))


def export(
    data: TrainingData,
    blobs: BlobStore,
    runs: Mapping[str, Path],
    registry: Registry,
    *,
    at: datetime,
    progress: Progress = silent,
) -> ModelVersion:
    """Make a version of finished runs of baselines, text and multimodal on these data. It is not
    in use. Raises what `Registry.publish` raises."""
    progress(_STAGE, 0, 1)
    floor = read_facts(runs["baselines"], RUN_METRICS)
    stacks = kept_stacks(runs, data)
    metrics = _score(data, runs, floor)

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
    progress(_STAGE, 1, 1)
    return version


def find_runs(home: Path, data: TrainingData) -> dict[str, Path]:
    """The newest finished runs on these data. Raises NotReady, naming the command, where one is
    missing."""
    return {kind: _find(home, kind, data) for kind in ("baselines", "text", KIND)}


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


def _score(
    data: TrainingData,
    runs: Mapping[str, Path],
    floor: Mapping[str, Any],
) -> dict[str, Any]:
    """The scores on the test part."""
    listings = [data.listings[row] for row in data.rows()[2]]
    said = from_runs(runs, data).said
    # The price model is the baselines' own: their run scored it on the same part.
    metrics = score(listings, said, None, currency="")
    return metrics | ({"price": floor["price"]} if "price" in floor else {})


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
    from marketrank.models.multimodal_training import load_fitted
    from marketrank.models.photo_votes import PhotoVotes
    from marketrank.models.text_tuner import load_tuned

    configs = {kind: read_facts(runs[kind], CONFIG) for kind in ("text", KIND)}
    for name in (LABELS, SECONDS):
        if (runs["text"] / name).read_bytes() != (runs[KIND] / name).read_bytes():
            raise BadInput(
                f"{runs['text']} and {runs[KIND]} learned other labels; train both again"
            )
    counts = tuple(len(Labels.load(runs[KIND] / name)) for name in (LABELS, SECONDS))
    labels = (counts[0], counts[1])
    model = runs[KIND] / configs[KIND]["model"]
    size = configs[KIND]["schedule"].get("size", _FIRST_SIZE)
    heads, tower = load_fitted(model, labels=labels, recipe=configs[KIND]["recipe"], size=size)
    votes = PhotoVotes.load(model.parent, labels[0])
    text = load_tuned(
        runs["text"] / configs["text"]["model"], labels=labels, recipe=configs["text"]["recipe"]
    )
    return Learned(heads, tower, text, SHARE, size, votes)


def _samples(data: TrainingData, blobs: BlobStore, size: int) -> "Samples":
    """Photos and texts of training listings that can be read, evenly taken."""
    from marketrank.models.export_learned import Samples

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
    return Samples(np.stack(pixels[:_SAMPLES]), tuple(texts[:_SAMPLES]))
