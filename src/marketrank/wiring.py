"""The composition root: Settings become stores, indexes, models and an Engine. Nothing else
chooses an implementation."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from time import perf_counter, sleep
from typing import TYPE_CHECKING

from sqlalchemy import Engine as Database
from sqlalchemy.exc import DBAPIError

from marketrank import measuring
from marketrank.access import AuditLog, Keys, KeyStore
from marketrank.audience import Matched
from marketrank.config import Settings
from marketrank.election import Election
from marketrank.engine import Engine, Understanding
from marketrank.errors import BadInput, Corrupt, MarketrankError, NotReady
from marketrank.feedback.experiments import FILE_NAME as EXPERIMENTS
from marketrank.feedback.experiments import ExperimentFile
from marketrank.feedback.interest import Interest
from marketrank.jobs import ReplayStore
from marketrank.listings.addresses import shown
from marketrank.listings.images import CleanedPhoto, PhotoProblem, clean_photo
from marketrank.listings.photo_fetch import fetch_photo
from marketrank.listings.photo_pool import PhotoPool
from marketrank.listings.photo_source import open_photos
from marketrank.listings.places import Gazetteer
from marketrank.listings.sources import read_images_table, read_products
from marketrank.measuring import Measuring
from marketrank.models.artefact import Description
from marketrank.models.artefact import read as read_description
from marketrank.models.embed import FUSION as CONCATENATION
from marketrank.models.embed import OnnxEncoder
from marketrank.models.embed_learned import FUSION as LEARNED
from marketrank.models.embed_learned import LearnedEncoder
from marketrank.models.estimates import PublishedEstimates
from marketrank.models.published import PublishedModel
from marketrank.models.registry import Registry
from marketrank.monitoring.metrics import Metrics
from marketrank.monitoring.slow import SlowQueries
from marketrank.pipelines.backup import Backup, restore_backup, write_backup
from marketrank.pipelines.bulk_writes import BulkWrites
from marketrank.pipelines.comparing import Comparer
from marketrank.pipelines.counting import Summary
from marketrank.pipelines.demo_buyers import make_demo_buyers
from marketrank.pipelines.drafts import Drafter
from marketrank.pipelines.drift_report import newest_drift
from marketrank.pipelines.estimating import Estimating
from marketrank.pipelines.indexing import Indexed, Indexer
from marketrank.pipelines.ingest import Cleaning, Feed, ingest
from marketrank.pipelines.live import live
from marketrank.pipelines.offers import Offers
from marketrank.pipelines.predictions import Predictor
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.promoted import Promoted
from marketrank.ports import (
    BlobStore,
    BuyerStore,
    Encoder,
    EstimateStore,
    EventStore,
    ListingStore,
    PriceEstimator,
    Quarantine,
    VectorStore,
)
from marketrank.ranking.ranker_file import RankerFile
from marketrank.retrieval import release as releases
from marketrank.retrieval.estimates import Estimates
from marketrank.retrieval.follow import Follower, Poller, View
from marketrank.retrieval.synonyms import OWN_FILE, Synonyms, read_synonyms
from marketrank.retrieval.understand.brands import Brands, read_brands
from marketrank.retrieval.understand.reading import Reader
from marketrank.retrieval.vector_index import limit_threads
from marketrank.shadow import Shadow, limits_of
from marketrank.storage import embedded
from marketrank.storage.api_keys import PostgresAudit, PostgresKeys
from marketrank.storage.blobs import open_blobs
from marketrank.storage.database import connect, migrate
from marketrank.storage.dump import dump, load
from marketrank.storage.estimates import PostgresEstimates
from marketrank.storage.jobs import PostgresJobs, PostgresReplays
from marketrank.storage.locks import hold, waiting
from marketrank.storage.postgres import PostgresListings
from marketrank.storage.quarantine import PostgresQuarantine
from marketrank.storage.vectors import PostgresVectors
from marketrank.trials import Trials
from marketrank.tuning import depths_of, from_settings, lifts_of
from marketrank.types import (
    BlobKey,
    ListingId,
    ModelVersion,
    Near,
    Ranking,
    ReleaseId,
    Request,
    SellerId,
    Seq,
    Stored,
    Suggestion,
)
from marketrank.wiring_people import HEARD, People
from marketrank.wiring_personal import PersonalParts

if TYPE_CHECKING:
    from marketrank.pipelines.gate import Contest
    from marketrank.pipelines.relevance import Serving
    from marketrank.pipelines.training_data import TrainingData

_log = logging.getLogger(__name__)
INDEXER_LOCK = "indexer"
_AHEAD_SECONDS = 0.25  # between a few photos: a quarter of one core, and 10,000 in seven minutes


def now() -> datetime:
    return datetime.now(UTC)


class Marketplace:
    """Everything that one process needs of one home folder; parts are opened when first used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._encoders: dict[ModelVersion, Encoder] = {}
        self._estimator: tuple[ModelVersion, PriceEstimator] | None = None
        self._opening = Lock()
        self._writing = Lock()

    @property
    def text_folder(self) -> Path:
        return self.settings.home / "text"

    @property
    def release_folder(self) -> Path:
        return self.settings.home / "releases"

    @cached_property
    def database(self) -> Database:
        """The migrated database; starts the embedded server where no URL is set."""
        database = connect(self.database_address())
        migrate(database)
        return database

    def database_address(self) -> str:
        """The URL of the database; starts the embedded server where none is set."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        return self.settings.database_url or embedded.start(self.settings.home)

    @cached_property
    def listings(self) -> ListingStore:
        return PostgresListings(self.database)

    @cached_property
    def quarantine(self) -> Quarantine:
        return PostgresQuarantine(self.database)

    @cached_property
    def vectors(self) -> VectorStore:
        return PostgresVectors(self.database)

    @cached_property
    def estimate_store(self) -> EstimateStore:
        return PostgresEstimates(self.database)

    @cached_property
    def estimates(self) -> Estimates:
        """What listings like each one ask, as this process knows it."""
        return Estimates(self.estimate_store)

    @cached_property
    def people(self) -> People:
        return People(
            self.settings,
            database=lambda: self.database,
            listings=lambda: self.listings,
            clock=now,
            listeners=[self.liking.count, self.interest.hear],
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
    def key_store(self) -> KeyStore:
        return PostgresKeys(self.database)

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.key_store)

    @cached_property
    def audit(self) -> AuditLog:
        return PostgresAudit(self.database)

    @cached_property
    def blobs(self) -> BlobStore:
        return open_blobs(self.settings.photos_url or (self.settings.home / "photos").as_uri())

    @cached_property
    def gazetteer(self) -> Gazetteer:
        return Gazetteer.load(self.settings.country)

    @cached_property
    def registry(self) -> Registry:
        return Registry(self.settings.home / "models")

    @cached_property
    def promoted(self) -> Promoted:
        return Promoted(
            self.registry, self._open_model, on_refused=partial(self.metrics.refused, "model")
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
    def offers(self) -> Offers:
        return Offers(
            listings=self.listings,
            blobs=self.blobs,
            cleaning=lambda: self.cleaning,
            clean_photo=self.clean_upload,
            alone=self._writing_alone,
            compare=self.comparer.compare,
            most_photos=self.settings.photos_per_listing,
        )

    @cached_property
    def comparer(self) -> Comparer:
        return Comparer(self.listings, estimator=self._estimator_in_use)

    def _estimator_in_use(self) -> PriceEstimator | None:
        """As `estimator`, read once for each version."""
        promoted = self.registry.current()
        held = self._estimator
        if promoted is None or held is None or held[0] != promoted:
            made = self.estimator()
            if promoted is None or made is None:
                return made
            held = self._estimator = (promoted, made)
        return held[1]

    @contextmanager
    def _writing_alone(self) -> Iterator[None]:
        # One thread of each process asks the database, or waiting ones would use up its
        # connections.
        with self._writing, waiting(self.database, "offers"):
            yield

    @cached_property
    def bulk(self) -> BulkWrites:
        return BulkWrites(self.offers, PostgresJobs(self.database), now)

    @cached_property
    def replays(self) -> ReplayStore:
        return PostgresReplays(self.database)

    def fetch_photo(self, url: str, *, max_bytes: int) -> bytes:
        return fetch_photo(url, max_bytes=max_bytes)

    def _open_model(self, folder: Path) -> PublishedModel:
        # The release often holds a copy of the same encoder: once in memory is enough.
        encoder = self.open_encoder(folder / "encoder")
        shared = encoder if isinstance(encoder, LearnedEncoder) else None
        return PublishedModel(folder, threads=self.settings.processes, encoder=shared)

    def contest(self, data: "TrainingData") -> "Contest":
        """What the gate works with: see `pipelines.gate`."""
        from marketrank.pipelines.gate import Contest

        return Contest(
            data,
            self.blobs,
            self.settings.home,
            self.registry,
            self.open_encoder,
            self.settings.currency,
            perf_counter,
            self.settings.processes,
        )

    @property
    def ranker_file(self) -> Path:
        """What `marketrank train fusion` writes."""
        return self.settings.home / "ranker.json"

    @property
    def ranker_folder(self) -> Path:
        """The versions that `marketrank train ranker` publishes and promotes."""
        return self.settings.home / "rankers"

    @property
    def relevance_cache(self) -> Path:
        """Vectors of relevance sets: may be deleted at any time."""
        return self.settings.home / "cache" / "relevance"

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
    def synonyms(self) -> Synonyms:
        own = self.settings.synonyms_file
        return read_synonyms(OWN_FILE, *([own] if own else []))

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

    def _view(self) -> View | None:
        return self.follower.view()

    @cached_property
    def understanding(self) -> Understanding:
        settings = self.settings
        brands = read_brands(settings.brands) if settings.brands else Brands()
        return Understanding(
            reader=Reader(settings.currency, self.locate, brands),
            weights=lifts_of(settings),
            confidence=settings.category_confidence,
        )

    def open_encoder(self, folder: Path) -> Encoder:
        """The encoder of a folder; one that is open already, from whichever folder, is shared by
        indexer and readers (a release holds a copy of the model's folder)."""
        described = read_description(folder)
        with self._opening:
            if described.version not in self._encoders:
                self._encoders[described.version] = self._open(described, folder)
            return self._encoders[described.version]

    def _open(self, described: Description, folder: Path) -> Encoder:
        threads = self.settings.processes
        openers: dict[str, Callable[[], Encoder]] = {
            CONCATENATION: lambda: OnnxEncoder(
                folder, photo_weight=self.settings.photo_weight, threads=threads
            ),
            LEARNED: lambda: LearnedEncoder(folder, threads=threads),
        }
        if described.fusion not in openers:
            raise Corrupt(
                f"{folder} fuses by {described.fusion!r}; this version knows "
                f"{', '.join(sorted(openers))}: update marketrank"
            )
        return openers[described.fusion]()

    def encoder_folder(self) -> Path:
        """The encoder that new embeddings are made with: of the model version in use, else the
        newest of the plain ones; exported from the wheels if there is none yet."""
        promoted = self.registry.current()
        if promoted is not None:
            return self.registry.path(promoted) / "encoder"
        folder = self.settings.home / "models"
        held = list(folder.glob("*/encoder.json"))
        if held:
            return max(held, key=lambda path: path.stat().st_mtime).parent
        from marketrank.models.export import export_default

        folder.mkdir(parents=True, exist_ok=True)
        return folder / export_default(folder)

    def ingest(
        self,
        products: str,
        images_table: str | None,
        images: str | None,
        *,
        full: bool = False,
        progress: Progress = silent,
    ) -> Summary:
        """Bring a feed into the store: see `pipelines.ingest`."""
        feed = self.open_feed(products, images_table, images)
        with self.photo_pool() as pool:
            return ingest(
                feed,
                listings=self.listings,
                quarantine=self.quarantine,
                blobs=self.blobs,
                cleaning=self.cleaning,
                pool=pool,
                at=now(),
                estimator=self.estimator(),
                full=full,
                progress=progress,
            )

    def make_demo_buyers(self) -> int:
        """The made-up buyers of a demo: see `pipelines.demo_buyers`."""
        return make_demo_buyers(self.buyers, self.events, self.listings, at=now())

    def estimator(self) -> PriceEstimator | None:
        """The price model of the version in use; None before the first is promoted."""
        promoted = self.registry.current()
        if promoted is None:
            return None
        return self._open_estimator(promoted)

    def _open_estimator(self, version: ModelVersion) -> PriceEstimator:
        return PublishedEstimates.open(self.registry.path(version))

    def open_feed(self, products: str, images_table: str | None, images: str | None) -> Feed:
        """A feed to read once. Raises BadInput for an images table without images."""
        if images and not images_table and products.startswith(("postgresql", "postgres:")):
            images_table = products  # a database holds both tables
        if images_table and not images:
            raise BadInput(
                f"--images-table {shown(images_table)} names photos, but nothing says where their "
                "files are; add --images DIR, ZIP or URL"
            )
        country = self.settings.country
        return Feed(
            source=shown(products),
            records=read_products(products, country=country),
            images=read_images_table(images_table, country=country) if images_table else None,
            photos=open_photos(images) if images else None,
        )

    @property
    def cleaning(self) -> Cleaning:
        return Cleaning(
            gazetteer=self.gazetteer,
            currency=self.settings.currency,
            country=self.settings.country,
            keep_original=self.settings.keep_original_text,
        )

    def photo_pool(self) -> PhotoPool:
        """Processes for photos; a context manager."""
        return PhotoPool(
            processes=self.settings.processes,
            final_size=self.settings.photo_size,
            max_bytes=self.settings.photo_max_bytes,
            max_pixels=self.settings.photo_max_pixels,
        )

    def indexer(self) -> Indexer:
        return Indexer(
            listings=self.listings,
            vectors=self.vectors,
            blobs=self.blobs,
            text_folder=self.text_folder,
            release_folder=self.release_folder,
            encoder_folder=self.encoder_folder,
            open_encoder=self.open_encoder,
            exact_below=self.settings.exact_below,
            rebuild_share=self.settings.rebuild_share,
            estimating=Estimating(
                listings=self.listings,
                estimates=self.estimate_store,
                version=self.registry.current,
                open_estimator=self._open_estimator,
            ),
            on_refused=partial(self.metrics.refused, "encoder"),
        )

    def index(self, *, rebuild: bool, progress: Progress = silent) -> Indexed:
        """Index everything that is committed now; where another process is the indexer (a
        running server), wait until it has. Raises NotReady for `rebuild` in that case."""
        indexer = self.indexer()
        with hold(self.database, INDEXER_LOCK) as lock:
            try:
                if lock.held():
                    rebuild = rebuild or self._release_is_damaged()
                    return indexer.catch_up(now(), progress=progress, rebuild=rebuild)
                if rebuild:
                    raise NotReady(
                        f"a running server indexes {self.settings.home}; stop it to rebuild by hand"
                    )
                while not (lock.try_acquire() or indexer.is_current()):
                    progress("wait for the server that indexes", 0, None)
                    sleep(self.settings.poll_seconds)
                if lock.held():  # the server has ended meanwhile
                    return indexer.catch_up(now(), progress=progress)
                return Indexed(0, 0, False, releases.current(self.release_folder))
            finally:
                indexer.close()

    def _release_is_damaged(self) -> bool:
        name = releases.current(self.release_folder)
        try:
            if name is not None:
                releases.read_manifest(self.release_folder, name)
        except Corrupt as error:
            _log.warning("%s: a new release replaces it", error)
            return True
        return False

    def write_report(self, out: Path) -> Path:
        """Write the data report into a folder; returns its page."""
        from marketrank.listings.report import write_report  # brings matplotlib along

        return write_report(
            out,
            listings=live(self.listings),
            rejected=self.quarantine.all(),
            duplicates=self.listings.duplicates(),
            at=now(),
        )

    def backup(self, out: Path, *, progress: Progress = silent) -> Backup:
        """Copy this home into a folder: see `pipelines.backup`."""
        home = self.settings.home
        url = self.database_address()
        return write_backup(
            out, home=home, dump=lambda file: dump(url, file), at=now(), progress=progress
        )

    def restore(self, folder: Path, *, progress: Progress = silent) -> Backup:
        """Bring a backup into this home, which must be empty, as must be its database."""
        progress("restore", 0, 1)
        restored = restore_backup(
            folder,
            home=self.settings.home,
            load=lambda file: load(self.database_address(), file),
        )
        progress("restore", 1, 1)
        return restored

    # What the API and the page ask for (api.service.Service).

    def answer(self, request: Request) -> Ranking:
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

    def listing(self, id: ListingId) -> Stored | None:
        return self.listings.get([id]).get(id)

    def listings_of(self, seller: SellerId, limit: int, before: Seq | None) -> list[Stored]:
        return self.listings.of_seller(seller, limit, before)

    def photo(self, key: BlobKey) -> bytes:
        return self.blobs.get(key)

    def locate(self, name: str) -> Near | None:
        return self.gazetteer.find(name)

    def clean_upload(self, data: bytes) -> CleanedPhoto | PhotoProblem:
        settings = self.settings
        return clean_photo(
            data,
            final_size=settings.photo_size,
            max_bytes=settings.photo_max_bytes,
            max_pixels=settings.photo_max_pixels,
        )

    def clean_photo(self, data: bytes) -> bytes:
        outcome = self.clean_upload(data)
        if isinstance(outcome, PhotoProblem):
            raise BadInput(outcome.detail)
        return outcome.jpeg

    @cached_property
    def metrics(self) -> Metrics:
        return Metrics()

    @cached_property
    def slow(self) -> SlowQueries:
        return SlowQueries(keep_words=self.settings.keep_slow_queries)

    def election(self) -> Election:
        """This process's claim to be the one that indexes."""
        return Election(hold(self.database, INDEXER_LOCK), self.indexer, now)

    @cached_property
    def measuring(self) -> Measuring:
        return Measuring(
            self.metrics,
            listings=self.listings,
            text_folder=self.text_folder,
            release_folder=self.release_folder,
            clock=now,
            drift=partial(newest_drift, self.settings.home),
        )

    def indexing(self, election: Election) -> list[Poller]:
        """Threads to start in a process that may index."""

        def step() -> None:
            with self._reviving():
                self.measuring.step(election.step())

        look = partial(self.measuring.indexer, election)
        return [
            Poller("indexer", step, seconds=self.settings.poll_seconds),
            Poller("measured indexer", look, seconds=measuring.SECONDS),
        ]

    def _follow(self) -> None:
        with self._reviving():
            self.follower.refresh(in_background=True)
            self.estimates.refresh()

    @contextmanager
    def _reviving(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError:
            if not self.settings.database_url:
                # Our own server has died: start it again; the next step goes on.
                embedded.start(self.settings.home)
            raise

    def _look_ahead(self) -> None:
        if "predictions" in self.__dict__:  # somebody has used it
            self.predictions.look_ahead()

    def _follow_models(self) -> None:
        with suppress(NotReady):  # none yet
            self.promoted.current()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Follow changes, and index them if no other process does, until the block ends."""
        election = self.election()
        # Read now: the first to ask for a place would wait for it.
        self.gazetteer  # noqa: B018
        try:
            self.follower.refresh()
            self.estimates.refresh()
        except MarketrankError as error:
            # Serving starts all the same: the indexer may be about to mend it.
            _log.error("no release could be loaded yet: %s", error)
        pollers = [
            # So that no request waits while a promoted model is opened.
            Poller("models", self._follow_models, seconds=max(1.0, self.settings.poll_seconds)),
            Poller("follower", self._follow, seconds=self.settings.poll_seconds),
            Poller("photos", self._look_ahead, seconds=_AHEAD_SECONDS),
            Poller(
                "measured view",
                partial(self.measuring.view, self.follower),
                seconds=measuring.SECONDS,
            ),
            Poller("measured drift", self.measuring.drift, seconds=measuring.DRIFT_SECONDS),
        ]
        if self.settings.serve_indexes:
            pollers += self.indexing(election)
        for poller in pollers:
            poller.start()
        try:
            with self.people.running(), self.liking.running():
                yield
        finally:
            election.stop()
            for poller in pollers:
                poller.stop()
            if "bulk" in self.__dict__:  # somebody has used it
                self.bulk.stop()
            election.resign()
