"""Listings with the same text or nearly the same; see `dedupe`."""

import re
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

from marketrank.listings.disjoint_sets import Forest, Link, star
from marketrank.types import Listing

NEAR_TEXT = 0.8
"""Jaccard similarity of shingles from which texts are near."""
FEWEST_WORDS = 6
"""Shorter texts say too little: only an exact repetition counts."""
SAME_TITLE = 0.8
"""Share of the words of the longer of two titles of one thing that the shorter has, too."""

_SHINGLE = 3
_BANDS, _ROWS = 21, 6
"""MinHash bands: a pair at 0.8 is found with 1 - (1 - 0.8^6)^21 = 99.8 %, one at 0.5 with 28 %."""
_CROWD = 1000
"""As many texts that look alike are one shop's boilerplate, or one robot's posts."""

_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Text:
    """The words of a listing, without case, marks and punctuation."""

    title: tuple[str, ...]
    description: tuple[str, ...]
    raw: str

    @staticmethod
    def of(listing: Listing) -> "Text":
        title, description = (words_of(text) for text in (listing.title, listing.description))
        # Texts without any word, of emoji say, are told apart by their characters.
        raw = "" if title or description else f"{listing.title}\n{listing.description}"
        return Text(title, description, raw)


def words_of(text: str) -> tuple[str, ...]:
    """Words without case, in one way of writing each character (NFKC)."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def exact_texts(texts: Sequence[Text]) -> tuple[list[Link], list[int]]:
    """Links within each text, and the position of the first listing that has it."""
    having: dict[Text, list[int]] = defaultdict(list)
    for position, text in enumerate(texts):
        having[text].append(position)
    links = [link for positions in having.values() for link in star(positions)]
    return links, [positions[0] for positions in having.values()]


def near_texts(texts: Sequence[Text], firsts: Sequence[int]) -> list[Link]:
    """Candidates by MinHash LSH, verified by title and true Jaccard similarity. Texts that are
    connected already are not compared again, and a text with _CROWD candidates is no candidate
    itself, so that a crowd does not cost the square of its size."""
    index = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
    blank = MinHash(num_perm=_BANDS * _ROWS, hashfunc=int)
    crcs: dict[str, int] = {}
    shingles: dict[int, NDArray[np.uint64]] = {}
    forest = Forest(len(texts))
    links: list[Link] = []
    for here in firsts:
        text = texts[here]
        words = text.title + text.description
        if len(words) < FEWEST_WORDS:
            continue
        shingles[here] = _shingles(words, crcs)
        sketch = blank.copy()
        sketch.update_batch((shingles[here] >> np.uint64(32)).tolist())
        candidates = sorted(index.query(sketch))
        for there in candidates:
            if not _same_thing(text.title, texts[there].title):
                continue
            if forest.root(there) == forest.root(here):
                continue
            score = _jaccard(shingles[there], shingles[here])
            if score >= NEAR_TEXT:
                forest.join(there, here)
                links.append((there, here, score))
        if len(candidates) < _CROWD:
            index.insert(here, sketch)
    return links


def _shingles(words: Sequence[str], crcs: dict[str, int]) -> NDArray[np.uint64]:
    """The hashes of all runs of three words, sorted, each once. Hashes are of the words alone,
    so that a text has the same ones in every run. `crcs` is a cache that is filled here."""
    for word in words:
        if word not in crcs:
            crcs[word] = zlib.crc32(word.encode())
    hashed = np.array([crcs[word] for word in words], dtype=np.uint64)
    mixed = np.zeros(len(words) - _SHINGLE + 1, dtype=np.uint64)
    for offset in range(_SHINGLE):
        # A polynomial of the three; the factor is 2^64 over the golden ratio (Knuth, TAOCP 6.4).
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + hashed[offset : offset + len(mixed)]
        mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed * np.uint64(0x9E3779B97F4A7C15))


def _jaccard(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> float:
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)


def _same_thing(one: Collection[str], other: Collection[str]) -> bool:
    """Whether two titles can be of one thing: the same words, or one has a few more, and no
    other number. A word replaced is another colour, size or brand."""
    left, right = set(one), set(other)
    if not (left <= right or right <= left):
        return False
    if len(left & right) < SAME_TITLE * len(left | right):
        return False
    return not any(_DIGIT.search(word) for word in left ^ right)
