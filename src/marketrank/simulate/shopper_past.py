"""What an engine knows of the past: the events up to a moment, and nothing later."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.simulate.shopper_clicks import CLICK, HIDE, MESSAGE, OFFER, SAVE, SOLD
from marketrank.simulate.shopper_stock import Floats, Ints, Stock
from marketrank.simulate.shopper_tastes import ATTRIBUTES, groups
from marketrank.simulate.shoppers import DAY, Shoppers

_WEIGHTS = np.zeros(6)
_WEIGHTS[[CLICK, SAVE, MESSAGE, OFFER, SOLD, HIDE]] = (1, 2, 3, 2, 3, 0)
_POPULARITY_LASTS = 10 * DAY
_TASTE_LASTS = 0.9
"""What an event leaves of the weight of those before it."""
_SMOOTHING = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """m events in columns, each (m,): `at` in seconds, `kind` a place in `KINDS`, `request` the
    number of the list that it followed from."""

    at: NDArray[np.float64]
    buyer: Ints
    listing: Ints
    kind: Ints
    request: Ints

    def __len__(self) -> int:
        return len(self.at)

    def take(self, order: NDArray[np.int64] | NDArray[np.bool_]) -> "Events":
        return Events(
            self.at[order],
            self.buyer[order],
            self.listing[order],
            self.kind[order],
            self.request[order],
        )

    @staticmethod
    def none() -> "Events":
        empty = np.empty(0, np.int64)
        return Events(np.empty(0), empty, empty, empty, empty)

    @staticmethod
    def joined(parts: list["Events"]) -> "Events":
        if not parts:
            return Events.none()
        return Events(
            np.concatenate([part.at for part in parts]),
            np.concatenate([part.buyer for part in parts]),
            np.concatenate([part.listing for part in parts]),
            np.concatenate([part.kind for part in parts]),
            np.concatenate([part.request for part in parts]),
        )


class Past:
    """Grows with time: `learn` what was done, in order. All that it offers is as of then."""

    def __init__(self, stock: Stock, shoppers: Shoppers) -> None:
        self._stock, self._shoppers = stock, shoppers
        n, b = len(stock), len(shoppers)
        self._at = shoppers.start
        self.popularity = np.zeros(n)
        """Weighted interactions, decayed; (n,)."""
        self.saves = np.zeros(n)
        self.taste = np.zeros((b, stock.vectors.shape[1]), np.float32)
        """Sum of the vectors of what each buyer dealt with, the latest most; (b, dim)."""
        self.roots = np.zeros((b, int(stock.kinds.root.max()) + 1))
        self._price = np.zeros(b)
        self._events = np.zeros(b)
        self._hidden: dict[int, list[int]] = {}
        sizes = [len(groups()[name]) for name in ATTRIBUTES]
        self._offsets = np.cumsum([0, *sizes[:-1]])
        self._by_group = np.zeros((sum(sizes), int(stock.kinds.category.max()) + 1))
        self._by_all = np.zeros(self._by_group.shape[1])
        known = stock.price > 0
        self._ratio = np.where(known, np.log(np.maximum(stock.price, 0.01) / stock.estimate), 0)

    def learn(self, events: Events, now: float) -> None:
        """Take in events before `now`, which later calls may not precede."""
        self.popularity *= np.exp(-(now - self._at) / _POPULARITY_LASTS)
        self._at = now
        weights = _WEIGHTS[events.kind]
        kind = self._stock.kind[events.listing]
        np.add.at(self.popularity, events.listing, weights)
        np.add.at(self.saves, events.listing, events.kind == SAVE)
        np.add.at(self.roots, (events.buyer, self._stock.kinds.root[kind]), weights)
        np.add.at(self._price, events.buyer, weights * self._ratio[events.listing])
        np.add.at(self._events, events.buyer, weights)
        self._learn_groups(events, weights, self._stock.kinds.category[kind])
        for buyer, listing, what in zip(
            events.buyer.tolist(), events.listing.tolist(), events.kind.tolist(), strict=True
        ):
            if what == HIDE:
                self._hidden.setdefault(buyer, []).append(listing)
            else:
                self.taste[buyer] *= _TASTE_LASTS
                self.taste[buyer] += np.float32(_WEIGHTS[what]) * self._stock.vectors[listing]

    def _learn_groups(self, events: Events, weights: NDArray[np.float64], category: Ints) -> None:
        known = self._shoppers.known[events.buyer]
        np.add.at(self._by_all, category[known], weights[known])
        for offset, name in zip(self._offsets, ATTRIBUTES, strict=True):
            row = offset + self._shoppers.members[name][events.buyer]
            np.add.at(self._by_group, (row[known], category[known]), weights[known])

    def hidden_by(self, buyer: int) -> list[int]:
        return self._hidden.get(buyer, [])

    def taste_of(self, buyers: Ints) -> tuple[Floats, NDArray[np.bool_]]:
        """Unit vectors, zeros for who did nothing yet, and who did something."""
        rows = self.taste[buyers]
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32), np.asarray(
            lengths[:, 0] > 0, np.bool_
        )

    def usual_ratio(self, buyers: Ints) -> NDArray[np.float64]:
        """Mean ln(price / estimate) of what they dealt with; NaN for who did nothing yet."""
        with np.errstate(invalid="ignore"):
            return np.where(
                self._events[buyers] > 0, self._price[buyers] / self._events[buyers], np.nan
            )

    def root_share(self, buyers: Ints, kind: Ints) -> NDArray[np.float64]:
        """Of what each buyer dealt with, how much was of the root of these kinds (s, n)."""
        rows = self.roots[buyers]
        total = rows.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            shares = np.where(total > 0, rows / total, np.nan)
        return np.take_along_axis(shares, self._stock.kinds.root[kind], axis=1)

    def affinity(self, buyers: Ints, kind: Ints) -> NDArray[np.float64]:
        """By how much more a buyer's groups deal with the category of these kinds (s, n) than all
        do: the sum over attributes of smoothed logarithms; NaN for who keeps their demographics."""
        every = self._by_all.sum()
        base = (self._by_all + 1) / (every + len(self._by_all))
        total = self._by_group.sum(axis=1, keepdims=True)
        smooth = (self._by_group + _SMOOTHING * base) / (total + _SMOOTHING)
        lift = np.log(smooth / base)
        members = [self._shoppers.members[name][buyers] for name in ATTRIBUTES]
        rows = sum(lift[o + m] for o, m in zip(self._offsets, members, strict=True))
        found = np.take_along_axis(rows, self._stock.kinds.category[kind], axis=1)
        return np.where(self._shoppers.known[buyers][:, None], found, np.nan)
