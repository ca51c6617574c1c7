"""What buyers turn to next: from a listing to those that came after it."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from marketrank.buyers.recommend.histories import Histories, Ints, Matrix
from marketrank.buyers.recommend.signals import Scores, dense

_SMOOTHING = 5.0  # departures that are added to each listing's own


@dataclass(frozen=True, eq=False)
class Transitions:
    """Fitted; see `fit`. `starts` holds, for each buyer, how much each of their listings still
    counts: the last one fully, those before it less and less."""

    starts: Matrix
    chances: Matrix
    name: str

    def __call__(self, rows: Ints) -> Scores:
        return {self.name: dense(self.starts[rows] @ self.chances)}


def fit(histories: Histories, *, reach: int, fading: float, lift: float, name: str) -> Transitions:
    """A Markov chain over up to `reach` steps, a step further counting `fading` as much, as does an
    event one further back. `lift` divides by the popularity of what is come to, to that power."""
    shape = (histories.listings, histories.listings)
    counts = sparse.csr_matrix(shape, dtype=np.float32)
    for steps in range(1, reach + 1):
        start, end = _steps(histories, steps)
        weight = np.full(len(start), fading ** (steps - 1), np.float32)
        counts = counts + sparse.csr_matrix((weight, (start, end)), shape)
    departures = np.asarray(counts.sum(axis=1)).ravel() + _SMOOTHING
    onward = sparse.diags(1 / departures) @ counts
    if lift:
        onward = onward @ sparse.diags((histories.popularity + _SMOOTHING) ** -lift)
    fade = np.float32(fading) ** histories.from_end
    fade[histories.from_end >= reach * 2] = 0
    starts = histories.weighted(fade)
    starts.eliminate_zeros()
    return Transitions(starts, onward.tocsr().astype(np.float32), name)


def _steps(histories: Histories, steps: int) -> tuple[Ints, Ints]:
    """From and to of all pairs so many steps apart."""
    here = np.arange(max(len(histories.buyer) - steps, 0))
    here = here[histories.buyer[here] == histories.buyer[here + steps]]
    return histories.listing[here], histories.listing[here + steps]
