"""The words of the corpus: a dictionary with frequencies, pairs of words that stand side by side,
and phrases that people may look for. Built with each release and kept in its folder:

    words/texts.json     the words in order, the phrases, the category paths
    words/numbers.npz    what belongs to each

It never holds personal data: no numbers (but "3" within "3 seater sofa"), nothing that looks like
a telephone number or an address, and no word or phrase of a single listing or seller.
"""

import zipfile
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from marketrank.durable import write
from marketrank.errors import Corrupt

FORMAT = 1
_TEXTS = "texts.json"
_NUMBERS = "numbers.npz"
# A word of a title says what is for sale; one of a description may be any word.
_TITLE_WEIGHT = 4

Numbers = NDArray[np.int32]


@dataclass(frozen=True)
class Phrases:
    """What a search box may offer, in alphabetical order. `counts` (n,) are listings;
    `categories` (n,) the row in `paths` of the category that most of them share, -1 for none,
    and `category_counts` (n,) how many are in it. `entries` (2, m) are places where a word begins:
    row 0 the phrase, row 1 the character; sorted by the text from there on."""

    texts: tuple[str, ...]
    counts: Numbers
    categories: Numbers
    category_counts: Numbers
    paths: tuple[tuple[str, ...], ...]
    entries: Numbers


@dataclass(frozen=True)
class Vocabulary:
    """`words` are folded and sorted; `frequency` (n,) counts listings that have the word anywhere,
    `title_frequency` (n,) those that have it in the title. `pairs` (m,) are sorted numbers
    first * n + second of words that stand side by side in `pair_counts` (m,) listings. `compounds`
    (c, 3) are rows of words: two that also occur as one, and that one."""

    words: tuple[str, ...]
    frequency: Numbers
    title_frequency: Numbers
    pairs: NDArray[np.int64]
    pair_counts: Numbers
    compounds: Numbers
    phrases: Phrases

    def row(self, word: str) -> int:
        """The place of a word; -1 where the corpus does not have it (or only once)."""
        row = bisect_left(self.words, word)
        return row if row < len(self.words) and self.words[row] == word else -1

    def count(self, word: str) -> int:
        """Listings that have the word; 0 for one that is not here."""
        row = self.row(word)
        return 0 if row < 0 else int(self.frequency[row])

    def pair_count(self, first: str, second: str) -> int:
        """Listings in which the two stand side by side in this order."""
        one, two = self.row(first), self.row(second)
        if one < 0 or two < 0:
            return 0
        key = one * len(self.words) + two
        at = int(np.searchsorted(self.pairs, key))
        found = at < len(self.pairs) and int(self.pairs[at]) == key
        return int(self.pair_counts[at]) if found else 0

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """How likely a word is looked for, not normalised; a title's words count more. (n,)."""
        return (self.frequency + _TITLE_WEIGHT * self.title_frequency).astype(np.float32)

    @cached_property
    def _by_length(self) -> dict[int, tuple[Numbers, NDArray[np.uint32]]]:
        """Rows of the words of each length, and the letters that each has, as bits."""
        lengths = np.array([len(word) for word in self.words], np.int32)
        letters = np.array([_letters(word) for word in self.words], np.uint32)
        rows = {n: np.flatnonzero(lengths == n) for n in np.unique(lengths).tolist()}
        return {n: (some.astype(np.int32), letters[some]) for n, some in rows.items()}

    def near(self, word: str, most: int) -> Iterator[tuple[int, int]]:
        """Rows of the words that are 1 to `most` slips (a letter more, less or other, or two
        swapped) from a word, each with its distance."""
        letters = np.uint32(_letters(word))
        for length in range(len(word) - most, len(word) + most + 1):
            rows, have = self._by_length.get(length, _NO_WORDS)
            # A slip changes two letters of the set at most: this leaves a few in a hundred words.
            rows = rows[np.bitwise_count(have ^ letters) <= 2 * most]
            words = [self.words[row] for row in rows.tolist()]
            for _, distance, at in process.extract(
                word, words, scorer=OSA.distance, processor=None, score_cutoff=most, limit=None
            ):
                if distance:
                    yield int(rows[at]), int(distance)

    def save(self, folder: Path) -> None:
        """Write into a new folder."""
        folder.mkdir(parents=True)
        phrases = self.phrases
        texts = {
            "format": FORMAT,
            "words": self.words,
            "phrases": phrases.texts,
            "paths": phrases.paths,
        }
        write(folder / _TEXTS, orjson.dumps(texts))
        np.savez(
            folder / _NUMBERS,
            allow_pickle=False,
            frequency=self.frequency,
            title_frequency=self.title_frequency,
            pairs=self.pairs,
            pair_counts=self.pair_counts,
            compounds=self.compounds,
            phrase_counts=phrases.counts,
            phrase_categories=phrases.categories,
            phrase_category_counts=phrases.category_counts,
            phrase_entries=phrases.entries,
        )

    @classmethod
    def open(cls, folder: Path) -> "Vocabulary":
        """Raises Corrupt where a file is missing, torn or of another format."""
        try:
            texts = orjson.loads((folder / _TEXTS).read_bytes())
            if texts["format"] != FORMAT:
                raise ValueError(f"format {texts['format']}, this version reads {FORMAT}")
            with np.load(folder / _NUMBERS, allow_pickle=False) as opened:
                numbers = {name: opened[name] for name in opened.files}
            return _vocabulary(texts, numbers)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise Corrupt(
                f"the words in {folder} cannot be read ({error}); run `marketrank index --rebuild`"
            ) from error


_NO_WORDS = (np.empty(0, np.int32), np.empty(0, np.uint32))


def _letters(word: str) -> int:
    """Which letters a word has, as bits; what is no letter of the alphabet shares one."""
    bits = 0
    for letter in word:
        place = ord(letter) - ord("a")
        bits |= 1 << (place if 0 <= place < 26 else 26)
    return bits


def empty() -> Vocabulary:
    """The vocabulary of no listings: corrects and offers nothing."""
    none = np.empty(0, np.int32)
    phrases = Phrases((), none, none, none, (), np.empty((2, 0), np.int32))
    nothing = np.empty((0, 3), np.int32)
    return Vocabulary((), none, none, np.empty(0, np.int64), none, nothing, phrases)


def _vocabulary(texts: dict[str, Any], numbers: dict[str, NDArray[Any]]) -> Vocabulary:
    phrases = Phrases(
        texts=tuple(texts["phrases"]),
        counts=numbers["phrase_counts"],
        categories=numbers["phrase_categories"],
        category_counts=numbers["phrase_category_counts"],
        paths=tuple(tuple(path) for path in texts["paths"]),
        entries=numbers["phrase_entries"],
    )
    words = tuple(texts["words"])
    _check_lengths(words, numbers["frequency"], numbers["title_frequency"])
    _check_lengths(phrases.texts, phrases.counts, phrases.categories, phrases.category_counts)
    _check_lengths(numbers["pairs"], numbers["pair_counts"])
    return Vocabulary(
        words=words,
        frequency=numbers["frequency"],
        title_frequency=numbers["title_frequency"],
        pairs=numbers["pairs"],
        pair_counts=numbers["pair_counts"],
        compounds=numbers["compounds"],
        phrases=phrases,
    )


def _check_lengths(*columns: Sequence[Any] | NDArray[Any]) -> None:
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"columns of {', '.join(str(len(column)) for column in columns)} rows")
