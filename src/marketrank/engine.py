"""The engine: a Request becomes a Ranking. Search, visual search, similar listings and the feed
differ only in which fields of the Request are set."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import (
    Candidates,
    Filters,
    Hits,
    Ranking,
    Request,
    Sort,
    Suggestion,
    Understood,
)
from marketrank.errors import NotReady
from marketrank.explaining import Answered, explained
from marketrank.filling import Filler
from marketrank.finding import Finder, is_feed, is_words
from marketrank.people import About
from marketrank.personal import Person, Personal, held
from marketrank.ports import ListingStore, VectorStore
from marketrank.ranking import session_features
from marketrank.ranking.features import NAMES as WORD_FEATURES
from marketrank.ranking.features import ask
from marketrank.ranking.prepared import Prepared
from marketrank.ranking.ranker import Looked, Material, NoopRanker, Ranker, head
from marketrank.ranking.rerank import Facts, Reranked, rerank
from marketrank.ranking.seen import SeenTable
from marketrank.ranking.session_ranker import look_at_session
from marketrank.retrieval.catalogue import Snapshot
from marketrank.retrieval.feed import FRESH, FUSION_K, TASTE
from marketrank.retrieval.follow import View
from marketrank.retrieval.fresh import ages_days
from marketrank.retrieval.fusion import reciprocal_rank
from marketrank.retrieval.hybrid import Asked, Indexes, fuse
from marketrank.session_facts import MoreFacts, asked_digest, facts_of, see_stored, surface_of
from marketrank.shown import Looked as Kept
from marketrank.shown import Shown, withhold
from marketrank.trials import USUAL, Ranked, Trial, Trials, ranked_by
from marketrank.tuning import PLAIN, Depths, Tuning
from marketrank.types import BuyerId, Mask
from marketrank.understanding import Understander, Understanding
from marketrank.whereabouts import Whereabouts

Keys = NDArray[np.int64]


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
        beside: bool = False,
    ) -> None:
        """`ranker` is asked for each request: it may change while the engine serves. `more_facts`
        tell it what the catalogue does not know. `people` says what is known of who asks, and
        `personal` what to make of it (None: nothing); `on_shown` takes what was answered, and must
        not wait; `trials` are experiments with rankers; `keep_depth` is of how many of the first
        candidates the features are handed over with it; `beside`: words are looked up while the
        query is embedded, which pays where another core is free for it."""
        self._view = view
        self._depths = depths
        self._understander = Understander(understanding)
        self._filler = Filler(listings)
        self._tuning = tuning
        self._ranker = ranker
        self._more_facts = more_facts
        self._personal = personal
        self._trials = trials
        self._keep_depth = keep_depth
        self._people = people
        self._on_shown = on_shown
        self._finder = Finder(listings, vectors, depths, tuning, beside=beside)
        self._prepared = Prepared(listings.get_by_key)
        # For `look_ahead`: what is still to be prepared, from which state of the catalogue, and
        # up to which change.
        self._ahead: Keys = np.empty(0, np.int64)
        self._looked_at: Snapshot | None = None
        self._ahead_of = -1
        self._whereabouts = Whereabouts(listings.get_by_key)

    def suggest(self, text: str, limit: int) -> tuple[Suggestion, ...]:
        """What somebody who has typed this may go on to type, the likeliest first, at most `limit`.
        Raises NotReady before the first release."""
        return self._current().completer.complete(text, limit)

    def look_ahead(self, most: int) -> int:
        """Prepare at most `most` live listings for rankers, the newest first, so that nobody waits
        for it who is the first to find them; how many it were. Made for a thread that has time."""
        view = self._view()
        if view is None:
            return 0
        catalogue = view.catalogue
        if self._prepared.room == 0:
            self._ahead = self._ahead[:0]
        elif catalogue is not self._looked_at:
            self._looked_at = catalogue
            live = np.flatnonzero(catalogue.mask(Filters()))[::-1]
            seqs = catalogue.seqs(live)
            # Of a change only what it brought: all others are prepared, or still in the list.
            new = seqs > self._ahead_of
            fresh = self._prepared.missing(live[new], seqs[new], view.rows)
            self._ahead = np.concatenate([fresh, self._ahead])
            self._ahead_of = int(seqs.max(initial=self._ahead_of))
        keys, self._ahead = self._ahead[:most], self._ahead[most:]
        if len(keys):
            see_one = partial(see_stored, stems=view.text.stems)
            self._prepared.prepare(keys, catalogue.seqs(keys), see_one)
        return len(keys)

    def answer(self, request: Request) -> Ranking:
        """Rank listings for a request. Without an `understanding` a query is words alone.

        Raises NotReady before the first release, BadInput for a `like` that does not exist.
        """
        view = self._current()
        watch = _Stopwatch()
        with watch.stage("understand"):
            understood, request, corrected = self._understander.understand(view, request)
        with watch.stage("filter"):
            about = None if request.buyer is None else self._people(request.buyer)
            allowed = view.catalogue.mask(request.filters)
            allowed = withhold(allowed, view.catalogue, request, about)
        with watch.stage("person"):
            person = None if self._personal is None else self._personal.person(view, request, about)
        begun = self._finder.begin(view, request, allowed)
        with watch.stage("encode"):
            query = self._finder.query_vector(view, request, allowed)
        with watch.stage("categorise"):
            understood = self._understander.categorise(view, request, understood, query)
        with watch.stage("retrieve"):
            hits = self._finder.retrieve(view, request, query, allowed, begun)
            if corrected is not None and corrected.certain and not _found(hits, "text"):
                # Under these filters only what was typed may be there.
                understood = replace(understood, text=corrected.original)
                request, corrected = replace(request, text=corrected.original), None
                hits |= self._finder.retrieve(view, request, None, allowed)
        words = request.text.strip()
        ceiling = self._finder.ceiling(view, request, query)
        asked = Asked(words, query, ceiling, view.text.weights(words) if words else {})
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
            items = self._filler.items(view, request, reranked)
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
        if person is not None and is_feed(request):
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
                candidates = self._understander.boost(view, understood, ranked.candidates)
                # A ranker of sessions knows the taste itself.
                if person is not None and not is_feed(request) and TASTE not in ranked.saw:
                    candidates = person.lift(candidates, self._tuning.taste)
                candidates = self._sort(view, request, candidates)
            with watch.stage("rerank"):
                shown[arm] = self._rerank(view, request, candidates)
        if self._trials is None:
            return shown[USUAL]
        return self._trials.joined(shown, found.trial, view.catalogue.originals)

    def _current(self) -> View:
        view = self._view()
        if view is None:
            raise NotReady("there is no index yet; run `marketrank index`")
        return view

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
        if request.sort is not Sort.RELEVANCE and not is_feed(request):
            # Everything is a faint match: sorting that by price would bury the matches.
            hits = {name: _strong(found, depths.sort_floor) for name, found in hits.items()}
        if is_feed(request):
            return reciprocal_rank(hits, k=FUSION_K, weights=self._tuning.feed_weights)
        if not is_words(request):
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
            features = seen.features
            return Kept(seen.keys, lambda: features)
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
        return Kept(top.keys, lambda: look_at_session(top, material, words))

    def _sort(self, view: View, request: Request, candidates: Candidates) -> Candidates:
        """By what is asked for; of a search the best matches alone."""
        if request.sort is Sort.RELEVANCE:
            return candidates
        if not is_feed(request):
            candidates = candidates.take(np.arange(min(self._depths.sort, len(candidates.keys))))
        near = request.filters.near
        return candidates.take(view.catalogue.order(candidates.keys, request.sort, near))

    def _material(self, found: "_Found", person: Person | None) -> Material:
        view, request, asked = found.view, found.request, found.asked
        more = [*self._more_facts, *([] if person is None else [person.more_facts])]
        indexes = Indexes(view.text, view.vectors)

        held: list[tuple[Keys, SeenTable]] = []

        def seen(keys: Keys) -> SeenTable:
            if not held or not np.array_equal(held[-1][0], keys):  # asked for words, then facts
                see_one = partial(see_stored, stems=view.text.stems)
                seqs = view.catalogue.seqs(keys)
                held[:] = [(keys, self._prepared.look_at(keys, seqs, see_one, view.rows))]
            return held[-1][1]

        return Material(
            query=asked.vector,
            vectors_of=view.vectors.vectors_of,
            near=lambda vector, keys: indexes.near(vector, keys) / np.float32(asked.ceiling),
            asked=lambda: ask(asked.text, asked.weights or {}, view.text.stems),
            seen=seen,
            facts=lambda keys: facts_of(
                view, request, found.understood, keys, seen=seen(keys), more=more
            ),
            surface=surface_of(request),
            saw=found.looked.append,
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


def _found(hits: Mapping[str, Hits], retriever: str) -> bool:
    return retriever in hits and len(hits[retriever].keys) > 0


def _strong(hits: Hits, floor: float) -> Hits:
    """The hits with at least this share of the best score (scores below 0 are never strong)."""
    if len(hits.keys) == 0:
        return hits
    strong = hits.scores >= floor * max(float(hits.scores[0]), 0.0)
    return Hits(hits.keys[strong], hits.scores[strong])
