"""Counting in flat arrays."""

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


def tally(things: Ids, of: Ids, n: int) -> Ids:
    """In how many different `of` each thing from 0 to n - 1 occurs; things below 0 are left out.
    `things` and `of` have shape (m,), the answer (n,)."""
    things, of = distinct(things, of)
    return np.bincount(things, minlength=n)


def distinct(things: Ids, of: Ids) -> tuple[Ids, Ids]:
    """Each pair once, sorted; without those of things below 0."""
    seen = things >= 0
    order = np.lexsort((of[seen], things[seen]))
    things, of = things[seen][order], of[seen][order]
    first = np.ones(len(things), np.bool_)
    first[1:] = (things[1:] != things[:-1]) | (of[1:] != of[:-1])
    return things[first], of[first]
