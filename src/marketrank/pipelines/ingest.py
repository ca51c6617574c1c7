"""Ingest: a feed of listings and photos into the store, with nothing lost on the way.

Every record ends as a listing or as a rejection with a reason. Records are written in batches,
photos first, so that a listing and its photos are one change; a run that is killed has written
whole batches, and running it again finds them unchanged.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from marketrank.listings.clean import clean_record
from marketrank.listings.dedupe import find_duplicates
from marketrank.listings.photo_pool import PhotoPool
from marketrank.listings.photo_source import PhotoSource
from marketrank.listings.places import Gazetteer
from marketrank.listings.prices import outliers
from marketrank.listings.sources import ImageRow, Record
from marketrank.pipelines.counting import Summary
from marketrank.pipelines.photos import PhotoIntake, keep_held
from marketrank.pipelines.progress import Progress, silent
from marketrank.ports import BlobStore, ListingStore, Quarantine
from marketrank.types import Listing, ListingId, Reason, Rejected, Seq, Signal

_BATCH = 256
_READ_BATCH = 5_000


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
    full: bool = False,
    progress: Progress = silent,
) -> Summary:
    """Read, clean and store a feed; compare its listings with all others.

    With `full` the feed is the whole marketplace: live listings that it lacks are ended.
    """
    summary = Summary()
    seen: set[ListingId] = set()
    intake = feed.photos and PhotoIntake(
        feed.photos,
        feed.images,
        pool=pool,
        blobs=blobs,
        quarantine=quarantine,
        source=feed.source,
        at=at,
        count=summary.photos,
    )
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
            quarantine=quarantine,
            at=at,
            summary=summary,
        )
        progress("ingest listings", summary.listings.read, None)
    progress("ingest listings", summary.listings.read, summary.listings.read)
    if intake:
        intake.finish()
    if full:
        summary.ended = listings.end(listings.live_ids() - seen, at=at)
    _compare(listings, summary, progress)
    summary.listings.check("listing")
    summary.photos.check("photo")
    return summary


def _clean(feed: Feed, cleaning: Cleaning, seen: set[ListingId]) -> Iterator[Listing | Rejected]:
    for record in feed.records:
        if isinstance(record, Rejected):
            # Still in the feed, if only as a ruin: a full feed must not end its older version.
            seen.add(ListingId(record.key))
            yield record
            continue
        cleaned = clean_record(
            record,
            source=feed.source,
            gazetteer=cleaning.gazetteer,
            currency=cleaning.currency,
            country=cleaning.country,
            keep_original=cleaning.keep_original,
        )
        name = ListingId(cleaned.id if isinstance(cleaned, Listing) else cleaned.key)
        if name in seen and isinstance(cleaned, Listing):
            cleaned = _repeated(name, record.row, feed.source)
        seen.add(name)
        yield cleaned


def _repeated(name: ListingId, row: int, source: str) -> Rejected:
    detail = f"id {name!r} was already read from this feed; the first row counts"
    return Rejected("listing", f"{name} (row {row})", Reason.REPEATED_ID, detail, source)


def _write(
    good: Sequence[Listing],
    rejected: Sequence[Rejected],
    *,
    listings: ListingStore,
    quarantine: Quarantine,
    at: datetime,
    summary: Summary,
) -> None:
    applied = listings.apply(good, at=at)
    quarantine.clear("listing", [listing.id for listing in good])
    quarantine.put(rejected, at=at)
    summary.listings.read += len(good) + len(rejected)
    summary.listings.accepted += applied.inserted + applied.updated + applied.unchanged
    summary.listings.unchanged += applied.unchanged
    summary.inserted += applied.inserted
    summary.updated += applied.updated
    for one in rejected:
        summary.listings.reject(one)


def _compare(listings: ListingStore, summary: Summary, progress: Progress) -> None:
    """Link duplicates and flag odd prices: what only a look at all live listings shows."""
    progress("compare listings", 0, None)
    live = list(_live(listings))
    links = find_duplicates(live)
    odd = outliers(
        {one.id: (one.category, one.price.minor) for one in live if one.price is not None}
    )
    signals: dict[ListingId, list[Signal]] = {}
    for name in sorted(odd):
        signals.setdefault(name, []).append(Signal.PRICE_OUTLIER)
    for name in sorted({link.listing for link in links}):
        signals.setdefault(name, []).append(Signal.DUPLICATE)
    listings.replace_duplicates(links)
    listings.set_signals(signals)
    summary.duplicates = len({link.listing for link in links})
    summary.price_outliers = len(odd)
    progress("compare listings", len(live), len(live))


def _live(listings: ListingStore) -> Iterator[Listing]:
    after = Seq(0)
    while changes := listings.changes(after, _READ_BATCH):
        yield from (stored.listing for stored in changes if stored.live)
        after = changes[-1].seq
