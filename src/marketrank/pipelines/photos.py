"""The photos of a feed: which listing claims which file, and what became of each."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import PurePosixPath

from marketrank.listings.clean import with_photos
from marketrank.listings.images import CleanedPhoto, PhotoProblem
from marketrank.listings.photo_pool import PhotoPool
from marketrank.listings.photo_source import PhotoSource
from marketrank.listings.sources import ImageRow
from marketrank.pipelines.counting import Count
from marketrank.pipelines.rejections import Rejections
from marketrank.ports import BlobStore
from marketrank.types import ImageId, Listing, ListingId, Photo, Reason, Rejected

_WRITERS = 8
Held = Mapping[ListingId, Mapping[ImageId, Photo]]


def keep_held(batch: Sequence[Listing], held: Held) -> list[Listing]:
    """A feed without photos says nothing about them: each listing keeps those that it has."""
    return [
        with_photos(
            listing,
            tuple(sorted(held.get(listing.id, {}).values(), key=lambda photo: photo.position)),
        )
        for listing in batch
    ]


class PhotoIntake:
    """Cleans the photos of each batch of listings and keeps them as blobs."""

    def __init__(
        self,
        photos: PhotoSource,
        table: Iterable[ImageRow | Rejected] | None,
        *,
        pool: PhotoPool,
        blobs: BlobStore,
        rejections: Rejections,
        source: str,
        count: Count,
    ) -> None:
        self._photos = photos
        self._pool = pool
        self._blobs = blobs
        self._rejections = rejections
        self._source = source
        self._count = count
        self._files: dict[ImageId, ImageId] = {}
        rows = self._rows_of_files() if table is None else table
        self._claims = self._read_claims(rows)

    def attach(self, batch: Sequence[Listing], held: Held) -> list[Listing]:
        """The batch with its photos cleaned, and those that cannot be in quarantine."""
        claims = {listing.id: self._claims.pop(listing.id, []) for listing in batch}
        known = {
            image: photo for listing in batch for image, photo in held.get(listing.id, {}).items()
        }
        outcomes = self._pool.clean(
            [image for images in claims.values() for image in images],
            self._read,
            known={image: photo.source_sha256 for image, photo in known.items()},
        )
        kept: dict[ImageId, Photo] = {}
        fresh: list[Future[Photo]] = []
        bad: list[Rejected] = []
        # A blob is synced to the disk before it counts: several wait at once, not one by one.
        with ThreadPoolExecutor(_WRITERS) as writers:
            for image, outcome in outcomes:
                if isinstance(outcome, PhotoProblem):
                    problem = (outcome.reason, outcome.detail)
                    bad.append(Rejected("photo", image, *problem, self._source))
                elif isinstance(outcome, CleanedPhoto):
                    fresh.append(writers.submit(self._keep, image, outcome))
                else:
                    kept[image] = known[image]
        self._count.unchanged += len(kept)
        kept.update((photo.result().id, photo.result()) for photo in fresh)
        self._count.accepted += len(kept)
        self._rejections.put(bad)
        self._rejections.clear(list(kept))
        return [with_photos(listing, _in_order(claims[listing.id], kept)) for listing in batch]

    def finish(self) -> None:
        """Reject what no listing of the feed claimed."""
        self._rejections.put(
            [
                Rejected(
                    "photo",
                    image,
                    Reason.PHOTO_WITHOUT_LISTING,
                    f"its listing {listing!r} is not among the accepted listings of this feed",
                    self._source,
                )
                for listing, images in self._claims.items()
                for image in images
            ]
        )
        self._claims = {}
        self._rejections.settle()

    def _read(self, image: ImageId, limit: int) -> bytes | None:
        """A photo by its id, or by the file that the table names for it."""
        return self._photos.read(self._files.get(image, image), limit)

    def _rows_of_files(self) -> Iterable[ImageRow | Rejected]:
        """Without a table a file belongs to the listing whose id is its name, or its name up to
        the last "-" or "_" before a number: `17.jpg`, `17-2.jpg`, `17_3.jpg`."""
        for row, image in enumerate(sorted(self._photos.ids())):
            stem, mark, number = image.rpartition("_" if "_" in image else "-")
            listing = stem if mark and number.isdigit() else image
            yield ImageRow(row=row, id=image, listing_id=ListingId(listing))
        for path in self._photos.repeated:
            detail = "another file of this name, in another folder or format, came first"
            yield Rejected("photo", path, Reason.REPEATED_ID, detail, self._source)

    def _read_claims(self, rows: Iterable[ImageRow | Rejected]) -> dict[ListingId, list[ImageId]]:
        claims: dict[ListingId, list[ImageId]] = {}
        seen: set[ImageId] = set()
        bad: list[Rejected] = []
        for row in rows:
            self._count.read += 1
            if isinstance(row, Rejected):
                bad.append(row)
            elif row.id in seen:
                detail = f"image id {row.id!r} was already read from this feed"
                key = f"{row.id} (row {row.row})"
                bad.append(Rejected("photo", key, Reason.REPEATED_ID, detail, self._source))
            else:
                seen.add(row.id)
                claims.setdefault(row.listing_id, []).append(row.id)
                if row.ref and row.id not in self._photos.files:
                    self._files[row.id] = ImageId(PurePosixPath(row.ref.partition("?")[0]).stem)
        self._rejections.put(bad)
        return claims

    def _keep(self, image: ImageId, cleaned: CleanedPhoto) -> Photo:
        return Photo(
            id=image,
            position=0,
            blob=self._blobs.put(cleaned.jpeg),
            source_sha256=cleaned.source_sha256,
            width=cleaned.width,
            height=cleaned.height,
            phash=cleaned.phash,
        )


def _in_order(images: Sequence[ImageId], kept: Mapping[ImageId, Photo]) -> tuple[Photo, ...]:
    present = [kept[image] for image in images if image in kept]
    return tuple(
        Photo(p.id, position, p.blob, p.source_sha256, p.width, p.height, p.phash)
        for position, p in enumerate(present)
    )
