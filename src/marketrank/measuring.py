"""What a running marketplace tells its metrics."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from marketrank.election import Election
from marketrank.monitoring.lag import Lag
from marketrank.monitoring.metrics import Metrics
from marketrank.pipelines.indexing import Indexed
from marketrank.ports import ListingStore
from marketrank.retrieval import release as releases
from marketrank.retrieval.follow import Follower
from marketrank.retrieval.text_folder import applied
from marketrank.types import Seq

SECONDS = 2.0
"""How often `view` and `indexer` are worth a look: they ask the database."""

REPORT_SECONDS = 30.0
"""How often the newest reports of drift and of retraining are read."""


class Measuring:
    """Looks at the parts of one process and writes what it sees into `metrics`."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        listings: ListingStore,
        text_folder: Path,
        release_folder: Path,
        clock: Callable[[], datetime],
        drift: Callable[[], Mapping[str, Any] | None] = lambda: None,
        retraining: Callable[[], Mapping[str, Any] | None] = lambda: None,
    ) -> None:
        """`drift` and `retraining` are the newest reports, None where there is none."""
        self._drift, self._retraining = drift, retraining
        self._metrics = metrics
        self._listings = listings
        self._text_folder = text_folder
        self._release_folder = release_folder
        self._clock = clock
        self._lags: dict[str, Lag] = {}

    def step(self, indexed: Indexed | None) -> None:
        """A step of the election ended; None where another process indexes."""
        if indexed is None:
            self._metrics.follows()
            return
        self._metrics.indexed(
            texts=indexed.texts,
            embedded=indexed.embedded,
            released=indexed.released,
            at=self._clock().timestamp(),
        )

    def indexer(self, election: Election) -> None:
        """How far the indexer is, where it is this process."""
        if election.indexer is not None:
            self._metrics.leads()  # a first round may take an hour
            self._lag("words", applied(self._text_folder))
            self._lag("embeddings", election.indexer.embedded)

    def view(self, follower: Follower) -> None:
        """What this process answers from."""
        self._lag("listings", follower.seen)
        view = follower.view()
        if view is not None:
            current = releases.current(self._release_folder)
            refused = current is not None and current == follower.refused
            live = view.catalogue.live_count
            self._metrics.serves(view.release, view.encoder.version, live, refused)

    def drift(self) -> None:
        """What was found when drift was last looked for, by whichever process did."""
        found = self._drift()
        if found is not None:
            self._metrics.drifted(
                {
                    (one["name"], one["kind"]): one["score"] / one["threshold"]
                    for one in found["columns"]
                },
                sum(one["drifted"] for one in found["columns"]),
                datetime.fromisoformat(found["at"]).timestamp(),
            )

    def retraining(self) -> None:
        """What became of the last retraining, whichever process did it."""
        found = self._retraining()
        if found is not None:
            until = found["until"]
            at = until if isinstance(until, datetime) else datetime.fromisoformat(until)
            self._metrics.retrained(str(found["status"]), at.timestamp())

    def _lag(self, what: str, done: Seq) -> None:
        behind = bool(self._listings.attributes(done, 1))
        seconds = self._lags.setdefault(what, Lag()).look(
            done=done, last=self._listings.last_seq(), behind=behind, now=monotonic()
        )
        self._metrics.lags(what, seconds)
