"""The engine: a Request becomes a Ranking. Search, visual search, similar listings and the feed
differ only in which fields of the Request are set."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput, NotReady
from marketrank.ports import ListingStore, VectorStore
from marketrank.ranking.features import NOTHING_SEEN, Seen, ask, see
from marketrank.ranking.ranker import Material, NoopRanker, Ranker
from marketrank.retrieval.follow import View
from marketrank.retrieval.fresh import newest
from marketrank.retrieval.fusion import reciprocal_rank
from marketrank.retrieval.hybrid import Asked, Indexes, fuse, retrieve, text_ceiling
from marketrank.types import (
    Candidates,
    Hits,
    Item,
    ListingKey,
    Mask,
    ModelVersion,
    Ranking,
    Request,
    Sort,
    Vectors,
)

Keys = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Depths:
    """How many hits each step keeps: the text retriever, the vector retriever, and a sort by
    anything but relevance, which reorders only the best matches: at most `sort` of them, each
    with at least the share `sort_floor` of its retriever's best score. `fusion` is a name of
    retrieval.hybrid.METHODS."""

    text: int
    vector: int
    sort: int
    sort_floor: float
    fusion_k: int
    fusion: str


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
        ranker: Callable[[], Ranker] = NoopRanker,
    ) -> None:
        """`ranker` is asked for each request: it may change while the engine serves."""
        self._view = view
        self._listings = listings
        self._vectors = vectors
        self._depths = depths
        self._ranker = ranker
        self._ceilings: dict[ModelVersion, float] = {}

    def answer(self, request: Request) -> Ranking:
        """Rank listings for a request.

        Raises NotReady before the first release, BadInput for a `like` that does not exist.
        """
        view = self._view()
        if view is None:
            raise NotReady("there is no index yet; run `marketrank index`")
        watch = _Stopwatch()
        with watch.stage("filter"):
            allowed = view.catalogue.mask(request.filters)
        with watch.stage("understand"):
            query = self._query_vector(view, request, allowed)
        asked = Asked(request.text.strip(), query, self._ceiling(view, request, query))
        with watch.stage("retrieve"):
            hits = self._retrieve(view, request, asked, allowed)
        with watch.stage("fuse"):
            candidates = self._fuse(view, request, asked, hits)
        if request.sort is Sort.RELEVANCE and "fresh" not in hits:
            with watch.stage("rank"):
                candidates = self._ranker().rank(candidates, self._material(view, asked))
        with watch.stage("facets"):
            facets = view.catalogue.facets(candidates.keys, request.filters.category)
        with watch.stage("fill"):
            items = self._items(view, request, candidates)
        return Ranking(
            request.id, view.release, items, len(candidates.keys), facets, watch.stages_ms
        )

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

    def _ceiling(self, view: View, request: Request, query: Vectors | None) -> float:
        """See retrieval.hybrid.Asked."""
        if query is None or not request.text.strip() or request.photo is not None:
            return 1.0
        version = view.encoder.version
        if version not in self._ceilings:
            self._ceilings[version] = text_ceiling(view.encoder)
        return self._ceilings[version]

    def _retrieve(
        self, view: View, request: Request, asked: Asked, allowed: Mask
    ) -> Mapping[str, Hits]:
        depths = self._depths
        hits = retrieve(
            Indexes(view.text, view.vectors),
            asked,
            allowed,
            text_depth=depths.text,
            vector_depth=depths.vector,
        )
        if not hits and request.like is None:
            hits["fresh"] = newest(view.catalogue, len(allowed), allowed)
        return hits

    def _fuse(
        self, view: View, request: Request, asked: Asked, hits: Mapping[str, Hits]
    ) -> Candidates:
        depths = self._depths
        if "fresh" in hits:
            candidates = reciprocal_rank(hits, k=depths.fusion_k)
        else:
            if request.sort is not Sort.RELEVANCE:
                # Everything is a faint match: sorting that by price would bury the matches.
                hits = {name: _strong(found, depths.sort_floor) for name, found in hits.items()}
            candidates = fuse(
                depths.fusion,
                Indexes(view.text, view.vectors),
                asked,
                hits,
                fusion_k=depths.fusion_k,
            )
        if request.sort is Sort.RELEVANCE:
            return candidates
        if "fresh" not in hits:
            candidates = candidates.take(np.arange(min(depths.sort, len(candidates.keys))))
        near = request.filters.near
        return candidates.take(view.catalogue.order(candidates.keys, request.sort, near))

    def _material(self, view: View, asked: Asked) -> Material:
        indexes, version = Indexes(view.text, view.vectors), view.encoder.version
        return Material(
            query=asked.vector,
            vectors_of=lambda keys: self._vectors.vectors_of(version, _listing_keys(keys)),
            near=lambda vector, keys: indexes.near(vector, keys) / np.float32(asked.ceiling),
            asked=lambda: ask(asked.text, view.text.weights(asked.text), view.text.stems),
            seen=lambda keys: self._look_at(view, keys),
        )

    def _look_at(self, view: View, keys: Keys) -> list[Seen]:
        stored = self._listings.get_by_key(_listing_keys(keys))
        found = [stored.get(key) for key in _listing_keys(keys)]
        return [
            see(
                one.listing.title,
                " ".join(one.listing.category),
                one.listing.description,
                view.text.stems,
            )
            if one
            else NOTHING_SEEN
            for one in found
        ]

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
        stored = self._listings.get_by_key(_listing_keys(keys))
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


def _strong(hits: Hits, floor: float) -> Hits:
    """The hits with at least this share of the best score (scores below 0 are never strong)."""
    if len(hits.keys) == 0:
        return hits
    strong = hits.scores >= floor * max(float(hits.scores[0]), 0.0)
    return Hits(hits.keys[strong], hits.scores[strong])


def _listing_keys(keys: Keys) -> list[ListingKey]:
    return [ListingKey(key) for key in keys.tolist()]
