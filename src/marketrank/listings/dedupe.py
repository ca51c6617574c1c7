"""Duplicates: listings that repeat an earlier one, by text or by photo. Links, never deletions.

Four kinds. exact_text: the same words in title and description. exact_photo: the same cleaned
bytes or the same source file. near_text: 3-word shingles with a Jaccard similarity of 0.8 or more,
and titles that name the same thing. near_photo: perceptual hashes at most 4 of 64 bits apart.

On one core of a small machine: 1.2 s for 5,788 second-hand listings with 10,173 photos, 24 s for
100,000 with 176,000.
"""

import re
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, pairwise

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

from marketrank.asking import Traces
from marketrank.types import Duplicate, Listing, ListingId

NEAR_TEXT = 0.8
"""Jaccard similarity of shingles from which texts are near."""
FEWEST_WORDS = 6
"""Shorter texts say too little: only an exact repetition counts."""
NEAR_BITS = 4
"""On a real feed all 8 pairs of photos at 1 to 4 bits, looked at, were the same picture; of the 5
pairs at 6 bits most were not."""
MOST_THINGS = 4
"""A photo under more unlike titles is a stock photo: a shop's sign, a placeholder."""

_SAME_TITLE = 0.8
_UNLIKE_TITLE = 0.5
_SHINGLE = 3
_BANDS, _ROWS = 21, 6
"""MinHash bands: a pair at 0.8 is found with 1 - (1 - 0.8^6)^21 = 99.8 %, one at 0.5 with 28 %."""
_CROWD = 1000
"""As many texts that look alike are one shop's boilerplate, or one robot's posts."""
_FEWEST_BITS = 24
"""A pHash sets 32 bits, those above the median; far fewer mean ties: a plain picture."""
_COMMON_SHARE = 0.02
_COMMON_LEAST = 50

_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")
_Link = tuple[int, int, float]
"""Two positions in order of age, and their similarity."""


def find_duplicates(listings: Sequence[Listing]) -> list[Duplicate]:
    """Link every listing that repeats others to the earliest of its group.

    Earliest by (`created_at`, none last; then id). Of each kind a listing has at most one link; a
    near link is given to the earliest of those with the same text or photo only, as the others
    are linked to it. The result is sorted by listing and kind, and independent of the input's
    order. `score` is 1 for exact kinds and else the similarity (Jaccard; 1 - bits / 64) of the
    weakest step between the two, as groups are transitive. Ids must be unique.

    Not a duplicate: one shop's boilerplate under titles of different things (640 of the 668 pairs
    of near texts in a real feed), and a stock photo (see MOST_THINGS).
    """
    aged = sorted(listings, key=_age)
    texts = [_Text.of(listing) for listing in aged]
    exact_text, firsts = _exact_texts(texts)
    pictures = _pictures(aged)
    exact_photo = [
        link
        for picture in pictures
        if not _is_stock(picture.shown_by, texts)
        for link in _star(picture.shown_by)
    ]
    kinds = {
        "exact_text": exact_text,
        "exact_photo": exact_photo,
        "near_text": _near_texts(texts, firsts),
        "near_photo": _near_photos(pictures, texts, exact_photo),
    }
    found = [
        Duplicate(aged[later].id, aged[earliest].id, kind, score)
        for kind, links in kinds.items()
        for later, earliest, score in _to_earliest(len(aged), links)
    ]
    return sorted(found, key=lambda one: (one.listing, one.kind))


def leak_groups(listings: Sequence[Listing], links: Sequence[Duplicate]) -> dict[ListingId, str]:
    """The group of each listing, named by the id of its earliest member: what a split into
    training and test data must keep together.

    Groups are joined by the links and, more widely than duplicates, by any same description of
    FEWEST_WORDS or more and any same photo (bytes, source or perceptual hash): a shop's
    boilerplate or sign tells the label to a model that remembers it. What more than 2 % of all
    listings (and 50) share tells no label, and would make one group of them.
    """
    aged = sorted(listings, key=_age)
    place = {listing.id: position for position, listing in enumerate(aged)}
    # A link to a listing that is not among these, an ended one, still joins those linked to it.
    for name in sorted({name for link in links for name in (link.listing, link.of)} - place.keys()):
        place[name] = len(place)
    forest = _Forest(len(place))
    for link in links:
        forest.join(place[link.listing], place[link.of])
    most = max(_COMMON_LEAST, _COMMON_SHARE * len(aged))
    for sharing in _sharing(aged):
        if len(sharing) <= most:
            for one, other, _ in _star(sharing):
                forest.join(one, other)
    return {listing.id: aged[forest.root(place[listing.id])].id for listing in aged}


def traces(listings: Sequence[Listing]) -> Traces:
    """By what to look for listings that `find_duplicates` could link with these."""
    photos = [photo for one in listings for photo in one.photos]
    # Of two titles of one thing the shorter has at least this share of the longer one's words.
    gaps = {
        one.title: int((1 - _SAME_TITLE) * len(set(_words(one.title))) + 1e-9) for one in listings
    }
    return Traces(
        gaps,
        tuple(sorted({photo.source_sha256 for photo in photos})),
        tuple(sorted({str(photo.blob) for photo in photos})),
        tuple(sorted({photo.phash for photo in photos if _tells(photo.phash)})),
        NEAR_BITS,
    )


def _age(listing: Listing) -> tuple[bool, datetime, str]:
    at = listing.created_at
    return at is None, at or datetime.max.replace(tzinfo=UTC), listing.id


class _Forest:
    """Disjoint sets of 0 … n - 1 whose root is the smallest member: the earliest listing."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def root(self, one: int) -> int:
        while self._parent[one] != one:
            self._parent[one] = self._parent[self._parent[one]]
            one = self._parent[one]
        return one

    def join(self, one: int, other: int) -> bool:
        """False where they were together already."""
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low
        return low != high


def _star(members: Sequence[int]) -> Iterator[_Link]:
    return ((members[0], other, 1.0) for other in members[1:])


def _to_earliest(n: int, links: Iterable[_Link]) -> Iterator[_Link]:
    """For each position that is linked, but not the first of its group: itself, the first and
    the weakest step between the two, over the strongest steps that connect the group."""
    forest = _Forest(n)
    steps: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for one, other, score in sorted(links, key=lambda link: (-link[2], link[0], link[1])):
        if forest.join(one, other):
            steps[one].append((other, score))
            steps[other].append((one, score))
    for first in sorted(steps):
        if forest.root(first) != first:
            continue
        weakest = {first: 1.0}
        ahead = [first]
        while ahead:
            here = ahead.pop()
            for there, score in steps[here]:
                if there not in weakest:
                    weakest[there] = min(weakest[here], score)
                    ahead.append(there)
        yield from ((one, first, score) for one, score in weakest.items() if one != first)


# Texts.


@dataclass(frozen=True, slots=True)
class _Text:
    """The words of a listing, without case, marks and punctuation."""

    title: tuple[str, ...]
    description: tuple[str, ...]
    raw: str

    @staticmethod
    def of(listing: Listing) -> "_Text":
        title, description = (_words(text) for text in (listing.title, listing.description))
        # Texts without any word, of emoji say, are told apart by their characters.
        raw = "" if title or description else f"{listing.title}\n{listing.description}"
        return _Text(title, description, raw)


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _exact_texts(texts: Sequence[_Text]) -> tuple[list[_Link], list[int]]:
    """Links within each text, and the position of the first listing that has it."""
    having: dict[_Text, list[int]] = defaultdict(list)
    for position, text in enumerate(texts):
        having[text].append(position)
    links = [link for positions in having.values() for link in _star(positions)]
    return links, [positions[0] for positions in having.values()]


def _near_texts(texts: Sequence[_Text], firsts: Sequence[int]) -> list[_Link]:
    """Candidates by MinHash LSH, verified by title and true Jaccard similarity. Texts that are
    connected already are not compared again, and a text with _CROWD candidates is no candidate
    itself, so that a crowd does not cost the square of its size."""
    index = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
    blank = MinHash(num_perm=_BANDS * _ROWS, hashfunc=int)
    crcs: dict[str, int] = {}
    shingles: dict[int, NDArray[np.uint64]] = {}
    forest = _Forest(len(texts))
    links: list[_Link] = []
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
    if len(left & right) < _SAME_TITLE * len(left | right):
        return False
    return not any(_DIGIT.search(word) for word in left ^ right)


# Photos.


@dataclass(frozen=True, slots=True)
class _Picture:
    """One photo and the positions of the listings that show it, in order."""

    phash: int
    shown_by: tuple[int, ...]


def _pictures(aged: Sequence[Listing]) -> list[_Picture]:
    """The different photos: those with the same blob or the same source are one."""
    photos = [(position, photo) for position, one in enumerate(aged) for photo in one.photos]
    forest = _Forest(len(photos))
    seen: dict[tuple[str, str], int] = {}
    for number, (_, photo) in enumerate(photos):
        for key in (("blob", photo.blob), ("source", photo.source_sha256)):
            forest.join(seen.setdefault(key, number), number)
    shown: dict[int, set[int]] = defaultdict(set)
    for number, (position, _) in enumerate(photos):
        shown[forest.root(number)].add(position)
    return [
        _Picture(photos[root][1].phash, tuple(sorted(positions)))
        for root, positions in shown.items()
    ]


def _is_stock(shown_by: Collection[int], texts: Sequence[_Text]) -> bool:
    """Whether these listings are of more than MOST_THINGS different things, by their titles."""
    if len(shown_by) <= MOST_THINGS:
        return False
    things: list[frozenset[str]] = []
    for position in sorted(shown_by):
        title = frozenset(texts[position].title)
        if all(len(title & thing) < _UNLIKE_TITLE * len(title | thing) for thing in things):
            things.append(title)
            if len(things) > MOST_THINGS:
                return True
    return False


def _tells(phash: int) -> bool:
    """Whether a hash is of a picture with enough in it to be told from others."""
    return (phash % (1 << 64)).bit_count() >= _FEWEST_BITS


def _near_photos(
    pictures: Sequence[_Picture], texts: Sequence[_Text], exact: Iterable[_Link]
) -> list[_Link]:
    """Links between the first listings of pictures that look the same, unless those listings
    are linked by an exact photo already. A stock photo in many sizes is one stock photo."""
    looks: dict[int, list[_Picture]] = defaultdict(list)
    for picture in pictures:
        if _tells(picture.phash) and not _is_stock(picture.shown_by, texts):
            looks[picture.phash].append(picture)
    same_look = list(looks.values())
    close = _close_pairs(np.array(list(looks), dtype=np.int64))
    clusters = _Forest(len(same_look))
    for one, other, _ in close:
        clusters.join(one, other)
    shown_by: dict[int, set[int]] = defaultdict(set)
    for number, same in enumerate(same_look):
        shown_by[clusters.root(number)].update(*(picture.shown_by for picture in same))
    stock = {root for root, positions in shown_by.items() if _is_stock(positions, texts)}

    first = [[picture.shown_by[0] for picture in same] for same in same_look]
    links = [
        link
        for number, positions in enumerate(first)
        if clusters.root(number) not in stock
        for link in _star(positions)
    ]
    links += [
        (first[one][0], first[other][0], 1 - bits / 64)
        for one, other, bits in close
        if clusters.root(one) not in stock
    ]
    together = _Forest(len(texts))
    for one, other, _ in exact:
        together.join(one, other)
    return [link for link in links if together.root(link[0]) != together.root(link[1])]


def _close_pairs(hashes: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """All pairs of rows whose hashes, all different, are at most NEAR_BITS apart, and how many
    bits apart.

    Four bits lie in at most four of six bands, so such a pair agrees in two whole bands or more:
    for each two bands, only the hashes that agree in them are compared (multi-index hashing,
    Norouzi et al., CVPR 2012).
    """
    rows = hashes.view(np.uint64)
    found: dict[tuple[int, int], int] = {}
    for one, other in combinations(_bands(NEAR_BITS + 2), 2):
        keys = rows & (one | other)
        order = np.argsort(keys, kind="stable")
        sorted_keys, sorted_rows = keys[order], rows[order]
        starts = np.arange(len(order))
        step = 1
        while len(starts := starts[starts + step < len(order)]):
            starts = starts[sorted_keys[starts] == sorted_keys[starts + step]]
            bits = np.bitwise_count(sorted_rows[starts] ^ sorted_rows[starts + step])
            for at in np.flatnonzero(bits <= NEAR_BITS):
                low, high = sorted((int(order[starts[at]]), int(order[starts[at] + step])))
                found[low, high] = int(bits[at])
            step += 1
    return [(low, high, bits) for (low, high), bits in sorted(found.items())]


def _bands(count: int) -> list[np.uint64]:
    """Masks that cut 64 bits into `count` bands of about the same width."""
    edges = [64 * number // count for number in range(count + 1)]
    return [np.uint64((1 << high) - (1 << low)) for low, high in pairwise(edges)]


def _sharing(aged: Sequence[Listing]) -> Iterator[Sequence[int]]:
    """The positions of the listings that share a description or a photo."""
    described: dict[tuple[str, ...], list[int]] = defaultdict(list)
    looks: dict[int, set[int]] = defaultdict(set)
    for position, listing in enumerate(aged):
        words = _words(listing.description)
        if len(words) >= FEWEST_WORDS:
            described[words].append(position)
        for photo in listing.photos:
            if _tells(photo.phash):
                looks[photo.phash].add(position)
    yield from described.values()
    yield from (sorted(positions) for positions in looks.values())
    yield from (picture.shown_by for picture in _pictures(aged))
