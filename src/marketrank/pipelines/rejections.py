"""The rejections of one run: counted, quarantined, and cleared once a run no longer makes them."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from marketrank.pipelines.counting import Count
from marketrank.ports import Quarantine
from marketrank.types import Rejected


class Rejections:
    """Rejections of one kind ("listing" or "photo") from one source."""

    def __init__(
        self, kind: str, source: str, quarantine: Quarantine, count: Count, *, at: datetime
    ) -> None:
        self._kind = kind
        self._source = source
        self._quarantine = quarantine
        self._count = count
        self._at = at
        self._made: set[str] = set()

    def put(self, rejected: Sequence[Rejected]) -> None:
        """Count and keep."""
        # "row 6" of one feed is not "row 6" of another.
        named = [
            replace(
                one,
                source=self._source,
                key=f"{self._source}, {one.key}" if one.key.startswith("row ") else one.key,
            )
            for one in rejected
        ]
        for one in named:
            self._count.reject(one)
        self._made.update(one.key for one in named)
        self._quarantine.put(named, at=self._at)

    def clear(self, keys: Collection[str]) -> None:
        """These records have been accepted, whichever source they came from this time."""
        self._quarantine.clear(self._kind, [key for key in keys if key not in self._made])

    def settle(self) -> None:
        """At the end of a run: what this source was rejected for before, and not now, is mended
        or gone."""
        self._quarantine.keep_only(self._kind, self._source, self._made)
