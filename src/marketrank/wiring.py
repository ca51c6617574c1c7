"""The composition root: Settings become stores, indexes, models and an Engine. Nothing else
chooses an implementation."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from threading import Lock

from sqlalchemy.exc import DBAPIError

from marketrank import measuring
from marketrank.config import Settings
from marketrank.election import Election
from marketrank.errors import BadInput, MarketrankError, NotReady
from marketrank.listings.addresses import shown
from marketrank.listings.photo_source import open_photos
from marketrank.listings.sources import read_images_table, read_products
from marketrank.measuring import Measuring
from marketrank.pipelines.backup import Backup, restore_backup, write_backup
from marketrank.pipelines.bulk_writes import BulkWrites
from marketrank.pipelines.comparing import Comparer
from marketrank.pipelines.counting import Summary
from marketrank.pipelines.demo_buyers import make_demo_buyers
from marketrank.pipelines.drift_report import newest_drift
from marketrank.pipelines.ingest import Feed, ingest
from marketrank.pipelines.live import live
from marketrank.pipelines.offers import Offers
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.retrain_history import newest_retraining
from marketrank.retrieval.follow import Poller
from marketrank.storage import embedded
from marketrank.storage.dump import dump, load
from marketrank.storage.jobs import PostgresJobs
from marketrank.storage.locks import waiting
from marketrank.wiring_search import Searching
from marketrank.wiring_stores import now

__all__ = ["Marketplace", "now"]
_log = logging.getLogger(__name__)
_AHEAD_SECONDS = 0.25  # between a few photos: a quarter of one core, and 10,000 in seven minutes
_AHEAD_LISTINGS = 100  # in the same time: under a tenth of one core, and 131,000 in six minutes


class Marketplace(Searching):
    """Everything that one process needs of one home folder; parts are opened when first used."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._writing = Lock()

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

    @contextmanager
    def _writing_alone(self) -> Iterator[None]:
        # One thread of each process asks the database, or waiting ones would use up its
        # connections.
        with self._writing, waiting(self.database, "offers"):
            yield

    @cached_property
    def bulk(self) -> BulkWrites:
        return BulkWrites(self.offers, PostgresJobs(self.database), now)

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

    @cached_property
    def measuring(self) -> Measuring:
        return Measuring(
            self.metrics,
            listings=self.listings,
            text_folder=self.text_folder,
            release_folder=self.release_folder,
            clock=now,
            drift=partial(newest_drift, self.settings.home),
            retraining=partial(newest_retraining, self.settings.home),
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
            self.estimates.refresh(self.follower.followed)

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
            self.estimates.refresh(self.follower.followed)
        except MarketrankError as error:
            # Serving starts all the same: the indexer may be about to mend it.
            _log.error("no release could be loaded yet: %s", error)
        pollers = [
            # So that no request waits while a promoted model is opened.
            Poller("models", self._follow_models, seconds=max(1.0, self.settings.poll_seconds)),
            Poller("follower", self._follow, seconds=self.settings.poll_seconds),
            Poller("photos", self._look_ahead, seconds=_AHEAD_SECONDS),
            Poller(
                "listings",
                partial(self.engine.look_ahead, _AHEAD_LISTINGS),
                seconds=_AHEAD_SECONDS,
            ),
            Poller(
                "measured view",
                partial(self.measuring.view, self.follower),
                seconds=measuring.SECONDS,
            ),
            Poller("measured drift", self.measuring.drift, seconds=measuring.REPORT_SECONDS),
            Poller(
                "measured retraining",
                self.measuring.retraining,
                seconds=measuring.REPORT_SECONDS,
            ),
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
