"""From an order of keys to the listings of a page."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Item, Request
from marketrank.kept import Kept
from marketrank.ports import ListingStore
from marketrank.ranking.rerank import Reranked
from marketrank.retrieval.follow import View
from marketrank.types import ListingKey, Stored

Keys = NDArray[np.int64]
_KEPT = 32_768  # listings of 1.8 kB: at most 60 MB, for half a millisecond a page


class Filler:
    """Fills pages from the store, which alone knows what is still live: it is asked each time, but
    sends only what has changed since it was asked before."""

    def __init__(self, listings: ListingStore, kept: int = _KEPT) -> None:
        self._listings = listings
        self._kept: Kept[ListingKey, Stored] = Kept(kept)

    def items(self, view: View, request: Request, reranked: Reranked) -> tuple[Item, ...]:
        """The page that is asked for; what has ended meanwhile is passed over."""
        candidates = reranked.candidates
        items: list[Item] = []
        start = request.offset
        while len(items) < request.k and start < len(candidates.keys):
            rows = range(start, min(start + request.k - len(items), len(candidates.keys)))
            items.extend(self._filled(view, request, reranked, rows))
            start = rows.stop
        return tuple(items)

    def _filled(
        self, view: View, request: Request, reranked: Reranked, rows: range
    ) -> Iterator[Item]:
        candidates = reranked.candidates
        keys: Keys = candidates.keys[rows.start : rows.stop]
        stored = self._read([ListingKey(key) for key in keys.tolist()])
        near = request.filters.near
        distances = view.catalogue.distances_km(keys, near) if near else None
        for place, row in enumerate(rows):
            found = stored.get(ListingKey(int(keys[place])))
            if found is None or not found.live:
                continue
            distance = None if distances is None else float(distances[place])
            behind = reranked.repeats.get(int(keys[place]), ())
            yield Item(
                listing=found.listing,
                score=float(candidates.scores[row]),
                distance_km=None if distance is None or np.isnan(distance) else distance,
                found_by=tuple(n for n, ranks in candidates.ranks.items() if ranks[row] >= 0),
                findings=found.findings,
                repeats=tuple(view.catalogue.ids(np.array(behind, np.int64))) if behind else (),
            )

    def _read(self, keys: list[ListingKey]) -> dict[ListingKey, Stored]:
        known = {key: one for key in keys if (one := self._kept.get(key)) is not None}
        found = self._listings.get_by_key(keys, known)
        for key, one in found.items():
            if one is not known.get(key):
                self._kept.put(key, one)
        return found
