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
    fewer look at them (Joachims, Swaminathan and Schnabel, WSDM 2017).

    The figure is Σ gain / log2(2 + position) over Σ gain: DCG as a share of what it would be were
    each listing that was wanted the first of a list. Where a session wants one thing that is NDCG;
    where it wants several it is lower. An ideal order of each session would need to know all that
    was wanted, not what happened to be clicked: taken from clicks it is too high a bar where clicks
    are few, and the mean of sessions' ratios is of the biased clicks however they are weighed.
    Both sums here are unbiased. Errors are clustered by buyer."""
    discounted, whole = _by_buyer(table, examined, depth)
    found = {}
    for number, value in enumerate(groups.values):
        inside = groups.members(number)
        outside = groups.known & ~inside
        own, others = (ratio(discounted[who], whole[who]) for who in (inside, outside))
        if own is not None and others is not None:
            found[value] = Quality(own, own.minus(others))
    return found


def _by_buyer(table: AuditTable, examined: Doubles | None, depth: int) -> tuple[Doubles, Doubles]:
    """Discounted and whole gain of each buyer, (buyers,) each."""
    gains = table.gain.copy()
    gains[table.logged < 0] = 0.0
    if examined is not None:
        chance = examined[np.clip(table.logged, 0, len(examined) - 1)]
        gains /= np.maximum(chance, 1 / _CLIP)
    seen = (table.position >= 0) & (table.position < depth)
    discounted = gains * seen / np.log2(2.0 + np.where(seen, table.position, 0))
    sums = [
        np.bincount(table.row_buyer, weights, table.n_buyers).astype(np.float64)
        for weights in (discounted, gains)
    ]
    return sums[0], sums[1]
