"""How well the words of a query fit titles: a plain stand-in for a text index."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_NOBODY = np.empty(0, np.int64)
_WORD = re.compile(r"[a-z0-9']+")


def stems(text: str) -> list[str]:
    """Its words in lower case, without the plural's s."""
    return [
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
        for word in _WORD.findall(text.lower())
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Which of n titles have which word, and how much each word weighs."""

    n: int
    holders: dict[str, NDArray[np.int64]]
    shorter: Floats
    """(n,) Above 1 for titles shorter than most, below for longer ones, as in BM25."""

    @staticmethod
    def of(titles: Sequence[str]) -> "Words":
        found: dict[str, list[int]] = {}
        lengths = np.ones(len(titles), np.float32)
        for place, title in enumerate(titles):
            words = stems(title)
            lengths[place] = max(len(words), 1)
            for word in set(words):
                found.setdefault(word, []).append(place)
        holders = {word: np.array(places, np.int64) for word, places in found.items()}
        mean = float(lengths.mean()) if len(titles) else 1.0
        return Words(len(titles), holders, (1 / (0.7 + 0.3 * lengths / mean)).astype(np.float32))

    def weight(self, word: str) -> float:
        """Inverse document frequency; that of a word that occurs once, where it does not occur."""
        return float(np.log(1 + self.n / len(self.holders.get(word, (0,)))))

    def match(self, query: str) -> tuple[Floats, Floats]:
        """How well each title fits, about 0 to 1, and the share of the query's words that it has.
        Shapes (n,)."""
        words = list(dict.fromkeys(stems(query)))
        score, share = np.zeros(self.n, np.float32), np.zeros(self.n, np.float32)
        total = sum(map(self.weight, words))
        for word in words:
            holders = self.holders.get(word, _NOBODY)
            score[holders] += np.float32(self.weight(word) / total)
            share[holders] += np.float32(1 / len(words))
        return score * self.shorter, share
