"""Buyers for a listing: the towers read backwards. Buyers lie in an index as points of the listing
space; the listing is the query.

How likely buyer b turns to listing l, of all buyers: P(b | l) ∝ exp(s(b, l) / τ) · P(b), with the
tower's score s, the temperature τ that it was trained at, and how often the buyer comes at all. So
a row is [point ; τ·ln activity], the query [described listing ; 1], and the index's inner product
orders buyers by it. Of a listing that some have turned to already, buyers who share their history
gain by that (see `fellows`); nothing of it is learned, so it holds as soon as there are events.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.ports import VectorIndex
from marketrank.types import BuyerId, ListingId, Mask, SellerId, Vectors

Floats = NDArray[np.float32]
Keys = NDArray[np.int64]
MakeIndex = Callable[[Keys, Vectors], VectorIndex]
"""An index of unit rows (n, dim) by key, which keeps nothing of them on the disk."""
_REACH_SAMPLE = 10_000
_PRIOR_EVENTS = 0.5
FELLOWS = 10.0
"""What sharing all of a history with one who turned to the listing adds, in log-odds: ADR 163."""
_WIDER = 4
_MOST_FELLOWS = 200
_PSEUDONYM_DIGITS = 20
_SEED = 20_260_101


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Buyers who agreed to Purpose.OUTREACH, row by row: `points` (n, width), of all that they
    agreed to, and `plain`, of it without demographics; `activity` (n,), how often they come, as
    decayed events; `sellers`, who they are where they sell. `seen` (m, 2) are pairs of rows and
    keys of listings that they know already; `liked` (p, 2) those that they turned to and whose use
    they agreed to, where rows from n on are of others, who only agreed to that."""

    ids: tuple[BuyerId, ...]
    points: Floats
    plain: Floats
    activity: NDArray[np.float64]
    sellers: tuple[SellerId | None, ...]
    seen: Keys
    liked: Keys


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
        self._temperature = temperature
        self._fellows = _Shared.of(members.liked)
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

    def best(
        self, listing: Floats, k: int, rows: Mask, *, demographics: bool, key: int = -1
    ) -> Matches:
        """The k members among `rows` whom a described listing, (width,), fits best. `key` is its
        own, for those who turned to it already."""
        if not len(self):
            return Matches(np.empty(0, np.int64), np.empty(0, np.float32))
        query = np.concatenate([listing, [1.0, 0.0]]).astype(np.float32)[np.newaxis]
        query /= np.linalg.norm(query)
        shared = self.fellows(key)
        wide = k if shared is None else _WIDER * k
        found = self._indexes[0 if demographics else 1].search(query, wide, rows).keys
        if shared is not None:
            chosen = np.flatnonzero(rows & (shared > 0))
            chosen = chosen[np.argsort(-shared[chosen], kind="stable")[: _WIDER * k]]
            found = np.union1d(found, chosen)
        points = self._both()[0 if demographics else 1]
        scores = np.asarray(points[found] @ listing, np.float32)
        worth = scores + self._habit[found, 0]
        if shared is not None:
            worth += np.float32(FELLOWS * self._temperature) * shared[found]
        order = np.lexsort((found, -worth))[:k]
        return Matches(found[order], scores[order])

    def fellows(self, key: int) -> Floats | None:
        """How much each member shares with those who turned to a listing, (n,): the sum of the
        cosines of what both turned to, over the root of how many they are (user-based neighbours:
        Herlocker, Konstan, Borchers and Riedl, SIGIR 1999). None where nobody did."""
        return self._fellows.sums(key, len(self))

    def reach(self, listing: Floats, *, demographics: bool) -> float:
        """The share of all members whose score says that they are interested."""
        if not len(self):
            return 0.0
        points = self._both()[0 if demographics else 1][self._sample]
        return float((points @ listing >= self._interest).mean())


@dataclass(frozen=True, slots=True, eq=False)
class _Shared:
    """Who turned to what, both ways: rows by key and keys by row, each in one array with where the
    parts start; `lengths` (rows,) is the root of how many each row has."""

    rows_of: tuple[Keys, Keys, Keys]
    keys_of: tuple[Keys, Keys]
    lengths: NDArray[np.float64]

    @staticmethod
    def of(pairs: Keys) -> "_Shared":
        """Of pairs (p, 2) of a row and a key."""
        pairs = np.unique(pairs, axis=0) if len(pairs) else pairs.reshape(-1, 2)
        keys, numbers = np.unique(pairs[:, 1], return_inverse=True)
        counts = np.bincount(pairs[:, 0])
        by_key = np.argsort(numbers, kind="stable")
        return _Shared(
            (keys, pairs[by_key, 0], _starts(np.bincount(numbers, minlength=len(keys)))),
            (numbers.astype(np.int64), _starts(counts)),
            np.sqrt(np.maximum(counts, 1)),
        )

    def sums(self, key: int, n: int) -> Floats | None:
        keys, rows, starts = self.rows_of
        place = int(np.searchsorted(keys, key))
        if place == len(keys) or keys[place] != key:
            return None
        turned = rows[starts[place] : starts[place + 1]][-_MOST_FELLOWS:]
        at = _spans(self.keys_of[1], turned)
        owner = np.repeat(turned, np.diff(self.keys_of[1])[turned])
        weights = np.bincount(self.keys_of[0][at], 1 / self.lengths[owner], len(keys))
        shared = np.flatnonzero(weights)
        to = rows[_spans(starts, shared)]
        each = np.repeat(weights[shared], np.diff(starts)[shared])
        total = np.bincount(to, each, len(self.lengths)) / self.lengths
        out = np.zeros(n, np.float32)
        out[: min(n, len(total))] = total[:n] / np.sqrt(len(turned))
        return out


def _starts(counts: NDArray[np.int64]) -> Keys:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _spans(starts: Keys, parts: Keys) -> Keys:
    """The places that these parts take up, one after another."""
    lengths = starts[parts + 1] - starts[parts]
    begin = np.repeat(starts[parts] - (np.cumsum(lengths) - lengths), lengths)
    return begin + np.arange(int(lengths.sum()))


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


def pseudonym(secret: bytes, listing: ListingId, buyer: BuyerId) -> str:
    """A name for a buyer that is the same for this listing and no other, so that nobody can follow
    a buyer from listing to listing (HMAC-SHA256, RFC 2104)."""
    message = f"{len(listing)}:{listing}{buyer}".encode()
    return hmac.new(secret, message, hashlib.sha256).hexdigest()[:_PSEUDONYM_DIGITS]
