"""Listings → their Vocabulary.

All counting is done on flat arrays of word numbers, with -1 between runs of words that do not
belong together: 100,000 listings take seconds.
"""

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from marketrank.retrieval.phrases import FUNCTION_WORDS, Titles, phrases
from marketrank.retrieval.tallies import Ids, tally
from marketrank.retrieval.tokens import is_model_name, is_word, segments
from marketrank.retrieval.vocabulary import Vocabulary
from marketrank.types import Listing

# A word of one source (a seller; where the feed names none, a text) may be a person's name.
_MIN_SOURCES = 2
_MIN_PAIR_LISTINGS = 2
_DESCRIPTION = 600  # characters that are read; what follows is mostly terms and keywords
_MAX_PAIRS = 500_000
_MIN_COMPOUND = 4  # letters


@dataclass(slots=True)
class _Reader:
    """Word numbers of all texts one after the other, and of which listing each is."""

    numbers: dict[str, int] = field(default_factory=dict)
    titles: "array[int]" = field(default_factory=lambda: array("q"))
    title_listings: "array[int]" = field(default_factory=lambda: array("q"))
    rest: "array[int]" = field(default_factory=lambda: array("q"))
    rest_listings: "array[int]" = field(default_factory=lambda: array("q"))
    sources: "array[int]" = field(default_factory=lambda: array("q"))
    paths: dict[tuple[str, ...], int] = field(default_factory=dict)
    categories: "array[int]" = field(default_factory=lambda: array("q"))

    def read(self, listing: Listing) -> None:
        at = len(self.sources)
        self.sources.append(_source(listing))
        self.categories.append(self.paths.setdefault(listing.category, len(self.paths)))
        self._append(listing.title, at, self.titles, self.title_listings)
        for text in (*listing.category, listing.description[:_DESCRIPTION]):
            self._append(text, at, self.rest, self.rest_listings)

    def _append(self, text: str, at: int, words: "array[int]", listings: "array[int]") -> None:
        for run in segments(text):
            words.extend(self.numbers.setdefault(word, len(self.numbers)) for word in run)
            words.append(-1)
            listings.extend([at] * (len(run) + 1))


def build(listings: Iterable[Listing]) -> Vocabulary:
    """Read live listings once. Deterministic: the order of listings does not matter."""
    reader = _Reader()
    for listing in listings:
        reader.read(listing)
    title, title_of = _int64(reader.titles), _int64(reader.title_listings)
    every = np.concatenate([title, _int64(reader.rest)])
    every_of = np.concatenate([title_of, _int64(reader.rest_listings)])
    sources = _int64(reader.sources)
    names = list(reader.numbers)
    n = len(names)

    kept = tally(every, sources[every_of], n) >= _MIN_SOURCES
    kept &= np.array([is_word(name) or is_model_name(name) for name in names], np.bool_)
    order = np.array(sorted(np.flatnonzero(kept).tolist(), key=names.__getitem__), np.int64)
    words = tuple(names[number] for number in order.tolist())
    pairs, pair_counts = _pairs(every, every_of, sources, order, n)
    return Vocabulary(
        words=words,
        frequency=tally(every, every_of, n)[order].astype(np.int32),
        title_frequency=tally(title, title_of, n)[order].astype(np.int32),
        pairs=pairs,
        pair_counts=pair_counts,
        compounds=_compounds(words, pairs),
        phrases=phrases(
            Titles(title, title_of, sources, _int64(reader.categories), list(reader.paths)), names
        ),
    )


def _source(listing: Listing) -> int:
    """Who wrote it: the seller, or the text itself, so that a repeated listing counts once."""
    name = (
        f"seller {listing.seller}" if listing.seller else f"{listing.title} {listing.description}"
    )
    digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=7).digest()
    return int.from_bytes(digest, "big")


def _int64(values: "array[int]") -> Ids:
    return np.array(values, np.int64)


def _pairs(every: Ids, of: Ids, sources: Ids, order: Ids, n: int) -> tuple[Ids, NDArray[np.int32]]:
    """Neighbouring words, both of `order`: sorted keys, and in how many listings they stand."""
    row = np.full(n + 1, -1, np.int64)  # the last is for -1
    row[order] = np.arange(len(order))
    first, second = row[every[:-1]], row[every[1:]]
    both = (first >= 0) & (second >= 0)
    keys, numbers = np.unique(first[both] * len(order) + second[both], return_inverse=True)
    counts = tally(numbers, of[:-1][both], len(keys))
    least = _MIN_PAIR_LISTINGS
    if len(keys) > _MAX_PAIRS:
        least = max(least, int(np.partition(counts, -_MAX_PAIRS)[-_MAX_PAIRS]) + 1)
    common = counts >= least
    common &= tally(numbers, sources[of[:-1][both]], len(keys)) >= _MIN_SOURCES
    return keys[common], counts[common].astype(np.int32)


def _compounds(words: Sequence[str], pairs: Ids) -> NDArray[np.int32]:
    """See Vocabulary.compounds. "in to" is not "into": function words make other words; and "one s"
    and "x l" are not "ones" and "xl": letters of their own are sizes and torn plurals."""
    row = {word: number for number, word in enumerate(words)}
    found = []
    for one, two in zip(
        *(part.tolist() for part in np.divmod(pairs, len(words) or 1)), strict=True
    ):
        first, second = words[one], words[two]
        both = row.get(first + second)
        if both is None or {first, second} & FUNCTION_WORDS:
            continue
        if len(second) > 1 and len(first) + len(second) >= _MIN_COMPOUND:
            found.append((one, two, both))
    return np.array(found, np.int32).reshape(-1, 3)
