"""What rankers read of listings: words and facts, prepared once, and many of them as one table."""

import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.int32]
"""Words, or threes of letters, by 31 bits of their CRC-32, the same in every process: a listing
takes 0.85 kB so and 8.6 as strings, and a hundred are compared at once. That two words of a query
and a listing have the same by chance happens once in some million pairs. None is 0, which fills
rows up."""
Stems = Callable[[str], Sequence[str]]
_DESCRIPTION_LETTERS = 600  # what stands first says what it is; the rest costs time
_TITLE_LETTERS = 200
_TITLE_WORDS = 40
_LOW_BITS = 0x7FFF_FFFF
_SPACES = re.compile(r"\W+")


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A listing, prepared once. Words of the title stand in its order."""

    title: Words
    category: Words
    description: Words
    trigrams: Words
    """Of the title, each once."""
    letters: int
    """Of the description."""
    photos: int = 0
    pixels: int = 0
    """Of its first photo as it was sent."""
    trade: bool | None = None
    """Whether a trader sells it; None where nobody says."""


_NO_WORDS = np.empty(0, np.int32)
NOTHING_SEEN = Seen(_NO_WORDS, _NO_WORDS, _NO_WORDS, _NO_WORDS, 0)
"""A listing that is gone."""
_TRADES = {None: -1, False: 0, True: 1}


class SeenTable(NamedTuple):
    """n listings: their words, each table of shape (n, the longest) and filled up with 0, and facts
    (n, 4): letters, photos, pixels, and trade as -1 (nobody says), 0 or 1."""

    titles: Words
    categories: Words
    descriptions: Words
    trigrams: Words
    facts: NDArray[np.int32]

    @staticmethod
    def of(seen: Sequence[Seen]) -> "SeenTable":
        parts = zip(*(words_of(one) for one in seen or [NOTHING_SEEN]), strict=True)
        facts = np.array([facts_of(one) for one in seen], np.int32).reshape(-1, 4)
        return SeenTable._make([*(_rows(part)[: len(seen)] for part in parts), facts])

    @property
    def letters(self) -> NDArray[np.int32]:
        return self.facts[:, 0]

    @property
    def photos(self) -> NDArray[np.float64]:
        return self.facts[:, 1].astype(np.float64)

    @property
    def pixels(self) -> NDArray[np.float64]:
        return self.facts[:, 2].astype(np.float64)

    @property
    def trade(self) -> NDArray[np.float64]:
        """NaN where nobody says."""
        trade = self.facts[:, 3]
        return np.where(trade < 0, np.nan, trade)

    def mixed(self, others: "SeenTable", among: NDArray[np.bool_]) -> "SeenTable":
        """Both as one table: the rows of `among` (n,) that are True are this one's, in their order,
        and the rest those of the others."""
        tables = zip(self, others, strict=True)
        return SeenTable._make(_placed(one, two, among) for one, two in tables)


def words_of(seen: Seen) -> tuple[Words, ...]:
    """The parts of a row, as SeenTable has them."""
    return seen.title, seen.category, seen.description, seen.trigrams


def facts_of(seen: Seen) -> tuple[int, ...]:
    """The facts of a row, as SeenTable has them."""
    return seen.letters, seen.photos, seen.pixels, _TRADES[seen.trade]


def see(title: str, category: str, description: str, stems: Stems) -> Seen:
    """Prepare a listing."""
    return Seen(
        title=numbered(stems(title[:_TITLE_LETTERS])[:_TITLE_WORDS]),
        category=numbered(set(stems(category))),
        description=numbered(set(stems(description[:_DESCRIPTION_LETTERS]))),
        trigrams=numbered(trigrams(title[:_TITLE_LETTERS])),
        letters=len(description),
    )


def trigrams(text: str) -> frozenset[str]:
    """Letters by threes within words, as "  c", " ch", "cha" … (the way of PostgreSQL's pg_trgm):
    they survive a slip of the pen that no stem survives."""
    found: set[str] = set()
    for word in _SPACES.split(text.lower()):
        if word:
            padded = f"  {word} "
            found.update(padded[i : i + 3] for i in range(len(padded) - 2))
    return frozenset(found)


def numbered(words: Iterable[str]) -> Words:
    # A lone surrogate is no text, but a query may have one.
    return np.array(
        [zlib.crc32(word.encode("utf-8", "replace")) & _LOW_BITS or 1 for word in words], np.int32
    )


def _rows(some: Sequence[Words]) -> Words:
    """Shape (n, the longest)."""
    lengths = np.array([len(one) for one in some], np.int64)
    rows = np.zeros((len(some), int(lengths.max(initial=0))), np.int32)
    rows[np.arange(rows.shape[1]) < lengths[:, np.newaxis]] = np.concatenate([_NO_WORDS, *some])
    return rows


def _placed(
    some: NDArray[np.int32], others: NDArray[np.int32], among: NDArray[np.bool_]
) -> NDArray[np.int32]:
    out = np.zeros((len(among), max(some.shape[1], others.shape[1])), np.int32)
    out[among, : some.shape[1]] = some
    out[~among, : others.shape[1]] = others
    return out
