"""Buyers for a listing: the towers read backwards. Buyers lie in an index as points of the listing
space; the listing is the query.

How likely buyer b turns to listing l, of all buyers: P(b | l) ∝ exp(s(b, l) / τ) · P(b), with the
tower's score s, the temperature τ that it was trained at, and how often the buyer comes at all. So
a row is [point ; τ·ln activity], the query [described listing ; 1], and the index's inner product
orders buyers by it.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.ports import VectorIndex
from marketrank.types import BuyerId, ListingId, Mask, SellerId, Vectors

Floats = NDArray[np.float32]
Keys = NDArray[np.int64]
MakeIndex = Callable[[Keys, Vectors], VectorIndex]
"""An index of unit rows (n, dim) by key, which keeps nothing of them on the disk."""
_REACH_SAMPLE = 10_000
_PRIOR_EVENTS = 0.5
_PSEUDONYM_DIGITS = 20
_SEED = 20_260_101


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Buyers who agreed to Purpose.OUTREACH, row by row: `points` (n, width), of all that they
    agreed to, and `plain`, of it without demographics; `activity` (n,), how often they come, as
    decayed events; `sellers`, who they are where they sell. `seen` pairs (m, 2) are rows and keys
    of listings that they know already."""

    ids: tuple[BuyerId, ...]
    points: Floats
    plain: Floats
    activity: NDArray[np.float64]
    sellers: tuple[SellerId | None, ...]
    seen: Keys


@dataclass(frozen=True, slots=True)
class Matches:
    """The best members for a listing: rows, best first, and their scores by the tower."""

    rows: Keys
    scores: Floats


class Audience:
    """An index of members, for one tower. Never changes."""

    def __init__(
        self, members: Members, make_index: MakeIndex, *, temperature: float, interest: float
    ) -> None:
        self.members = members
        self._interest = interest
        n = len(members.ids)
        habit = np.log(members.activity + _PRIOR_EVENTS) * temperature
        self._habit = habit.astype(np.float32)[:, np.newaxis]
        self._indexes = [_index(make_index, points, self._habit) for points in self._both()]
        order = np.argsort(members.seen[:, 1], kind="stable")
        self._seen_rows, self._seen_keys = members.seen[order].T
        numbers = {seller: i for i, seller in enumerate(dict.fromkeys(members.sellers))}
        self._seller_numbers = numbers
        self._sellers = np.array([numbers[one] for one in members.sellers], np.int64)
        # A share is told well enough by so many.
        rng = np.random.default_rng(_SEED)
        self._sample = rng.permutation(n)[:_REACH_SAMPLE]

    def __len__(self) -> int:
        return len(self.members.ids)

    def _both(self) -> tuple[Floats, Floats]:
        return self.members.points, self.members.plain

    def open_to(self, key: int, seller: SellerId | None) -> Mask:
        """Whom a listing may be offered to, (n,): neither its seller nor who knows it."""
        rows = np.ones(len(self), np.bool_)
        first, last = np.searchsorted(self._seen_keys, [key, key + 1])
        rows[self._seen_rows[first:last]] = False
        if seller is not None and seller in self._seller_numbers:
            rows[self._sellers == self._seller_numbers[seller]] = False
        return rows

    def best(self, listing: Floats, k: int, rows: Mask, *, demographics: bool) -> Matches:
        """The k members among `rows` whom a described listing, (width,), fits best."""
        if not len(self):
            return Matches(np.empty(0, np.int64), np.empty(0, np.float32))
        query = np.concatenate([listing, [1.0, 0.0]]).astype(np.float32)[np.newaxis]
        query /= np.linalg.norm(query)
        hits = self._indexes[0 if demographics else 1].search(query, k, rows)
        points = self._both()[0 if demographics else 1]
        return Matches(hits.keys, np.asarray(points[hits.keys] @ listing, np.float32))

    def reach(self, listing: Floats, *, demographics: bool) -> float:
        """The share of all members whose score says that they are interested."""
        if not len(self):
            return 0.0
        points = self._both()[0 if demographics else 1][self._sample]
        return float((points @ listing >= self._interest).mean())


def _index(make_index: MakeIndex, points: Floats, habit: Floats) -> VectorIndex:
    """An index of unit rows whose order by cosine is that of the inner products: a further number
    brings every row to the length of the longest (Bachrach et al., "Speeding up the Xbox
    recommender system using a Euclidean transformation for inner-product spaces", RecSys 2014)."""
    rows = np.concatenate([points, habit], axis=1)
    lengths = np.linalg.norm(rows, axis=1)
    longest = max(float(lengths.max(initial=0.0)), 1e-9)
    rest = np.sqrt(np.maximum(longest**2 - lengths.astype(np.float64) ** 2, 0.0))
    rows = np.concatenate([rows, rest[:, np.newaxis]], axis=1) / longest
    return make_index(np.arange(len(rows)), rows.astype(np.float32))


class Offers:
    """Who was offered to sellers how often today: at most `cap` listings a day and buyer. Kept in
    memory, of one day. Safe to call from several threads."""

    def __init__(self, cap: int) -> None:
        if cap < 1:
            raise BadInput(f"audience_per_day={cap}: must be 1 or more")
        self._cap = cap
        self._day: date | None = None
        self._offered: dict[BuyerId, set[ListingId]] = {}
        self._lock = Lock()

    def full(self, listing: ListingId, at: datetime) -> set[BuyerId]:
        """Who may not be offered this listing today, having been offered others."""
        with self._lock:
            self._turn(at)
            return {
                buyer
                for buyer, listings in self._offered.items()
                if len(listings) >= self._cap and listing not in listings
            }

    def record(self, listing: ListingId, buyers: Sequence[BuyerId], at: datetime) -> None:
        """They are offered the listing; the same one again does not count."""
        with self._lock:
            self._turn(at)
            for buyer in buyers:
                self._offered.setdefault(buyer, set()).add(listing)

    def forget(self, buyer: BuyerId) -> None:
        """Nothing of this buyer is left."""
        with self._lock:
            self._offered.pop(buyer, None)

    def _turn(self, at: datetime) -> None:
        if at.date() != self._day:
            self._day, self._offered = at.date(), {}


def pseudonym(secret: bytes, listing: ListingId, buyer: BuyerId) -> str:
    """A name for a buyer that is the same for this listing and no other, so that nobody can follow
    a buyer from listing to listing (HMAC-SHA256, RFC 2104)."""
    message = f"{len(listing)}:{listing}{buyer}".encode()
    return hmac.new(secret, message, hashlib.sha256).hexdigest()[:_PSEUDONYM_DIGITS]
