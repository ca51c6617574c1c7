"""Who had to do with what, and when, as arrays."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Matrix: TypeAlias = Any
"""A SciPy sparse matrix; SciPy has no types."""
DAY = 86_400.0


@dataclass(frozen=True, eq=False)
class Histories:
    """First events of (buyer, listing) pairs, sorted by buyer, time and listing.

    `buyer`, `listing` and `at` have shape (events,); the first two count from 0 to `buyers` and
    `listings`, `at` is in seconds. No pair occurs twice."""

    buyers: int
    listings: int
    buyer: Ints
    listing: Ints
    at: Ints

    def where(self, kept: Bools) -> "Histories":
        """The same without some events: the sizes stay."""
        return Histories(
            self.buyers, self.listings, self.buyer[kept], self.listing[kept], self.at[kept]
        )

    @cached_property
    def matrix(self) -> Matrix:
        """(buyers, listings), 1 where there is an event."""
        return self.weighted(np.ones(len(self.buyer), np.float32))

    def weighted(self, weights: Floats) -> Matrix:
        """(buyers, listings) with a weight for each event."""
        return sparse.csr_matrix(
            (weights.astype(np.float32), (self.buyer, self.listing)), (self.buyers, self.listings)
        )

    @cached_property
    def lengths(self) -> Ints:
        """Events of each buyer, (buyers,)."""
        return np.bincount(self.buyer, minlength=self.buyers).astype(np.int64)

    @cached_property
    def popularity(self) -> NDArray[np.float64]:
        """Buyers of each listing, (listings,)."""
        return np.bincount(self.listing, minlength=self.listings).astype(np.float64)

    @cached_property
    def place(self) -> Ints:
        """How many events of the same buyer came before, (events,)."""
        starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)
        return np.arange(len(self.buyer), dtype=np.int64) - starts[self.buyer]

    @cached_property
    def from_end(self) -> Ints:
        """How many events of the same buyer came after, (events,): 0 is the last."""
        after: Ints = self.lengths[self.buyer] - 1 - self.place
        return after

    @cached_property
    def last_at(self) -> Ints:
        """When each buyer's last event was, (buyers,); the first time of all where there is
        none."""
        last = np.full(self.buyers, self.at.min() if len(self.at) else 0, np.int64)
        last[self.buyer] = self.at  # events are in order, so the last one stays
        return last

    @cached_property
    def span(self) -> float:
        """Days between the first and the last event, at least one thousandth."""
        return max(float(np.ptp(self.at)) / DAY if len(self.at) else 0.0, 1e-3)


def histories(buyers: int, listings: int, buyer: Ints, listing: Ints, at: Ints) -> Histories:
    """Sort events and keep the first of each pair."""
    order = np.lexsort((listing, at, buyer))
    buyer, listing, at = buyer[order], listing[order], at[order]
    _, first = np.unique(buyer * max(listings, 1) + listing, return_index=True)
    first.sort()
    return Histories(buyers, listings, buyer[first], listing[first], at[first])
