"""What people may look for: runs of words that titles share, and the names of categories."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.retrieval.tallies import Ids, distinct, tally
from marketrank.retrieval.tokens import is_model_name, is_small_number, is_word, segments
from marketrank.retrieval.vocabulary import Phrases

_MIN_LISTINGS = 3
_MIN_SOURCES = 2  # a phrase of one seller may be a name
_LONGEST = 4  # words
_MOST = 200_000
# "xbox series" is not offered where nearly all of it is "xbox series x".
_SAME = 0.9
# A category is named beside a phrase where it holds at least this share of its listings.
_MAJORITY = 0.5
_FUNCTION = """
a an and any are as at be best but by can each ex for from get has have if in inc into is it its
just may me more my new no not now of off offers on only or other our out over plus per pls please
price really so some still than that the them then these this to too up used very was want we will
with without you your
"""
# What titles say of any thing: nobody looks for it.
_TALK = """
available sale selling sold bargain brand cheap collect collection condition con cond delivery
excellent free good great immaculate mint perfect quick reduced working ono ovno bnib bnwt vgc
wanted urgent
"""
FUNCTION_WORDS = frozenset(_FUNCTION.split())
# No phrase begins or ends with one of these.
IDLE_WORDS = FUNCTION_WORDS | frozenset(_TALK.split())

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Titles:
    """All titles one after the other: `words` (m,) are numbers of words, -1 between what does not
    belong together, `listings` (m,) says whose they are. By listing: `sources`, and `categories`,
    a row of `paths`."""

    words: Ids
    listings: Ids
    sources: Ids
    categories: Ids
    paths: Sequence[Path]


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of one length. `at` (m,) is the run that begins there, -1 for none; `words` has shape
    (runs, length) and `counts`, listings, (runs,)."""

    at: Ids
    words: Ids
    counts: Ids


def phrases(titles: Titles, names: Sequence[str]) -> Phrases:
    """The phrases of these titles and of their categories' names; `names` are the words."""
    rows = {path: row for row, path in enumerate(titles.paths)}
    counts: dict[str, int] = {}
    hints: dict[str, tuple[int, int]] = {}
    for runs in _shared_runs(titles, names):
        places = _majorities(runs, titles)
        for run, words in enumerate(runs.words.tolist()):
            if run in places:
                text = " ".join(names[word] for word in words)
                path, count = places[run]
                counts[text] = int(runs.counts[run])
                hints[text] = (rows.setdefault(path, len(rows)) if path else -1, count)
    for path, count in _category_sizes(titles).items():
        text = " ".join(word for run in segments(path[-1]) for word in run)
        if count >= _MIN_LISTINGS and text and count > counts.get(text, 0):
            counts[text] = count
            hints[text] = (rows.setdefault(path, len(rows)), count)
    texts = tuple(sorted(sorted(counts, key=lambda text: (-counts[text], text))[:_MOST]))
    return Phrases(
        texts=texts,
        counts=np.array([counts[text] for text in texts], np.int32),
        categories=np.array([hints[text][0] for text in texts], np.int32),
        category_counts=np.array([hints[text][1] for text in texts], np.int32),
        paths=tuple(rows),
        entries=_entries(texts),
    )


def _shared_runs(titles: Titles, names: Sequence[str]) -> Iterator[_Runs]:
    """Runs of 1 to _LONGEST words that enough listings and sources share, without those that are
    always part of the same longer one, or begin or end idly."""
    runs = _single_words(titles, names)
    idle = np.array([name in IDLE_WORDS for name in names], np.bool_)
    number = np.array([name.isdecimal() for name in names], np.bool_)
    short = np.array([len(name) == 1 for name in names], np.bool_)
    for length in range(1, _LONGEST + 1):
        longer = _longer(runs, titles)
        first, last = runs.words[:, 0], runs.words[:, -1]
        useful = ~(idle[first] | idle[last] | (short[first] & ~number[first]))
        if length == 1:
            useful &= ~number[first]
        else:
            whole = ~(idle[longer.words[:, 0]] | idle[longer.words[:, -1]])
            useful &= (first != last) & ~_always_within(runs, longer, whole)
        counts = np.where(useful, runs.counts, 0)
        yield _Runs(runs.at, runs.words, counts)
        runs = longer


def _single_words(titles: Titles, names: Sequence[str]) -> _Runs:
    fit = np.array([is_word(n) or is_model_name(n) or is_small_number(n) for n in names] + [False])
    at = np.where(fit[titles.words], titles.words, -1)
    return _common(at, np.arange(len(names))[:, None], titles)


def _longer(runs: _Runs, titles: Titles) -> _Runs:
    """Two runs that overlap in all but one word make one that is a word longer."""
    first, second = runs.at, np.append(runs.at[1:], -1)
    # A run ends before the next -1, so that both lie in one title.
    both = (first >= 0) & (second >= 0)
    n = len(runs.words)
    keys, number = np.unique(first[both] * n + second[both], return_inverse=True)
    at = np.full(len(first), -1, np.int64)
    at[both] = number
    words = np.concatenate([runs.words[keys // n], runs.words[keys % n][:, -1:]], axis=1)
    return _common(at, words, titles)


def _common(at: Ids, words: Ids, titles: Titles) -> _Runs:
    """Those that enough listings and sources share, numbered anew."""
    n = len(words)
    counts = tally(at, titles.listings, n)
    keep = counts >= _MIN_LISTINGS
    keep &= tally(at, titles.sources[titles.listings], n) >= _MIN_SOURCES
    number = np.full(n + 1, -1, np.int64)
    number[:-1][keep] = np.arange(int(keep.sum()))
    return _Runs(number[at], words[keep], counts[keep])


def _always_within(runs: _Runs, longer: _Runs, whole: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which runs nearly always go on in the same way, or follow the same word: are part of one of
    the longer ones that are `whole`. Shape (runs,)."""
    within = np.zeros(len(runs.words), np.int64)
    begins = np.flatnonzero(np.append(whole, False)[longer.at])
    for shift in (0, 1):
        inner = runs.at[begins + shift]
        np.maximum.at(within, inner, longer.counts[longer.at[begins]])
    return within >= _SAME * runs.counts


def _majorities(runs: _Runs, titles: Titles) -> dict[int, tuple[Path, int]]:
    """By run that is offered: the deepest category that holds most of its listings, () for none,
    and how many it holds."""
    useful = np.append(runs.counts > 0, False)
    run, listing = distinct(np.where(useful[runs.at], runs.at, -1), titles.listings)
    n = max(len(titles.paths), 1)
    keys, counts = np.unique(run * n + titles.categories[listing], return_counts=True)
    shares: dict[int, Counter[Path]] = {}
    for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
        number, category = divmod(key, n)
        counter = shares.setdefault(number, Counter())
        for path in _prefixes(titles.paths[category]):
            counter[path] += count
    return {number: _deepest(shares[number], int(runs.counts[number])) for number in shares}


def _deepest(shares: Counter[Path], total: int) -> tuple[Path, int]:
    holding = [path for path, count in shares.items() if count >= _MAJORITY * total]
    best = max(holding, key=lambda path: (len(path), shares[path], path), default=())
    return best, shares[best]


def _category_sizes(titles: Titles) -> Counter[Path]:
    sizes: Counter[Path] = Counter()
    for path, count in zip(titles.paths, np.bincount(titles.categories).tolist(), strict=False):
        for prefix in _prefixes(path):
            sizes[prefix] += count
    return sizes


def _prefixes(path: Path) -> Iterable[Path]:
    return (path[: depth + 1] for depth in range(len(path)))


def _entries(texts: Sequence[str]) -> NDArray[np.int32]:
    """See Phrases.entries."""
    found: list[tuple[str, int, int]] = []
    for row, text in enumerate(texts):
        start = 0
        while True:
            found.append((text[start:], row, start))
            start = text.find(" ", start) + 1
            if start == 0:
                break
    found.sort()
    pairs = [(row, start) for _, row, start in found]
    return np.array(pairs, np.int32).reshape(-1, 2).T.copy()
