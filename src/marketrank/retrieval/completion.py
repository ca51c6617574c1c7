"""What somebody may go on to type: phrases that begin so, the most frequent first.

A phrase is found by the beginning of any of its words ("tab" finds "oak table"), sorted suffixes
with binary search. Where too few are found, a word that listings put beside the first completes
it, and then the last word may have a slip in it.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from marketrank.asking import Suggestion
from marketrank.retrieval.phrases import IDLE_WORDS
from marketrank.retrieval.spelling import correct
from marketrank.retrieval.tokens import tokens
from marketrank.retrieval.vocabulary import Vocabulary

_LAST = "\U0010ffff"  # sorts behind every text
# A phrase that begins as typed against one that has it further on.
_BEGINS = 4.0
_SPARE = 6  # fetched per suggestion, since plurals and repeated words drop out
_MIN_SLIP = 4  # letters; with fewer everything is one slip away
_LONGEST_PREFIX = 12
_READINGS = 4
_MIN_BESIDE = 3  # listings


class Completer:
    """Completes the phrases of one vocabulary; may be used by several threads."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        texts = vocabulary.phrases.texts
        self._rows, self._starts = vocabulary.phrases.entries
        places = zip(self._rows.tolist(), self._starts.tolist(), strict=True)
        self._suffixes = [texts[row][start:] for row, start in places]
        weight = vocabulary.phrases.counts.astype(np.float32)[self._rows]
        self._scores = np.where(self._starts == 0, _BEGINS * weight, weight)
        self._beginnings = _beginnings(self._suffixes, self._scores.tolist())

    def complete(self, text: str, limit: int) -> tuple[Suggestion, ...]:
        """At most `limit` completions, the best first; none for a text without words."""
        words = [token.word for token in tokens(text)]
        if not words or limit <= 0:
            return ()
        typed = " ".join(words)
        rows: dict[str, int] = {}
        self._add(rows, typed + " " if text[-1].isspace() else typed, limit)
        beside: list[Suggestion] = []
        if len(rows) < limit and len(words) == 2:
            beside = [
                pair
                for pair in self._beside(words[0], words[1], limit)
                if pair.text.rstrip("s") not in rows
            ]
        if len(rows) + len(beside) < limit:
            for reading in self._readings(words):
                self._add(rows, reading, limit)
        found = [*(self._suggestion(row) for row in rows.values()), *beside]
        return tuple(found[:limit])

    def _add(self, rows: dict[str, int], prefix: str, limit: int) -> None:
        """The best phrases with this beginning, by what distinguishes them: "lamp" and "lamps" do
        not stand side by side."""
        first = bisect_left(self._suffixes, prefix.rstrip())
        end = bisect_left(self._suffixes, prefix + _LAST, lo=first)
        for entry in _best(self._scores[first:end], limit * _SPARE):
            if len(rows) >= limit:
                return
            suffix = self._suffixes[first + entry]
            if suffix.startswith(prefix) or suffix == prefix.rstrip():
                row = int(self._rows[first + entry])
                rows.setdefault(self._vocabulary.phrases.texts[row].rstrip("s"), row)

    def _beside(self, first: str, beginning: str, limit: int) -> list[Suggestion]:
        """Two words that stand side by side in enough listings, whatever their titles are."""
        known = self._vocabulary
        row, n = known.row(first), len(known.words)
        if row < 0:
            return []
        low = bisect_left(known.words, beginning)
        high = bisect_left(known.words, beginning + _LAST, lo=low)
        start, end = np.searchsorted(known.pairs, [row * n + low, row * n + high])
        counts = known.pair_counts[start:end].astype(np.float32)
        found = []
        for at in _best(counts, limit):
            second = known.words[int(known.pairs[start + at]) % n]
            if counts[at] >= _MIN_BESIDE and second not in IDLE_WORDS and len(second) > 1:
                found.append(Suggestion(f"{first} {second}", int(counts[at])))
        return found

    def _readings(self, words: Sequence[str]) -> Iterator[str]:
        """What may have been meant, the likeliest first."""
        head = " ".join(words[:-1])
        if head:
            head = correct(head, self._vocabulary).text + " "
        last = words[-1]
        if head and head != " ".join(words[:-1]) + " ":
            yield head + last
        if len(last) < _MIN_SLIP or not last.isalpha():
            return
        found: list[tuple[float, str]] = []
        for length in (len(last) - 1, len(last), len(last) + 1):
            prefixes, weights = self._beginnings.get((length, last[0]), ([], []))
            near = process.extract(
                last, prefixes, scorer=OSA.distance, processor=None, score_cutoff=1, limit=None
            )
            found += [(weights[at], one) for one, _, at in near]
        for _, prefix in sorted(found, reverse=True)[:_READINGS]:
            yield head + prefix

    def _suggestion(self, row: int) -> Suggestion:
        phrases = self._vocabulary.phrases
        category = int(phrases.categories[row])
        return Suggestion(
            phrases.texts[row],
            int(phrases.counts[row]),
            phrases.paths[category] if category >= 0 else (),
            int(phrases.category_counts[row]),
        )


def _beginnings(
    suffixes: Sequence[str], scores: Sequence[float]
) -> dict[tuple[int, str], tuple[list[str], list[float]]]:
    """The different beginnings of first words by length and first letter, which few slips touch,
    each with the score of the best phrase that begins so."""
    words: dict[str, float] = {}
    for suffix, score in zip(suffixes, scores, strict=True):
        word = suffix.partition(" ")[0]
        words[word] = max(score, words.get(word, 0.0))
    found: dict[tuple[int, str], dict[str, float]] = {}
    for word, score in words.items():
        for length in range(_MIN_SLIP - 1, min(len(word), _LONGEST_PREFIX) + 1):
            best = found.setdefault((length, word[0]), {})
            beginning = word[:length]
            best[beginning] = max(score, best.get(beginning, 0.0))
    return {key: (list(best), list(best.values())) for key, best in found.items()}


def _best(scores: NDArray[np.float32], k: int) -> list[int]:
    """The places of the k highest, best first, ties by place."""
    if len(scores) > k:
        floor = np.partition(scores, -k)[-k]
        places = np.flatnonzero(scores >= floor)
    else:
        places = np.arange(len(scores))
    order: list[int] = places[np.argsort(-scores[places], kind="stable")].tolist()
    return order[:k]
