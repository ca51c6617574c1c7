"""Listings with the same photo or nearly the same; see `dedupe`."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from marketrank.listings.disjoint_sets import Forest, Link, star
from marketrank.listings.same_texts import Text
from marketrank.types import Listing

NEAR_BITS = 4
"""On a real feed all 8 pairs of photos at 1 to 4 bits, looked at, were the same picture; of the 5
pairs at 6 bits most were not."""
MOST_THINGS = 4
"""A photo under more unlike titles is a stock photo: a shop's sign, a placeholder."""

_UNLIKE_TITLE = 0.5
_FEWEST_BITS = 24
"""A pHash sets 32 bits, those above the median; far fewer mean ties: a plain picture."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One photo and the positions of the listings that show it, in order."""

    phash: int
    shown_by: tuple[int, ...]


def pictures_of(aged: Sequence[Listing]) -> list[Picture]:
    """The different photos: those with the same blob or the same source are one."""
    photos = [(position, photo) for position, one in enumerate(aged) for photo in one.photos]
    forest = Forest(len(photos))
    seen: dict[tuple[str, str], int] = {}
    for number, (_, photo) in enumerate(photos):
        for key in (("blob", photo.blob), ("source", photo.source_sha256)):
            forest.join(seen.setdefault(key, number), number)
    shown: dict[int, set[int]] = defaultdict(set)
    for number, (position, _) in enumerate(photos):
        shown[forest.root(number)].add(position)
    return [
        Picture(photos[root][1].phash, tuple(sorted(positions)))
        for root, positions in shown.items()
    ]


def is_stock(shown_by: Collection[int], texts: Sequence[Text]) -> bool:
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


def tells(phash: int) -> bool:
    """Whether a hash is of a picture with enough in it to be told from others."""
    return (phash % (1 << 64)).bit_count() >= _FEWEST_BITS


def near_photos(
    pictures: Sequence[Picture], texts: Sequence[Text], exact: Iterable[Link]
) -> list[Link]:
    """Links between the first listings of pictures that look the same, unless those listings
    are linked by an exact photo already. A stock photo in many sizes is one stock photo."""
    looks: dict[int, list[Picture]] = defaultdict(list)
    for picture in pictures:
        if tells(picture.phash) and not is_stock(picture.shown_by, texts):
            looks[picture.phash].append(picture)
    same_look = list(looks.values())
    close = _close_pairs(np.array(list(looks), dtype=np.int64))
    clusters = Forest(len(same_look))
    for one, other, _ in close:
        clusters.join(one, other)
    shown_by: dict[int, set[int]] = defaultdict(set)
    for number, same in enumerate(same_look):
        shown_by[clusters.root(number)].update(*(picture.shown_by for picture in same))
    stock = {root for root, positions in shown_by.items() if is_stock(positions, texts)}

    first = [[picture.shown_by[0] for picture in same] for same in same_look]
    links = [
        link
        for number, positions in enumerate(first)
        if clusters.root(number) not in stock
        for link in star(positions)
    ]
    links += [
        (first[one][0], first[other][0], 1 - bits / 64)
        for one, other, bits in close
        if clusters.root(one) not in stock
    ]
    together = Forest(len(texts))
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
