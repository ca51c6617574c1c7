"""Listings by the API: made, changed and ended one by one or in bulk, cleaned and compared as a
feed's are."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from marketrank.errors import BadInput, InConflict, NotAllowed, NotThere
from marketrank.jobs import Line
from marketrank.listings.clean import clean_record, flags_of, with_photos
from marketrank.listings.images import CleanedPhoto, PhotoProblem
from marketrank.listings.sources import Record, present
from marketrank.pipelines.ingest import Cleaning
from marketrank.pipelines.offer_fields import LONGEST_ID, record_values
from marketrank.pipelines.photos import keep_held
from marketrank.ports import BlobStore, ListingStore
from marketrank.types import (
    Flag,
    ImageId,
    Listing,
    ListingId,
    Original,
    Photo,
    Reason,
    Rejected,
    SellerId,
    Seq,
    Stored,
)

BATCH = 256
_SOURCE = "the API"
_ANSWERS_FOR: Mapping[str, tuple[str, ...]] = {
    "title": ("title",),
    "description": ("description",),
    "category": ("category", "seller_type"),
    "price": ("price",),
    "currency": ("price",),
    "location": ("place",),
    "latitude": ("place",),
    "longitude": ("place",),
    "created_at": ("created_at",),
    "seller_id": ("seller",),
}
"""The fields of a Listing that each field of a record decides."""
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: everybody's listings, or those of one seller."""

    seller: SellerId | None = None


class Offers:
    """Writes listings. May be called from several threads and processes: `alone` is entered
    around whatever is read and then written."""

    def __init__(
        self,
        *,
        listings: ListingStore,
        blobs: BlobStore,
        cleaning: Callable[[], Cleaning],
        clean_photo: Callable[[bytes], CleanedPhoto | PhotoProblem],
        alone: Callable[[], AbstractContextManager[None]],
        compare: Callable[[Collection[ListingId], datetime], None],
        most_photos: int,
    ) -> None:
        """`compare` is told what was written or ended, once it is, and stores its duplicates and
        signals: see comparing.Comparer."""
        self._listings = listings
        self._blobs = blobs
        self._cleaning = cleaning
        self._clean_photo = clean_photo
        self._alone = alone
        self._compare = compare
        self._most_photos = most_photos

    def create(self, values: Values, writer: Writer, at: datetime) -> Stored:
        """A new listing, under the id that is given or a new one. Raises BadInput for what cannot
        be a listing, InConflict where the id is taken, NotAllowed for another's listing."""
        # An empty id is an error, told below; "N/A" is how feeds write that there is none.
        if values.get("id") != "" and present(values.get("id")) is None:
            values = {**values, "id": uuid4().hex}
        listing = self._own(self._cleaned(values), writer, at, None)
        with self._alone():
            if self._listings.get([listing.id]):
                raise InConflict(f"listing {listing.id}: there is one already; send PATCH or PUT")
            self._listings.apply([with_photos(listing, ())], at=at)
            self._compare([listing.id], at)
        return self._find(listing.id)

    def upsert(
        self,
        records: Sequence[tuple[int, Values | str]],
        writer: Writer,
        at: datetime,
        seen: set[str] | None = None,
    ) -> list[Line]:
        """Make or change listings, each record whole: a field that it lacks is emptied, photos
        stay. `records` have their line numbers; one that is no record comes as the reason. A
        record whose id is in `seen`, or was seen before, is rejected; `seen` is added to."""
        lines: list[Line] = []
        known = set() if seen is None else seen
        for first in range(0, len(records), BATCH):
            lines += self._upsert(records[first : first + BATCH], writer, at, known)
        return lines

    def change(
        self, id: ListingId, values: Values, writer: Writer, at: datetime, seq: Seq | None = None
    ) -> Stored:
        """Change some fields of a listing; null empties one. An ended one becomes live again. With
        `seq` the listing must not have changed since that number, else InConflict is raised."""
        if not values:
            raise BadInput(f"no field is named; known are {', '.join(_ANSWERS_FOR)}")
        if values.get("id", id) != id:
            raise BadInput(f"id {values['id']!r}: a listing keeps its id; make another")
        with self._alone():
            stored = self._mine(id, writer)
            if seq is not None and stored.seq != seq:
                raise InConflict(f"listing {id}: it has changed since; get it again")
            changed = self._merged(stored.listing, values)
            self._listings.apply([self._own(changed, writer, at, stored)], at=at)
            self._compare([id], at)
        return self._find(id)

    def end(self, id: ListingId, writer: Writer, at: datetime) -> Stored:
        """End a listing; one that has ended stays so."""
        with self._alone():
            self._mine(id, writer)
            if self._listings.end([id], at=at):
                self._compare([id], at)
        return self._find(id)

    def add_photos(
        self, id: ListingId, files: Callable[[], Sequence[bytes]], writer: Writer, at: datetime
    ) -> Stored:
        """Clean photos and put them behind those that the listing has; a file that it has already
        is left out. `files` is asked once it is known that they are welcome. Raises BadInput for
        one that is no photo, then none is added."""
        self._mine(id, writer)  # before the work
        fresh = [self._kept(number, data) for number, data in enumerate(files(), start=1)]
        with self._alone():
            stored = self._mine(id, writer)
            photos = {photo.id: photo for photo in stored.listing.photos}
            for photo in fresh:
                photos.setdefault(photo.id, photo)
            if len(photos) > self._most_photos:
                raise InConflict(
                    f"the listing would have {len(photos)} photos; {self._most_photos} are the "
                    "most: remove some first"
                )
            self._put_photos(stored.listing, list(photos.values()), at)
        return self._find(id)

    def remove_photo(self, id: ListingId, image: ImageId, writer: Writer, at: datetime) -> Stored:
        """Raises NotThere for a photo that the listing does not have."""
        with self._alone():
            stored = self._mine(id, writer)
            left = [photo for photo in stored.listing.photos if photo.id != image]
            if len(left) == len(stored.listing.photos):
                raise NotThere(f"photo {image[:100]} of listing {id}: there is none")
            self._put_photos(stored.listing, left, at)
        return self._find(id)

    def _upsert(
        self,
        records: Sequence[tuple[int, Values | str]],
        writer: Writer,
        at: datetime,
        seen: set[str],
    ) -> list[Line]:
        lines: dict[int, Line] = {}
        good: dict[int, Listing] = {}
        for number, values in records:
            try:
                good[number] = self._cleaned(values)
            except BadInput as error:
                id = values.get("id") if isinstance(values, Mapping) else None
                lines[number] = Line(number, _id_text(id), "rejected", str(error))
        with self._alone():
            held = self._listings.get([one.id for one in good.values()])
            fit: dict[ListingId, Listing] = {}
            for number, one in good.items():
                try:
                    if one.id in seen:
                        raise BadInput("an earlier line has the same id; send each once")
                    fit[one.id] = self._own(one, writer, at, held.get(one.id))
                    seen.add(one.id)
                    lines[number] = Line(number, one.id, "")
                except (BadInput, NotAllowed) as error:
                    lines[number] = Line(number, one.id, "rejected", str(error))
            photos = self._listings.photos(list(fit))
            whole = keep_held(list(fit.values()), photos)
            statuses = {one.id: _status(one, held.get(one.id)) for one in whole}
            self._listings.apply(whole, at=at)
            written = [one.id for one in whole if statuses[one.id] != "unchanged"]
            if written:
                self._compare(written, at)
        return [
            line if line.status else replace(line, status=statuses[ListingId(line.id or "")])
            for line in (lines[number] for number, _ in records)
        ]

    def _cleaned(self, values: Values | str) -> Listing:
        """Raises BadInput, in words for the sender, for what is no listing."""
        if isinstance(values, str):
            raise BadInput(values)
        cleaning = self._cleaning()
        found = clean_record(
            Record(1, record_values(values)),
            source=_SOURCE,
            gazetteer=cleaning.gazetteer,
            currency=cleaning.currency,
            country=cleaning.country,
            keep_original=cleaning.keep_original,
        )
        if isinstance(found, Rejected):
            lacks = "id" if found.reason is Reason.MISSING_ID else "title"
            raise BadInput(f"{lacks}: it is missing; a listing needs it")
        return found

    def _own(
        self, listing: Listing, writer: Writer, at: datetime, stored: Stored | None
    ) -> Listing:
        """The listing as this writer may write it: a seller's is theirs, and was before."""
        before = stored.listing if stored else None
        if writer.seller is not None:
            if before is not None and before.seller != writer.seller:
                raise NotAllowed(f"listing {listing.id}: it is another seller's")
            if listing.seller not in (None, writer.seller):
                raise NotAllowed("seller_id: it is another seller's; leave it out")
            listing = replace(listing, seller=writer.seller)
        created = listing.created_at or (before.created_at if before else None) or at
        return replace(listing, created_at=created)

    def _merged(self, before: Listing, values: Values) -> Listing:
        """The listing with the fields that `values` names cleaned anew, and all others as they
        are."""
        named = {name: value for name, value in values.items() if name != "id"}
        # What is not named is only there to make a whole record.
        cleaned = self._cleaned({"id": "x", "title": "x", **_beside(before, named), **named})
        decided = {field for name in named for field in _ANSWERS_FOR.get(name, ())}
        merged = replace(before, **{field: getattr(cleaned, field) for field in decided})
        texts = {"title", "description"} & decided
        if texts:
            merged = replace(merged, original=_original(cleaned, before, decided))
        masked = Flag.CONTACT_MASKED in cleaned.flags or (
            Flag.CONTACT_MASKED in before.flags and len(texts) < 2
        )
        return with_photos(replace(merged, flags=flags_of(merged, masked)), before.photos)

    def _mine(self, id: ListingId, writer: Writer) -> Stored:
        stored = self._find(id)
        if writer.seller is not None and stored.listing.seller != writer.seller:
            raise NotAllowed(f"listing {id}: it is another seller's")
        return stored

    def _find(self, id: ListingId) -> Stored:
        stored = self._listings.get([id]).get(id)
        if stored is None:
            raise NotThere(f"listing {id[:100]}: there is none")
        return stored

    def _kept(self, number: int, data: bytes) -> Photo:
        cleaned = self._clean_photo(data)
        if isinstance(cleaned, PhotoProblem):
            raise BadInput(f"photo {number}: {cleaned.detail}")
        # The same file has the same id, so that sending it again adds nothing.
        id = ImageId(hashlib.sha256(data).hexdigest()[:32])
        return Photo(
            id=id,
            position=0,
            blob=self._blobs.put(cleaned.jpeg),
            source_sha256=cleaned.source_sha256,
            width=cleaned.width,
            height=cleaned.height,
            phash=cleaned.phash,
        )

    def _put_photos(self, listing: Listing, photos: Sequence[Photo], at: datetime) -> None:
        placed = [replace(photo, position=place) for place, photo in enumerate(photos)]
        self._listings.apply([with_photos(listing, placed)], at=at)
        self._compare([listing.id], at)


def _beside(before: Listing, named: Values) -> dict[str, Any]:
    """What belongs to the fields that are named: a currency without its price says nothing."""
    price, place = before.price, before.place
    found: dict[str, Any] = {}
    if price and "currency" in named and "price" not in named:
        found["price"] = price.minor / 100
    if price and "price" in named and "currency" not in named:
        found["currency"] = price.currency
    # A new place has new coordinates; new coordinates may be of the same place.
    if place and "latitude" in named and "location" not in named:
        found["location"] = str(place)[:200]
    return found


def _original(cleaned: Listing, before: Listing, decided: Collection[str]) -> Original | None:
    """The texts before masking, where they are kept: of each text the newer."""
    if cleaned.original is None and before.original is None:
        return None
    new = cleaned.original or Original(cleaned.title, cleaned.description)
    old = before.original or Original(before.title, before.description)
    return Original(
        new.title if "title" in decided else old.title,
        new.description if "description" in decided else old.description,
    )


def _status(listing: Listing, held: Stored | None) -> str:
    if held is None:
        return "created"
    same = held.live and held.listing.content_hash() == listing.content_hash()
    return "unchanged" if same else "updated"


def _id_text(id: object) -> str | None:
    text = present(id)
    return None if text is None else text[:LONGEST_ID]
