"""Listings that the same buyers had to do with (Sarwar et al., WWW 2001; Deshpande and Karypis,
TOIS 2004)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marketrank.buyers.recommend.histories import Histories, Ints, Matrix
from marketrank.buyers.recommend.signals import Scores, dense

_AT_ONCE = 8_000_000  # similarities held densely at a time: 32 MB


@dataclass(frozen=True, eq=False)
class ItemKnn:
    """Fitted; see `fit`. A buyer's score of a listing is the sum of its similarities to theirs,
    over the root of how many these are."""

    weights: Matrix
    similar: Matrix
    name: str

    def __call__(self, rows: Ints) -> Scores:
        own = self.weights[rows]
        length = np.sqrt(1 + np.asarray(own.sum(axis=1)))
        return {self.name: np.asarray(dense(own @ self.similar) / length, np.float32)}


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two listings are: together / ((popularity x popularity) ** power + shrinkage). A
    power of a half is the cosine, less favours the popular. Each keeps its best `neighbours`."""

    power: float
    shrinkage: float
    neighbours: int


def fit(
    histories: Histories, likeness: Likeness, *, fading: float = 1.0, name: str = "item_knn"
) -> ItemKnn:
    """An event counts `fading` to the power of how many of the buyer's came later."""
    return fit_all(histories, [likeness], fading=fading, name=name)[0]


def fit_all(
    histories: Histories,
    ways: Sequence[Likeness],
    *,
    fading: float = 1.0,
    name: str = "item_knn",
) -> list[ItemKnn]:
    """One for each likeness; what listings have together is counted once."""
    matrix = histories.matrix
    by_listing = matrix.T.tocsr()
    step = max(1, _AT_ONCE // max(histories.listings, 1))
    parts: list[list[Matrix]] = [[] for _ in ways]
    for start in range(0, histories.listings, step):
        together = (by_listing[start : start + step] @ matrix).tocsr()
        for some, likeness in zip(parts, ways, strict=True):
            some.append(_similar(together, start, histories.popularity, likeness))
    fade = (np.float32(fading) ** histories.from_end).astype(np.float32)
    weights = histories.weighted(fade)
    empty = sparse.csr_matrix((0, histories.listings), dtype=np.float32)
    return [
        ItemKnn(weights, sparse.vstack([*some, empty]).T.tocsr().astype(np.float32), name)
        for some in parts
    ]


def _similar(
    together: Matrix, start: int, popularity: NDArray[np.float64], likeness: Likeness
) -> Matrix:
    """The best neighbours of the listings from `start` on, a row each."""
    pairs = together.tocoo()
    row = pairs.row + start
    scale = np.maximum(popularity, 1.0) ** likeness.power
    value = pairs.data / (scale[row] * scale[pairs.col] + likeness.shrinkage)
    value[row == pairs.col] = 0
    similar = sparse.csr_matrix((value.astype(np.float32), (pairs.row, pairs.col)), pairs.shape)
    return _best(similar, likeness.neighbours)


def _best(similar: Matrix, k: int) -> Matrix:
    """The k highest of each row."""
    for start, end in zip(similar.indptr[:-1], similar.indptr[1:], strict=True):
        if end - start > k:
            some = similar.data[start:end]
            some[some < np.partition(some, -k)[-k]] = 0
    similar.eliminate_zeros()
    return similar
