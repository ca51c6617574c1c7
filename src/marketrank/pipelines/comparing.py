"""Comparing live listings: duplicates are linked, and signals found with their reasons. All of them
after a feed has been read, or those that were written and what is like them."""

import logging
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from marketrank.listings.dedupe import find_duplicates, traces
from marketrank.listings.prices import PriceScales, counted_scales
from marketrank.listings.signals import find_signals, worth_estimating
from marketrank.pipelines.live import live_listings
from marketrank.pipelines.progress import Progress
from marketrank.ports import ListingStore, PriceEstimator
from marketrank.types import ListingId, ListingKey, Signal, Stored

SCALES_SECONDS = 300.0
"""So old may the prices be that a written listing is compared with: they hardly move in it."""
_MOST = 1_000
"""Listings looked at for one write. A group of more is one shop's boilerplate."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many listings repeat another, and how many have each signal."""

    duplicates: int
    signals: dict[str, int]


def compare(
    listings: ListingStore, *, estimator: PriceEstimator | None, progress: Progress
) -> Comparison:
    """Store what only a look at all live listings shows. Without an estimator prices are compared
    within their categories."""
    progress("compare listings", 0, None)
    live = list(live_listings(listings))
    links = find_duplicates(live)
    estimates = estimator.estimates(worth_estimating(live)) if estimator else {}
    findings = find_signals(live, links, estimates)
    listings.replace_duplicates(links)
    listings.set_findings(findings)
    counts = Counter(one.signal for found in findings.values() for one in found)
    progress("compare listings", len(live), len(live))
    return Comparison(
        duplicates=len({link.listing for link in links}),
        signals={str(signal): counts[signal] for signal in Signal},
    )


class Comparer:
    """Compares listings that were just written with those that they could repeat, and their prices
    with those of all. What it stores is what `compare` would, but for prices of other listings.
    May be called from several threads; writers must take turns (see offers.Offers)."""

    def __init__(
        self,
        listings: ListingStore,
        *,
        estimator: Callable[[], PriceEstimator | None],
        scales_seconds: float = SCALES_SECONDS,
    ) -> None:
        self._listings = listings
        self._estimator = estimator
        self._seconds = scales_seconds
        self._scales: tuple[datetime, PriceScales] | None = None
        self._reading = Lock()

    def compare(self, ids: Collection[ListingId], at: datetime) -> None:
        """Store the links and findings of these listings, live or ended, and of all that are linked
        with them, before or after."""
        group = self._group(ids)
        if not group:
            return
        live = [one.listing for one in group.values() if one.live]
        among = [one.listing.id for one in group.values()]
        links = find_duplicates(live)
        scales = self._current_scales(at)
        estimator = self._estimator()
        asked = worth_estimating(live, scales)
        estimates = estimator.estimates(asked) if estimator and asked else {}
        self._listings.replace_duplicates(links, among=among)
        self._listings.set_findings(find_signals(live, links, estimates, scales), among=among)

    def _group(self, ids: Collection[ListingId]) -> dict[ListingKey, Stored]:
        """The listings, and with each all that could be linked with it, until there are no more: a
        link leads to the earliest of its group, so a group is only whole as a whole."""
        fresh = {one.key: one for one in self._listings.get(sorted(ids)).values()}
        group = dict(fresh)
        most = max(_MOST, 2 * len(group))
        while fresh:
            shared = traces([one.listing for one in fresh.values() if one.live])
            keys = sorted(self._listings.alike(shared, list(fresh)) - group.keys())
            room = most - len(group)
            if len(keys) > room:
                _log.warning("more than %d listings are like %s", most, min(ids))
                keys = keys[:room]
            fresh = self._listings.get_by_key(keys) if keys else {}
            group |= fresh
        return group

    def _current_scales(self, at: datetime) -> PriceScales:
        with self._reading:
            held = self._scales
            if held is None or not 0 <= (at - held[0]).total_seconds() < self._seconds:
                held = (at, counted_scales(self._listings.prices()))
                self._scales = held
            return held[1]
