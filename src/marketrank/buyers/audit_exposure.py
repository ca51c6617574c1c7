"""What is put before each group: exposure of categories and of groups of sellers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.audit_groups import Groups
from marketrank.buyers.audit_table import AuditTable
from marketrank.buyers.audit_values import AgainstChance

Doubles = NDArray[np.float64]
NONE = "(none)"
_SHUFFLES = 400


@dataclass(frozen=True, slots=True)
class Exposure:
    """`shares` by label sum to 1; `distance` is half the sum of absolute differences to the shares
    of everybody else, 0 to 1."""

    shares: Mapping[str, float]
    distance: AgainstChance


@dataclass(frozen=True, slots=True, eq=False)
class Exposed:
    """Shares of exposure of each buyer, (buyers, labels), rows summing to 1 or, of those who were
    shown nothing, 0."""

    labels: tuple[str, ...]
    shares: Doubles

    def overall(self) -> Mapping[str, float]:
        seen = self.shares.sum(axis=1) > 0
        return dict(zip(self.labels, _mean(self.shares, seen).tolist(), strict=True))


def exposed(table: AuditTable, labels: Sequence[str], *, examined: Doubles | None) -> Exposed:
    """Exposure to labels of listings, (listings,). A place on the page counts by its chance to be
    looked at, `examined` as for NDCG or, where that is not known, 1 / log2(2 + position) (Singh and
    Joachims, Fairness of exposure in rankings, KDD 2018). Each buyer counts alike, however much
    they look at: the busiest must not stand for their group, nor be seen through its figures."""
    shown = table.position >= 0
    positions = table.position[shown]
    if examined is None:
        weights = 1 / np.log2(2.0 + positions)
    else:
        weights = examined[np.clip(positions, 0, len(examined) - 1)]
    names = sorted(set(labels))
    places = {name: place for place, name in enumerate(names)}
    label = np.array([places[one] for one in labels], np.int64)[table.row_listing[shown]]
    at = table.row_buyer[shown] * max(1, len(names)) + label
    sums = np.bincount(at, weights, table.n_buyers * len(names)).reshape(table.n_buyers, -1)
    whole = sums.sum(axis=1, keepdims=True)
    return Exposed(
        tuple(name or NONE for name in names),
        np.divide(sums, whole, out=np.zeros_like(sums), where=whole > 0),
    )


def exposure_by_group(one: Exposed, groups: Groups, *, seed: int) -> Mapping[str, Exposure]:
    """Of each group, and how far it is from the others', beside what shuffled labels give."""
    known = groups.known & (one.shares.sum(axis=1) > 0)
    shares, code = one.shares[known], groups.code[known]
    random = np.random.default_rng(seed)
    found = {}
    for number, value in enumerate(groups.values):
        inside = code == number
        if not inside.any() or inside.all():
            continue
        shuffled = np.stack([random.permutation(inside) for _ in range(_SHUFFLES)])
        chance = _distances(shares, shuffled)
        found[value] = Exposure(
            dict(zip(one.labels, _mean(shares, inside).tolist(), strict=True)),
            AgainstChance(
                float(_distances(shares, inside[np.newaxis])[0]),
                float(chance.mean()),
                float(np.quantile(chance, 0.95)),
            ),
        )
    return found


def _distances(shares: Doubles, inside: NDArray[np.bool_]) -> Doubles:
    """Total variation between the mean shares inside and outside, for each row of `inside`
    (m, buyers)."""
    n = inside.sum(axis=1, keepdims=True)
    own = inside.astype(np.float64) @ shares
    others = shares.sum(axis=0) - own
    apart: Doubles = np.abs(own / n - others / (len(shares) - n)).sum(axis=1) / 2
    return apart


def _mean(shares: Doubles, who: NDArray[np.bool_]) -> Doubles:
    mean: Doubles = shares[who].mean(axis=0) if who.any() else np.zeros(shares.shape[1])
    return mean
