"""The part of the composition root that is about models, and the index that is made with them."""

import logging
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from time import perf_counter, sleep
from typing import TYPE_CHECKING

from marketrank.config import Settings
from marketrank.election import Election
from marketrank.errors import Corrupt, NotReady
from marketrank.models.artefact import Description
from marketrank.models.artefact import read as read_description
from marketrank.models.embed import FUSION as CONCATENATION
from marketrank.models.embed import OnnxEncoder
from marketrank.models.embed_learned import FUSION as LEARNED
from marketrank.models.embed_learned import LearnedEncoder
from marketrank.models.estimates import PublishedEstimates
from marketrank.models.published import PublishedModel
from marketrank.pipelines.estimating import Estimating
from marketrank.pipelines.indexing import Indexed, Indexer
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.promoted import Promoted
from marketrank.ports import (
    Encoder,
    PriceEstimator,
)
from marketrank.retrieval import release as releases
from marketrank.retrieval.estimates import Estimates
from marketrank.storage.locks import hold
from marketrank.types import ModelVersion

if TYPE_CHECKING:
    from collections.abc import Callable

    from marketrank.pipelines.gate import Contest
    from marketrank.pipelines.training_data import TrainingData


from marketrank.wiring_stores import Stores, now

_log = logging.getLogger(__name__)
INDEXER_LOCK = "indexer"


class Models(Stores):
    """The models of one home folder, and the indexer."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._encoders: dict[ModelVersion, Encoder] = {}
        self._estimator: tuple[ModelVersion, PriceEstimator] | None = None
        self._opening = Lock()

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

    def _open_model(self, folder: Path) -> PublishedModel:
        # The release often holds a copy of the same encoder: once in memory is enough.
        encoder = self.open_encoder(folder / "encoder")
        shared = encoder if isinstance(encoder, LearnedEncoder) else None
        return PublishedModel(folder, threads=self.settings.processes, encoder=shared)

    @cached_property
    def promoted(self) -> Promoted:
        return Promoted(
            self.registry, self._open_model, on_refused=partial(self.metrics.refused, "model")
        )

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

    def estimator(self) -> PriceEstimator | None:
        """The price model of the version in use; None before the first is promoted."""
        promoted = self.registry.current()
        if promoted is None:
            return None
        return self._open_estimator(promoted)

    def _open_estimator(self, version: ModelVersion) -> PriceEstimator:
        return PublishedEstimates.open(self.registry.path(version))

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

    @cached_property
    def estimates(self) -> Estimates:
        """What listings like each one ask, as this process knows it."""
        return Estimates(self.estimate_store)

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

    def election(self) -> Election:
        """This process's claim to be the one that indexes."""
        return Election(hold(self.database, INDEXER_LOCK), self.indexer, now)
