"""Whether a new buyer tower may take the place of the one in use: what each finds of what followed,
paired, and whether groups of buyers are treated alike."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates
from marketrank.buyers.audit_table import Fact
from marketrank.buyers.fairness import Limits
from marketrank.buyers.profile import Facts
from marketrank.buyers.sensitive import SensitiveCategories
from marketrank.buyers.tower import Known, TowerModel, allowed, points_of, space_of
from marketrank.errors import BadInput
from marketrank.evaluation.significance import bootstrap_intervals
from marketrank.people import Buyer, Impression, Interaction, Session
from marketrank.personal import held
from marketrank.pipelines.audit import as_dict, audit_sessions
from marketrank.pipelines.buyer_examples import History
from marketrank.types import BuyerId, ListingId

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
TOLERANCE = 0.02
"""How much worse a new tower may be than the one in use, as a share of what that one finds."""
_DEPTH = 50
_BATCH = 256
_NOWHERE = -1e9


@dataclass(frozen=True, slots=True)
class Turned:
    """Somebody turned to a listing for the first time."""

    buyer: BuyerId
    listing: ListingId
    at: datetime


class Past:
    """What was known of buyers at earlier moments, as far as they agree to its use now."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.rows = {id: row for row, id in enumerate(history.ids)}
        self._buyers = {one.id: one for one in history.buyers}
        self._events: dict[BuyerId, list[Interaction]] = {}
        for one in sorted(history.events, key=lambda event: (event.at, event.id)):
            if one.listing in self.rows:
                self._events.setdefault(one.buyer, []).append(one)

    def known(self, id: BuyerId, at: datetime, but: ListingId | None, most: int) -> Known:
        """What may be used of a buyer as they were just before `at`; nothing of the listing `but`.
        Empty for somebody who agreed to nothing."""
        buyer = self._buyers.get(id)
        if buyer is None:
            return Known()
        events = self._events.get(id, [])
        before = events[: bisect_left(events, at, key=lambda one: one.at)]
        known = allowed(buyer, [one for one in before[::-1] if one.listing != but][:most])
        rows = np.array([self.rows[one.listing] for one in known.interactions], np.int64)
        return replace(known, facts=_taken(self.history.facts, rows))

    def points(
        self, model: TowerModel, turned: Sequence[Turned], *, with_history: bool = True
    ) -> Floats:
        """Buyers just before they turned to something, as the tower sees them: (n, width)."""
        space, parts = space_of(model), [np.empty((0, space_of(model).width), np.float32)]
        for start in range(0, len(turned), _BATCH):
            some = turned[start : start + _BATCH]
            now = max(one.at for one in some)
            known = [self.known(one.buyer, one.at, one.listing, model.history) for one in some]
            if not with_history:
                known = [replace(one, interactions=(), facts=None) for one in known]
            # Each at a moment of their own: with their events as long ago as they were then.
            known = [_moved(one, now - own.at) for one, own in zip(known, some, strict=True)]
            parts.append(points_of(model, space, known, now))
        return np.concatenate(parts)


def _moved(known: Known, by: Any) -> Known:
    events = tuple(replace(one, at=one.at + by) for one in known.interactions)
    return replace(known, interactions=events)


def _taken(facts: Facts, rows: NDArray[np.int64]) -> Facts:
    return Facts(
        facts.vectors[rows],
        [facts.paths[row] for row in rows.tolist()],
        facts.prices[rows],
        facts.points[rows],
    )


def compare(
    past: Past, new: TowerModel, champion: TowerModel, turned: Sequence[Turned], *, seed: int
) -> dict[str, dict[str, float]]:
    """How much more the new tower finds among its first 50 of what buyers turned to than the one
    in use, with their history (`recall@50`) and without (`cold_recall@50`): for both the mean over
    buyers, and the paired difference with a 95 % interval. Of listings that the log has, those
    that ended too. Raises BadInput where nobody turned to anything."""
    if not turned:
        raise BadInput("nothing followed that could be compared; collect more events")
    found = {}
    for name, with_history in (("recall@50", True), ("cold_recall@50", False)):
        theirs, ours = (
            _by_buyer(_found(past, model, turned, with_history), turned)
            for model in (champion, new)
        )
        gap = (ours - theirs)[:, np.newaxis]
        low, high = bootstrap_intervals(gap, seed=seed)[:, 0].tolist()
        found[name] = {
            "new": float(ours.mean()),
            "in_use": float(theirs.mean()),
            "difference": float(gap.mean()),
            "low": low,
            "high": high,
            "buyers": float(len(gap)),
        }
    return found


def worse_than(compared: Mapping[str, Mapping[str, float]], champion: str) -> list[str]:
    """In what the new tower is worse than the one in use: significantly (95 %, paired), or by more
    than TOLERANCE of what that one finds."""
    return [
        f"{name} is {one['new']:.3f}, {one['difference']:+.3f} [{one['low']:+.3f}, "
        f"{one['high']:+.3f}] against {champion} in use"
        for name, one in compared.items()
        if one["high"] < 0 or one["difference"] < -TOLERANCE * one["in_use"]
    ]


def _found(
    past: Past, model: TowerModel, turned: Sequence[Turned], with_history: bool
) -> NDArray[np.bool_]:
    """Whether each listing is among the first of all listings, (n,)."""
    facts = past.history.facts
    described = space_of(model).describe(facts.vectors, facts.prices, facts.points)
    points = past.points(model, turned, with_history=with_history)
    own = described[[past.rows[one.listing] for one in turned]]
    reached = (points * own).sum(axis=1)
    hits = []
    for start in range(0, len(points), _BATCH):
        part = slice(start, start + _BATCH)
        # The listing itself is not before itself, however sums are rounded.
        better = (points[part] @ described.T > reached[part, np.newaxis] + 1e-6).sum(axis=1)
        hits.append(better < _DEPTH)
    return np.concatenate(hits)


def _by_buyer(hits: NDArray[np.bool_], turned: Sequence[Turned]) -> Doubles:
    """The share of hits of each buyer, in order of their first."""
    numbers = {id: row for row, id in enumerate(dict.fromkeys(one.buyer for one in turned))}
    rows = np.array([numbers[one.buyer] for one in turned])
    return np.bincount(rows, hits.astype(np.float64)) / np.bincount(rows)


@dataclass(frozen=True, slots=True)
class Auditing:
    """What a tower is audited with. `sessions` gives those of [since, until), `facts` those of the
    listings that were shown."""

    sessions: Callable[[datetime, datetime], Iterable[Session]]
    facts: Callable[[Sequence[Session]], Mapping[ListingId, Fact]]
    buyers: Callable[[], Iterable[Buyer]]
    categories: SensitiveCategories
    limits: Limits
    seed: int

    def __call__(
        self, past: Past, tower: TowerModel, since: datetime, until: datetime
    ) -> dict[str, Any]:
        """An audit of the candidates that were logged, in the order of the tower: `reasons` against
        it, where there are `too_few` to tell and what is `unjudged`."""
        sessions = list(self.sessions(since, until))
        try:
            found = audit_sessions(
                sessions,
                self.buyers(),
                self.facts(sessions),
                categories=self.categories,
                limits=self.limits,
                seed=self.seed,
                score=_Score(past, tower, self.categories),
                of="the new buyer tower",
            )
        except BadInput as error:
            return {"reasons": [], "too_few": [], "unjudged": [str(error)]}
        return as_dict(found, self.limits)


class _Score:
    """How a tower orders an impression's candidates, as a feed would show them: sensitive ones
    where they stand without demographics."""

    def __init__(self, past: Past, tower: TowerModel, categories: SensitiveCategories) -> None:
        self._past, self._tower, self._space = past, tower, space_of(tower)
        self._sensitive = categories.flags(past.history.facts.paths)
        facts = past.history.facts
        self._described = self._space.describe(facts.vectors, facts.prices, facts.points)

    def __call__(self, shown: Impression) -> Floats:
        assert shown.buyer is not None  # an audit reads no others
        known = self._past.known(shown.buyer, shown.at, None, self._tower.history)
        plain = replace(known, attributes={}, place=None)
        points = points_of(self._tower, self._space, [known, plain], shown.at)
        rows = np.array([self._past.rows.get(one, -1) for one in shown.listings], np.int64)
        scores = (points @ self._described[rows].T).astype(np.float32)
        scores[:, rows < 0] = _NOWHERE  # without a vector
        ours, theirs = _order(scores[0]), _order(scores[1])
        sensitive = self._sensitive[rows] & (rows >= 0)
        order = held(theirs, ours, sensitive[theirs.keys]).keys
        out = np.empty(len(rows), np.float32)
        out[order] = -np.arange(len(rows), dtype=np.float32)
        return out


def _order(scores: Floats) -> Candidates:
    """Numbers of candidates, best first."""
    order = np.argsort(-scores, kind="stable").astype(np.int64)
    return Candidates(order, scores[order], {})
