"""Whether a new model of listings may take the champion's place: evidence and judgement."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from marketrank.config import Settings
from marketrank.errors import BadInput, Corrupt, MarketrankError
from marketrank.evaluation.not_worse import not_worse
from marketrank.evaluation.paired import Paired
from marketrank.models.published import PublishedModel
from marketrank.models.registry import Registry
from marketrank.pipelines import answers
from marketrank.pipelines.encode_times import Clock, time_encoders
from marketrank.pipelines.golden_queries import K, found_share, golden_of, photos_of
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.run_facts import METRICS, read_facts
from marketrank.pipelines.runs import folder_of
from marketrank.pipelines.training_data import TrainingData
from marketrank.ports import BlobStore, Encoder
from marketrank.types import ModelVersion

CHAMPION, BASELINES, GUESS = "champion", "baselines", "guess"
FEWEST = 20
"""Listings that both answered, below which a paired comparison says nothing."""
_MUST_BEAT = (answers.TEXT, answers.COMBINED)
_BASELINES = "the baselines"
_STAGE = "evaluate the model"
_log = logging.getLogger(__name__)
Comparison = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """`golden_share`: how much of the champion's share of golden queries the new one must find;
    `latency_ratio`: how much longer it may take to encode."""

    golden_share: float = 0.95
    latency_ratio: float = 1.5


@dataclass(frozen=True, slots=True)
class Decision:
    """`reasons` speak against promoting `version`; none: it may take the champion's place. `notes`
    say what could not be judged. `evaluation` are the numbers that this was decided by."""

    version: ModelVersion
    champion: ModelVersion | None
    promote: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    limits: Limits
    evaluation: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True)
class Contest:
    """What an evaluation works with. `open_encoder` opens the encoder of a folder."""

    data: TrainingData
    blobs: BlobStore
    home: Path
    registry: Registry
    open_encoder: Callable[[Path], Encoder]
    currency: str
    clock: Clock
    threads: int = 1


def limits_of(settings: Settings) -> Limits:
    return Limits(settings.gate_golden_share, settings.gate_latency_ratio)


def evaluate(
    contest: Contest, version: ModelVersion, *, progress: Progress = silent
) -> dict[str, Any]:
    """Hold a published version against guessing, the baselines and the version in use, all on
    listings that they never saw; ask golden queries; take the time. Ready for JSON. A
    champion that is gone or damaged is compared with by nothing, and said to be so."""
    registry, data = contest.registry, contest.data
    manifest = registry.read(version)
    champion = registry.current()
    if champion == version:
        raise BadInput(f"{version} is in use already; there is nothing to compare it with")
    notes: list[str] = []
    progress(_STAGE, 0, 3)
    new = answers.from_version(contest.home, registry, version, data)
    floor = answers.from_baselines(folder_of(contest.home, manifest.runs["baselines"]))
    known = {one.id: one for one in data.listings}
    mine = answers.outcomes(new, known, set(new.ids) & set(known), currency=contest.currency)
    seed = data.seed
    guessed = answers.compare_outcomes(mine, answers.guesses(data), seed=seed)
    based = answers.compare_answers(new, floor, data.listings, currency=contest.currency, seed=seed)
    compared: dict[str, Comparison] = {
        GUESS: _comparison("the test part", guessed),
        BASELINES: _comparison("the test part", based),
    }
    if _n(based) < FEWEST:
        before = read_facts(folder_of(contest.home, manifest.runs["baselines"]), METRICS)
        compared[BASELINES]["unpaired"] = [
            f"worse than the baselines: {one} (unpaired)"
            for one in not_worse(manifest.metrics, before)
        ]
    if champion is not None:
        compared[CHAMPION] = _with_champion(contest, new, version, champion, notes)
    progress(_STAGE, 1, 3)
    return {
        "version": version,
        "champion": champion,
        "compared": compared,
        **_ask(contest, version, champion, notes, progress),
        "metrics": manifest.metrics,
        "notes": notes,
    }


def decide(evaluation: Mapping[str, Any], limits: Limits, *, at: datetime) -> Decision:
    """Judge an evaluation. See docs/adr/0200: worse than champion or baselines by more than chance
    in any score, or no better than guessing, is refused; so is what finds fewer golden queries
    or takes longer than the limits allow."""
    compared = evaluation["compared"]
    champion = evaluation["champion"]
    against = [*_no_better(compared[GUESS]), *_worse(compared[BASELINES], _BASELINES)]
    notes = [*evaluation["notes"], *_too_few(compared[BASELINES], _BASELINES)]
    if champion is not None:
        against += _worse(compared[CHAMPION], str(champion))
        notes += _too_few(compared[CHAMPION], str(champion))
    golden, times = evaluation["golden"], evaluation["times"]
    before = golden[CHAMPION]
    if before is not None and golden["new"] < limits.golden_share * before:
        against.append(
            f"golden queries: {golden['new']:.3f} of {golden['queries']:,} found, {champion} finds "
            f"{before:.3f} and {limits.golden_share:g} of that are needed"
        )
    for what in ("listing", "query"):
        ratio = times[f"{what}_ratio"]
        if ratio is not None and ratio > limits.latency_ratio:
            against.append(
                f"latency: encoding a {what} takes {ratio:.2f} times as long as with {champion}, "
                f"{limits.latency_ratio:g} at most"
            )
    return Decision(
        ModelVersion(evaluation["version"]),
        None if champion is None else ModelVersion(champion),
        not against,
        tuple(against),
        tuple(notes),
        limits,
        evaluation,
        at,
    )


def _with_champion(
    contest: Contest,
    new: answers.Answers,
    version: ModelVersion,
    champion: ModelVersion,
    notes: list[str],
) -> Comparison:
    """Paired, on what both kept of held-out listings; else on listings that the champion, as it
    serves, has never seen; else by the scores that both were published with."""
    listings = contest.data.listings
    for on, ask in (
        ("held-out listings of both", _champion_held_out),
        ("listings new to the champion", _champion_published),
    ):
        try:
            other = ask(contest, champion)
        except MarketrankError as error:
            notes.append(f"not compared on {on}: {error}")
            continue
        found = answers.compare_answers(
            new, other, listings, currency=contest.currency, seed=contest.data.seed
        )
        if _n(found) >= FEWEST:
            return _comparison(on, found)
        notes.append(f"not compared on {on}: {_n(found)} are too few, {FEWEST} needed")
    try:
        before = contest.registry.read(champion).metrics
    except (BadInput, Corrupt) as error:  # gone, or damaged
        _log.warning("the version in use cannot be compared: %s", error)
        notes.append(f"{champion} cannot be compared: {error}")
        return _comparison("nothing", {})
    metrics = contest.registry.read(version).metrics
    worse = [f"worse than {champion}: {one} (unpaired)" for one in not_worse(metrics, before)]
    return {**_comparison("published scores, unpaired", {}), "unpaired": worse}


def _champion_held_out(contest: Contest, champion: ModelVersion) -> answers.Answers:
    return answers.from_version(contest.home, contest.registry, champion, contest.data)


def _champion_published(contest: Contest, champion: ModelVersion) -> answers.Answers:
    model = PublishedModel(contest.registry.path(champion), threads=contest.threads)
    listings = answers.unseen(contest.data, model.trained_on)
    if not listings:
        raise BadInput(f"{champion} has seen all")
    return answers.from_published(model, listings, contest.blobs)


def _ask(
    contest: Contest,
    version: ModelVersion,
    champion: ModelVersion | None,
    notes: list[str],
    progress: Progress,
) -> dict[str, Any]:
    """Golden queries, and times."""
    mine = contest.open_encoder(contest.registry.path(version) / "encoder")
    theirs = None
    if champion is not None:
        try:
            theirs = contest.open_encoder(contest.registry.path(champion) / "encoder")
        except MarketrankError as error:
            notes.append(f"{champion} cannot be asked: {error}")
    golden = golden_of(contest.home, contest.data)
    photos = photos_of(golden.among, contest.blobs)
    found = found_share(golden, mine, photos)
    before = None if theirs is None else found_share(golden, theirs, photos)
    progress(_STAGE, 2, 3)
    times = time_encoders(mine, theirs, golden.among, photos, clock=contest.clock)
    progress(_STAGE, 3, 3)
    return {
        "golden": {
            "source": golden.source,
            "queries": len(golden.queries),
            "among": len(golden.among),
            "k": K,
            "new": found,
            CHAMPION: before,
        },
        "times": asdict(times),
    }


def _n(compared: Mapping[str, Paired]) -> int:
    return max((one.n for one in compared.values()), default=0)


def _comparison(on: str, scores: Mapping[str, Paired]) -> Comparison:
    paired = {name: asdict(one) for name, one in scores.items()}
    return {"on": on, "scores": paired, "unpaired": []}


def _worse(compared: Comparison, than: str) -> list[str]:
    found = [
        f"worse than {than}: {_said(name, one)}"
        for name, one in compared["scores"].items()
        if one["n"] >= FEWEST and Paired(**one).worse
    ]
    return found + list(compared["unpaired"])


def _too_few(compared: Comparison, than: str) -> list[str]:
    """Scores that no interval was taken of, where others were: they are not silently passed over.
    Where all are of few listings, published scores have been compared instead."""
    scores = compared["scores"]
    if all(one["n"] < FEWEST for one in scores.values()):
        return []
    return [
        f"{name} against {than}: {one['new']:.4f} and {one['other']:.4f} on {one['n']:,} listings, "
        f"{FEWEST} needed"
        for name, one in scores.items()
        if one["n"] < FEWEST
    ]


def _no_better(compared: Comparison) -> list[str]:
    """Where guessing is always right there is nothing to be better at. Of few listings the means
    decide, as no interval of them says anything."""
    found = []
    for name in _MUST_BEAT:
        one = compared["scores"].get(name)
        if one is None or one["other"] == 1:
            continue
        if not (Paired(**one).better if one["n"] >= FEWEST else one["difference"] > 0):
            found.append(f"no better than guessing the most frequent category: {_said(name, one)}")
    return found


def _said(name: str, one: Mapping[str, float]) -> str:
    return (
        f"{name} {one['new']:.4f} against {one['other']:.4f}, difference {one['difference']:+.4f} "
        f"[{one['low']:+.4f}, {one['high']:+.4f}] on {one['n']:,} listings"
    )
