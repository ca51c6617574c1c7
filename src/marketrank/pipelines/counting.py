"""The books of an ingest: what was read, what became of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from marketrank.types import Rejected, Signal


@dataclass(slots=True)
class Count:
    """Records of one kind: read = accepted + rejected; accepted counts unchanged ones too."""

    read: int = 0
    accepted: int = 0
    unchanged: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def reject(self, rejected: Rejected) -> None:
        self.rejected[rejected.reason] += 1

    def check(self, kind: str) -> None:
        """Raises RuntimeError where a record was lost: a fault in marketrank, not in the feed."""
        if self.read != self.accepted + self.rejected.total():
            raise RuntimeError(
                f"{kind}s were lost: read {self.read}, accepted {self.accepted}, "
                f"rejected {self.rejected.total()}; please report this"
            )

    def as_dict(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "accepted": self.accepted,
            "unchanged": self.unchanged,
            "rejected": {str(reason): n for reason, n in sorted(self.rejected.items())},
        }


@dataclass(slots=True)
class Summary:
    """What an ingest did."""

    listings: Count = field(default_factory=Count)
    photos: Count = field(default_factory=Count)
    inserted: int = 0
    updated: int = 0
    ended: int = 0
    duplicates: int = 0
    signals: dict[str, int] = field(default_factory=dict)
    """How many listings have each signal."""

    @property
    def price_outliers(self) -> int:
        return self.signals.get(Signal.PRICE_OUTLIER, 0)

    def as_dict(self) -> dict[str, Any]:
        """The JSON object that `marketrank ingest --json` prints."""
        return {
            **self.listings.as_dict(),
            "inserted": self.inserted,
            "updated": self.updated,
            "ended": self.ended,
            "photos": self.photos.as_dict(),
            "duplicates": self.duplicates,
            "price_outliers": self.price_outliers,
            "signals": self.signals,
        }
