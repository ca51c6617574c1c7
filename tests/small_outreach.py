"""Implements ports.OutreachLog over a dictionary."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from marketrank.types import BuyerId, ListingId


@dataclass
class SmallOutreach:
    """Knows every buyer."""

    held: dict[tuple[date, BuyerId], set[ListingId]] = field(default_factory=dict)

    def open_to(
        self, listing: ListingId, buyers: Sequence[BuyerId], *, at: datetime, cap: int
    ) -> set[BuyerId]:
        others = {id: self.held.get((at.date(), id), set()) - {listing} for id in buyers}
        return {id for id, listings in others.items() if len(listings) < cap}

    def tell(
        self, listing: ListingId, buyers: Sequence[BuyerId], *, at: datetime, cap: int
    ) -> set[BuyerId]:
        told = self.open_to(listing, buyers, at=at, cap=cap)
        for id in told:
            self.held.setdefault((at.date(), id), set()).add(listing)
        return told

    def drop_before(self, at: datetime) -> int:
        old = [key for key in self.held if key[0] < at.date()]
        return sum(len(self.held.pop(key)) for key in old)
