"""The part of the composition root that is about what is kept: the database, files, and what reads
places and photos."""

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine as Database

from marketrank.access import AuditLog, Keys, KeyStore
from marketrank.asking import Near
from marketrank.config import Settings
from marketrank.errors import BadInput
from marketrank.jobs import ReplayStore
from marketrank.listings.images import CleanedPhoto, PhotoProblem, clean_photo
from marketrank.listings.photo_fetch import fetch_photo
from marketrank.listings.photo_pool import PhotoPool
from marketrank.listings.places import Gazetteer
from marketrank.models.registry import Registry
from marketrank.monitoring.metrics import Metrics
from marketrank.monitoring.slow import SlowQueries
from marketrank.pipelines.ingest import Cleaning
from marketrank.ports import (
    BlobStore,
    EstimateStore,
    ListingStore,
    Quarantine,
    VectorStore,
)
from marketrank.storage import embedded
from marketrank.storage.api_keys import PostgresAudit, PostgresKeys
from marketrank.storage.blobs import open_blobs
from marketrank.storage.database import connect, migrate
from marketrank.storage.estimates import PostgresEstimates
from marketrank.storage.jobs import PostgresReplays
from marketrank.storage.postgres import PostgresListings
from marketrank.storage.quarantine import PostgresQuarantine
from marketrank.storage.vectors import PostgresVectors
from marketrank.types import BlobKey, ListingId, SellerId, Seq, Stored


def now() -> datetime:
    return datetime.now(UTC)


class Stores:
    """Where one home folder keeps things; parts are opened when first used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

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
    def replays(self) -> ReplayStore:
        return PostgresReplays(self.database)

    @cached_property
    def gazetteer(self) -> Gazetteer:
        return Gazetteer.load(self.settings.country)

    @cached_property
    def registry(self) -> Registry:
        return Registry(self.settings.home / "models")

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

    @cached_property
    def metrics(self) -> Metrics:
        return Metrics()

    @cached_property
    def slow(self) -> SlowQueries:
        return SlowQueries(keep_words=self.settings.keep_slow_queries)

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

    def fetch_photo(self, url: str, *, max_bytes: int) -> bytes:
        return fetch_photo(url, max_bytes=max_bytes)

    def photo(self, key: BlobKey) -> bytes:
        return self.blobs.get(key)

    def locate(self, name: str) -> Near | None:
        return self.gazetteer.find(name)

    def listing(self, id: ListingId) -> Stored | None:
        return self.listings.get([id]).get(id)

    def listings_of(self, seller: SellerId, limit: int, before: Seq | None) -> list[Stored]:
        return self.listings.of_seller(seller, limit, before)
