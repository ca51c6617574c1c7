"""Price estimates of the listings on offer, by the model in use: a step of the indexer."""

import logging
from collections.abc import Callable

from marketrank.errors import Corrupt
from marketrank.pipelines.progress import Progress, silent
from marketrank.ports import EstimateStore, ListingStore, PriceEstimator
from marketrank.types import ModelVersion, Seq

_BATCH = 500  # some 0.5 ms each
_log = logging.getLogger(__name__)


class Estimating:
    """Has every live listing estimated by the version in use. For one process: see
    `pipelines.indexing`."""

    def __init__(
        self,
        *,
        listings: ListingStore,
        estimates: EstimateStore,
        version: Callable[[], ModelVersion | None],
        open_estimator: Callable[[ModelVersion], PriceEstimator],
    ) -> None:
        """`version` names the one in use, None: there is none yet."""
        self._listings = listings
        self._estimates = estimates
        self._version = version
        self._open = open_estimator
        self._opened: tuple[ModelVersion, PriceEstimator | None] | None = None
        self._done = Seq(0)

    def catch_up(self, progress: Progress = silent) -> int:
        """Estimate what is missing now; returns how many listings that were. One whose model is
        damaged is logged once, and older estimates stay."""
        version = self._version()
        if version is None:
            return 0
        estimator = self._estimator(version)
        last = self._listings.last_seq()
        if estimator is None or last == self._done:
            return 0
        done = 0
        while hashes := self._estimates.missing(version, self._done, _BATCH):
            stored = self._listings.get_by_key(list(hashes))
            found = estimator.estimates([one.listing for one in stored.values()])
            self._estimates.put_estimates(
                version,
                {
                    key: (
                        hashes[key],
                        found[one.listing.id].minor if one.listing.id in found else None,
                    )
                    for key, one in stored.items()
                },
            )
            done += len(hashes)
            progress("estimate prices", done, None)
        # What has changed meanwhile has a number above it.
        self._done = last
        return done

    def _estimator(self, version: ModelVersion) -> PriceEstimator | None:
        if self._opened is None or self._opened[0] != version:
            self._done = Seq(0)
            try:
                self._opened = (version, self._open(version))
            except Corrupt as error:
                self._opened = (version, None)
                _log.error("prices are not estimated anew: %s", error)
        return self._opened[1]
