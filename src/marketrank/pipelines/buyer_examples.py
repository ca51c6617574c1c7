"""From events to what the buyer tower learns from: pairs of a buyer, as they were known before, and
a listing that they then turned to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.listing_space import Space, point_of
from marketrank.buyers.profile import Facts, Weighting
from marketrank.buyers.tower import KINDS
from marketrank.errors import BadInput
from marketrank.models.buyer_signs import numbered
from marketrank.people import Buyer, Interaction, Purpose
from marketrank.types import ListingId

Ints = NDArray[np.int64]
FEWEST_BUYERS = 10
"""A value of an attribute that fewer have is not learned: it could tell of one of them."""
_SECONDS_PER_DAY = 86_400
_MOST_WEIGHT = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Listings with their facts, row by row, and who did what with them: the buyers' events in any
    order. Those who did not agree to Purpose.HISTORY are left out by `history_of`."""

    ids: Sequence[ListingId]
    facts: Facts
    buyers: Sequence[Buyer]
    events: Sequence[Interaction]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Columns of `models.buyer_tower.Examples`, in the order of their times; see there.
    `vocabulary` has the values of each attribute, `start` is when `at` (days) begins."""

    columns: Mapping[str, NDArray[np.generic]]
    vocabulary: Mapping[str, Sequence[str]]
    at: NDArray[np.float64]
    start: datetime

    def __len__(self) -> int:
        return len(self.at)


def pairs_of(
    history: History,
    space: Space,
    *,
    weighting: Weighting,
    fewest: int = FEWEST_BUYERS,
) -> Pairs:
    """What there is to learn. A pair counts once, at its first event, and by the strongest sign of
    interest that followed; whoever hid or reported a listing did not want it. Raises BadInput
    where there is no pair."""
    buyers = {one.id: row for row, one in enumerate(history.buyers)}
    rows = {id: row for row, id in enumerate(history.ids)}
    events = [
        one
        for one in history.events
        if one.listing in rows
        and one.buyer in buyers
        and history.buyers[buyers[one.buyer]].allows(Purpose.HISTORY)
    ]
    if not events:
        raise BadInput(
            "no event of a buyer who agreed to the use of their history is about a listing that "
            "has a vector; collect events with POST /v1/events, or simulate some with "
            "`marketrank simulate`"
        )
    start = min(one.at for one in events)
    table = _Events(
        np.array([buyers[one.buyer] for one in events], np.int64),
        np.array([rows[one.listing] for one in events], np.int64),
        np.array([KINDS.index(one.kind) for one in events], np.int64),
        np.array([_days(one.at, start) for one in events]),
    ).ordered()
    vocabulary = vocabulary_of(history.buyers, fewest)
    shared = [one.attributes if one.allows(Purpose.DEMOGRAPHICS) else {} for one in history.buyers]
    points = [
        point_of(one.place if one.allows(Purpose.DEMOGRAPHICS) else None) for one in history.buyers
    ]
    facts = history.facts
    paths = {path: number for number, path in enumerate(sorted(set(facts.paths)))}
    columns = table.pairs([weighting.kinds.get(kind, 0.0) for kind in KINDS])
    return Pairs(
        columns
        | {
            "listings": space.describe(facts.vectors, facts.prices, facts.points),
            "categories": np.array([paths[path] for path in facts.paths], np.int64),
            "attributes": numbered(shared, vocabulary),
            "places": space.places(np.array(points, np.float32).reshape(len(points), 3)),
            "event_listing": table.listing,
            "event_kind": table.kind,
            "event_day": table.day,
        },
        vocabulary,
        np.asarray(columns["day"], np.float64),
        start,
    )


def vocabulary_of(buyers: Sequence[Buyer], fewest: int) -> dict[str, list[str]]:
    """The values of each attribute that at least so many who agreed to the use of their
    demographics have, sorted."""
    counts: Counter[tuple[str, str]] = Counter(
        pair
        for one in buyers
        if one.allows(Purpose.DEMOGRAPHICS)
        for pair in one.attributes.items()
    )
    found: dict[str, list[str]] = {}
    for name, value in sorted(pair for pair, count in counts.items() if count >= fewest):
        found.setdefault(name, []).append(value)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Events:
    """Columns (e,) of numbers; `day` counts from the first."""

    buyer: Ints
    listing: Ints
    kind: Ints
    day: NDArray[np.float64]

    def ordered(self) -> "_Events":
        order = np.lexsort((self.listing, self.day, self.buyer))
        columns = (self.buyer[order], self.listing[order], self.kind[order])
        return _Events(*columns, day=self.day[order])

    def pairs(self, kinds: Sequence[float]) -> dict[str, NDArray[np.generic]]:
        """Pairs by time; `kinds` are weights by number."""
        weights = np.array(kinds)[self.kind]
        pair = self.buyer * (int(self.listing.max()) + 1) + self.listing
        # Sorted by buyer and time, so the first of a pair is its earliest.
        _, first, which = np.unique(pair, return_index=True, return_inverse=True)
        strongest = np.full(len(first), -np.inf)
        np.maximum.at(strongest, which, weights)
        weakest = np.full(len(first), np.inf)
        np.minimum.at(weakest, which, weights)
        wanted = first[(strongest > 0) & (weakest >= 0)]
        strength = strongest[(strongest > 0) & (weakest >= 0)]
        order = np.lexsort((wanted, self.day[wanted]))
        wanted, strength = wanted[order], strength[order]
        starts = np.searchsorted(self.buyer, self.buyer[wanted])
        return {
            "buyer": self.buyer[wanted],
            "listing": self.listing[wanted],
            "day": self.day[wanted],
            "weight": np.sqrt(np.minimum(strength, _MOST_WEIGHT)).astype(np.float32),
            "first": starts.astype(np.int64),
            "last": self._before(wanted, starts),
        }

    def _before(self, rows: Ints, starts: Ints) -> Ints:
        """The end of each buyer's events that are earlier than the row's."""
        # Numbers that grow with the buyer first, then the day.
        span = float(self.day.max()) + 1.0
        line = self.buyer * span + self.day
        return np.maximum(np.searchsorted(line, line[rows], side="left"), starts).astype(np.int64)


def _days(at: datetime, start: datetime) -> float:
    return (at - start).total_seconds() / _SECONDS_PER_DAY
