"""What is on offer now, read from the store a batch at a time."""

from collections.abc import Iterator

from marketrank.ports import ListingStore
from marketrank.types import Listing, Seq, Stored

_BATCH = 5_000


def live(store: ListingStore) -> Iterator[Stored]:
    """In the order of their last changes."""
    after = Seq(0)
    while changes := store.changes(after, _BATCH):
        yield from (stored for stored in changes if stored.live)
        after = changes[-1].seq


def live_listings(store: ListingStore) -> Iterator[Listing]:
    """As `live`, without what the store knows besides."""
    return (stored.listing for stored in live(store))
