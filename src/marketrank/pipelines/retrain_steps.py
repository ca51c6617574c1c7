"""The steps of a retraining: plain functions from what earlier steps have left to what this one
leaves. What they leave is small and ready for JSON: names of folders within the home, and numbers.
So the same functions run one after another in a process (`pipelines.retrain`) or each in a
container of its own (`pipelines.kubeflow`).

    refresh → clean → split → train → export → evaluate → gate → audit → publish → notify
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from marketrank.errors import BadInput, NotReady
from marketrank.models.decisions import read_decision
from marketrank.models.registry import Registry
from marketrank.pipelines import train_text as text
from marketrank.pipelines.comparing import compare
from marketrank.pipelines.gate import Contest, Limits, decide
from marketrank.pipelines.gate import evaluate as weigh
from marketrank.pipelines.live import live_listings
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.publishing import BY_THE_GATE, keep
from marketrank.pipelines.publishing import export as export_runs
from marketrank.pipelines.ranker_retraining import RankerWork, retrain_ranker
from marketrank.pipelines.retrain_mark import FOLDER
from marketrank.pipelines.runs import folder_of
from marketrank.pipelines.shelves import rankers
from marketrank.pipelines.snapshot import read_snapshot, write_snapshot
from marketrank.pipelines.train_all import RECIPES, train_runs
from marketrank.pipelines.train_together import torchrun, train_share
from marketrank.pipelines.training_data import TrainingData, divide
from marketrank.ports import BlobStore, Encoder, ListingStore, PriceEstimator
from marketrank.types import ModelVersion

BY_THE_AUDIT = "not worse on later sessions, and within the limits of the audit"
PROMOTED, REFUSED, HELD, UNCHANGED = "promoted", "refused", "held", "unchanged"
"""What becomes of a version: in use; the gate was against it; the gate was for it and nobody wanted
it promoted; it was in use before."""


@dataclass(frozen=True, slots=True)
class Options:
    """A feed to bring in first (None: what is in the store), and how to train on what is there.
    `why` is for the report; `processes` train the networks, on a GPU each where there are any."""

    products: str | None = None
    images_table: str | None = None
    images: str | None = None
    full: bool = False
    recipe: str = "default"
    seed: int = 7
    device: str = "auto"
    promote: bool = True
    why: str = ""
    processes: int = 1

    def __post_init__(self) -> None:
        if self.processes < 1:
            raise BadInput(f"{self.processes} processes cannot train; give 1 or more")
        if self.recipe not in RECIPES:
            raise BadInput(f"recipe {self.recipe!r}: known are {', '.join(RECIPES)}")


@dataclass(frozen=True)
class Workshop:
    """What the steps work with. `ingest` brings in the feed of the options and returns its counts;
    `estimator` estimates prices, with the model in use."""

    home: Path
    listings: ListingStore
    blobs: BlobStore
    registry: Registry
    ingest: Callable[[Options, Progress], Mapping[str, Any]]
    estimator: Callable[[], PriceEstimator | None]
    open_encoder: Callable[[Path], Encoder]
    ranker: RankerWork
    limits: Limits
    currency: str
    threads: int
    stopwatch: Callable[[], float]
    at: datetime
    progress: Progress = silent

    @property
    def folder(self) -> Path:
        return self.home / FOLDER


@dataclass(frozen=True, slots=True)
class Refreshed:
    """`counts` is what an ingest did; {} where no feed was given."""

    counts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """`snapshot` is the folder of the listings, which ends in a digest of their content."""

    snapshot: str
    listings: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Divided:
    """How many listings are in each part, by leak group and seed."""

    snapshot: str
    seed: int
    data_hash: str
    train: int
    validation: int
    test: int


@dataclass(frozen=True, slots=True)
class Trained:
    """Names of the run folders, by kind."""

    runs: dict[str, str]


@dataclass(frozen=True, slots=True)
class Exported:
    version: str


@dataclass(frozen=True, slots=True)
class Evaluated:
    """See `gate.evaluate`; {} where the version is in use already and nobody had evaluated it."""

    version: str
    in_use: bool
    evaluation: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """`decision` is a `gate.Decision`."""

    version: str
    in_use: bool
    decision: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Audited:
    """`ranker` is a version that may be promoted, None where there is none, and `reasons` say why;
    `report` is what it was judged and audited by."""

    ranker: str | None
    reasons: list[str]
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the version, and of the ranker: see PROMOTED. `current` is in use now."""

    status: str
    version: str
    current: str | None
    ranker: str | None
    reasons: list[str]


def refresh(shop: Workshop, options: Options) -> Refreshed:
    """Bring in the feed: each record is cleaned by itself."""
    if options.products is None:
        return Refreshed()
    return Refreshed(dict(shop.ingest(options, shop.progress)))


def clean(shop: Workshop, _refreshed: Refreshed) -> Cleaned:
    """Look at all listings together for what repeats what, and freeze what is on offer now."""
    compare(shop.listings, estimator=shop.estimator(), progress=shop.progress)
    listings, links = list(live_listings(shop.listings)), shop.listings.duplicates()
    if not listings:
        raise NotReady("the store has no live listings to train on; give a feed with --products")
    folder = write_snapshot(shop.folder, listings, links)
    return Cleaned(str(folder.relative_to(shop.home)), len(listings), len(links))


def split(shop: Workshop, options: Options, cleaned: Cleaned) -> Divided:
    """Deal the listings out by leak group, so that no label leaks."""
    data = _read(shop, cleaned.snapshot, options.seed)
    parts = (len(data.split.train), len(data.split.validation), len(data.split.test))
    data.rows()  # raises where a part teaches nothing
    return Divided(cleaned.snapshot, options.seed, data.data_hash, *parts)


def train(shop: Workshop, options: Options, divided: Divided) -> Trained:
    """Baselines, text and multimodal."""
    together = partial(_train_together, shop, options, divided)
    runs = train_runs(
        read_data(shop, divided),
        shop.blobs,
        shop.home,
        at=shop.at,
        threads=shop.threads,
        currency=shop.currency,
        device=options.device,
        lengths=RECIPES[options.recipe],
        together=together if options.processes > 1 else None,
        progress=shop.progress,
    )
    return Trained({kind: folder.name for kind, folder in runs.items()})


def _train_together(shop: Workshop, options: Options, divided: Divided, kind: str) -> None:
    """Each of the processes reads the same snapshot: see `share`."""
    command = ["pipeline", "share", kind, "--home", str(shop.home), "--at", shop.at.isoformat()]
    command += ["--snapshot", divided.snapshot, "--seed", str(divided.seed)]
    command += ["--recipe", options.recipe, "--device", options.device]
    command += ["--asked-by", str(os.getpid())]
    torchrun(options.processes, command, shop.home)


def share(shop: Workshop, options: Options, snapshot: str, kind: str, asked_by: int) -> None:
    """What each process of a training by several does, for the process `asked_by`."""
    lengths = RECIPES[options.recipe]
    train_share(
        kind,
        _read(shop, snapshot, options.seed),
        shop.blobs,
        shop.home,
        at=shop.at,
        threads=shop.threads,
        currency=shop.currency,
        device=options.device,
        epochs=lengths.text if kind == text.KIND else lengths.photos,
        asked_by=asked_by,
        progress=shop.progress,
    )


def export(shop: Workshop, divided: Divided, trained: Trained) -> Exported:
    """Make a version of the registry of the runs; it is not in use."""
    runs = {kind: folder_of(shop.home, name) for kind, name in trained.runs.items()}
    data = read_data(shop, divided)
    version = export_runs(data, shop.blobs, runs, shop.registry, at=shop.at, progress=shop.progress)
    return Exported(version)


def evaluate(shop: Workshop, divided: Divided, exported: Exported) -> Evaluated:
    """Hold it against the champion, the baselines and guessing; ask golden queries; take times."""
    version = ModelVersion(exported.version)
    if shop.registry.current() == version:
        decided = read_decision(shop.registry.folder, version) or {}
        return Evaluated(version, True, decided.get("evaluation", {}))
    contest = Contest(
        read_data(shop, divided),
        shop.blobs,
        shop.home,
        shop.registry,
        shop.open_encoder,
        shop.currency,
        shop.stopwatch,
        shop.threads,
    )
    return Evaluated(version, False, weigh(contest, version, progress=shop.progress))


def gate(shop: Workshop, evaluated: Evaluated) -> Judged:
    """Decide, and keep the decision with the version."""
    if evaluated.in_use:
        decided = read_decision(shop.registry.folder, evaluated.version) or {}
        return Judged(evaluated.version, True, decided)
    decision = decide(evaluated.evaluation, shop.limits, at=shop.at)
    keep(shop.registry, decision)
    return Judged(evaluated.version, False, asdict(decision))


def audit(shop: Workshop, options: Options, _judged: Judged) -> Audited:
    """Learn a ranker from what buyers did, and whether it treats groups of them alike. A home
    without enough sessions has none, and says so."""
    found = retrain_ranker(shop.ranker, at=shop.at, seed=options.seed, progress=shop.progress)
    return Audited(found.version, list(found.reasons), dict(found.report))


def publish(shop: Workshop, options: Options, judged: Judged, audited: Audited) -> Outcome:
    """Promote what may be promoted. Raises NotReady where another version was promoted since the
    evaluation."""
    ranker = None
    if options.promote and audited.ranker is not None:
        rankers(shop.ranker.folder).promote(audited.ranker, at=shop.at, why=BY_THE_AUDIT)
        ranker = audited.ranker
    decision, version = judged.decision, judged.version
    reasons = list(decision.get("reasons", []))
    if judged.in_use:
        status = UNCHANGED
    elif not decision["promote"]:
        status = REFUSED
    elif not options.promote:
        status = HELD
    else:
        status = PROMOTED
        shop.registry.promote_after(version, decision["champion"], at=shop.at, why=BY_THE_GATE)
    return Outcome(status, version, shop.registry.current(), ranker, reasons)


def read_data(shop: Workshop, divided: Divided) -> TrainingData:
    """Raises Corrupt where the snapshot is damaged."""
    return _read(shop, divided.snapshot, divided.seed)


def _read(shop: Workshop, snapshot: str, seed: int) -> TrainingData:
    listings, links = read_snapshot(shop.home / snapshot)
    return divide(listings, links, seed=seed)
