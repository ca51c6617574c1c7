"""What filters, facets and sorts need of every listing, in columns indexed by key.

A snapshot is a tuple of chunks of 16,384 keys. Applying changes copies only the chunks they fall
into (0.75 MB each, whatever the size of the marketplace) and publishes a new tuple, so readers
hold snapshots that never change, without locks. Ids are kept once, shared by all snapshots: a
key's id never changes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import FacetValue, Filters, Near, Sort
from marketrank.errors import BadInput
from marketrank.types import Attributes, ListingId, ListingKey, Mask, SellerId, Signal

Keys = NDArray[np.int64]
_SHIFT = 14
_CHUNK = 1 << _SHIFT
_FEW = 128  # keys, which are quicker read one by one than by chunks: 40 µs for 100, not 140
_JOINED = 16  # chunks; of more, columns are not put together anew for each change
_EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG
_NO_PRICE = -1
_NO_KEY = -1
_NO_TIME = np.iinfo(np.int64).min + 1  # its negation exists
_ALL = Filters()
_BITS = {signal: 1 << number for number, signal in enumerate(Signal)}
# In major units, both ends included, written as the filter takes them: the count beside a band is
# what its filter returns, so a listing at exactly 50 is in two.
_PRICE_BANDS = (
    ("0..0", "Free", 0, 0),
    ("0..10", "Up to 10", 0, 10),
    ("10..50", "10–50", 10, 50),
    ("50..100", "50–100", 50, 100),
    ("100..500", "100–500", 100, 500),
    ("500..", "500 or more", 500, None),
)
_MINOR_PER_MAJOR = 100


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The columns of _CHUNK keys: the last axis is the key. `category` is a number in the
    snapshot's paths; `point` (3, n) is the place on the unit sphere, NaN where there is none;
    `listed_at` is microseconds since 1970; `seller` is a number, 0 where none is known; `signals`
    has a bit for each; `repeats` is the key of the listing whose words it repeats, or _NO_KEY;
    `seq` is the number of its last change."""

    live: NDArray[np.bool_]
    category: NDArray[np.int32]
    price: NDArray[np.int64]
    point: NDArray[np.float32]
    listed_at: NDArray[np.int64]
    seller: NDArray[np.int32]
    signals: NDArray[np.uint8]
    repeats: NDArray[np.int64]
    seq: NDArray[np.int64]

    def copy(self) -> "_Chunk":
        return _Chunk(*(getattr(self, column.name).copy() for column in fields(self)))


@cache
def _empty_chunk() -> _Chunk:
    return _Chunk(
        live=np.zeros(_CHUNK, np.bool_),
        category=np.zeros(_CHUNK, np.int32),
        price=np.full(_CHUNK, _NO_PRICE, np.int64),
        point=np.full((3, _CHUNK), np.nan, np.float32),
        listed_at=np.full(_CHUNK, _NO_TIME, np.int64),
        seller=np.zeros(_CHUNK, np.int32),
        signals=np.zeros(_CHUNK, np.uint8),
        repeats=np.full(_CHUNK, _NO_KEY, np.int64),
        seq=np.zeros(_CHUNK, np.int64),
    )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The catalogue at one moment; never changes. `size` is the highest key known plus one;
    `by_seller` counts the listings of each seller, by their number."""

    size: int
    live_count: int
    chunks: tuple[_Chunk, ...]
    paths: tuple[tuple[str, ...], ...]
    shared_ids: list[ListingId | None]
    shared_keys: dict[ListingId, ListingKey]
    shared_sellers: dict[SellerId | None, int] = field(default_factory=dict)
    by_seller: NDArray[np.int32] = field(default_factory=lambda: np.zeros(1, np.int32))
    joined: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False, compare=False)

    def mask(self, filters: Filters) -> Mask:
        """Live listings that pass the filters; shape (size,), the caller's own copy."""
        within = None
        if filters.category:
            within = self._within(filters.category)
        near = filters.near if filters.near and filters.near.within_km is not None else None
        parts = [_passing(chunk, filters, within, near) for chunk in self.chunks]
        return np.concatenate(parts)[: self.size] if parts else np.zeros(0, np.bool_)

    def distances_km(self, keys: Keys, near: Near) -> NDArray[np.float32]:
        """Great-circle distance of each key's place; NaN where it has none. Shape (n,)."""
        chords = np.sqrt(_chords_squared(self._column(keys, "point", np.nan), near))
        half = np.minimum(chords.astype(np.float64) / 2, 1.0)
        return (2 * _EARTH_RADIUS_KM * np.arcsin(half)).astype(np.float32)

    def prices(self, keys: Keys) -> NDArray[np.int64]:
        """Minor units; -1 where there is none. Shape (n,)."""
        return self._column(keys, "price", _NO_PRICE)

    def listed_at(self, keys: Keys) -> NDArray[np.int64]:
        """Microseconds since 1970 (UTC). Shape (n,)."""
        return self._column(keys, "listed_at", _NO_TIME)

    def category_numbers(self, keys: Keys) -> NDArray[np.int32]:
        """Positions in `paths`; that of () for a key that is not known. Shape (n,)."""
        return self._column(keys, "category", 0)

    def seqs(self, keys: Keys) -> NDArray[np.int64]:
        """The number of each key's last change; 0 where it is not known. Shape (n,)."""
        return self._column(keys, "seq", 0)

    def sellers(self, keys: Keys) -> NDArray[np.int32]:
        """A number for each seller; 0 where none is known. Shape (n,)."""
        return self._column(keys, "seller", 0)

    def seller_listings(self, keys: Keys) -> NDArray[np.float64]:
        """How many listings, live or ended, each key's seller has; NaN where none is known. Shape
        (n,)."""
        sellers = self.sellers(keys)
        return np.where(sellers > 0, self.by_seller[sellers], np.nan)

    def points(self, keys: Keys) -> NDArray[np.float32]:
        """Places on the unit sphere, NaN where there is none. Shape (n, 3)."""
        return np.asarray(self._column(keys, "point", np.nan).T, np.float32)

    def offered_by(self, seller: SellerId) -> Keys:
        """The keys of a seller's listings, live or ended, in order."""
        number = self.shared_sellers.get(seller, 0)
        if not number:
            return np.empty(0, np.int64)
        return np.flatnonzero(np.concatenate([c.seller for c in self.chunks]) == number)

    def signals(self, keys: Keys) -> dict[Signal, NDArray[np.bool_]]:
        """Which of the keys have each signal: named columns of shape (n,)."""
        bits = self._column(keys, "signals", 0)
        return {signal: (bits & bit) != 0 for signal, bit in _BITS.items()}

    def originals(self, keys: Keys) -> Keys:
        """The key of the listing whose words each one repeats, or its own. Shape (n,)."""
        repeats = self._column(keys, "repeats", _NO_KEY)
        return np.where(repeats == _NO_KEY, keys, repeats)

    def paths_of(self, keys: Keys) -> list[tuple[str, ...]]:
        """The category path of each key."""
        return [self.paths[n] for n in self._column(keys, "category", 0).tolist()]

    def ids(self, keys: Keys) -> list[ListingId]:
        """The feed's ids. Raises BadInput for a key that is not in the catalogue."""
        found = [self.shared_ids[k] if 0 <= k < self.size else None for k in keys.tolist()]
        for key, listing in zip(keys.tolist(), found, strict=True):
            if listing is None:
                raise BadInput(f"listing key {key} is not in the catalogue; reload the index")
        return [listing for listing in found if listing is not None]

    def key_of(self, listing: ListingId) -> ListingKey | None:
        """The key of a listing, live or ended; None where there is none yet."""
        key = self.shared_keys.get(listing)
        return None if key is None or key >= self.size else key

    def facets(self, keys: Keys, prefix: tuple[str, ...] = ()) -> dict[str, tuple[FacetValue, ...]]:
        """Counts among `keys`: "category", one level below `prefix`, and "price" by bands. Each
        `value` is what the filter of that name takes and `count` what it would leave of `keys`.
        Categories are ordered by count, then value, bands by price; nothing that counts 0."""
        return {
            "category": self._category_facets(keys, prefix),
            "price": _price_facets(self.prices(keys)),
        }

    def order(self, keys: Keys, sort: Sort, near: Near | None = None) -> NDArray[np.int64]:
        """The permutation that sorts `keys`: those without a price or a place last, ties by key.
        RELEVANCE leaves them as they are. Raises BadInput for DISTANCE without a place."""
        if sort is Sort.RELEVANCE:
            return np.arange(len(keys))
        if sort is Sort.NEWEST:
            return np.lexsort((keys, -self.listed_at(keys)))
        if sort is Sort.DISTANCE:
            if near is None:
                raise BadInput("sort=distance needs a place: give `near` as well")
            return np.lexsort((keys, self.distances_km(keys, near)))  # NaN sorts last
        price = self.prices(keys)
        value = -price if sort is Sort.PRICE_DESC else price
        return np.lexsort((keys, value, price == _NO_PRICE))

    def ended(self, category: tuple[str, ...], limit: int) -> Keys:
        """Keys of listings below `category` that have ended, the latest change first."""
        if not self.chunks:
            return np.zeros(0, np.int64)
        within = self._within(category)
        gone = [~chunk.live & (chunk.seq > 0) & within[chunk.category] for chunk in self.chunks]
        keys = np.flatnonzero(np.concatenate(gone)[: self.size])
        return keys[np.argsort(-self.seqs(keys), kind="stable")[:limit]]

    def _within(self, prefix: tuple[str, ...]) -> NDArray[np.bool_]:
        """By category number: whether its path starts with the prefix."""
        depth = len(prefix)
        return np.array([path[:depth] == prefix for path in self.paths], np.bool_)

    def _column(self, keys: Keys, name: str, missing: float) -> NDArray[Any]:
        """Gather one column; `missing` for keys that the catalogue does not know."""
        end = len(self.chunks) << _SHIFT
        if len(self.chunks) <= _JOINED and len(keys) and keys.min() >= 0 and keys.max() < end:
            return self._joined(name)[..., keys]
        read = attrgetter(name)
        sample = read(_empty_chunk())
        if sample.ndim == 1 and len(keys) <= _FEW:
            columns = [read(chunk) for chunk in self.chunks]
            found = (
                columns[key >> _SHIFT].item(key & (_CHUNK - 1)) if 0 <= key < end else missing
                for key in keys.tolist()
            )
            return np.fromiter(found, sample.dtype, len(keys))
        out = np.full((*sample.shape[:-1], len(keys)), missing, sample.dtype)
        numbers = keys >> _SHIFT
        # Radix sort: one pass a byte, so that all keys of a chunk are read together.
        order = np.argsort(np.minimum(numbers, 0xFFFF).astype(np.uint16), kind="stable")
        edges = np.searchsorted(numbers[order], np.arange(len(self.chunks) + 1))
        for number, chunk in enumerate(self.chunks):
            rows = order[edges[number] : edges[number + 1]]
            if len(rows):
                out[..., rows] = read(chunk)[..., keys[rows] & (_CHUNK - 1)]
        return out

    def _joined(self, name: str) -> NDArray[Any]:
        """A column of all chunks, put together when it is first asked for."""
        column = self.joined.get(name)
        if column is None:
            column = np.concatenate([getattr(chunk, name) for chunk in self.chunks], axis=-1)
            self.joined[name] = column
        return column

    def _category_facets(self, keys: Keys, prefix: tuple[str, ...]) -> tuple[FacetValue, ...]:
        numbers = self.category_numbers(keys)
        counts: dict[tuple[str, ...], int] = {}
        depth = len(prefix)
        per_path = np.bincount(numbers, minlength=len(self.paths)).tolist()
        for path, count in zip(self.paths, per_path, strict=True):
            if count and len(path) > depth and path[:depth] == prefix:
                counts[path[: depth + 1]] = counts.get(path[: depth + 1], 0) + count
        values = [FacetValue(" / ".join(path), path[-1], n) for path, n in counts.items()]
        return _by_count(values)


class Catalogue:
    """The attributes of all listings. One writer; any number of readers through `snapshot`."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {(): 0}
        self._sellers: dict[SellerId | None, int] = {None: 0}
        self._ids: list[ListingId | None] = []
        self._keys: dict[ListingId, ListingKey] = {}
        self._snapshot = Snapshot(0, 0, (), ((),), self._ids, self._keys, self._sellers)

    def snapshot(self) -> Snapshot:
        """The newest state."""
        return self._snapshot

    def apply(self, changes: Sequence[Attributes]) -> None:
        """Add or replace listings; of a key given twice the last counts. Readers see all of it
        or nothing."""
        if not changes:
            return
        old = self._snapshot
        columns = self._columns(changes)
        keys = np.array([change.key for change in changes], np.int64)
        size = max(old.size, int(keys.max()) + 1)
        self._remember_ids(changes, size)
        chunks = list(old.chunks)
        chunks.extend([_empty_chunk()] * ((size - 1) // _CHUNK + 1 - len(chunks)))
        numbers = keys >> _SHIFT
        live_count = old.live_count
        by_seller = np.zeros(len(self._sellers), np.int32)
        by_seller[: len(old.by_seller)] = old.by_seller
        for number in np.unique(numbers).tolist():
            rows = np.flatnonzero(numbers == number)
            fresh = _written(chunks[number], columns, rows, keys[rows] & (_CHUNK - 1))
            _recount(by_seller, chunks[number], fresh, np.unique(keys[rows] & (_CHUNK - 1)))
            live_count += int(fresh.live.sum()) - int(chunks[number].live.sum())
            chunks[number] = fresh
        self._snapshot = Snapshot(
            size,
            live_count,
            tuple(chunks),
            tuple(self._numbers),
            self._ids,
            self._keys,
            self._sellers,
            by_seller,
        )

    def _remember_ids(self, changes: Sequence[Attributes], size: int) -> None:
        # Before the snapshot that shows them is published; older ones look no further than
        # their own size.
        self._ids.extend([None] * (size - len(self._ids)))
        for change in changes:
            if self._ids[change.key] is None:
                self._ids[change.key] = change.id
                self._keys[change.id] = change.key

    def _columns(self, changes: Sequence[Attributes]) -> _Chunk:
        """The changes as columns, in their own order."""
        numbers = [
            self._numbers.setdefault(change.category, len(self._numbers)) for change in changes
        ]
        sellers = [self._sellers.setdefault(c.seller, len(self._sellers)) for c in changes]
        repeats = [_NO_KEY if c.repeats is None else c.repeats for c in changes]
        prices = [_NO_PRICE if c.price_minor is None else c.price_minor for c in changes]
        return _Chunk(
            live=np.array([change.live for change in changes], np.bool_),
            category=np.array(numbers, np.int32),
            price=np.array(prices, np.int64),
            point=np.array([_point(c.latitude, c.longitude) for c in changes], np.float32).T,
            listed_at=np.array(
                [round(change.listed_at.timestamp() * 1e6) for change in changes], np.int64
            ),
            seller=np.array(sellers, np.int32),
            signals=np.array([sum(_BITS[s] for s in c.signals) for c in changes], np.uint8),
            repeats=np.array(repeats, np.int64),
            seq=np.array([change.seq for change in changes], np.int64),
        )


def _written(
    chunk: _Chunk, columns: _Chunk, rows: NDArray[np.int64], at: NDArray[np.int64]
) -> _Chunk:
    """A copy of the chunk with some rows of the columns written to the offsets `at`."""
    fresh = chunk.copy()
    for column in fields(chunk):
        getattr(fresh, column.name)[..., at] = getattr(columns, column.name)[..., rows]
    return fresh


def _recount(
    counts: NDArray[np.int32], before: _Chunk, after: _Chunk, at: NDArray[np.int64]
) -> None:
    """Counts by seller, after these offsets of a chunk have changed."""
    known = before.seq[at] > 0
    np.subtract.at(counts, before.seller[at[known]], 1)
    np.add.at(counts, after.seller[at], 1)


def _passing(
    chunk: _Chunk, filters: Filters, within: NDArray[np.bool_] | None, near: Near | None
) -> Mask:
    mask = chunk.live.copy()
    if within is not None:
        mask &= within[chunk.category]
    if filters.price_low is not None:
        mask &= chunk.price >= max(filters.price_low, 0)  # no price is -1
    if filters.price_high is not None:
        mask &= (chunk.price <= filters.price_high) & (chunk.price != _NO_PRICE)
    if near is not None and near.within_km is not None:
        half_angle = min(near.within_km / (2 * _EARTH_RADIUS_KM), math.pi / 2)
        mask &= _chords_squared(chunk.point, near) <= (2 * math.sin(half_angle)) ** 2
    return mask


def _chords_squared(points: NDArray[np.float32], near: Near) -> NDArray[np.float32]:
    """Squared straight-line distances on the unit sphere, shape (n,): four times the haversine of
    the angle, so precise for near points, at a fifth of the cost of sines per listing."""
    here = np.array(_point(near.latitude, near.longitude), np.float32)
    apart = points - here[:, None]
    return np.asarray(np.einsum("ij,ij->j", apart, apart), np.float32)


def _point(latitude: float | None, longitude: float | None) -> tuple[float, float, float]:
    if latitude is None or longitude is None:
        return (math.nan, math.nan, math.nan)
    phi, theta = math.radians(latitude), math.radians(longitude)
    return (math.cos(phi) * math.cos(theta), math.cos(phi) * math.sin(theta), math.sin(phi))


def _price_facets(prices: NDArray[np.int64]) -> tuple[FacetValue, ...]:
    values = []
    for value, label, low, high in _PRICE_BANDS:
        inside = prices >= low * _MINOR_PER_MAJOR
        if high is not None:
            inside &= prices <= high * _MINOR_PER_MAJOR
        values.append(FacetValue(value, label, int(inside.sum())))
    return tuple(value for value in values if value.count)


def _by_count(values: Sequence[FacetValue]) -> tuple[FacetValue, ...]:
    counted = [value for value in values if value.count]
    return tuple(sorted(counted, key=lambda value: (-value.count, value.value)))
