"""How much interest a listing has had: counts by kind, of nobody in particular."""

from collections.abc import Mapping, Sequence
from datetime import date
from threading import Lock

from marketrank.people import Counted, Interaction, InteractionKind
from marketrank.types import ListingId


class Interest:
    """Counts what is heard of since a day; it holds no buyer. One writer at a time, any number of
    readers."""

    def __init__(self, since: date) -> None:
        self.since = since
        self._counts: dict[ListingId, dict[InteractionKind, int]] = {}
        self._lock = Lock()

    def hear(self, interactions: Sequence[Interaction], counted: Sequence[Counted]) -> None:
        """See feedback.follow_events.Listener."""
        done = [(one.listing, one.kind) for one in interactions if one.at.date() >= self.since]
        done += [(one.listing, one.kind) for one in counted if one.day >= self.since]
        with self._lock:
            for listing, kind in done:
                counts = self._counts.setdefault(listing, {})
                counts[kind] = counts.get(kind, 0) + 1

    def of(self, listing: ListingId) -> Mapping[InteractionKind, int]:
        """The counts that are above 0."""
        with self._lock:
            return dict(self._counts.get(listing, {}))
