"""From an order of keys to the listings of a page."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Item, Request
from marketrank.ports import ListingStore
from marketrank.ranking.rerank import Reranked
from marketrank.retrieval.follow import View
from marketrank.types import ListingKey

Keys = NDArray[np.int64]


class Filler:
    """Fills pages from the store, which alone knows what is still live."""

    def __init__(self, listings: ListingStore) -> None:
        self._listings = listings

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
        stored = self._listings.get_by_key(_listing_keys(keys))
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


def _listing_keys(keys: Keys) -> list[ListingKey]:
    return [ListingKey(key) for key in keys.tolist()]
