"""The listings among which ours chooses for a buyer, and what each signal says of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from marketrank.buyers.recommend.histories import Floats, Histories, Ints
from marketrank.buyers.recommend.signals import Signal, portions

_FIRST = 40  # of each signal that may propose listings
_FAINT = 0.03  # of the pool's highest score, where its logarithm begins
Told = Callable[[int, int], None]
"""Of how many buyers, and of how many in all, a pool is made."""


@dataclass(frozen=True, eq=False)
class Pools:
    """Candidates of some buyers. Those of buyer `rows[i]` are `listings[ends[i]:ends[i + 1]]`, in
    the order of their numbers, with `features` (candidates, len(names)) beside them."""

    rows: Ints
    ends: Ints
    listings: Ints
    features: Floats
    names: tuple[str, ...]
    lengths: Ints
    """Of the history of each candidate's buyer, (candidates,)."""

    def column(self, name: str) -> Floats:
        return self.features[:, self.names.index(name)]

    def group(self) -> Ints:
        """Whose candidate each is, as a place in `rows`, (candidates,)."""
        return np.repeat(np.arange(len(self.rows)), np.diff(self.ends))

    def where(self, kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> "Pools":
        """Fewer candidates of the same buyers."""
        counts = np.bincount(self.group()[kept], minlength=len(self.rows))
        return Pools(
            self.rows,
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            self.listings[kept],
            self.features[kept],
            self.names,
            self.lengths[kept],
        )

    def without(self, names: frozenset[str]) -> "Pools":
        """The same without some features."""
        kept = [place for place, name in enumerate(self.names) if name not in names]
        return replace(
            self,
            features=self.features[:, kept],
            names=tuple(self.names[place] for place in kept),
        )


def pools(
    histories: Histories,
    signals: Sequence[Signal],
    rows: Ints,
    *,
    proposing: frozenset[str],
    relative: frozenset[str],
    told: Told = lambda done, total: None,
) -> Pools:
    """For each buyer the first of each signal in `proposing`, without what they had to do with.
    Signals in `relative`, whose scales differ between buyers, are also given as logarithms of their
    part of the highest in the pool."""
    listings, features, counts = [], [], []
    names: list[str] = []
    done = 0
    for some in portions(rows, histories.listings):
        scores = {name: one for signal in signals for name, one in signal(some).items()}
        names = list(scores)
        chosen = _chosen([scores[name] for name in names if name in proposing], histories, some)
        row, column = chosen.nonzero()
        listings.append(column.astype(np.int64))
        counts.append(np.bincount(row, minlength=len(some)))
        features.append(np.stack([scores[name][row, column] for name in names], axis=1))
        done += len(some)
        told(done, len(rows))
    sizes = np.concatenate(counts) if counts else np.zeros(0, np.int64)
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    found = np.concatenate(features) if features else np.zeros((0, 0), np.float32)
    logs = [
        _relative(found[:, place], ends) for place, name in enumerate(names) if name in relative
    ]
    lengths = np.repeat(histories.lengths[rows], sizes)
    return Pools(
        rows,
        ends,
        np.concatenate(listings) if listings else np.zeros(0, np.int64),
        np.column_stack([found, *logs]).astype(np.float32),
        (*names, *(f"log_{name}" for name in names if name in relative)),
        lengths,
    )


def _chosen(
    proposals: Sequence[Floats], histories: Histories, rows: Ints
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    seen, column = histories.matrix[rows].nonzero()
    found = np.zeros((len(rows), histories.listings), np.bool_)
    k = min(_FIRST, histories.listings)
    # Signals that say nothing of most listings would propose them by chance: popularity decides.
    nudge = 1e-7 * np.log1p(histories.popularity).astype(np.float32)
    for one in proposals:
        scores = np.array(one, np.float32) + nudge
        scores[seen, column] = -np.inf
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        np.put_along_axis(found, top, True, axis=1)
    found[seen, column] = False
    return found


def _relative(scores: Floats, ends: Ints) -> Floats:
    if not len(scores):
        return scores
    # Every pool holds something unless its buyer has had to do with all there is.
    sizes = np.diff(ends)
    filled = sizes > 0
    highest = np.zeros(len(sizes), np.float32)
    highest[filled] = np.maximum.reduceat(scores, ends[:-1][filled])
    part = np.maximum(scores, 0) / np.maximum(np.repeat(highest, sizes), 1e-9)
    return np.asarray(np.log(_FAINT + part), np.float32)
