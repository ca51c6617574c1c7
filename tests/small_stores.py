"""Stores in memory: what writing by the API needs of them."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from marketrank.jobs import Job, Line, Replay
from marketrank.types import (
    Applied,
    BlobKey,
    ImageId,
    Listing,
    ListingId,
    ListingKey,
    Photo,
    Seq,
    Stored,
)


@dataclass
class SmallListings:
    """The part of ports.ListingStore that `Offers` uses, over a dictionary."""

    stored: dict[ListingId, Stored]

    def get(self, ids: Sequence[ListingId]) -> dict[ListingId, Stored]:
        return {id: self.stored[id] for id in ids if id in self.stored}

    def apply(self, listings: Sequence[Listing], *, at: datetime) -> Applied:
        inserted = updated = 0
        for one in listings:
            held = self.stored.get(one.id)
            if held is None:
                key = ListingKey(len(self.stored))
                self.stored[one.id] = Stored(one, key, self._next(), True, at)
                inserted += 1
            elif not held.live or held.listing.content_hash() != one.content_hash():
                self.stored[one.id] = replace(held, listing=one, live=True, seq=self._next())
                updated += 1
        return Applied(inserted, updated, len(listings) - inserted - updated)

    def end(self, ids: Collection[ListingId], *, at: datetime) -> int:
        ending = [id for id in ids if self.stored[id].live]
        for id in ending:
            self.stored[id] = replace(self.stored[id], live=False, seq=self._next())
        return len(ending)

    def photos(self, listings: Collection[ListingId]) -> dict[ListingId, dict[ImageId, Photo]]:
        known = self.get(list(listings))
        return {id: {photo.id: photo for photo in one.listing.photos} for id, one in known.items()}

    def _next(self) -> Seq:
        return Seq(1 + max((one.seq for one in self.stored.values()), default=0))


@dataclass
class SmallBlobs:
    """Implements ports.BlobStore over a dictionary."""

    held: dict[BlobKey, bytes]

    def put(self, data: bytes) -> BlobKey:
        key = BlobKey(hashlib.sha256(data).hexdigest())
        self.held[key] = data
        return key

    def get(self, key: BlobKey) -> bytes:
        return self.held[key]

    def exists(self, key: BlobKey) -> bool:
        return key in self.held


@dataclass
class SmallJobs:
    """Implements jobs.JobStore."""

    held: dict[str, Job] = field(default_factory=dict)
    told: dict[str, list[Line]] = field(default_factory=dict)

    def put(self, job: Job) -> None:
        self.held[job.id] = job

    def get(self, id: str) -> Job | None:
        return self.held.get(id)

    def add_lines(self, job: str, lines: Sequence[Line]) -> None:
        self.told.setdefault(job, []).extend(lines)

    def lines(self, job: str, after: int, limit: int) -> list[Line]:
        found = sorted(self.told.get(job, []), key=lambda line: line.line)
        return [line for line in found if line.line > after][:limit]

    def drop_before(self, at: datetime) -> int:
        old = [job.id for job in self.held.values() if job.updated_at < at]
        for id in old:
            self.told.pop(id, None)
            del self.held[id]
        return len(old)


@dataclass
class SmallReplays:
    """Implements jobs.ReplayStore."""

    held: dict[tuple[str, str], tuple[datetime, Replay]] = field(default_factory=dict)

    def begin(self, owner: str, key: str, request: bytes, *, at: datetime) -> Replay | None:
        self.held = {
            name: one for name, one in self.held.items() if one[0] >= at - timedelta(days=1)
        }
        if (owner, key) in self.held:
            return self.held[owner, key][1]
        self.held[owner, key] = (at, Replay(request))
        return None

    def finish(self, owner: str, key: str, replay: Replay) -> None:
        self.held[owner, key] = (self.held[owner, key][0], replay)

    def drop(self, owner: str, key: str) -> None:
        self.held.pop((owner, key), None)
