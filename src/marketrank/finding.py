"""How an engine finds candidates: the vector that is asked with, and what each retriever says."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from marketrank.asking import Hits, Request
from marketrank.errors import BadInput
from marketrank.ports import ListingStore, VectorStore
from marketrank.ranking.similar import Kind, rank_similar
from marketrank.retrieval.feed import FRESH
from marketrank.retrieval.follow import View
from marketrank.retrieval.hybrid import text_ceiling
from marketrank.retrieval.refine import refined
from marketrank.tuning import Depths, Tuning
from marketrank.types import ListingId, ListingKey, Mask, ModelVersion, Vectors

_BESIDE = 8
"""Searches for words at once beside what embeds the queries; more wait."""


class Finder:
    """Asks the retrievers of a view."""

    def __init__(
        self,
        listings: ListingStore,
        vectors: VectorStore,
        depths: Depths,
        tuning: Tuning,
        *,
        beside: bool,
    ) -> None:
        """`beside`: words are looked up by another thread than the one that embeds the query."""
        self._listings = listings
        self._vectors = vectors
        self._depths = depths
        self._tuning = tuning
        self._ceilings: dict[ModelVersion, float] = {}
        self._beside = ThreadPoolExecutor(_BESIDE, thread_name_prefix="words") if beside else None

    def query_vector(self, view: View, request: Request, allowed: Mask) -> Vectors | None:
        """Shape (1, dim); None where nothing is to be compared. A listing that others are to be
        like is taken out of `allowed`. Raises BadInput for one that does not exist."""
        if request.like is not None:
            key = view.catalogue.key_of(request.like)
            if key is None:
                raise BadInput(f"like={request.like}: there is no such listing")
            if key < len(allowed):
                allowed[key] = False  # a listing is not similar to itself
            return self._refined(view, request, self._like(view, request.like, key))
        if request.photo is not None:
            return self._refined(view, request, view.encoder.encode_query("", request.photo))
        return view.encoder.encode_query(request.text, None) if request.text.strip() else None

    def ceiling(self, view: View, request: Request, query: Vectors | None) -> float:
        """See retrieval.hybrid.Asked."""
        if query is None or not is_words(request):
            return 1.0
        version = view.encoder.version
        if version not in self._ceilings:
            self._ceilings[version] = text_ceiling(view.encoder)
        return self._ceilings[version]

    def begin(self, view: View, request: Request, allowed: Mask) -> Future[Hits] | None:
        """Start to search for words, which needs no vector: while one core embeds the query another
        one can look them up. For `retrieve`; None where the words wait for it."""
        if self._beside is None or not is_words(request):
            return None
        return self._beside.submit(view.text.search, request.text, self._depths.text, allowed)

    def retrieve(
        self,
        view: View,
        request: Request,
        query: Vectors | None,
        allowed: Mask,
        begun: Future[Hits] | None = None,
    ) -> dict[str, Hits]:
        """By the retriever's name: `text`, `vector`, and those of feeds."""
        hits: dict[str, Hits] = {}
        near = None if query is None else view.vectors.search(query, self._depths.vector, allowed)
        if near is not None and request.like is not None:
            near = self._similar(view, request.like, near)
        if request.text.strip():
            if near is not None and (request.photo is not None or request.like is not None):
                # Words about a thing choose among things like it, or "in blue" finds all blue ones.
                allowed = np.zeros(len(allowed), np.bool_)
                allowed[near.keys[: self._tuning.refine.depth]] = True
            if begun is None:
                hits["text"] = view.text.search(request.text, self._depths.text, allowed)
            else:
                hits["text"] = begun.result()
        if near is not None:
            hits["vector"] = near
        if is_feed(request):
            for name, retrieve in self._tuning.feed.items():
                hits[name] = retrieve(view, request, len(allowed), allowed)
            hits = {name: each for name, each in hits.items() if name == FRESH or len(each.keys)}
        return hits

    def _like(self, view: View, like: ListingId, key: ListingKey) -> Vectors | None:
        """The vector of a listing; of its words where it is too young to have one."""
        vector = self._vectors.vector(view.encoder.version, key)
        found = None if vector is not None else self._listings.get([like]).get(like)
        return vector if found is None else view.encoder.encode_query(found.listing.text, None)

    def _refined(self, view: View, request: Request, shown: Vectors | None) -> Vectors | None:
        if shown is None or not request.text.strip():
            return shown
        words = view.encoder.encode_query(request.text, None)
        return refined(shown, words, self._tuning.refine.share)

    def _similar(self, view: View, like: ListingId, near: Hits) -> Hits:
        """Without repeats of the listing, and with its category and price counting too."""
        key = view.catalogue.key_of(like)
        if key is None:
            return near
        keys = np.append(near.keys, key)
        originals = view.catalogue.originals(keys)
        vectors = view.vectors.vectors_of(keys)
        # As near as can be: never shown.
        cosines = np.where(originals[:-1] == originals[-1], 2.0, vectors[:-1] @ vectors[-1])
        prices = view.catalogue.prices(keys).tolist()
        paths = view.catalogue.paths_of(keys)
        *kinds, asked = map(Kind, paths, prices)
        return rank_similar(near, cosines, kinds, asked, self._tuning.similar)


def is_feed(request: Request) -> bool:
    """Whether nothing is asked for."""
    return not request.text.strip() and request.photo is None and request.like is None


def is_words(request: Request) -> bool:
    """Whether words alone say what is looked for."""
    return bool(request.text.strip()) and request.photo is None and request.like is None
