"""Metrics of top-ten lists, and how they are told by length of history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.evaluation.significance import bootstrap_intervals

K = 10
NDCG, RECALL, COVERAGE = "ndcg@10", "recall@10", "coverage"
ALL, UNSEEN = "all", "0"
BUCKETS: Mapping[str, tuple[int, int | None]] = {
    ALL: (1, None),
    UNSEEN: (0, 0),
    "1-2": (1, 2),
    "3-9": (3, 9),
    "10+": (10, None),
}
"""Lengths of histories, both ends included."""
Ints = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Lists:
    """What a system shows some buyers: `listings` (buyers, K), best first, -1 for none; with each
    buyer's metrics, and the length of their history."""

    listings: Ints
    ndcg: Values
    recall: Values
    lengths: Ints


def score(listings: Ints, truth: Sequence[Ints], lengths: Ints) -> Lists:
    """NDCG@10 with binary gain, log2 discount and the ideal over all of the truth (Järvelin and
    Kekäläinen, TOIS 2002); recall is over all of the truth, too. `truth` holds, for each buyer, at
    least one listing; repeats among `listings` do not count twice."""
    hits = np.array(
        [np.isin(shown, own) & (shown >= 0) for shown, own in zip(listings, truth, strict=True)],
        np.float64,
    ).reshape(-1, listings.shape[1])
    sizes = np.array([len(own) for own in truth], np.int64)
    discounts = 1 / np.log2(np.arange(listings.shape[1]) + 2)
    ideal = np.concatenate([[1.0], np.cumsum(discounts)])[np.minimum(sizes, len(discounts))]
    recall = hits.sum(axis=1) / np.maximum(sizes, 1)
    return Lists(listings, hits @ discounts / ideal, recall, lengths)


def summarise(
    known: Mapping[str, Lists],
    unseen: Mapping[str, Lists],
    *,
    peers: Sequence[str],
    listings: int,
    seed: int,
) -> dict[str, dict[str, dict[str, Any]]]:
    """`{system: {bucket: {metric: mean}}}` with 95 % intervals and, for systems that are no peers,
    the difference to the peer with the highest NDCG@10 of the bucket. An empty bucket is
    `{"n": 0}`. `known` are buyers with a history, `unseen` those without."""
    report: dict[str, dict[str, dict[str, Any]]] = {system: {} for system in known}
    for bucket, (low, high) in BUCKETS.items():
        lists = unseen if bucket == UNSEEN else known
        lengths = next(iter(lists.values())).lengths
        inside = (lengths >= low) & (
            lengths <= (high if high is not None else lengths.max(initial=0))
        )
        if not inside.any():
            for buckets in report.values():
                buckets[bucket] = {"n": 0}
            continue
        _fill(report, bucket, lists, inside, peers=peers, listings=listings, seed=seed)
    return report


def _fill(
    report: Mapping[str, dict[str, dict[str, Any]]],
    bucket: str,
    lists: Mapping[str, Lists],
    inside: NDArray[np.bool_],
    *,
    peers: Sequence[str],
    listings: int,
    seed: int,
) -> None:
    systems = list(lists)
    ndcg = np.stack([lists[system].ndcg[inside] for system in systems], axis=1)
    recall = np.stack([lists[system].recall[inside] for system in systems], axis=1)
    means = ndcg.mean(axis=0)
    best = max((systems.index(peer) for peer in peers), key=lambda place: means[place])
    # The same draws of buyers for all: what two systems share falls out of their difference.
    table = np.concatenate([ndcg, recall, ndcg - ndcg[:, [best]]], axis=1)
    ends = bootstrap_intervals(table, seed=seed)
    n = len(systems)
    for place, system in enumerate(systems):
        shown = lists[system].listings[inside]
        told: dict[str, Any] = {
            "n": int(inside.sum()),
            NDCG: float(means[place]),
            RECALL: float(recall[:, place].mean()),
            COVERAGE: len(np.unique(shown[shown >= 0])) / max(listings, 1),
            f"{NDCG}_ci95": _pair(ends[:, place]),
            f"{RECALL}_ci95": _pair(ends[:, n + place]),
        }
        if system not in peers:
            told["best_peer"] = systems[best]
            told["difference"] = float(means[place] - means[best])
            told["difference_ci95"] = _pair(ends[:, 2 * n + place])
            told["ratio"] = float(means[place] / means[best]) if means[best] else None
        report[system][bucket] = told


def _pair(ends: Values) -> list[float]:
    return [float(end) for end in ends]
