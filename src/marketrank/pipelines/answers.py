"""What systems say of listings that they never saw, and how right each is on each listing."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import Corrupt
from marketrank.evaluation.model_metrics import sibling_hits, title_to_image_hits
from marketrank.evaluation.paired import Paired, Scores, compare_paired
from marketrank.models.labels import Labels
from marketrank.models.price import log_price
from marketrank.models.published import LABELS, PublishedModel
from marketrank.models.registry import Registry
from marketrank.pipelines.heldout import HeldOut
from marketrank.pipelines.model_evaluation import Categorised, PublishedModels
from marketrank.pipelines.run_facts import SPLIT, read_facts
from marketrank.pipelines.runs import folder_of
from marketrank.pipelines.stacking import said_crosswise
from marketrank.pipelines.training_data import TrainingData, read_photos
from marketrank.ports import BlobStore
from marketrank.types import Listing, ListingId

TEXT, COMBINED, IMAGE, PRICE = "text", "combined", "image", "price"
SIMILAR, CROSS_MODAL = "similar", "cross_modal"
MOST_JUDGED = 1_000
"""Listings that a published model is asked about: minutes on a processor."""
_K = 10
Floats = NDArray[np.float32]
Outcomes = dict[str, Scores]


@dataclass(frozen=True)
class Answers:
    """Rows of `said` and `log_prices` (n,) in the order of `ids`."""

    ids: tuple[ListingId, ...]
    said: Categorised
    log_prices: Floats | None


def from_runs(runs: Mapping[str, Path], data: TrainingData) -> Answers:
    """What the models of these runs, as they were before they saw all listings, say of the test
    part: see `heldout` and `stacking`. Raises Corrupt where a file is missing."""
    test, stacked = _test_arrays(runs), said_crosswise(runs, data)
    labels = Labels.load(runs["multimodal"] / LABELS)
    said = Categorised(
        labels,
        stacked["text"],
        np.exp(test["photo_logs"]),
        test["owner"],
        stacked["combined"],
        test["titles"],
        test["photo_vectors"],
    )
    return Answers(_ids(runs["multimodal"]), said, test.get("log_prices"))


def from_version(home: Path, registry: Registry, version: str, data: TrainingData) -> Answers:
    """`from_runs` of a published version. Raises Corrupt where its runs are gone."""
    manifest = registry.read(version)
    runs = {kind: folder_of(home, name) for kind, name in manifest.runs.items()}
    if "multimodal" not in runs:
        raise Corrupt(f"{version} names no multimodal run; publish another with `marketrank train`")
    return from_runs(runs, data)


def from_baselines(run: Path) -> Answers:
    """What the baselines that were fitted to the training part say of the test part."""
    test = HeldOut.load(run).test
    if "floor_combined" not in test:
        raise Corrupt(f"{run} was written by an older version; run `marketrank train baselines`")
    labels = Labels.load(run / "model" / LABELS)
    said = Categorised(
        labels,
        np.exp(test["words"]),
        test.get("floor_photos"),
        test["floor_owner"],
        test["floor_combined"],
    )
    return Answers(_ids(run), said, test.get("log_prices"))


def from_published(model: PublishedModel, listings: Sequence[Listing], blobs: BlobStore) -> Answers:
    """What a published model says of these listings."""
    photos = [list(read_photos(blobs, [one.blob for one in each.photos])) for each in listings]
    judge = PublishedModels(model)
    return Answers(
        tuple(one.id for one in listings),
        judge.categorise(listings, photos),
        judge.log_prices(listings),
    )


def unseen(data: TrainingData, seen: Collection[ListingId]) -> list[Listing]:
    """Listings of the test part of whose leak group a model has seen none, at most MOST_JUDGED,
    evenly taken."""
    known = {data.groups[id] for id in seen if id in data.groups}
    test = set(data.split.test)
    found = [one for one in data.listings if one.id in test and data.groups[one.id] not in known]
    return found[:: -(-len(found) // MOST_JUDGED) or 1]


def guesses(data: TrainingData) -> Outcomes:
    """How right it is to always say the most frequent root category of the training part: what
    every model must beat, also where the labels of the feed tell nothing."""
    train, test = set(data.split.train), set(data.split.test)
    counts = Counter(one.category[0] for one in data.listings if one.id in train and one.category)
    likeliest = min(counts, key=lambda name: (-counts[name], name), default="")
    right = {
        one.id: float(one.category[0] == likeliest)
        for one in data.listings
        if one.id in test and one.category
    }
    return {TEXT: right, COMBINED: right, IMAGE: right}


def compare_answers(
    new: Answers, other: Answers, listings: Iterable[Listing], *, currency: str, seed: int
) -> dict[str, Paired]:
    """By score, over the listings that both answered."""
    known = {one.id: one for one in listings}
    among = set(new.ids) & set(other.ids) & set(known)
    mine, theirs = (outcomes(one, known, among, currency=currency) for one in (new, other))
    return compare_outcomes(mine, theirs, seed=seed)


def compare_outcomes(mine: Outcomes, theirs: Outcomes, *, seed: int) -> dict[str, Paired]:
    """By score, where both have it."""
    found = {
        name: compare_paired(mine[name], theirs[name], seed=seed) for name in mine if name in theirs
    }
    return {name: one for name, one in found.items() if one is not None}


def outcomes(
    answers: Answers,
    listings: Mapping[ListingId, Listing],
    among: Collection[ListingId],
    *,
    currency: str,
) -> Outcomes:
    """By score, for each listing of `among`; higher is better. A category is right or not; a
    listing's photos count together, by their mean; a price by how far its logarithm is off, with a
    minus. Photos and titles look for theirs among the photos of `among` alone, so that
    all systems have the same to choose from."""
    rows = np.array([row for row, id in enumerate(answers.ids) if id in among], np.int64)
    kept = [answers.ids[row] for row in rows]
    said = answers.said
    codes = said.labels.encode(listings[id].category for id in kept)
    labelled = np.array([bool(listings[id].category) for id in kept], np.bool_)
    found: Outcomes = {
        name: _by_listing(kept, probabilities[rows].argmax(axis=1) == codes, labelled)
        for name, probabilities in ((TEXT, said.text), (COMBINED, said.combined))
    }
    place = np.full(len(answers.ids), -1, np.int64)
    place[rows] = np.arange(len(rows))
    owner = place[said.owner] if len(said.owner) else np.zeros(0, np.int64)
    shown = owner >= 0
    if said.photos is not None and shown.any():
        right = said.photos[shown].argmax(axis=1) == codes[owner[shown]]
        found[IMAGE] = _means(kept, owner[shown], right, labelled)
    if answers.log_prices is not None:
        found[PRICE] = _prices(answers.log_prices[rows], [listings[id] for id in kept], currency)
    return found | _vectors(said, kept, rows, owner)


def _vectors(
    said: Categorised, kept: list[ListingId], rows: NDArray[np.int64], owner: NDArray[np.int64]
) -> Outcomes:
    shown = owner >= 0
    if said.titles is None or said.photo_vectors is None or not shown.any():
        return {}
    photos, of = said.photo_vectors[shown], owner[shown]
    names = [kept[row] for row in of]
    siblings = sibling_hits(photos, names, _K)
    titles = title_to_image_hits(said.titles[rows], kept, photos, names, _K)
    answerable, every = ~np.isnan(siblings), np.ones(len(kept), np.bool_)
    return {
        SIMILAR: _means(kept, of[answerable], siblings[answerable], every),
        CROSS_MODAL: _by_listing(kept, titles, ~np.isnan(titles)),
    }


def _prices(guessed: Floats, listings: Sequence[Listing], currency: str) -> Scores:
    true = [log_price(one, currency) for one in listings]
    return {
        one.id: -abs(float(guess) - price)
        for one, guess, price in zip(listings, guessed, true, strict=True)
        if price is not None and np.isfinite(guess)
    }


def _by_listing(ids: Sequence[ListingId], values: NDArray[Any], taken: NDArray[np.bool_]) -> Scores:
    return {ids[row]: float(values[row]) for row in np.flatnonzero(taken).tolist()}


def _means(
    ids: Sequence[ListingId],
    owner: NDArray[np.int64],
    values: NDArray[Any],
    taken: NDArray[np.bool_],
) -> Scores:
    """The mean of each listing's values."""
    counts = np.bincount(owner, minlength=len(ids))
    sums = np.bincount(owner, weights=values.astype(np.float64), minlength=len(ids))
    there = np.flatnonzero(taken & (counts > 0)).tolist()
    return {ids[row]: float(sums[row] / counts[row]) for row in there}


def _test_arrays(runs: Mapping[str, Path]) -> dict[str, NDArray[Any]]:
    held = [HeldOut.load(run) for run in runs.values()]
    return {name: array for one in held for name, array in one.test.items()}


def _ids(run: Path) -> tuple[ListingId, ...]:
    return tuple(ListingId(id) for id in read_facts(run, SPLIT)["test"])
