"""EASE: a linear autoencoder in closed form (Steck, WWW 2019).

With X the buyers' listings and P = (X'X + c I)^-1, scores are X B with B = I - P / diag(P). Where
buyers are fewer than listings, X P = (XX' + c I)^-1 X and diag(P) follow from a matrix of buyers,
which gives the same scores exactly: so it is the smaller side that costs its cube.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from marketrank.buyers.recommend.histories import Floats, Histories, Ints, Matrix
from marketrank.buyers.recommend.signals import Scores

LARGEST = 8_000
"""Rows of the matrix that is inverted, at most: 256 MB, and half a minute on two cores."""


@dataclass(frozen=True, eq=False)
class Ease:
    """Fitted; see `fit`. `columns` are the listings that it knows, the rest score below all."""

    matrix: Matrix
    columns: Ints
    listings: int
    inverse: Floats
    diagonal: Floats
    by_buyers: bool

    @property
    def left_out(self) -> int:
        """Listings that were too many."""
        return self.listings - len(self.columns)

    def __call__(self, rows: Ints) -> Scores:
        own = self.matrix[rows]
        if self.by_buyers:
            known = own.toarray() - (self.matrix.T @ self.inverse[rows].T).T / self.diagonal
        else:
            known = own @ self.inverse
        if not self.left_out:
            return {"ease": np.asarray(known, np.float32)}
        found = np.full((len(rows), self.listings), min(float(known.min()), 0.0) - 1, np.float32)
        found[:, self.columns] = known
        return {"ease": found}


def fit(histories: Histories, *, penalty: float, largest: int = LARGEST) -> Ease:
    """`penalty` is the paper's lambda. Where both buyers and listings are more than `largest`, only
    so many of the most popular listings are known."""
    matrix, columns = histories.matrix, np.arange(histories.listings, dtype=np.int64)
    if min(matrix.shape) > largest:
        order = np.lexsort((columns, -histories.popularity))[:largest]
        columns = np.sort(order)
        matrix = matrix[:, columns]
    by_buyers = matrix.shape[0] < matrix.shape[1]
    gram = (matrix @ matrix.T if by_buyers else matrix.T @ matrix).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += penalty
    inverse = _inverse(gram)
    if by_buyers:
        explained = _explained(matrix.tocsc(), inverse)
        diagonal = np.asarray(np.maximum(1 - explained, 1e-6) / penalty, np.float32)
        return Ease(matrix, columns, histories.listings, inverse, diagonal, by_buyers)
    diagonal = np.diag(inverse).copy()
    weights: Floats = inverse / -diagonal
    np.fill_diagonal(weights, 0)
    return Ease(matrix, columns, histories.listings, weights, diagonal, by_buyers)


def _inverse(gram: Floats) -> Floats:
    """Of a symmetric positive definite matrix, by Cholesky; overwrites it."""
    factor, info = linalg.lapack.spotrf(gram, lower=1, overwrite_a=1)
    if info == 0:
        half, info = linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    if info != 0:
        raise linalg.LinAlgError(f"EASE's matrix cannot be inverted (LAPACK says {info})")
    lower = np.tril(half)
    whole: Floats = lower + np.tril(lower, -1).T
    return whole


def _explained(by_listing: Matrix, inverse: Floats) -> Floats:
    """x' (XX' + c I)^-1 x for each column x of X."""
    found = np.zeros(by_listing.shape[1], np.float32)
    for column, (start, end) in enumerate(
        zip(by_listing.indptr[:-1], by_listing.indptr[1:], strict=True)
    ):
        buyers = by_listing.indices[start:end]
        if len(buyers):
            found[column] = inverse[np.ix_(buyers, buyers)].sum()
    return found
