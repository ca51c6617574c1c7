"""The baselines on what is in the store: read, split by leak group, fit, measure, keep a run."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.evaluation.confusion_plot import draw_confusion
from marketrank.evaluation.model_metrics import confusion
from marketrank.models.baseline_files import Baselines, save
from marketrank.models.baselines import (
    Categories,
    best_photo_share,
    calibrated,
    fit_photo_category,
    fit_text_category,
    need_scikit_learn,
)
from marketrank.models.labels import learn_labels
from marketrank.models.price import fit_price
from marketrank.models.probabilities import logs
from marketrank.models.small_photos import WIDTH, describe
from marketrank.pipelines.heldout import HeldOut
from marketrank.pipelines.model_evaluation import Categorised, categorise_described, score
from marketrank.pipelines.price_intervals import learn_intervals
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.run_facts import write_facts, write_json
from marketrank.pipelines.runs import Run, finished_run, identify, write_run
from marketrank.pipelines.training_data import TrainingData, read_photos
from marketrank.ports import BlobStore
from marketrank.types import Listing, ListingId

KIND = "baselines"
_PHOTO_BATCH = 512
MOST_PHOTOS = 30_000
"""Photos that the baseline learns from and is tested on, by hash: 270 MB of numbers."""
_HELD_OUT = 2  # what is kept of held-out listings: runs that kept less are done again
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """Listings, their described photos (m, WIDTH), and the row of each photo's listing (m,)."""

    listings: tuple[Listing, ...]
    described: NDArray[np.float32]
    owner: NDArray[np.int64]

    def take(self, ids: Collection[ListingId]) -> "Sample":
        """Those of these ids, in the same order."""
        wanted = set(ids)
        kept = [row for row, listing in enumerate(self.listings) if listing.id in wanted]
        new_row = np.full(len(self.listings), -1, np.int64)
        new_row[kept] = np.arange(len(kept))
        owner = new_row[self.owner]
        listings = tuple(self.listings[row] for row in kept)
        return Sample(listings, self.described[owner >= 0], owner[owner >= 0])


def train_baselines(
    data: TrainingData,
    blobs: BlobStore,
    home: Path,
    *,
    at: datetime,
    currency: str = "GBP",
    reuse: bool = False,
    progress: Progress = silent,
) -> Run:
    """Fit the baselines and write a run folder; nothing is published. With `reuse` a run that was
    finished on the same data with the same seed is not done again.

    The scores are those of models fitted to the training part, with temperature and fusion chosen
    on the validation part, on the test part. The models that are kept are fitted again, by the
    same recipe, to all listings: a fifth more data, and nothing left to choose by.
    """
    need_scikit_learn()
    identity = identify(data=data.data_hash, seed=data.seed, currency=currency, held_out=_HELD_OUT)
    if reuse and (done := finished_run(home, KIND, identity)):
        return done
    whole = _sample(data.listings, blobs, progress)
    data.rows()  # raises where a part teaches nothing
    train, validation, test = (
        whole.take(ids) for ids in (data.split.train, data.split.validation, data.split.test)
    )
    progress("fit baselines", 0, 3)
    measured = _tune(_fit(train, seed=data.seed, currency=currency), validation)
    categorised = categorise_described(measured, test.listings, test.described, test.owner)
    prices = None if measured.price is None else measured.price.log_prices(test.listings)
    metrics = score(test.listings, categorised, prices, currency=currency)
    progress("fit baselines", 1, 3)
    learned = learn_intervals(data, measured.price, currency=currency)
    if learned is not None:
        metrics["price"] |= learned.metrics
    progress("fit baselines", 2, 3)
    kept = _with_tuning(_fit(whole, seed=data.seed, currency=currency), measured)
    kept = replace(kept, interval=learned.interval if learned else None)
    progress("fit baselines", 3, 3)

    def fill(folder: Path) -> None:
        categories = measured.categories
        write_facts(
            folder,
            data,
            metrics,
            kind=KIND,
            at=at,
            identity=identity,
            currency=currency,
            classes=len(categories.labels),
            temperature=categories.text.temperature,
            photo_share=categories.photo_share,
        )
        write_json(folder / "trained_on.json", [listing.id for listing in data.listings])
        _hold_out(measured, kept, validation, categorised, prices).save(folder)
        _draw(folder, test, categorised)
        (folder / "model").mkdir()
        save(kept, folder / "model")

    return Run(write_run(home, KIND, at=at, fill=fill), metrics)


def _sample(listings: tuple[Listing, ...], blobs: BlobStore, progress: Progress) -> Sample:
    """Describe the photos, at most MOST_PHOTOS; those that cannot be read are logged and left."""
    shown = [(photo.blob, row) for row, listing in enumerate(listings) for photo in listing.photos]
    if len(shown) > MOST_PHOTOS:
        _log.warning("the photo baseline uses %d of %d photos", MOST_PHOTOS, len(shown))
        shown = sorted(sorted(shown)[:MOST_PHOTOS], key=lambda one: one[1])
    described: list[NDArray[np.float32]] = [np.zeros((0, WIDTH), np.float32)]
    owners: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    for first in range(0, len(shown), _PHOTO_BATCH):
        some = shown[first : first + _PHOTO_BATCH]
        numbers, readable = describe(read_photos(blobs, [blob for blob, _ in some]))
        for (blob, row), well in zip(some, readable, strict=True):
            if not well:
                _log.warning(
                    "photo %s of listing %s cannot be read: left out", blob, listings[row].id
                )
        described.append(numbers[readable])
        owners.append(np.array([row for _, row in some], dtype=np.int64)[readable])
        progress("describe photos", first + len(some), len(shown))
    return Sample(listings, np.concatenate(described), np.concatenate(owners))


def _fit(sample: Sample, *, seed: int, currency: str) -> Baselines:
    """Models that are not tuned yet. What the sample cannot teach is logged and left out."""
    labels = learn_labels(listing.category for listing in sample.listings)
    codes = labels.encode(listing.category for listing in sample.listings)
    text = fit_text_category(sample.listings, codes, classes=len(labels), seed=seed)
    photos = price = None
    try:
        photos = fit_photo_category(sample.described, codes[sample.owner], classes=len(labels))
    except BadInput as error:
        _log.warning("no photo baseline: %s", error)
    try:
        price = fit_price(sample.listings, currency=currency)
    except BadInput as error:
        _log.warning("no price baseline: %s", error)
    return Baselines(Categories(labels, text, photos, photo_share=0.0), price)


def _tune(baselines: Baselines, validation: Sample) -> Baselines:
    """With temperature and fusion chosen on listings that were not fitted."""
    categories = baselines.categories
    codes = categories.labels.encode(listing.category for listing in validation.listings)
    text = calibrated(categories.text, validation.listings, codes)
    share = 0.0
    if categories.photos is not None:
        share = best_photo_share(
            text.probabilities(validation.listings),
            categories.photos.of_described(validation.described),
            validation.owner,
            codes,
        )
    return replace(baselines, categories=replace(categories, text=text, photo_share=share))


def _with_tuning(baselines: Baselines, tuned: Baselines) -> Baselines:
    temperature = tuned.categories.text.temperature
    text = replace(baselines.categories.text, temperature=temperature)
    share = tuned.categories.photo_share
    return replace(
        baselines, categories=replace(baselines.categories, text=text, photo_share=share)
    )


def _hold_out(
    measured: Baselines,
    kept: Baselines,
    validation: Sample,
    categorised: Categorised,
    prices: NDArray[np.float32] | None,
) -> HeldOut:
    """What the measured model says by `words`, as log probabilities of the kept model's labels;
    and of the test part all that it says, for those who compare with it."""
    labels = kept.categories.labels
    columns = labels.encode(measured.categories.labels.names)

    def wide(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        found = np.zeros((len(probabilities), len(labels)), np.float32)
        found[:, columns] = probabilities
        return found

    words = measured.categories.text
    first = {"words": logs(wide(words.probabilities(validation.listings)))}
    second: dict[str, NDArray[Any]] = {
        "words": logs(wide(categorised.text)),
        "floor_combined": wide(categorised.combined),
        "floor_owner": categorised.owner,
    }
    if categorised.photos is not None:
        second["floor_photos"] = wide(categorised.photos)
    if prices is not None:
        second["log_prices"] = prices
    return HeldOut(first, second)


def _draw(folder: Path, test: Sample, categorised: Categorised) -> None:
    labels = categorised.labels
    names = [" / ".join(name) for name in labels.names]
    codes = labels.encode(listing.category for listing in test.listings)
    kinds = {"text": (codes, categorised.text), "combined": (codes, categorised.combined)}
    if categorised.photos is not None:
        kinds["image"] = (codes[test.owner], categorised.photos)
    for kind, (true, probabilities) in kinds.items():
        matrix = confusion(true, probabilities.argmax(axis=1), len(labels))
        path = folder / f"confusion-{kind}.png"
        draw_confusion(matrix, names, path, title=f"Baseline: category by {kind}, test part")
