"""Comparing all live listings: duplicates are linked, and signals found with their reasons."""

from collections import Counter
from dataclasses import dataclass

from marketrank.listings.dedupe import find_duplicates
from marketrank.listings.signals import find_signals, worth_estimating
from marketrank.pipelines.live import live_listings
from marketrank.pipelines.progress import Progress
from marketrank.ports import ListingStore, PriceEstimator
from marketrank.types import Signal

_READ_BATCH = 5_000


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
