"""What every training reads from the store: the live listings, their split, their leak groups."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput, NotReady
from marketrank.evaluation.splits import Split, split_by_group
from marketrank.listings.dedupe import leak_groups
from marketrank.pipelines.live import live_listings
from marketrank.ports import BlobStore, ListingStore
from marketrank.types import BlobKey, Duplicate, Listing, ListingId

_READ_BATCH = 5_000
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class TrainingData:
    """The live listings, sorted by id, as they were when they were read: what a training is of,
    whatever arrives meanwhile. How they are split, by which seed, the leak group of each, and a
    digest of their content."""

    seed: int
    listings: tuple[Listing, ...]
    split: Split
    groups: Mapping[ListingId, str]
    data_hash: str

    def rows(self) -> tuple[Rows, Rows, Rows]:
        """Positions in `listings` of the training, validation and test part. Raises BadInput where
        a part has no listing with a category: it could teach or tell nothing."""
        at = {listing.id: row for row, listing in enumerate(self.listings)}
        split = self.split
        parts = {"training": split.train, "validation": split.validation, "test": split.test}
        for name, ids in parts.items():
            if not any(self.listings[at[id]].category for id in ids):
                raise BadInput(
                    f"the {name} part has no listing with a category ({len(ids)} of "
                    f"{len(self.listings)} listings are in it); ingest more listings"
                )
        train, validation, test = (
            np.array([at[id] for id in ids], np.int64) for ids in parts.values()
        )
        return train, validation, test

    def group_numbers(self) -> Rows:
        """Shape (n,): a number for the leak group of each listing, the same whenever the group's
        name is: 63 bits of its hash."""
        return np.array(
            [
                int.from_bytes(
                    hashlib.blake2b(self.groups[one.id].encode(), digest_size=8).digest()
                )
                >> 1
                for one in self.listings
            ],
            np.int64,
        )


def read_training_data(store: ListingStore, *, seed: int) -> TrainingData:
    """All live listings and their split. Raises NotReady for an empty store."""
    return divide(live_listings(store), store.duplicates(), seed=seed)


def divide(live: Iterable[Listing], duplicates: Sequence[Duplicate], *, seed: int) -> TrainingData:
    """Listings and their split. Raises NotReady for none."""
    listings = tuple(sorted(live, key=lambda listing: listing.id))
    if not listings:
        raise NotReady("the store has no live listings to train on; run `marketrank ingest` first")
    groups = leak_groups(listings, duplicates)
    split = split_by_group([one.id for one in listings], groups, seed=seed)
    digest = hashlib.sha256()
    for listing in listings:
        digest.update(f"{listing.id}\0{listing.content_hash()}\0".encode())
    return TrainingData(seed, listings, split, groups, digest.hexdigest())


def read_photos(blobs: BlobStore, keys: Sequence[BlobKey]) -> Iterator[bytes]:
    """The bytes of each; none for one that is gone, which is as unreadable as a torn one."""
    for key in keys:
        try:
            yield blobs.get(key)
        except KeyError:
            yield b""
