"""What a ranker sees of a query and each of its candidates: named numbers, in one visible table.

Words are compared as the text index compares them: by its stems, weighed by the best score that any
listing has for the word alone (a rare word weighs more). Everything is a share, a cosine or a
logarithm, so that a model that was fitted on one marketplace can serve another.
"""

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates
from marketrank.ranking.seen import SeenTable, Stems, Words, numbered, trigrams

Floats = NDArray[np.float32]
_QUERY_WORDS = 64  # as many as the text index reads
_NUMBER = re.compile(r"\d")
FEEDBACK = (3, 10)
"""How many of the best candidates are trusted, for each kind of feedback; the first is the prior's.
More find what is common to a category, and lose the one listing that was meant: docs/adr/0126."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, prepared once. `weights` are by stem and sum to 1; () where it has no word."""

    stems: tuple[str, ...]
    weights: Mapping[str, float]
    trigrams: Set[str]


def ask(text: str, weights: Mapping[str, float], stems: Stems) -> Asked:
    """Prepare a query. `weights` are those of its stems, of any scale."""
    total = sum(weights.values())
    shares = {stem: weight / total for stem, weight in weights.items()} if total > 0 else {}
    return Asked(tuple(stems(text))[:_QUERY_WORDS], shares, trigrams(text))


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """A query with each of n listings. `stems` (m,) are the query's in order, `weights` (q,) those
    of its distinct ones. Titles are rows of one width, filled up with 0, and `asked` says which of
    their words are the query's; the other tables say which of the q each listing has, (n, q)."""

    stems: Words
    weights: NDArray[np.float64]
    numbers: NDArray[np.bool_]
    """Which of the q have a digit."""
    titles: Words
    endings: Words
    """The titles backwards."""
    asked: NDArray[np.bool_]
    in_title: NDArray[np.bool_]
    in_category: NDArray[np.bool_]
    in_description: NDArray[np.bool_]
    title_words: NDArray[np.int64]
    query_trigrams: int
    title_trigrams: NDArray[np.int64]
    shared_trigrams: NDArray[np.int64]
    letters: NDArray[np.int64]

    @staticmethod
    def of(asked: Asked, seen: SeenTable) -> "_Pairs":
        words, titles = numbered(asked.weights), seen.titles
        found = titles[:, :, np.newaxis] == words
        title_words = np.count_nonzero(titles, axis=1)
        return _Pairs(
            stems=numbered(asked.stems),
            weights=np.array(list(asked.weights.values()), np.float64),
            numbers=np.array([bool(_NUMBER.search(stem)) for stem in asked.weights], np.bool_),
            titles=titles,
            endings=_backwards(titles, title_words),
            asked=found.any(axis=2),
            in_title=found.any(axis=1),
            in_category=_having(words, seen.categories),
            in_description=_having(words, seen.descriptions),
            title_words=title_words,
            query_trigrams=len(asked.trigrams),
            title_trigrams=np.count_nonzero(seen.trigrams, axis=1),
            shared_trigrams=np.isin(seen.trigrams, numbered(asked.trigrams)).sum(axis=1),
            letters=seen.letters.astype(np.int64),
        )


def _backwards(rows: Words, lengths: NDArray[np.int64]) -> Words:
    """Each row from its last word to its first, filled up behind as before."""
    places = lengths[:, np.newaxis] - 1 - np.arange(rows.shape[1])
    turned = np.take_along_axis(rows, np.maximum(places, 0), axis=1)
    return np.where(places >= 0, turned, 0)


def _having(words: Words, rows: Words) -> NDArray[np.bool_]:
    """Which of the words (q,) each row has: (n, q)."""
    if not len(words):
        return np.zeros((len(rows), 0), np.bool_)
    return np.stack([(rows == word).any(axis=1) for word in words], axis=1)


def _coverage(pairs: _Pairs, had: NDArray[np.bool_]) -> NDArray[np.float64]:
    # Summed in the query's order: a matrix product would differ in the last digit, by processor.
    return sum((had[:, i] * each for i, each in enumerate(pairs.weights)), np.zeros(len(had)))


def _share(part: NDArray[np.int64], whole: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """0 of nothing."""
    return part / np.maximum(whole, 1)


def _longest_run(pairs: _Pairs) -> NDArray[np.float64]:
    """The longest row of words that stands in both as it is, as a share of the query."""
    n, width = pairs.titles.shape
    best, before = np.zeros(n, np.int64), np.zeros((n, width + 1), np.int64)
    for word in pairs.stems:
        now = np.zeros_like(before)
        now[:, 1:] = (before[:, :-1] + 1) * (pairs.titles == word)
        best = np.maximum(best, now.max(axis=1))
        before = now
    return _share(best, len(pairs.stems))


def _common_start(query: Words, titles: Words) -> NDArray[np.float64]:
    width = min(len(query), titles.shape[1])
    same = np.cumprod(titles[:, :width] == query[:width], axis=1)
    return _share(same.sum(axis=1), len(query))


def _place(pairs: _Pairs) -> NDArray[np.float64]:
    """How early the first word of the query stands in the title: 1 at its start, 0 if nowhere."""
    places = np.arange(1, pairs.asked.shape[1] + 1)
    return np.asarray((pairs.asked / places).max(axis=1, initial=0))


def _numbers(pairs: _Pairs) -> NDArray[np.float64]:
    """The share of the query's words with digits that the title has; 1 where it has none."""
    if not pairs.numbers.any():
        return np.ones(len(pairs.letters))
    return _share(pairs.in_title[:, pairs.numbers].sum(axis=1), int(pairs.numbers.sum()))


_PAIR: Mapping[str, Callable[[_Pairs], NDArray[Any]]] = {
    "title_coverage": lambda p: _coverage(p, p.in_title),
    "category_coverage": lambda p: _coverage(p, p.in_category),
    "description_coverage": lambda p: _coverage(p, p.in_description),
    "any_coverage": lambda p: _coverage(p, p.in_title | p.in_category | p.in_description),
    "title_has_all": lambda p: p.in_title.sum(axis=1) == max(len(p.weights), 1),
    "title_focus": lambda p: _share(p.asked.sum(axis=1), p.title_words),
    "title_run": _longest_run,
    "title_starts": lambda p: _common_start(p.stems, p.titles),
    "title_ends": lambda p: _common_start(p.stems[::-1], p.endings),
    "head_in_title": lambda p: (p.titles[:, :, np.newaxis] == p.stems[-1:]).any(axis=(1, 2)),
    "title_place": _place,
    "numbers_in_title": _numbers,
    "trigrams_in_title": lambda p: _share(p.shared_trigrams, p.query_trigrams),
    "trigram_overlap": lambda p: _share(
        p.shared_trigrams, p.query_trigrams + p.title_trigrams - p.shared_trigrams
    ),
    "title_length": lambda p: np.log1p(p.title_words),
    "description_length": lambda p: np.log1p(p.letters),
    "query_length": lambda p: np.full(len(p.letters), len(p.stems)),
}
"""Of the words of a query and its listings: a number for each of these."""
_FOUND = ("prior", "fused", "text", "vector", *(f"feedback_{best}" for best in FEEDBACK))
"""Of the scores: each is joined by how far below the best candidate's it is."""
NAMES = (*(name for found in _FOUND for name in (found, f"{found}_below_best")), *_PAIR)
"""The columns of `table`, in order."""
MEANINGS: Mapping[str, str] = {
    "prior": "the order without a model: fused plus a share of feedback_3",
    "fused": "the score of words and vectors together",
    "text": "the score of the words (BM25), as a share of the best possible; 0 if not asked for",
    "vector": "cosine with the query's vector; 0 if not asked for",
    "feedback_3": "cosine with the mean of the best 3 candidates",
    "feedback_10": "cosine with the mean of the best 10 candidates",
    "title_coverage": "share of the query's words, by weight, that the title has",
    "category_coverage": "the same of the category's path",
    "description_coverage": "the same of the description's beginning",
    "any_coverage": "the same of all three together",
    "title_has_all": "1 where the title has every word of the query",
    "title_focus": "share of the title's words that were asked for",
    "title_run": "longest row of words that query and title share, as a share of the query",
    "title_starts": "share of the query with which the title starts",
    "title_ends": "share of the query with which the title ends",
    "head_in_title": "1 where the title has the last word of the query",
    "title_place": "1 / the place of the first word asked for in the title; 0 if nowhere",
    "numbers_in_title": "share of the query's words with digits that the title has; 1 for none",
    "trigrams_in_title": "share of the query's threes of letters that the title has",
    "trigram_overlap": "threes of letters of query and title: shared / all",
    "title_length": "ln(1 + words of the title)",
    "description_length": "ln(1 + letters of the description)",
    "query_length": "words of the query",
}
"""What each number is, in words; `meaning` knows those of "_below_best", too."""
_BELOW = "_below_best"


def meaning(name: str) -> str:
    """What a column of NAMES is, in words."""
    if name.endswith(_BELOW):
        return f"{name.removesuffix(_BELOW)} less the best candidate's"
    return MEANINGS[name]


PRIOR_WEIGHT = 0.35
"""How much the similarity to the best candidates counts beside the fused score, where nothing was
learned: docs/adr/0126."""


def prior(candidates: Candidates, feedback: Floats) -> Floats:
    """The order without a model: the fused score plus PRIOR_WEIGHT of the similarity to the first
    candidates. Shape (n,)."""
    return np.asarray(candidates.scores + np.float32(PRIOR_WEIGHT) * feedback, np.float32)


def table(
    asked: Asked, seen: SeenTable, candidates: Candidates, feedback: Mapping[int, Floats]
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
    pairs = _Pairs.of(asked, seen)
    for place, feature in enumerate(_PAIR.values(), start=2 * len(_FOUND)):
        out[:, place] = feature(pairs)
    return out
