"""What a ranker sees of a query and each of its candidates: named numbers, in one visible table.

Words are compared as the text index compares them: by its stems, weighed by the best score that any
listing has for the word alone (a rare word weighs more). Everything is a share, a cosine or a
logarithm, so that a model that was fitted on one marketplace can serve another.
"""

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.types import Candidates

Floats = NDArray[np.float32]
Stems = Callable[[str], Sequence[str]]
_DESCRIPTION_LETTERS = 600  # what stands first says what it is; the rest costs time
_TITLE_LETTERS = 200
_TITLE_WORDS = 40
_NUMBER = re.compile(r"\d")
_SPACES = re.compile(r"\W+")
FEEDBACK = (3, 10)
"""How many of the best candidates are trusted, for each kind of feedback; the first is the prior's.
More find what is common to a category, and lose the one listing that was meant: docs/adr/0126."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, prepared once. `weights` are by stem and sum to 1; () where it has no word."""

    stems: tuple[str, ...]
    weights: Mapping[str, float]
    trigrams: Set[str]


@dataclass(frozen=True, slots=True)
class Seen:
    """A listing, prepared once."""

    title: tuple[str, ...]
    words: Set[str]
    """Of the title."""
    category: Set[str]
    description: Set[str]
    trigrams: Set[str]
    """Of the title."""
    letters: int
    """Of the description."""


NOTHING_SEEN = Seen((), frozenset(), frozenset(), frozenset(), frozenset(), 0)
"""A listing that is gone."""


def ask(text: str, weights: Mapping[str, float], stems: Stems) -> Asked:
    """Prepare a query. `weights` are those of its stems, of any scale."""
    total = sum(weights.values())
    shares = {stem: weight / total for stem, weight in weights.items()} if total > 0 else {}
    return Asked(tuple(stems(text)), shares, trigrams(text))


def see(title: str, category: str, description: str, stems: Stems) -> Seen:
    """Prepare a listing."""
    words = tuple(stems(title[:_TITLE_LETTERS]))[:_TITLE_WORDS]
    return Seen(
        title=words,
        words=frozenset(words),
        category=frozenset(stems(category)),
        description=frozenset(stems(description[:_DESCRIPTION_LETTERS])),
        trigrams=trigrams(title[:_TITLE_LETTERS]),
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


_PAIR: Mapping[str, Callable[[Asked, Seen], float]] = {
    "title_coverage": lambda q, d: _coverage(q, d.words),
    "category_coverage": lambda q, d: _coverage(q, d.category),
    "description_coverage": lambda q, d: _coverage(q, d.description),
    "any_coverage": lambda q, d: _coverage(q, d.words | d.category | d.description),
    "title_has_all": lambda q, d: float(bool(q.weights) and q.weights.keys() <= d.words),
    "title_focus": lambda q, d: _share(sum(word in q.weights for word in d.title), len(d.title)),
    "title_run": lambda q, d: _longest_run(q.stems, d.title),
    "title_starts": lambda q, d: _common_start(q.stems, d.title),
    "title_ends": lambda q, d: _common_start(q.stems[::-1], d.title[::-1]),
    "head_in_title": lambda q, d: float(bool(q.stems) and q.stems[-1] in d.words),
    "title_place": lambda q, d: _place(q, d.title),
    "numbers_in_title": lambda q, d: _numbers(q, d.words),
    "trigrams_in_title": lambda q, d: _share(len(q.trigrams & d.trigrams), len(q.trigrams)),
    "trigram_overlap": lambda q, d: _share(
        len(q.trigrams & d.trigrams), len(q.trigrams | d.trigrams)
    ),
    "title_length": lambda q, d: float(np.log1p(len(d.title))),
    "description_length": lambda q, d: float(np.log1p(d.letters)),
    "query_length": lambda q, d: float(len(q.stems)),
}
"""Of the words of a query and a listing."""
_FOUND = ("prior", "fused", "text", "vector", *(f"feedback_{best}" for best in FEEDBACK))
"""Of the scores: each is joined by how far below the best candidate's it is."""
NAMES = (*(name for found in _FOUND for name in (found, f"{found}_below_best")), *_PAIR)
"""The columns of `table`, in order."""
PRIOR_WEIGHT = 0.35
"""How much the similarity to the best candidates counts beside the fused score, where nothing was
learned: docs/adr/0126."""


def prior(candidates: Candidates, feedback: Floats) -> Floats:
    """The order without a model: the fused score plus PRIOR_WEIGHT of the similarity to the first
    candidates. Shape (n,)."""
    return np.asarray(candidates.scores + np.float32(PRIOR_WEIGHT) * feedback, np.float32)


def table(
    asked: Asked, seen: Sequence[Seen], candidates: Candidates, feedback: Mapping[int, Floats]
) -> Floats:
    """Shape (n, len(NAMES)): a row for each candidate, whose listing `seen` holds at its place.

    `feedback` has the similarity to the best candidates for each number of FEEDBACK. A retriever
    that was not asked counts 0."""
    n = len(candidates.keys)
    out = np.zeros((n, len(NAMES)), np.float32)
    columns = {
        "prior": prior(candidates, feedback[FEEDBACK[0]]),
        "fused": candidates.scores,
        **{name: part for name, part in candidates.parts.items() if name in _FOUND},
        **{f"feedback_{best}": values for best, values in feedback.items()},
    }
    for name, values in columns.items():
        place = 2 * _FOUND.index(name)
        out[:, place] = values
        out[:, place + 1] = values - values.max(initial=-np.inf)
    for row, one in enumerate(seen):
        out[row, 2 * len(_FOUND) :] = [feature(asked, one) for feature in _PAIR.values()]
    return out


def _coverage(asked: Asked, words: Set[str]) -> float:
    return sum(weight for stem, weight in asked.weights.items() if stem in words)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _longest_run(query: Sequence[str], title: Sequence[str]) -> float:
    """The longest row of words that stands in both as it is, as a share of the query."""
    best = 0
    before = [0] * (len(title) + 1)
    for word in query:
        now = [0] * (len(title) + 1)
        for place, other in enumerate(title, start=1):
            if word == other:
                now[place] = before[place - 1] + 1
                best = max(best, now[place])
        before = now
    return _share(best, len(query))


def _common_start(query: Sequence[str], title: Sequence[str]) -> float:
    count = 0
    for word, other in zip(query, title, strict=False):
        if word != other:
            break
        count += 1
    return _share(count, len(query))


def _place(asked: Asked, title: Sequence[str]) -> float:
    """How early the first word of the query stands in the title: 1 at its start, 0 if nowhere."""
    for place, word in enumerate(title):
        if word in asked.weights:
            return 1 / (1 + place)
    return 0.0


def _numbers(asked: Asked, words: Set[str]) -> float:
    """The share of the query's words with digits that the title has; 1 where it has none."""
    numbers = [stem for stem in asked.weights if _NUMBER.search(stem)]
    return _share(sum(stem in words for stem in numbers), len(numbers)) if numbers else 1.0
