"""The engine: a Request becomes a Ranking. Search, visual search, similar listings and the feed
differ only in which fields of the Request are set."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput, NotReady
from marketrank.ports import ListingStore, VectorStore
from marketrank.retrieval.follow import View
from marketrank.retrieval.fresh import newest
from marketrank.retrieval.fusion import reciprocal_rank
from marketrank.retrieval.spelling import correct
from marketrank.types import (
    Candidates,
    Correction,
    Hits,
    Item,
    ListingKey,
    Mask,
    Ranking,
    Request,
    Sort,
    Suggestion,
    Vectors,
)

Keys = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Depths:
    """How many hits each step keeps: the text retriever, the vector retriever, and a sort by
    anything but relevance, which reorders only the best matches: at most `sort` of them, each
    with at least the share `sort_floor` of its retriever's best score."""

    text: int
    vector: int
    sort: int
    sort_floor: float
    fusion_k: int


@dataclass(slots=True)
class _Stopwatch:
    stages_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.stages_ms[name] = round((perf_counter() - start) * 1000, 3)


class Engine:
    """Answers requests from one process's view of the marketplace."""

    def __init__(
        self,
        *,
        view: Callable[[], View | None],
        listings: ListingStore,
        vectors: VectorStore,
        depths: Depths,
    ) -> None:
        self._view = view
        self._listings = listings
        self._vectors = vectors
        self._depths = depths

    def suggest(self, text: str, limit: int) -> tuple[Suggestion, ...]:
        """What somebody who has typed this may go on to type. Raises NotReady before the first
        release."""
        return self._current().completer.complete(text, limit)

    def answer(self, request: Request) -> Ranking:
        """Rank listings for a request.

        Raises NotReady before the first release, BadInput for a `like` that does not exist.
        """
        view = self._current()
        watch = _Stopwatch()
        with watch.stage("filter"):
            allowed = view.catalogue.mask(request.filters)
        with watch.stage("understand"):
            request, corrected = _spelt(view, request)
            query = self._query_vector(view, request, allowed)
        with watch.stage("retrieve"):
            hits = self._retrieve(view, request, query, allowed)
            if corrected is not None and corrected.certain and not _found(hits, "text"):
                # Under these filters only what was typed may be there.
                hits |= self._retrieve(
                    view, replace(request, text=corrected.original), None, allowed
                )
        with watch.stage("fuse"):
            candidates = self._fuse(view, request, hits)
        with watch.stage("facets"):
            facets = view.catalogue.facets(candidates.keys, request.filters.category)
        with watch.stage("fill"):
            items = self._items(view, request, candidates)
        return Ranking(
            request.id,
            view.release,
            items,
            len(candidates.keys),
            facets,
            watch.stages_ms,
            corrected,
        )

    def _current(self) -> View:
        view = self._view()
        if view is None:
            raise NotReady("there is no index yet; run `marketrank index`")
        return view

    def _query_vector(self, view: View, request: Request, allowed: Mask) -> Vectors | None:
        if request.like is not None:
            key = view.catalogue.key_of(request.like)
            if key is None:
                raise BadInput(f"like={request.like}: there is no such listing")
            if key < len(allowed):
                allowed[key] = False  # a listing is not similar to itself
            return self._vectors.vector(view.encoder.version, key)
        if request.text.strip() or request.photo is not None:
            return view.encoder.encode_query(request.text, request.photo)
        return None

    def _retrieve(
        self, view: View, request: Request, query: Vectors | None, allowed: Mask
    ) -> dict[str, Hits]:
        hits: dict[str, Hits] = {}
        if request.text.strip():
            hits["text"] = view.text.search(request.text, self._depths.text, allowed)
        if query is not None:
            hits["vector"] = view.vectors.search(query, self._depths.vector, allowed)
        if not hits and request.like is None:
            hits["fresh"] = newest(view.catalogue, len(allowed), allowed)
        return hits

    def _fuse(self, view: View, request: Request, hits: Mapping[str, Hits]) -> Candidates:
        depths = self._depths
        if request.sort is Sort.RELEVANCE:
            return reciprocal_rank(hits, k=depths.fusion_k, weights=None)
        if "fresh" not in hits:
            # Everything is a faint match: sorting that by price would bury the matches.
            hits = {name: _strong(found, depths.sort_floor) for name, found in hits.items()}
        candidates = reciprocal_rank(hits, k=depths.fusion_k, weights=None)
        if "fresh" not in hits:
            candidates = _take(candidates, np.arange(min(depths.sort, len(candidates.keys))))
        near = request.filters.near
        return _take(candidates, view.catalogue.order(candidates.keys, request.sort, near))

    def _items(self, view: View, request: Request, candidates: Candidates) -> tuple[Item, ...]:
        """Fill in a page from the store, which alone knows what is still live."""
        items: list[Item] = []
        start = request.offset
        while len(items) < request.k and start < len(candidates.keys):
            rows = range(start, min(start + request.k - len(items), len(candidates.keys)))
            items.extend(self._filled(view, request, candidates, rows))
            start = rows.stop
        return tuple(items)

    def _filled(
        self, view: View, request: Request, candidates: Candidates, rows: range
    ) -> Iterator[Item]:
        keys: Keys = candidates.keys[rows.start : rows.stop]
        stored = self._listings.get_by_key([ListingKey(int(key)) for key in keys])
        near = request.filters.near
        distances = view.catalogue.distances_km(keys, near) if near else None
        for place, row in enumerate(rows):
            found = stored.get(ListingKey(int(keys[place])))
            if found is None or not found.live:
                continue
            distance = None if distances is None else float(distances[place])
            yield Item(
                listing=found.listing,
                score=float(candidates.scores[row]),
                distance_km=None if distance is None or np.isnan(distance) else distance,
                found_by=tuple(n for n, ranks in candidates.ranks.items() if ranks[row] >= 0),
            )


def _spelt(view: View, request: Request) -> tuple[Request, Correction | None]:
    """The request as it is searched for, and what was or could be corrected in it."""
    if not (request.spelling and request.text.strip()):
        return request, None
    correction = correct(request.text, view.vocabulary, view.text.occurs)
    if not correction.changed:
        return request, None
    return replace(request, text=correction.searched), correction


def _found(hits: Mapping[str, Hits], retriever: str) -> bool:
    return retriever in hits and len(hits[retriever].keys) > 0


def _strong(hits: Hits, floor: float) -> Hits:
    """The hits with at least this share of the best score (scores below 0 are never strong)."""
    if len(hits.keys) == 0:
        return hits
    strong = hits.scores >= floor * max(float(hits.scores[0]), 0.0)
    return Hits(hits.keys[strong], hits.scores[strong])


def _take(candidates: Candidates, order: NDArray[np.int64]) -> Candidates:
    return Candidates(
        candidates.keys[order],
        candidates.scores[order],
        {name: ranks[order] for name, ranks in candidates.ranks.items()},
    )
