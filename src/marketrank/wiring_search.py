"""The part of the composition root that answers: the engine, what it knows of buyers, and what
models say of texts and photos."""

from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

from marketrank.asking import Ranking, Request, Suggestion
from marketrank.audience import Matched
from marketrank.engine import Engine
from marketrank.feedback.experiments import FILE_NAME as EXPERIMENTS
from marketrank.feedback.experiments import ExperimentFile
from marketrank.feedback.interest import Interest
from marketrank.pipelines.drafts import Drafter
from marketrank.pipelines.predictions import Predictor
from marketrank.ports import (
    BuyerStore,
    EventStore,
)
from marketrank.ranking.ranker_file import RankerFile
from marketrank.retrieval.follow import Follower, View
from marketrank.retrieval.synonyms import OWN_FILE, Synonyms, read_synonyms
from marketrank.retrieval.understand.brands import Brands, read_brands
from marketrank.retrieval.understand.reading import Reader
from marketrank.retrieval.vector_index import limit_threads
from marketrank.shadow import Shadow, limits_of
from marketrank.trials import Trials
from marketrank.tuning import depths_of, from_settings, lifts_of
from marketrank.turns import Turns
from marketrank.types import ListingId, ReleaseId, SellerId
from marketrank.understanding import Understanding
from marketrank.wiring_people import HEARD, People
from marketrank.wiring_personal import PersonalParts

if TYPE_CHECKING:
    from marketrank.pipelines.relevance import Serving


from marketrank.wiring_models import Models
from marketrank.wiring_stores import now


class Searching(Models):
    """What answers requests in one process."""

    @cached_property
    def people(self) -> People:
        return People(
            self.settings,
            database=lambda: self.database,
            listings=lambda: self.listings,
            clock=now,
            listeners=[self.liking.count, self.interest.hear],
            rest=self._turns.rest,
        )

    @cached_property
    def interest(self) -> Interest:
        return Interest((now() - HEARD).date())

    @property
    def events(self) -> EventStore:
        return self.people.events

    @property
    def buyers(self) -> BuyerStore:
        return self.people.buyers

    @cached_property
    def liking(self) -> PersonalParts:
        """What buyers like, and who could want a listing."""
        return PersonalParts(
            self.settings,
            view=self._view,
            events=lambda: self.events,
            buyers=lambda: self.buyers,
            outreach=lambda: self.people.outreach,
            clock=now,
        )

    @cached_property
    def follower(self) -> Follower:
        # NumPy's and FAISS's thread pools fight over the cores that requests run on.
        limit_threads(1)
        return Follower(
            listings=self.listings,
            vectors=self.vectors,
            text_folder=self.text_folder,
            release_folder=self.release_folder,
            open_encoder=self.open_encoder,
            synonyms=self.synonyms,
            compare=self.shadow.compare,
            on_refused=partial(self.metrics.refused, "release"),
        )

    def _view(self) -> View | None:
        return self.follower.view()

    @cached_property
    def synonyms(self) -> Synonyms:
        own = self.settings.synonyms_file
        return read_synonyms(OWN_FILE, *([own] if own else []))

    @cached_property
    def understanding(self) -> Understanding:
        settings = self.settings
        brands = read_brands(settings.brands) if settings.brands else Brands()
        return Understanding(
            reader=Reader(settings.currency, self.locate, brands),
            weights=lifts_of(settings),
            confidence=settings.category_confidence,
        )

    @cached_property
    def ranker(self) -> RankerFile:
        settings = self.settings
        return RankerFile(
            self.ranker_file, settings.ranker, settings.rank_depth, self.ranker_folder
        )

    @cached_property
    def experiments(self) -> ExperimentFile:
        return ExperimentFile(self.settings.home / EXPERIMENTS)

    @cached_property
    def engine(self) -> Engine:
        return Engine(
            view=self.follower.view,
            listings=self.listings,
            vectors=self.vectors,
            depths=depths_of(self.settings),
            understanding=self.understanding,
            tuning=self.liking.tuned(from_settings(self.settings)),
            personal=self.liking.personal,
            ranker=self.ranker,
            more_facts=[self.liking.more_facts, self.estimates.more_facts],
            trials=Trials(self.experiments, self.ranker.named, self.settings.rank_depth),
            people=self.people.follower.about,
            on_shown=self.people.on_shown,
            keep_depth=self.settings.rank_depth,
            # With a process for each core the other cores have answers of their own to make.
            beside=self.settings.processes > 1,
        )

    @property
    def searching(self) -> "Serving":
        """How this home's engine searches, for those who score it."""
        from marketrank.pipelines.relevance import Serving  # brings the metrics along

        settings = self.settings
        return Serving(
            text_depth=settings.retrieve_depth,
            vector_depth=settings.vector_depth,
            fusion=settings.fusion,
            fusion_k=settings.fusion_k,
            rank_depth=settings.rank_depth,
        )

    @cached_property
    def shadow(self) -> Shadow:
        return Shadow(self._engine_over, limits_of(self.settings), now)

    def _engine_over(self, view: View) -> Engine:
        """An engine that remembers nothing and knows nobody, over one view."""
        return Engine(
            view=lambda: view,
            listings=self.listings,
            vectors=self.vectors,
            depths=depths_of(self.settings),
            understanding=self.understanding,
            tuning=from_settings(self.settings),
            ranker=self.ranker,
        )

    @cached_property
    def predictions(self) -> Predictor:
        return Predictor(
            self.promoted,
            view=self.follower.view,
            listings=self.listings,
            blobs=self.blobs,
        )

    @cached_property
    def drafts(self) -> Drafter:
        return Drafter(
            self.promoted,
            view=self.follower.view,
            listings=self.listings,
            vectors=self.vectors,
            cleaning=lambda: self.cleaning,
            clean_photo=self.clean_upload,
        )

    @cached_property
    def _turns(self) -> Turns:
        return Turns(self.settings.answers_at_once)

    def answer(self, request: Request) -> Ranking:
        with self._turns:
            ranking = self.engine.answer(request)
        self.shadow.keep(request)
        self.metrics.answered(request, ranking)
        self.slow.note(request, ranking)
        return ranking

    def suggest(self, text: str, limit: int) -> tuple[Suggestion, ...]:
        return self.engine.suggest(text, limit)

    def release(self) -> ReleaseId | None:
        view = self.follower.view()
        return view.release if view else None

    def buyers_for(self, id: ListingId, seller: SellerId | None, k: int, at: datetime) -> Matched:
        return self.liking.buyers_for(id, seller, k, at)
