"""The engine: a Request becomes a Ranking. Search, visual search, similar listings and the feed
differ only in which fields of the Request are set."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput, NotReady
from marketrank.explaining import Answered, explained
from marketrank.people import About
from marketrank.personal import Person, Personal, held
from marketrank.ports import ListingStore, VectorStore
from marketrank.ranking import session_features
from marketrank.ranking.features import NAMES as WORD_FEATURES
from marketrank.ranking.features import Seen, Stems, ask, see
from marketrank.ranking.prepared import Prepared
from marketrank.ranking.ranker import Looked, Material, NoopRanker, Ranker, head
from marketrank.ranking.rerank import Facts, Reranked, rerank
from marketrank.ranking.session_ranker import look_at_session
from marketrank.ranking.similar import Kind, rank_similar
from marketrank.retrieval.feed import FRESH, FUSION_K, TASTE
from marketrank.retrieval.follow import View
from marketrank.retrieval.fresh import ages_days
from marketrank.retrieval.fusion import reciprocal_rank
from marketrank.retrieval.hybrid import Asked, Indexes, fuse, text_ceiling
from marketrank.retrieval.refine import refined
from marketrank.retrieval.spelling import correct
from marketrank.retrieval.understand import boosting
from marketrank.retrieval.understand.categories import understand_category
from marketrank.retrieval.understand.reading import Reader
from marketrank.session_facts import MoreFacts, asked_digest, facts_of, photo_facts, surface_of
from marketrank.shown import Looked as Kept
from marketrank.shown import Shown, withhold
from marketrank.trials import USUAL, Ranked, Trial, Trials, ranked_by
from marketrank.tuning import PLAIN, Depths, Tuning
from marketrank.types import (
    BuyerId,
    Candidates,
    Correction,
    Hits,
    Item,
    ListingId,
    ListingKey,
    Mask,
    ModelVersion,
    ParseKind,
    Ranking,
    Request,
    Sort,
    Stored,
    Suggestion,
    Understood,
    Vectors,
)
from marketrank.whereabouts import Whereabouts

Keys = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Understanding:
    """How queries are read, how much what they hint at lifts a listing, and the probability from
    which a category is shown as understood."""

    reader: Reader
    weights: boosting.Weights
    confidence: float


@dataclass(slots=True)
class _Stopwatch:
    stages_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = perf_counter()
        yield
        took = (perf_counter() - start) * 1000
        self.stages_ms[name] = round(self.stages_ms.get(name, 0.0) + took, 3)


class Engine:
    """Answers requests from one process's view of the marketplace."""

    def __init__(
        self,
        *,
        view: Callable[[], View | None],
        listings: ListingStore,
        vectors: VectorStore,
        depths: Depths,
        understanding: Understanding | None = None,
        tuning: Tuning = PLAIN,
        ranker: Callable[[], Ranker] = NoopRanker,
        more_facts: Sequence[MoreFacts] = (),
        people: Callable[[BuyerId], About | None] = lambda buyer: None,
        personal: Personal | None = None,
        on_shown: Callable[[Shown], None] = lambda shown: None,
        trials: Trials | None = None,
        keep_depth: int = 0,
    ) -> None:
        """`ranker` is asked for each request: it may change while the engine serves. `more_facts`
        tell it what the catalogue does not know. `people` says what is known of who asks, and
        `personal` what to make of it (None: nothing); `on_shown` takes what was answered, and must
        not wait; `trials` are experiments with rankers; `keep_depth` is of how many of the first
        candidates the features are handed over with it."""
        self._view = view
        self._listings = listings
        self._vectors = vectors
        self._depths = depths
        self._understanding = understanding
        self._tuning = tuning
        self._ranker = ranker
        self._more_facts = more_facts
        self._personal = personal
        self._trials = trials
        self._keep_depth = keep_depth
        self._people = people
        self._on_shown = on_shown
        self._ceilings: dict[ModelVersion, float] = {}
        self._prepared = Prepared(listings.get_by_key)
        self._whereabouts = Whereabouts(listings.get_by_key)

    def suggest(self, text: str, limit: int) -> tuple[Suggestion, ...]:
        """What somebody who has typed this may go on to type, the likeliest first, at most `limit`.
        Raises NotReady before the first release."""
        return self._current().completer.complete(text, limit)

    def answer(self, request: Request) -> Ranking:
        """Rank listings for a request. Without an `understanding` a query is words alone.

        Raises NotReady before the first release, BadInput for a `like` that does not exist.
        """
        view = self._current()
        watch = _Stopwatch()
        with watch.stage("understand"):
            understood, request, corrected = self._understand(view, request)
        with watch.stage("filter"):
            about = None if request.buyer is None else self._people(request.buyer)
            allowed = view.catalogue.mask(request.filters)
            allowed = withhold(allowed, view.catalogue, request, about)
        with watch.stage("person"):
            person = None if self._personal is None else self._personal.person(view, request, about)
        with watch.stage("encode"):
            query = self._query_vector(view, request, allowed)
        with watch.stage("categorise"):
            understood = self._categorise(view, request, understood, query)
        with watch.stage("retrieve"):
            hits = self._retrieve(view, request, query, allowed)
            if corrected is not None and corrected.certain and not _found(hits, "text"):
                # Under these filters only what was typed may be there.
                understood = replace(understood, text=corrected.original)
                request, corrected = replace(request, text=corrected.original), None
                hits |= self._retrieve(view, request, None, allowed)
        asked = Asked(request.text.strip(), query, self._ceiling(view, request, query))
        looked: list[Looked] = []
        trial = Trial(request.buyer if request.profiling else None, asked_digest(request))
        found = _Found(view, request, understood, asked, hits, allowed, looked, trial)
        reranked = self._order(found, person, watch)
        if person is not None and person.demographics and person.has_sensitive():
            arms = trial.arms
            plain = self._order(found, person.without_demographics(), watch)
            reranked = _held(plain, reranked, person)
            trial.arms = _held_arms(plain, trial.arms, arms, person)
        candidates = reranked.candidates
        with watch.stage("facets"):
            facets = view.catalogue.facets(candidates.keys, request.filters.category)
            keys = candidates.keys
            places = self._whereabouts.of(view.catalogue, keys) if request.places else ()
        with watch.stage("fill"):
            items = self._items(view, request, reranked)
        with watch.stage("explain"):
            items = explained(
                items,
                Answered(view, request, understood, candidates, person, tuple(looked[:1])),
            )
        items = trial.marked(items, lambda one: view.catalogue.key_of(one.listing.id))
        kept = found.kept[0] if found.kept else Kept()
        self._on_shown(Shown(request, view, candidates, items, kept, trial.experiment))
        return Ranking(
            request.id,
            view.release,
            items,
            len(candidates.keys),
            facets,
            watch.stages_ms,
            understood,
            corrected,
            trial.experiment,
            view.encoder.version,
            places,
        )

    def _order(self, found: "_Found", person: Person | None, watch: _Stopwatch) -> Reranked:
        """From what was found to the order in which it is shown."""
        view, request, understood, asked = found.view, found.request, found.understood, found.asked
        hits = found.hits
        if person is not None and _is_feed(request):
            with watch.stage("retrieve"):
                liked = person.hits(len(found.allowed), found.allowed)
                hits = hits if liked is None else {**hits, TASTE: liked}
        with watch.stage("fuse"):
            candidates = self._fuse(view, request, asked, hits)
        with watch.stage("rank"):
            rankings = self._rank(found, person, candidates)
        shown = {}
        for arm, ranked in rankings.items():
            with watch.stage("lift"):
                candidates = self._boost(view, understood, ranked.candidates)
                # A ranker of sessions knows the taste itself.
                if person is not None and not _is_feed(request) and TASTE not in ranked.saw:
                    candidates = person.lift(candidates, self._tuning.taste)
                candidates = self._sort(view, request, candidates)
            with watch.stage("rerank"):
                shown[arm] = self._rerank(view, request, candidates)
        if self._trials is None:
            return shown[USUAL]
        return self._trials.joined(shown, found.trial, view.catalogue.originals)

    def _understand(
        self, view: View, request: Request
    ) -> tuple[Understood, Request, Correction | None]:
        """What the request means, the request that says so plainly and in the right spelling, and
        what was or could be corrected in it."""
        understood, plain = self._read(request)
        corrected = self._corrected(view, plain, understood)
        if corrected is None or not corrected.certain:
            return understood, plain, corrected
        # Only now "undr £50" may say what it means.
        meant = replace(request, text=request.text.replace(corrected.original, corrected.text))
        again, anew = self._read(meant)
        if again.parses == understood.parses:
            understood = replace(understood, text=corrected.text)
            return understood, replace(plain, text=corrected.text), corrected
        return again, anew, corrected

    def _corrected(self, view: View, request: Request, understood: Understood) -> Correction | None:
        """None where nothing is to be corrected, or it is not wanted."""
        if not (request.spelling and request.text.strip()):
            return None
        read = {word for parse in understood.parses for word in parse.words.lower().split()}

        def is_right(word: str) -> bool:
            return word in read or view.text.occurs(word)

        found = correct(request.text, view.vocabulary, is_right, is_common=view.encoder.knows)
        return found if found.changed else None

    def _read(self, request: Request) -> tuple[Understood, Request]:
        """What the request means, and the request that says so plainly."""
        if self._understanding is None:
            return Understood(text=request.text, filters=request.filters), request
        understood = self._understanding.reader.read(request)
        return understood, replace(request, text=understood.text, filters=understood.filters)

    def _categorise(
        self, view: View, request: Request, understood: Understood, query: Vectors | None
    ) -> Understood:
        """Add the category, which takes the query's vector to know."""
        model, words_alone = view.categories, request.photo is None and bool(request.text.strip())
        if self._understanding is None or model is None or query is None or not words_alone:
            return understood
        if request.like is not None or ParseKind.CATEGORY in request.ignore:
            return understood
        return understand_category(
            understood, request.text, model, query, confidence=self._understanding.confidence
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
            return self._refined(view, request, self._like(view, request.like, key))
        if request.photo is not None:
            return self._refined(view, request, view.encoder.encode_query("", request.photo))
        return view.encoder.encode_query(request.text, None) if request.text.strip() else None

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

    def _ceiling(self, view: View, request: Request, query: Vectors | None) -> float:
        """See retrieval.hybrid.Asked."""
        if query is None or not _is_words(request):
            return 1.0
        version = view.encoder.version
        if version not in self._ceilings:
            self._ceilings[version] = text_ceiling(view.encoder)
        return self._ceilings[version]

    def _retrieve(
        self, view: View, request: Request, query: Vectors | None, allowed: Mask
    ) -> dict[str, Hits]:
        hits: dict[str, Hits] = {}
        near = None if query is None else view.vectors.search(query, self._depths.vector, allowed)
        if near is not None and request.like is not None:
            near = self._similar(view, request.like, near)
        if request.text.strip():
            if near is not None and (request.photo is not None or request.like is not None):
                # Words about a thing choose among things like it, or "in blue" finds all blue ones.
                allowed = np.zeros(len(allowed), np.bool_)
                allowed[near.keys[: self._tuning.refine.depth]] = True
            hits["text"] = view.text.search(request.text, self._depths.text, allowed)
        if near is not None:
            hits["vector"] = near
        if _is_feed(request):
            for name, retrieve in self._tuning.feed.items():
                hits[name] = retrieve(view, request, len(allowed), allowed)
            hits = {name: each for name, each in hits.items() if name == FRESH or len(each.keys)}
        return hits

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

    def _rerank(self, view: View, request: Request, candidates: Candidates) -> Reranked:
        """Other orders than relevance, and a feed of nothing but the newest, stay as they are."""
        rules = self._tuning.rerank
        keys = candidates.keys[: rules.window]
        if request.sort is not Sort.RELEVANCE or set(candidates.ranks) <= {FRESH} or not len(keys):
            return Reranked(candidates, {})
        facts = Facts(
            view.vectors.vectors_of(keys),
            ages_days(view.catalogue.listed_at(keys), request.at),
            view.catalogue.sellers(keys),
            view.catalogue.originals(keys),
        )
        return rerank(candidates, facts, rules)

    def _fuse(
        self, view: View, request: Request, asked: Asked, hits: Mapping[str, Hits]
    ) -> Candidates:
        depths = self._depths
        if request.sort is not Sort.RELEVANCE and not _is_feed(request):
            # Everything is a faint match: sorting that by price would bury the matches.
            hits = {name: _strong(found, depths.sort_floor) for name, found in hits.items()}
        if _is_feed(request):
            return reciprocal_rank(hits, k=FUSION_K, weights=self._tuning.feed_weights)
        if not _is_words(request):
            return reciprocal_rank(hits, k=depths.fusion_k)
        indexes = Indexes(view.text, view.vectors)
        return fuse(depths.fusion, indexes, asked, hits, fusion_k=depths.fusion_k)

    def _rank(
        self, found: "_Found", person: Person | None, candidates: Candidates
    ) -> dict[str, Ranked]:
        """By arm of an experiment; USUAL where there is none."""
        ranker, request = self._ranker(), found.request
        if request.sort is not Sort.RELEVANCE:
            return {USUAL: Ranked(candidates)}
        material = self._material(found, person)
        if self._trials is None:
            ranked = {USUAL: ranked_by(ranker, candidates, material)}
        else:
            ranked = self._trials.rankings(ranker, candidates, material, found.trial)
        if self._keep_depth:
            found.kept.append(self._kept(found, candidates, material))
        return ranked

    def _kept(self, found: "_Found", candidates: Candidates, material: Material) -> Kept:
        """What a ranker of sessions sees of the first candidates, whoever ranked them: it learns
        from the log."""
        seen = next((one for one in found.looked if one.names == session_features.NAMES), None)
        if seen is not None:
            return Kept(seen.keys, seen.features)
        top = head(candidates, self._keep_depth)
        # Where a ranker of words has looked at the same ones, it need not be done again.
        words = next(
            (
                one.features
                for one in found.looked
                if one.names == WORD_FEATURES and np.array_equal(one.keys, top.keys)
            ),
            None,
        )
        return Kept(top.keys, look_at_session(top, material, words))

    def _sort(self, view: View, request: Request, candidates: Candidates) -> Candidates:
        """By what is asked for; of a search the best matches alone."""
        if request.sort is Sort.RELEVANCE:
            return candidates
        if not _is_feed(request):
            candidates = candidates.take(np.arange(min(self._depths.sort, len(candidates.keys))))
        near = request.filters.near
        return candidates.take(view.catalogue.order(candidates.keys, request.sort, near))

    def _material(self, found: "_Found", person: Person | None) -> Material:
        view, request, asked = found.view, found.request, found.asked
        more = [*self._more_facts, *([] if person is None else [person.more_facts])]
        indexes = Indexes(view.text, view.vectors)

        def seen(keys: Keys) -> list[Seen]:
            return self._prepared.look_at(
                keys, view.catalogue.seqs(keys), lambda one: _see(one, view.text.stems)
            )

        return Material(
            query=asked.vector,
            vectors_of=view.vectors.vectors_of,
            near=lambda vector, keys: indexes.near(vector, keys) / np.float32(asked.ceiling),
            asked=lambda: ask(asked.text, view.text.weights(asked.text), view.text.stems),
            seen=seen,
            facts=lambda keys: facts_of(
                view, request, found.understood, keys, seen=seen(keys), more=more
            ),
            surface=surface_of(request),
            saw=found.looked.append,
        )

    def _boost(self, view: View, understood: Understood, candidates: Candidates) -> Candidates:
        if self._understanding is None:
            return candidates
        return boosting.boost(
            candidates,
            understood,
            weights=self._understanding.weights,
            catalogue=view.catalogue,
            text=view.text,
        )

    def _items(self, view: View, request: Request, reranked: Reranked) -> tuple[Item, ...]:
        """Fill in a page from the store, which alone knows what is still live."""
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
                repeats=tuple(view.catalogue.ids(np.array(behind, np.int64))),
            )


@dataclass(frozen=True, slots=True)
class _Found:
    """What an order is made of. `looked` collects what learned rankers saw, `kept` what
    is logged of that."""

    view: View
    request: Request
    understood: Understood
    asked: Asked
    hits: Mapping[str, Hits]
    allowed: Mask
    looked: list[Looked]
    trial: Trial
    kept: list[Kept] = field(default_factory=list)


def _held(plain: Reranked, reranked: Reranked, person: Person) -> Reranked:
    """Sensitive listings where they stand without demographics; see personal.held."""
    sensitive = person.sensitive_keys(plain.candidates.keys)
    candidates = held(plain.candidates, reranked.candidates, sensitive)
    return Reranked(candidates, {**reranked.repeats, **plain.repeats})


def _held_arms(
    plain: Reranked, theirs: Mapping[int, str], arms: Mapping[int, str], person: Person
) -> dict[int, str]:
    """Of listings that `_held` takes from the plain order the arm that put them there in it,
    `theirs`; of the others that of the personal one, `arms`."""
    keys = plain.candidates.keys
    sensitive = keys[person.sensitive_keys(keys)].tolist()
    return {**arms, **{key: theirs[key] for key in sensitive if key in theirs}}


def _see(stored: Stored, stems: Stems) -> Seen:
    one = stored.listing
    words = see(one.title, " ".join(one.category), one.description, stems)
    return replace(words, **photo_facts(stored))


def _found(hits: Mapping[str, Hits], retriever: str) -> bool:
    return retriever in hits and len(hits[retriever].keys) > 0


def _is_feed(request: Request) -> bool:
    """Whether nothing is asked for."""
    return not request.text.strip() and request.photo is None and request.like is None


def _is_words(request: Request) -> bool:
    """Whether words alone say what is looked for."""
    return bool(request.text.strip()) and request.photo is None and request.like is None


def _strong(hits: Hits, floor: float) -> Hits:
    """The hits with at least this share of the best score (scores below 0 are never strong)."""
    if len(hits.keys) == 0:
        return hits
    strong = hits.scores >= floor * max(float(hits.scores[0]), 0.0)
    return Hits(hits.keys[strong], hits.scores[strong])


def _listing_keys(keys: Keys) -> list[ListingKey]:
    return [ListingKey(key) for key in keys.tolist()]
