"""Listings prepared for a ranker: most when a release was built, and what came since when it is
found first."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from marketrank.kept import Kept
from marketrank.ranking.seen import NOTHING_SEEN, Seen, SeenTable, Words, facts_of, words_of
from marketrank.types import ListingKey, Stored

Keys = NDArray[np.int64]
_KEPT = 131_072  # listings, of 1 kB each: at most 135 MB, and 0.1 ms each not to do again


class Rows(Protocol):
    """What was prepared when a release was built: see retrieval.word_rows."""

    def places(self, keys: Keys, seqs: Keys) -> Keys: ...

    def read(self, places: Keys) -> tuple[tuple[Words, ...], NDArray[np.int32]]: ...


class Prepared:
    """Prepared listings by key and the number of their last change, so that what was edited is
    read again. May be used from several threads: at worst a listing is read twice."""

    def __init__(
        self,
        read: Callable[[Sequence[ListingKey]], dict[ListingKey, Stored]],
        kept: int = _KEPT,
    ) -> None:
        self._read = read
        self._held: Kept[tuple[int, int], Seen] = Kept(kept)

    def look_at(
        self,
        keys: Keys,
        seqs: Keys,
        see: Callable[[Stored], Seen],
        rows: Rows | None = None,
    ) -> SeenTable:
        """A row for each key, with the numbers that the catalogue has; of NOTHING_SEEN for what is
        gone. What is among the `rows` of a release is not prepared again."""
        if rows is None:
            return SeenTable.of(self.prepare(keys, seqs, see))
        places = rows.places(keys, seqs)
        known = places >= 0
        parts, facts = rows.read(places[known])
        held = SeenTable._make([*parts, facts])
        if known.all():
            return held
        others = self.prepare(keys[~known], seqs[~known], see)
        return held.mixed(SeenTable.of(others), known)

    def prepare(self, keys: Keys, seqs: Keys, see: Callable[[Stored], Seen]) -> list[Seen]:
        """One for each key, prepared now where it was not before."""
        pairs = list(zip(keys.tolist(), seqs.tolist(), strict=True))
        found = {pair: seen for pair in pairs if (seen := self._held.get(pair))}
        missing = [pair for pair in pairs if pair not in found]
        stored = self._read([ListingKey(key) for key, _ in missing]) if missing else {}
        for pair in missing:
            one = stored.get(ListingKey(pair[0]))
            found[pair] = see(one) if one else NOTHING_SEEN
            if one is not None and one.seq == pair[1]:  # else the catalogue is behind
                self._held.put(pair, found[pair])
        return [found[pair] for pair in pairs]

    @property
    def room(self) -> int:
        """How many more can be kept before the oldest go."""
        return self._held.room

    def missing(self, keys: Keys, seqs: Keys, rows: Rows | None = None) -> Keys:
        """Those of the keys that are not prepared, as many as there is room for: nothing that was
        found has to go for them."""
        if rows is not None:
            absent = rows.places(keys, seqs) < 0
            keys, seqs = keys[absent], seqs[absent]
        pairs = zip(keys.tolist(), seqs.tolist(), strict=True)
        lacking = (pair[0] for pair in pairs if pair not in self._held)
        return np.fromiter(islice(lacking, self.room), np.int64)


def row_of(stored: Stored, seen: Seen) -> tuple[int, int, Sequence[Words], Sequence[int]]:
    """How a release keeps it: key, number, words and facts."""
    return int(stored.key), int(stored.seq), words_of(seen), facts_of(seen)
