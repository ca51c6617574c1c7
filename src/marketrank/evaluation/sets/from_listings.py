"""Relevance sets made from listings that nobody has judged.

    known-item            words of a title, some dropped, sometimes in another order
    known-item-misspelt   the same queries with one slip of the pen each
    category              a category's name

What they can tell is limited, and which way they lean is known: titles are written by those who
sell, so queries made from them are longer than what buyers type, and words always occur; that
favours BM25. Grades by category favour whatever groups listings as sellers do, such as vectors and
feedback, and call a wrong listing of the right category good. So they compare systems with each
other and with themselves before a change; they do not say how good a search is.
"""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from marketrank.errors import BadInput
from marketrank.evaluation.sets.relevance_set import Document, Query, RelevanceSet
from marketrank.types import Listing, ListingId

T = TypeVar("T")
SAME_PRODUCT, SAME_LEAF, SAME_ROOT = 5, 2, 1
"""Grades of known-item queries. Half of the highest is above a leaf's: MRR asks for the product."""
NAMED_LEAF, NAMED_PARENT = 2, 1
"""Grades of category queries: listings of the category, and of the one above it."""
_SAMPLE = 30  # listings judged for each reason
_LARGEST = 200  # listings judged of a category that a query names
_FEWEST = 5  # listings that a category needs to be asked for
_MIN_WORDS, _MAX_QUERY_WORDS = 3, 4
_REORDERED = 0.3  # share of queries whose words stand in another order than in the title
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MISSPELLABLE = 4  # letters that a word needs
_SELLER_TYPES = {"private", "trade"}  # how some feeds end a category's path


def known_item(listings: Sequence[Listing], *, queries: int, seed: int) -> RelevanceSet:
    """Queries from titles. A listing of the same title is the same product. Judged are these, and
    samples of the leaf, of the root and of all others, graded by category; raises BadInput where no
    listing has a category and a title of three words."""
    chance = random.Random(f"known item {seed}")
    usable = [one for one in listings if one.category and len(_words(one)) >= _MIN_WORDS]
    if not usable:
        raise BadInput(
            "no listing has a category and a title of three words; known-item queries need both"
        )
    pools = _Pools(listings)
    asked, grades = [], {}
    for number, one in enumerate(_some(chance, usable, queries)):
        query = Query(f"known{number}", _query(chance, _words(one)))
        asked.append(query)
        grades[query.id] = pools.around(chance, one)
    return _finished("known-item", listings, asked, grades)


def misspelt(given: RelevanceSet, *, seed: int) -> RelevanceSet:
    """The set with one slip of the pen in each query that has a word of four letters: a letter
    missing, doubled by another, wrong, or exchanged with the next."""
    chance = random.Random(f"misspelt {seed}")
    queries = [Query(one.id, _misspell(chance, one.text)) for one in given.queries]
    return _finished(f"{given.name}-misspelt", given.documents, queries, given.grades)


def category_names(listings: Sequence[Listing], *, queries: int, seed: int) -> RelevanceSet:
    """Queries that are names of leaf categories. Judged are listings of the leaf, of the category
    above it, and a sample of all others; the set's listings have no category, which would give the
    answer away. Raises BadInput where no category holds five."""
    chance = random.Random(f"category {seed}")
    leaves: dict[tuple[str, ...], list[ListingId]] = defaultdict(list)
    parents: dict[tuple[str, ...], list[ListingId]] = defaultdict(list)
    for one in listings:
        path = _path(one)
        if len(path) >= 2:
            leaves[path].append(one.id)
            parents[path[:-1]].append(one.id)
    # "Other Furniture" is a name that no buyer types.
    named = sorted(
        path
        for path, ids in leaves.items()
        if len(ids) >= _FEWEST and _WORD.search(path[-1]) and "other" not in path[-1].lower()
    )
    if not named:
        raise BadInput(
            f"no category below a root holds {_FEWEST} listings; category queries need some"
        )
    everything = [one.id for one in listings]
    asked, grades = [], {}
    for number, path in enumerate(_some(chance, named, queries)):
        query = Query(f"category{number}", " ".join(_WORD.findall(path[-1].lower())))
        asked.append(query)
        own = dict.fromkeys(_some(chance, leaves[path], _LARGEST), NAMED_LEAF)
        siblings = set(parents[path[:-1]])
        leaf = set(leaves[path])
        above = [id for id in parents[path[:-1]] if id not in leaf]
        own |= dict.fromkeys(_some(chance, above, _LARGEST), NAMED_PARENT)
        for id in _some(chance, everything, 2 * _SAMPLE):
            in_parent = NAMED_PARENT if id in siblings else 0
            own.setdefault(id, NAMED_LEAF if id in leaf else in_parent)
        grades[query.id] = own
    hidden = [replace(_document(one), category="") for one in listings]
    return _finished("category", hidden, asked, grades)


class _Pools:
    """Listings by title, leaf and root."""

    def __init__(self, listings: Sequence[Listing]) -> None:
        self._all = listings
        self._by: Mapping[str, dict[object, list[Listing]]] = {
            name: _grouped(listings, key) for name, key in _KEYS.items()
        }

    def around(self, chance: random.Random, one: Listing) -> dict[ListingId, int]:
        """Judgments for a query that means this listing."""
        found: dict[ListingId, int] = {}
        samples = [
            self._by["title"][_KEYS["title"](one)],
            _some(chance, self._by["leaf"][_path(one)], _SAMPLE),
            _some(chance, self._by["root"][one.category[0]], _SAMPLE),
            _some(chance, self._all, _SAMPLE),
        ]
        for other in (other for sample in samples for other in sample):
            found[other.id] = self._grade(one, other)
        return found

    def _grade(self, one: Listing, other: Listing) -> int:
        grades = {"title": SAME_PRODUCT, "leaf": SAME_LEAF, "root": SAME_ROOT}
        return next(
            (grade for name, grade in grades.items() if _KEYS[name](one) == _KEYS[name](other)), 0
        )


def _path(listing: Listing) -> tuple[str, ...]:
    path = listing.category
    return path[:-1] if path and path[-1].lower() in _SELLER_TYPES else path


_KEYS: Mapping[str, Callable[[Listing], object]] = {
    "title": lambda one: " ".join(one.title.lower().split()),
    "leaf": _path,
    "root": lambda one: one.category[0] if one.category else None,
}


def _grouped(
    listings: Sequence[Listing], key: Callable[[Listing], object]
) -> dict[object, list[Listing]]:
    groups: dict[object, list[Listing]] = defaultdict(list)
    for one in listings:
        groups[key(one)].append(one)
    return groups


def _words(listing: Listing) -> list[str]:
    return _WORD.findall(listing.title.lower())


def _query(chance: random.Random, words: Sequence[str]) -> str:
    """Two to four of the words, and never all of them."""
    count = max(2, min(_MAX_QUERY_WORDS, len(words) - 1))
    kept = chance.sample(range(len(words)), count)
    if chance.random() >= _REORDERED:
        kept.sort()
    return " ".join(words[place] for place in kept)


def _misspell(chance: random.Random, text: str) -> str:
    words = text.split()
    places = [place for place, word in enumerate(words) if len(word) >= _MISSPELLABLE]
    if places:
        place = chance.choice(places)
        words[place] = _slip(chance, words[place])
    return " ".join(words)


def _slip(chance: random.Random, word: str) -> str:
    # First letters are rarely wrong (Pollock and Zamora, CACM 1984).
    at = chance.randrange(1, len(word) - 1)
    letter = chance.choice(_LETTERS)
    return chance.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at:],
            word[:at] + letter + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        ]
    )


def _some(chance: random.Random, items: Sequence[T], most: int) -> list[T]:
    return chance.sample(list(items), min(most, len(items)))


def _finished(
    name: str,
    listings: Sequence[Listing] | Sequence[Document],
    queries: Sequence[Query],
    grades: Mapping[str, Mapping[ListingId, int]],
) -> RelevanceSet:
    documents = tuple(one if isinstance(one, Document) else _document(one) for one in listings)
    return RelevanceSet(name, documents, tuple(queries), dict(grades))


def _document(listing: Listing) -> Document:
    return Document(listing.id, listing.title, listing.description, " / ".join(listing.category))
