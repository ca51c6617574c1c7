"""Whether rankings are as good for one group as for the others."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.audit_groups import Groups
from marketrank.buyers.audit_table import AuditTable
from marketrank.buyers.audit_values import Interval, ratio

Doubles = NDArray[np.float64]
_CLIP = 20.0


@dataclass(frozen=True, slots=True)
class Quality:
    """`ndcg` of a group and its `gap`: the group's less that of everybody else who gave a value."""

    ndcg: Interval
    gap: Interval


def quality_by_group(
    table: AuditTable, groups: Groups, *, examined: Doubles | None, depth: int
) -> Mapping[str, Quality]:
    """NDCG at `depth` by group, of those groups who did something.

    A listing's gain is that of what the buyer did with it. Where `examined` (positions,) is given,
    the chance of each position from 0 to be looked at, the last for all below, gains are divided by
    that of the position where it was seen, at most 20 times: low positions are clicked less because
    fewer look at them (Joachims, Swaminathan and Schnabel, WSDM 2017). The figure is Σ DCG / Σ
    ideal DCG over sessions, not the mean of their ratios: in a session of one click the ratio is
    that click's discount however it is weighed, so the mean would be of the biased clicks. Errors
    are clustered by buyer."""
    reached, best = _by_buyer(table, examined, depth)
    found = {}
    for number, value in enumerate(groups.values):
        inside = groups.members(number)
        outside = groups.known & ~inside
        own, others = (ratio(reached[who], best[who]) for who in (inside, outside))
        if own is not None and others is not None:
            found[value] = Quality(own, own.minus(others))
    return found


def _by_buyer(table: AuditTable, examined: Doubles | None, depth: int) -> tuple[Doubles, Doubles]:
    """DCG and ideal DCG of each buyer's sessions, summed, (buyers,) each."""
    gains = table.gain.copy()
    gains[table.logged < 0] = 0.0
    if examined is not None:
        chance = examined[np.clip(table.logged, 0, len(examined) - 1)]
        gains /= np.maximum(chance, 1 / _CLIP)
    seen = (table.position >= 0) & (table.position < depth)
    dcg = gains * seen / np.log2(2.0 + np.where(seen, table.position, 0))
    # The ideal order: rows by session, then by gain.
    order = np.lexsort((-gains, table.row_session))
    sessions = table.row_session[order]
    rank = np.arange(len(order)) - np.searchsorted(sessions, sessions)
    ideal = np.zeros_like(gains)
    ideal[order] = gains[order] * (rank < depth) / np.log2(2.0 + rank)
    who, n = table.row_buyer, table.n_buyers
    sums = [np.bincount(who, weights, n).astype(np.float64) for weights in (dcg, ideal)]
    return sums[0], sums[1]
