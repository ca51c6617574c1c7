"""The audit: whether groups of buyers are served alike. What it means is `audit_judgement`'s."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.audit_audience import Audiences, audiences
from marketrank.buyers.audit_exposure import Exposure, exposed, exposure_by_group
from marketrank.buyers.audit_groups import Groups, group
from marketrank.buyers.audit_inference import Inferred, done_by, inferred, shown_to
from marketrank.buyers.audit_ndcg import Quality, quality_by_group
from marketrank.buyers.audit_reach import Reach, Variances, reach_of, variances_of
from marketrank.buyers.audit_table import AuditTable
from marketrank.buyers.sensitive import SensitiveCategories

Doubles = NDArray[np.float64]
ALL, SENSITIVE = "all", "sensitive"
SCOPES = (SENSITIVE, ALL)
"""Which listings a reach is of."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an audit measures with and what blocks a promotion: the settings `audit_…`."""

    min_buyers: int = 30
    """Groups of fewer buyers are not shown."""
    min_audience: int = 20
    """Listings that reached fewer buyers are not judged."""
    reach_variance: float = 0.10
    """What a listing's variance may be."""
    reach_share: float = 0.9
    """The share of sensitive listings that must be within it."""
    ndcg_gap: float = 0.1
    """How far a group's NDCG may be below everybody else's."""
    depth: int = 10
    """The first places of a ranking count as seen."""


@dataclass(frozen=True, slots=True)
class GroupAudit:
    """One value of an attribute. A figure is None where there is too little to tell."""

    value: str
    buyers: int
    quality: Quality | None
    categories: Exposure | None
    sellers: Exposure | None
    reach: Mapping[str, Reach]
    inferred: Inferred | None
    inferred_from_actions: Inferred | None


@dataclass(frozen=True, slots=True)
class AttributeAudit:
    """An attribute's groups. `pooled` values of together `pooled_buyers` are too small to show,
    `unknown` buyers gave no value."""

    name: str
    groups: tuple[GroupAudit, ...]
    pooled: int
    pooled_buyers: int
    unknown: int
    reach: Mapping[str, Variances]


@dataclass(frozen=True, slots=True)
class Audit:
    """`sensitive` tells of each category that is taken as sensitive its listings and the rule that
    says so; `uncategorised` listings cannot be judged. `of` is what was audited: "the log", or a
    ranker. `feed_only`: the inference is from feeds alone, there being enough of them."""

    of: str
    buyers: int
    sessions: int
    listings: int
    debiased: bool
    feed_only: bool
    sensitive: Mapping[str, tuple[int, str]]
    uncategorised: int
    exposure: Mapping[str, float]
    sellers: Mapping[str, float]
    attributes: tuple[AttributeAudit, ...]
    limits: Limits = field(default_factory=Limits)


def audit(
    table: AuditTable,
    *,
    categories: SensitiveCategories,
    limits: Limits,
    seed: int,
    of: str = "the log",
    examined: Doubles | None = None,
    vectors: NDArray[np.float32] | None = None,
    most_listings: int = 1_000,
) -> Audit:
    """Measure a table. `examined` (positions,) are the chances of positions to be looked at, where
    they are known; `vectors` (listings, dim) those of the table's listings, zeros where there is
    none. Reach is of at most `most_listings`, drawn with `seed`."""
    named = {
        name: group(name, given, least=limits.min_buyers)
        for name, given in table.attributes.items()
    }
    kept = {name: groups for name, groups in named.items() if groups.values}
    flags = categories.flags([fact.category for fact in table.facts])
    reached = _audiences(table, kept, flags, limits, most=most_listings, seed=seed)
    roots = exposed(table, [_root(fact.category) for fact in table.facts], examined=examined)
    sellers = exposed(table, [fact.seller for fact in table.facts], examined=examined)
    feed_only = _enough_feeds(table, limits.min_buyers)
    from_feed = shown_to(table, vectors, feed_only=feed_only)
    return Audit(
        of=of,
        buyers=table.n_buyers,
        sessions=len(table.session_buyer),
        listings=len(table.listings),
        debiased=examined is not None,
        feed_only=feed_only,
        sensitive=_taken_as_sensitive(table, categories),
        uncategorised=sum(not fact.category for fact in table.facts),
        exposure=roots.overall(),
        sellers=sellers.overall(),
        attributes=tuple(
            _Measured(table, groups, reached, limits, seed).attribute(
                quality_by_group(table, groups, examined=examined, depth=limits.depth),
                exposure_by_group(roots, groups, seed=seed),
                exposure_by_group(sellers, groups, seed=seed),
                inferred(*from_feed, groups, seed=seed),
                inferred(*done_by(table), groups, seed=seed),
            )
            for groups in named.values()
        ),
        limits=limits,
    )


@dataclass(frozen=True, slots=True)
class _Measured:
    """What the figures of one attribute are read from."""

    table: AuditTable
    groups: Groups
    reached: Mapping[str, Mapping[str, Audiences]]
    limits: Limits
    seed: int

    def attribute(
        self,
        quality: Mapping[str, Quality],
        categories: Mapping[str, Exposure],
        sellers: Mapping[str, Exposure],
        shown: Mapping[str, Inferred],
        done: Mapping[str, Inferred],
    ) -> AttributeAudit:
        groups = self.groups
        by_scope = {
            scope: some[groups.name] for scope, some in self.reached.items() if groups.name in some
        }
        limit, seed = self.limits.reach_variance, self.seed
        whole = {
            scope: variances_of(some, limit=limit, seed=seed) for scope, some in by_scope.items()
        }
        return AttributeAudit(
            groups.name,
            tuple(
                GroupAudit(
                    value,
                    int(groups.members(number).sum()),
                    quality.get(value),
                    categories.get(value),
                    sellers.get(value),
                    self._reach(by_scope, number),
                    shown.get(value),
                    done.get(value),
                )
                for number, value in enumerate(groups.values)
            ),
            groups.pooled,
            groups.pooled_buyers,
            int((~groups.known).sum()),
            {scope: one for scope, one in whole.items() if one is not None},
        )

    def _reach(self, by_scope: Mapping[str, Audiences], number: int) -> dict[str, Reach]:
        limit, seed = self.limits.reach_variance, self.seed
        found = {
            scope: reach_of(some, number, limit=limit, seed=seed)
            for scope, some in by_scope.items()
        }
        return {scope: one for scope, one in found.items() if one is not None}


def _audiences(
    table: AuditTable,
    kept: Mapping[str, Groups],
    flags: NDArray[np.bool_],
    limits: Limits,
    *,
    most: int,
    seed: int,
) -> dict[str, dict[str, Audiences]]:
    """By scope and attribute. The sensitive listings have a draw of their own: they are few."""
    found = {}
    for scope, which in ((SENSITIVE, flags), (ALL, np.ones_like(flags))):
        if which.any() and kept:
            found[scope] = audiences(
                table,
                kept,
                which=which,
                depth=limits.depth,
                least=limits.min_audience,
                most=most,
                seed=seed,
            )
    return found


def _enough_feeds(table: AuditTable, least: int) -> bool:
    """For an inference from feeds alone: in a search, people see what they asked for."""
    return len(np.unique(table.session_buyer[table.session_feed])) >= 2 * least


def _root(category: tuple[str, ...]) -> str:
    return category[0] if category else ""


def _taken_as_sensitive(
    table: AuditTable, categories: SensitiveCategories
) -> dict[str, tuple[int, str]]:
    counts: dict[tuple[str, ...], int] = {}
    for fact in table.facts:
        counts[fact.category] = counts.get(fact.category, 0) + 1
    found = {}
    for path in sorted(counts):
        rule = categories.why(path)
        if rule is not None:
            found[" / ".join(path)] = (counts[path], rule)
    return found
