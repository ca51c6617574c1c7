"""Scores of models on a labelled feed. The store is neither read nor written: the feed is cleaned
in memory by the functions that ingest uses."""

import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank.errors import BadInput, Corrupt
from marketrank.evaluation.model_metrics import (
    classified,
    priced,
    sibling_recall,
    title_to_image_recall,
)
from marketrank.listings.clean import clean_record
from marketrank.listings.photo_pool import PhotoPool
from marketrank.models import baseline_files
from marketrank.models.labels import Labels
from marketrank.models.price import log_price
from marketrank.models.published import PublishedModel
from marketrank.models.registry import Registry
from marketrank.models.small_photos import describe
from marketrank.pipelines.counting import Count
from marketrank.pipelines.ingest import Cleaning, Feed
from marketrank.pipelines.photos import PhotoIntake
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.rejections import Rejections
from marketrank.pipelines.runs import newest_run
from marketrank.types import BlobKey, Listing, ListingId, Reason, Rejected, Vectors

_BATCH = 256
_K = 10
_log = logging.getLogger(__name__)
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Categorised:
    """Probabilities of root categories, columns as in `labels`: by text (n, k), of each photo
    (m, k), and of text and photos together (n, k). `owner` (m,) is the row of each photo's listing;
    unreadable photos have no row. `photos` is None where the models have none for them. `titles`
    (n, dim) and `photo_vectors` (m, dim) are unit rows of one space, None where there is none."""

    labels: Labels
    text: Floats
    photos: Floats | None
    owner: NDArray[np.int64]
    combined: Floats
    titles: Vectors | None = None
    photo_vectors: Vectors | None = None


class Models(Protocol):
    """What can be scored: the baselines now, a learned model later. `trained_on` names the
    listings that it has seen."""

    @property
    def trained_on(self) -> frozenset[ListingId]: ...

    def categorise(
        self, listings: Sequence[Listing], photos: Sequence[Sequence[bytes]]
    ) -> Categorised: ...

    def log_prices(self, listings: Sequence[Listing]) -> Floats | None:
        """ln(1 + price), shape (n,), not reading the listings' own; None without such a model."""


@dataclass(frozen=True)
class CleanFeed:
    """The accepted listings of a feed, and the cleaned JPEGs of each."""

    listings: tuple[Listing, ...]
    photos: tuple[tuple[bytes, ...], ...]


def clean_feed(
    feed: Feed,
    *,
    cleaning: Cleaning,
    pool: PhotoPool,
    at: datetime,
    progress: Progress = silent,
) -> CleanFeed:
    """Clean a feed as ingest does, keeping nothing but the result, in memory. Raises BadInput
    where no record is a listing."""
    blobs = _Memory()
    intake = feed.photos and PhotoIntake(
        feed.photos,
        feed.images,
        pool=pool,
        blobs=blobs,
        rejections=Rejections("photo", feed.source, _Nowhere(), Count(), at=at),
        source=feed.source,
        count=Count(),
    )
    listings: list[Listing] = []
    cleaned = _clean(feed, cleaning)
    while batch := list(islice(cleaned, _BATCH)):
        listings += intake.attach(batch, {}) if intake else batch
        progress("clean the feed", len(listings), None)
    if not listings:
        raise BadInput(f"no record of {feed.source} is a listing; there is nothing to score")
    progress("clean the feed", len(listings), len(listings))
    photos = tuple(tuple(blobs.get(photo.blob) for photo in one.photos) for one in listings)
    return CleanFeed(tuple(listings), photos)


def evaluate(
    feed: CleanFeed, models: Models, *, currency: str, progress: Progress = silent
) -> dict[str, Any]:
    """The scores that these models and this feed allow: a key is left out where the feed has
    nothing to score it on.

    Listings that the models were trained on are counted in a warning."""
    seen = sum(listing.id in models.trained_on for listing in feed.listings)
    if seen:
        _log.warning(
            "%d of the %d listings were trained on: what these add to the scores is memory",
            *(seen, len(feed.listings)),
        )
    return score(
        feed.listings,
        _categorise(feed, models, progress),
        models.log_prices(feed.listings),
        currency=currency,
    )


def _categorise(feed: CleanFeed, models: Models, progress: Progress) -> Categorised:
    """A batch at a time, so that somebody who waits sees how far it is."""
    n, parts, owners = len(feed.listings), [], []
    for start in range(0, n, _BATCH):
        progress("score models", start, n)
        rows = slice(start, start + _BATCH)
        parts.append(models.categorise(feed.listings[rows], feed.photos[rows]))
        owners.append(parts[-1].owner + start)
    progress("score models", n, n)

    def joined(arrays: Iterable[Floats | None]) -> Floats | None:
        held = [array for array in arrays if array is not None]
        return np.concatenate(held) if held else None

    return Categorised(
        parts[0].labels,
        np.concatenate([part.text for part in parts]),
        joined(part.photos for part in parts),
        np.concatenate(owners),
        np.concatenate([part.combined for part in parts]),
        joined(part.titles for part in parts),
        joined(part.photo_vectors for part in parts),
    )


def score(
    listings: Sequence[Listing],
    categorised: Categorised,
    log_prices: Floats | None,
    *,
    currency: str,
) -> dict[str, Any]:
    """`image` counts photos, `text` and `combined` listings, all with a category; one that the
    model does not know counts as wrong. `price` counts listings with a `price.log_price`."""
    codes = categorised.labels.encode(listing.category for listing in listings)
    labelled = np.array([bool(listing.category) for listing in listings], dtype=np.bool_)
    result: dict[str, Any] = {}
    if categorised.photos is not None:
        shown = labelled[categorised.owner]
        if shown.any():
            taken = categorised.photos.argmax(axis=1)[shown]
            result["image"] = classified_part(codes[categorised.owner][shown], taken)
    if labelled.any():
        for name, probabilities in (
            ("text", categorised.text),
            ("combined", categorised.combined),
        ):
            taken = probabilities.argmax(axis=1)[labelled]
            result[name] = classified_part(codes[labelled], taken)
    targets = [log_price(listing, currency) for listing in listings]
    at = np.flatnonzero([target is not None for target in targets])
    if log_prices is not None and len(at):
        true = np.array([target for target in targets if target is not None])
        met = priced(true, log_prices[at])
        result["price"] = {"log_r2": met.log_r2, "log_rmse": met.log_rmse, "n": met.n}
    return result | _score_vectors([listing.id for listing in listings], categorised)


def classified_part(true: NDArray[np.int64], predicted: NDArray[np.int64]) -> dict[str, Any]:
    """Accuracy and macro-F1 as the report has them."""
    found = classified(true, predicted)
    return {"accuracy": found.accuracy, "macro_f1": found.macro_f1, "n": found.n}


def _score_vectors(ids: Sequence[ListingId], categorised: Categorised) -> dict[str, Any]:
    """Whether photos find their siblings, and titles their photos, among all photos."""
    titles, photos = categorised.titles, categorised.photo_vectors
    if titles is None or photos is None or not len(photos):
        return {}
    owners = [ids[row] for row in categorised.owner]
    crossing = title_to_image_recall(titles, ids, photos, owners, _K)
    part = {f"title_to_image_recall@{_K}": crossing.value, "n": crossing.n}
    return score_siblings(photos, owners) | ({"cross_modal": part} if crossing.n else {})


def score_siblings(photos: Vectors, owners: Sequence[ListingId]) -> dict[str, Any]:
    """The part `similar`, of the vectors of photos (m, dim) and the listing of each; {} where no
    listing has two."""
    similar = sibling_recall(photos, owners, _K)
    part = {f"sibling_recall@{_K}": similar.value, "n": similar.n}
    return {"similar": part} if similar.n else {}


class BaselineModels:
    """A baselines run as `Models`."""

    def __init__(
        self, baselines: baseline_files.Baselines, trained_on: frozenset[ListingId]
    ) -> None:
        self._baselines = baselines
        self._trained_on = trained_on

    @property
    def trained_on(self) -> frozenset[ListingId]:
        return self._trained_on

    def categorise(
        self, listings: Sequence[Listing], photos: Sequence[Sequence[bytes]]
    ) -> Categorised:
        described, readable = describe(photo for some in photos for photo in some)
        owner = np.repeat(np.arange(len(photos)), [len(some) for some in photos])[readable]
        return categorise_described(self._baselines, listings, described[readable], owner)

    def log_prices(self, listings: Sequence[Listing]) -> Floats | None:
        price = self._baselines.price
        return None if price is None else price.log_prices(listings)


def categorise_described(
    baselines: baseline_files.Baselines,
    listings: Sequence[Listing],
    described: Floats,
    owner: NDArray[np.int64],
) -> Categorised:
    """As `BaselineModels.categorise`, of photos that are described already."""
    categories = baselines.categories
    text, by_photo, combined = categories.of(listings, described, owner)
    return Categorised(categories.labels, text, by_photo, owner, combined)


class PublishedModels:
    """A version of the registry as `Models`."""

    def __init__(self, model: PublishedModel) -> None:
        self._model = model

    @property
    def trained_on(self) -> frozenset[ListingId]:
        return self._model.trained_on

    def categorise(
        self, listings: Sequence[Listing], photos: Sequence[Sequence[bytes]]
    ) -> Categorised:
        found = self._model.judge(listings, photos)
        return Categorised(
            self._model.labels,
            found.text,
            found.photos if len(found.photos) else None,
            found.owner,
            found.combined,
            found.titles,
            found.photo_vectors,
        )

    def log_prices(self, listings: Sequence[Listing]) -> Floats | None:
        return self._model.log_prices(listings)


def current_models(home: Path, registry: Registry, *, threads: int) -> Models:
    """The promoted version, else the last baselines run. Raises NotReady where there is neither,
    Corrupt where it is damaged."""
    version = registry.current()
    if version is None:
        return newest_baselines(home)
    return PublishedModels(PublishedModel(registry.path(version), threads=threads))


def newest_baselines(home: Path) -> BaselineModels:
    """The last baselines run. Raises NotReady where there is none, Corrupt where it is damaged."""
    folder = newest_run(home, "baselines", command="marketrank train baselines")
    try:
        trained_on = orjson.loads((folder / "trained_on.json").read_bytes())
    except (OSError, ValueError) as error:
        raise Corrupt(f"{folder} cannot be read ({error}); delete it and train again") from error
    return BaselineModels(baseline_files.load(folder / "model"), frozenset(trained_on))


def _clean(feed: Feed, cleaning: Cleaning) -> Iterator[Listing]:
    seen: set[ListingId] = set()
    for record in feed.records:
        if isinstance(record, Rejected):
            continue
        cleaned = clean_record(
            record,
            source=feed.source,
            gazetteer=cleaning.gazetteer,
            currency=cleaning.currency,
            country=cleaning.country,
            keep_original=False,
        )
        if isinstance(cleaned, Listing) and cleaned.id not in seen:
            seen.add(cleaned.id)
            yield cleaned


class _Memory:
    """Blobs in a dictionary; implements `ports.BlobStore`."""

    def __init__(self) -> None:
        self._held: dict[BlobKey, bytes] = {}

    def put(self, data: bytes) -> BlobKey:
        key = BlobKey(hashlib.sha256(data).hexdigest())
        self._held[key] = data
        return key

    def get(self, key: BlobKey) -> bytes:
        return self._held[key]

    def exists(self, key: BlobKey) -> bool:
        return key in self._held


class _Nowhere:
    """A quarantine that keeps nothing; implements `ports.Quarantine`."""

    def put(self, rejected: Sequence[Rejected], *, at: datetime) -> None: ...

    def keep_only(self, kind: str, source: str, keys: Collection[str]) -> int:
        return 0

    def clear(self, kind: str, keys: Collection[str]) -> int:
        return 0

    def all(self) -> list[Rejected]:
        return []

    def counts(self) -> dict[tuple[str, Reason], int]:
        return {}

    def page(
        self, kind: str | None, reason: Reason | None, offset: int, limit: int
    ) -> list[tuple[datetime, Rejected]]:
        return []
