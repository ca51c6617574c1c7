"""How much a listing is wanted: of late, at the time of a buyer's last event, and by buyers with as
much behind them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.recommend.histories import DAY, Floats, Histories, Ints
from marketrank.buyers.recommend.signals import Scores

HALF_LIVES = (1 / 64, 1 / 24, 1 / 8)
"""Parts of the time that all events span."""
_FLOOR = 0.1  # added to decayed counts before their logarithm


@dataclass(frozen=True, eq=False)
class Popularity:
    """Buyers of a listing: the peer, and what ours starts from."""

    counts: Floats

    def __call__(self, rows: Ints) -> Scores:
        return {"popularity": np.broadcast_to(self.counts, (len(rows), len(self.counts)))}


@dataclass(frozen=True, eq=False)
class Trends:
    """Logarithms of counts that halve with age: as at the end of all events ("recent"), and as at
    the buyer's last event, of what came before it ("then"). Times of events that are to be
    foretold are not used."""

    histories: Histories
    recent: dict[str, Floats]

    def __call__(self, rows: Ints) -> Scores:
        shape = (len(rows), self.histories.listings)
        found = {name: np.broadcast_to(some, shape) for name, some in self.recent.items()}
        for part in HALF_LIVES[:2]:
            half_life = part * self.histories.span
            found[f"then_{round(1 / part)}"] = _then(self.histories, rows, half_life)
        return found


def popularity(histories: Histories) -> Popularity:
    return Popularity(histories.popularity.astype(np.float32))


def trends(histories: Histories) -> Trends:
    end = float(histories.at.max()) if len(histories.at) else 0.0
    found = {"log_popularity": np.log1p(histories.popularity).astype(np.float32)}
    for part in HALF_LIVES:
        age = ((end - histories.at) / DAY / (part * histories.span)).astype(np.float64)
        found[f"recent_{round(1 / part)}"] = _log(_counted(histories, 0.5**age))
    return Trends(histories, found)


def _then(histories: Histories, rows: Ints, half_life: float) -> Floats:
    """(rows, listings): what came before each buyer's last event, that event's time included."""
    order = np.argsort(histories.at, kind="stable")
    at, listing = histories.at[order], histories.listing[order]
    found = np.empty((len(rows), histories.listings), np.float32)
    asked = histories.last_at[rows]
    if not len(at):
        found[:] = np.log(_FLOOR)
        return found
    held = np.zeros(histories.listings)
    now, read = float(at[0]), 0
    for row in np.argsort(asked, kind="stable"):
        time = float(asked[row])
        until = int(np.searchsorted(at, time, "right"))
        held *= 0.5 ** ((time - now) / DAY / half_life)
        if until > read:
            ages = (time - at[read:until]) / DAY / half_life
            held += np.bincount(listing[read:until], 0.5**ages, histories.listings)
        now, read = time, until
        found[row] = np.log(held + _FLOOR)
    return found


@dataclass(frozen=True, eq=False)
class Stages:
    """How likely buyers who lacked a listing were to come to it when they had about as many behind
    them: what somebody with a long history still lacks is seldom what all begin with. A hazard, as
    in Cox (1972), over the logarithm of the history's length."""

    histories: Histories
    width: float = 0.5

    def __call__(self, rows: Ints) -> Scores:
        stage = np.round(np.log1p(self.histories.lengths[rows]), 1)
        table = {value: self._hazard(float(value)) for value in np.unique(stage)}
        return {"stage": np.stack([table[value] for value in stage])}

    def _hazard(self, stage: float) -> Floats:
        given = self.histories
        near = np.exp(-0.5 * ((np.log1p(given.place) - stage) / self.width) ** 2)
        # What is left of a buyer's events once they have a listing is no chance to come to it.
        so_far = np.cumsum(near)
        whole = np.zeros(given.buyers)
        whole[given.buyer] = so_far
        after = np.bincount(given.listing, whole[given.buyer] - so_far, given.listings)
        chances = np.maximum(near.sum() - after, 1e-9)
        rate = np.bincount(given.listing, near, given.listings) / chances
        return np.asarray(np.log(rate * 1e4 + 0.3), np.float32)


def _counted(histories: Histories, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = np.bincount(histories.listing, weights, histories.listings)
    return counts.astype(np.float64)


def _log(counts: NDArray[np.float64]) -> Floats:
    return np.asarray(np.log(counts + _FLOOR), np.float32)
