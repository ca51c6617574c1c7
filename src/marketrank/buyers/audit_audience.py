"""Who was reached by a listing, and who would have been by a ranking blind to who they are.

The measure is that of the Variance Reduction System which Meta Platforms built under its settlement
with the United States (United States v. Meta Platforms, Inc., 22 Civ. 5187, S.D.N.Y., entered 27
June 2022, after a charge by the Department of Housing and Urban Development; targets agreed on 9
January 2023: a variance of at most 10 % for 91.7 % of housing advertisements by sex and for 81.0 %
by estimated race or ethnicity, by 31 December 2023). There the demographic distribution of those
who see an advertisement is compared with that of its eligible audience, whom the advertiser's
targeting admits (Timmaraju et al., Towards fairness in personalized ads using impression variance
aware reinforcement learning, KDD 2023, arXiv:2306.03293). The variance here is half the sum of the
absolute differences of the two distributions, total variation: the share of the audience that would
have to be exchanged, 0 to 1.

What is different, or approximate:
- A listing has no targeting. Eligible is who asked for the same, by surface and query, while it was
  on show (from the first to the last time that the log has it); where a ranker is audited that
  reorders logged candidates, who had it among them.
- People are counted, not impressions: one who sees a flat ten times is reached once. Counting
  impressions as the settlement does lets a system repeat itself to mend its figures (Imana, Shen,
  Heidemann and Korolova, arXiv:2506.16560).
- Whoever asks more often has more chances. A blind ranking reaches a buyer of s eligible sessions
  with probability 1 - exp(-λ s), λ such that as many are reached as were; the eligible audience is
  that one. Chances within a session are taken as alike for all.
- Attributes are what buyers say of themselves, and only of those who consented.
- Audiences of classified ads are small: noise alone takes many of them beyond 10 %. `audit_reach`
  takes it off, where the settlement leaves out advertisements with few impressions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.audit_groups import Groups
from marketrank.buyers.audit_table import AuditTable

Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Audiences:
    """Of each listing (n,): its number, and by the attribute's codes (n, codes) whom it `reached`,
    whom a blind ranking is `expected` to reach, and the variance of that number for one buyer after
    another (`spread`). Those who gave no value are in none of them."""

    listing: Numbers
    reached: Doubles
    expected: Doubles
    spread: Doubles

    def among(self, which: NDArray[np.bool_]) -> "Audiences":
        return Audiences(
            self.listing[which], self.reached[which], self.expected[which], self.spread[which]
        )

    @property
    def actual(self) -> Doubles:
        """The distribution of those reached, rows summing to 1."""
        return np.asarray(self.reached / self.reached.sum(axis=1, keepdims=True))

    @property
    def eligible(self) -> Doubles:
        """The distribution of the eligible audience, rows summing to 1."""
        return np.asarray(self.expected / self.expected.sum(axis=1, keepdims=True))

    @property
    def errors(self) -> Doubles:
        """One standard error of `actual` under a blind ranking: as many are reached as were, so the
        groups' numbers are not independent."""
        whole = np.maximum(self.spread.sum(axis=1, keepdims=True), 1e-12)
        squared = np.maximum(self.spread * (1 - self.spread / whole), 0)
        return np.asarray(np.sqrt(squared) / self.reached.sum(axis=1, keepdims=True))


def variance(eligible: Doubles, actual: Doubles) -> Doubles:
    """Half the sum of absolute differences of distributions (…, codes): 0 to 1, lower is alike."""
    apart: Doubles = np.abs(eligible - actual).sum(axis=-1) / 2
    return apart


def audiences(
    table: AuditTable,
    attributes: Mapping[str, Groups],
    *,
    which: NDArray[np.bool_] | None = None,
    depth: int,
    least: int,
    most: int,
    seed: int,
) -> dict[str, Audiences]:
    """By attribute, of the listings (of `which`, (listings,), where given) that reached at least
    `least` buyers: `most` of them drawn at random where there are more. Reached is who was shown
    it among the first `depth`."""
    reach = _reach(table, depth)
    enough = (reach >= least) & (True if which is None else which)
    chosen = np.flatnonzero(enough)
    if len(chosen) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, most, replace=False))
    parts = [_one(table, attributes, rows) for rows in _rows(table, chosen, depth)]
    found = {}
    for name, groups in attributes.items():
        counts = np.array([part[name] for part in parts]).reshape(len(parts), 3, groups.n_codes)
        some = Audiences(chosen, counts[:, 0], counts[:, 1], counts[:, 2])
        found[name] = some.among(some.reached.sum(axis=1) >= least)
    return found


def _reach(table: AuditTable, depth: int) -> Numbers:
    """How many buyers each listing reached."""
    seen = (table.position >= 0) & (table.position < depth)
    pairs = np.unique(table.row_listing[seen] * table.n_buyers + table.row_buyer[seen])
    return np.asarray(np.bincount(pairs // max(1, table.n_buyers), minlength=len(table.listings)))


def _rows(table: AuditTable, chosen: Numbers, depth: int) -> Iterator["_Rows"]:
    """Each chosen listing with its sessions: those that show it, and those that could have."""
    order = np.argsort(table.row_listing, kind="stable")
    listing = table.row_listing[order]
    by_stratum = _Strata(table)
    for number in chosen.tolist():
        low, high = np.searchsorted(listing, [number, number + 1])
        rows = order[low:high]
        position = table.position[rows]
        seen = table.row_session[rows[(position >= 0) & (position < depth)]]
        if table.of_candidates:
            yield _Rows(seen, table.row_session[rows])
        else:
            yield _Rows(seen, by_stratum.while_on_show(seen))


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    seen: Numbers
    """Sessions in which it was among the first."""
    could: Numbers
    """Eligible sessions, those included."""


class _Strata:
    """Sessions by stratum, in the order of their time."""

    def __init__(self, table: AuditTable) -> None:
        self._table = table
        self._order = np.lexsort((table.session_at, table.session_stratum))
        strata = table.session_stratum[self._order]
        self._starts = np.searchsorted(strata, np.arange(int(strata.max(initial=-1)) + 2))

    def while_on_show(self, seen: Numbers) -> Numbers:
        """All sessions of the strata of these, from the first of these to the last."""
        at = self._table.session_at[seen]
        first, last = at.min(), at.max()
        parts = []
        for stratum in np.unique(self._table.session_stratum[seen]).tolist():
            whole = self._order[self._starts[stratum] : self._starts[stratum + 1]]
            times = self._table.session_at[whole]
            low = np.searchsorted(times, first)
            parts.append(whole[low : np.searchsorted(times, last, "right")])
        return np.concatenate(parts)


def _one(table: AuditTable, attributes: Mapping[str, Groups], rows: "_Rows") -> dict[str, Doubles]:
    """Of one listing whom it reached, whom it was expected to, and the spread, (3, codes) by
    attribute, summed over its strata: a search is compared with who asked for the same. A buyer
    who meets it in two strata counts in both."""
    strata = np.unique(table.session_stratum[rows.seen])
    could = rows.could[np.isin(table.session_stratum[rows.could], strata)]
    units, chances = np.unique(_units(table, could), return_counts=True)
    reached = np.isin(units, _units(table, rows.seen))
    who = units % table.n_buyers
    place = np.searchsorted(strata, units // table.n_buyers)
    blind = _blind_by_stratum(place, chances, reached, len(strata))
    sums = {}
    for name, groups in attributes.items():
        code = groups.code[who]
        known = code >= 0
        sums[name] = np.array(
            [
                np.bincount(code[known], weight[known], groups.n_codes)
                for weight in (reached, blind, blind * (1 - blind))
            ]
        )
    return sums


def _units(table: AuditTable, sessions: Numbers) -> Numbers:
    """A number for each session's stratum and buyer, in the strata's order."""
    return table.session_stratum[sessions] * table.n_buyers + table.session_buyer[sessions]


def _blind_by_stratum(
    place: Numbers, chances: Numbers, reached: NDArray[np.bool_], n_strata: int
) -> Doubles:
    """`blind_reach` within each stratum, (units,); `place` (units,) counts up the strata."""
    size = np.bincount(place, minlength=n_strata)
    n = np.bincount(place, reached, n_strata)
    blind: Doubles = (n / size)[place]  # right where all have as many chances
    starts = np.searchsorted(place, np.arange(n_strata + 1))
    uneven = np.maximum.reduceat(chances, starts[:-1]) > np.minimum.reduceat(chances, starts[:-1])
    for stratum in np.flatnonzero(uneven & (n < size)).tolist():
        part = slice(starts[stratum], starts[stratum + 1])
        blind[part] = blind_reach(chances[part], int(n[stratum]))
    return blind


def blind_reach(chances: Numbers, n: int) -> Doubles:
    """1 - exp(-λ s) for buyers of s sessions each, (buyers,), with λ such that they sum to `n`: how
    likely each is among n reached. All 1 where all were."""
    if n >= len(chances):
        return np.ones(len(chances))
    sessions, counts = np.unique(chances, return_counts=True)
    if len(sessions) == 1:
        return np.full(len(chances), n / len(chances))
    low, high = 0.0, 1.0
    while float(counts @ -np.expm1(-high * sessions)) < n:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        if float(counts @ -np.expm1(-middle * sessions)) < n:
            low = middle
        else:
            high = middle
    reach: Doubles = -np.expm1(-high * chances)
    return reach
