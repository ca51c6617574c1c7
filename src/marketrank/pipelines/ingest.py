"""Ingest: a feed of listings and photos into the store, with nothing lost on the way.

Every record ends as a listing or as a rejection with a reason. Records are written in batches,
photos first, so that a listing and its photos are one change; a run that is killed has written
whole batches, and running it again finds them unchanged.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from marketrank.errors import BadInput
from marketrank.listings.clean import clean_record
from marketrank.listings.photo_pool import PhotoPool
from marketrank.listings.photo_source import PhotoSource
from marketrank.listings.places import Gazetteer
from marketrank.listings.sources import ImageRow, Record
from marketrank.pipelines.comparing import compare
from marketrank.pipelines.counting import Summary
from marketrank.pipelines.photos import PhotoIntake, keep_held
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.rejections import Rejections
from marketrank.ports import BlobStore, ListingStore, PriceEstimator, Quarantine
from marketrank.types import Applied, Listing, ListingId, Reason, Rejected

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Feed:
    """What is ingested. `photos` is None where the feed has none; `images` None where the photo
    files' own names say which listing they belong to."""

    source: str
    records: Iterable[Record | Rejected]
    images: Iterable[ImageRow | Rejected] | None = None
    photos: PhotoSource | None = None


@dataclass(frozen=True, slots=True)
class Cleaning:
    """How records are cleaned: see `config.Settings`."""

    gazetteer: Gazetteer
    currency: str
    country: str
    keep_original: bool


def ingest(
    feed: Feed,
    *,
    listings: ListingStore,
    quarantine: Quarantine,
    blobs: BlobStore,
    cleaning: Cleaning,
    pool: PhotoPool,
    at: datetime,
    estimator: PriceEstimator | None = None,
    full: bool = False,
    progress: Progress = silent,
) -> Summary:
    """Read, clean and store a feed; compare its listings with all others.

    With `full` the feed is the whole marketplace: live listings that it lacks are ended.
    """
    summary = Summary()
    seen = _Seen()
    intake = feed.photos and PhotoIntake(
        feed.photos,
        feed.images,
        pool=pool,
        blobs=blobs,
        rejections=Rejections("photo", feed.source, quarantine, summary.photos, at=at),
        source=feed.source,
        count=summary.photos,
    )
    rejections = Rejections("listing", feed.source, quarantine, summary.listings, at=at)
    cleaned = _clean(feed, cleaning, seen)
    while batch := list(islice(cleaned, _BATCH)):
        rejected = [one for one in batch if isinstance(one, Rejected)]
        good = [one for one in batch if isinstance(one, Listing)]
        held = listings.photos([listing.id for listing in good])
        complete = intake.attach(good, held) if intake else keep_held(good, held)
        _write(
            complete,
            rejected,
            listings=listings,
            rejections=rejections,
            source=feed.source,
            at=at,
            summary=summary,
        )
        progress("ingest listings", summary.listings.read, None)
    progress("ingest listings", summary.listings.read, summary.listings.read)
    if intake:
        intake.finish()
    rejections.settle()
    if full:
        if not seen.accepted:
            raise BadInput(
                f"{feed.source} has no usable listing, and --full would end the whole "
                "marketplace; check the feed"
            )
        summary.ended = listings.end(listings.live_ids() - seen.named, at=at)
    compared = compare(listings, estimator=estimator, progress=progress)
    summary.duplicates, summary.signals = compared.duplicates, compared.signals
    summary.listings.check("listing")
    summary.photos.check("photo")
    return summary


@dataclass(frozen=True, slots=True)
class _Seen:
    """Ids of one feed. A rejected row is still in the feed, if only as a ruin: it is `named`, so
    that a full feed does not end its older version, but a later good row of its id may come."""

    named: set[ListingId] = field(default_factory=set)
    accepted: set[ListingId] = field(default_factory=set)


def _clean(feed: Feed, cleaning: Cleaning, seen: _Seen) -> Iterator[Listing | Rejected]:
    for record in feed.records:
        cleaned = record if isinstance(record, Rejected) else _clean_one(record, feed, cleaning)
        if isinstance(cleaned, Rejected):
            seen.named.add(ListingId(cleaned.key))
        elif isinstance(record, Record) and cleaned.id in seen.accepted:
            cleaned = _repeated(cleaned.id, record, feed.source)
        else:
            seen.named.add(cleaned.id)
            seen.accepted.add(cleaned.id)
        yield cleaned


def _clean_one(record: Record, feed: Feed, cleaning: Cleaning) -> Listing | Rejected:
    return clean_record(
        record,
        source=feed.source,
        gazetteer=cleaning.gazetteer,
        currency=cleaning.currency,
        country=cleaning.country,
        keep_original=cleaning.keep_original,
    )


def _repeated(name: ListingId, record: Record, source: str) -> Rejected:
    detail = f"row {record.row}: id {name!r} was already read from this feed; the first row counts"
    return Rejected("listing", f"{name} (row {record.row})", Reason.REPEATED_ID, detail, source)


def _write(
    good: Sequence[Listing],
    rejected: Sequence[Rejected],
    *,
    listings: ListingStore,
    rejections: Rejections,
    source: str,
    at: datetime,
    summary: Summary,
) -> None:
    applied, unfit = _apply(good, listings, source, at)
    rejections.put([*rejected, *unfit])
    rejections.clear([listing.id for listing in good])
    summary.listings.read += len(good) + len(rejected)
    summary.listings.accepted += applied.inserted + applied.updated + applied.unchanged
    summary.listings.unchanged += applied.unchanged
    summary.inserted += applied.inserted
    summary.updated += applied.updated


def _apply(
    good: Sequence[Listing], listings: ListingStore, source: str, at: datetime
) -> tuple[Applied, list[Rejected]]:
    """Write a batch. The store refuses a batch for one record that it cannot hold (an id of a
    million characters): the halves are then tried, until the bad ones stand alone."""
    try:
        return listings.apply(good, at=at), []
    except BadInput as error:
        if len(good) == 1:
            key = good[0].id.replace("\0", "�")[:200]
            return Applied(), [
                Rejected("listing", key, Reason.NOT_STORABLE, str(error)[:500], source)
            ]
    half = len(good) // 2
    first, bad = _apply(good[:half], listings, source, at)
    second, worse = _apply(good[half:], listings, source, at)
    return Applied(
        first.inserted + second.inserted,
        first.updated + second.updated,
        first.unchanged + second.unchanged,
    ), [*bad, *worse]
