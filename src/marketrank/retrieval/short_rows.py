"""Vectors in two bytes a component: half of float32, in the same order.

A row x is kept as c = round(32767·x / max|x|) and s = x·x / (x·c), so that s·(c·q) estimates x·q
and is exact for q = x. For unit rows of width 384 it is off by about 0.0000015. With one byte it
would be 0.00035, where the tenth and eleventh of a query differ by 0.003 among 6,000 listings, and
by less among more. float16 is as large as this, and ten times as slow to multiply with in NumPy
where the processor does not help (docs/adr/0120).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.types import Vectors

_BLOCK = 1_024  # rows gathered at once: a block stays in the cache between copy and product
_LARGEST = 32_767


@dataclass(frozen=True, slots=True)
class ShortRows:
    """`codes` (n, dim) and `scales` (n,)."""

    codes: NDArray[np.int16]
    scales: NDArray[np.float32]

    def scores(self, query: NDArray[np.float32], chosen: NDArray[np.int64]) -> NDArray[np.float32]:
        """Inner products of the query, shape (dim,), with the chosen rows. Where it is 0 at either
        end, as a query of words is in a photo's part, the rows are not read there."""
        out = np.empty(len(chosen), np.float32)
        part = spoken(query)
        codes, query = self.codes[:, part], query[part]
        for start in range(0, len(chosen), _BLOCK):
            block = chosen[start : start + _BLOCK]
            out[start : start + len(block)] = codes[block].astype(np.float32) @ query
        out *= self.scales[chosen]
        return out

    def vectors(self, chosen: NDArray[np.int64]) -> Vectors:
        """The chosen rows as they were, shape (n, dim), up to rounding."""
        return self.codes[chosen].astype(np.float32) * self.scales[chosen, np.newaxis]


def spoken(query: NDArray[np.float32]) -> slice:
    """The components of a query, shape (dim,), between its first and last that are not 0: what it
    does not speak about adds nothing to any product."""
    at = np.flatnonzero(query)
    return slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0, 0)


def shorten(vectors: Vectors) -> ShortRows:
    """The rows of (n, dim) in two bytes a component; a row of zeros stays one."""
    largest = np.abs(vectors).max(axis=1, initial=0.0)
    step = np.where(largest > 0, largest, 1.0) / _LARGEST
    codes = np.rint(vectors / step[:, None]).astype(np.int16)
    along = np.einsum("ij,ij->i", vectors, codes.astype(np.float32))
    squared = np.einsum("ij,ij->i", vectors, vectors)
    scales = np.where(along > 0, squared / np.where(along > 0, along, 1.0), 0.0)
    return ShortRows(codes, scales.astype(np.float32))
