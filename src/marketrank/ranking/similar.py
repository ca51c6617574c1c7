"""Listings like a listing: near in the vector space, of the same kind, in reach of its price."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Hits


@dataclass(frozen=True, slots=True)
class Affinity:
    """What counts beside the similarity of vectors; see `config` for the settings. A listing at
    `same` or nearer to the one asked about is a repeat of it, and left out."""

    category: float
    price: float
    same: float


@dataclass(frozen=True, slots=True)
class Kind:
    """A listing's category path and its price in minor units, -1 where there is none."""

    path: tuple[str, ...]
    price: int


def rank_similar(
    hits: Hits, near: NDArray[np.float32], kinds: Sequence[Kind], asked: Kind, affinity: Affinity
) -> Hits:
    """Hits in the order of similarity + category · shared part of the path + price · nearness.

    `near` (n,) is each hit's cosine with the listing asked about. The shared part of the path is
    from 0 to 1; prices are near by the ratio of the lower to the higher, so half at twice the
    price; where a price is not known, half as well. Sorted by score, ties by key.
    """
    shared = np.array([shared_part(kind.path, asked.path) for kind in kinds], np.float64)
    ratios = np.array([price_ratio(kind.price, asked.price) for kind in kinds], np.float64)
    scores = hits.scores + affinity.category * shared + affinity.price * ratios
    kept = np.flatnonzero(near < affinity.same)
    published = scores[kept].astype(np.float32)
    order = np.lexsort((hits.keys[kept], -published))
    return Hits(hits.keys[kept][order], published[order])


def shared_part(path: tuple[str, ...], asked: tuple[str, ...]) -> float:
    """How much of the longer of two category paths they share from the root."""
    depth = 0
    for one, other in zip(path, asked, strict=False):
        if one != other:
            break
        depth += 1
    return depth / max(len(path), len(asked), 1)


def price_ratio(one: int, other: int) -> float:
    """Minor units. The lower over the higher, 1 for two that are free; 0.5 where one is not
    known."""
    if one < 0 or other < 0:
        return 0.5
    low, high = sorted((one, other))
    return low / high if high else 1.0
