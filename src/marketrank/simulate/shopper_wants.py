"""What visitors come for, and in which words they look for it."""

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.simulate.shopper_parameters import ShopperParameters
from marketrank.simulate.shopper_stock import Floats, Ints, Stock
from marketrank.simulate.shoppers import DAY, Shoppers
from marketrank.simulate.typing_slips import choose_hand, typed

_MISTYPED = 0.06
_WEEK = 7.0


class Trends:
    """What is in fashion: slow swings of whole roots, and a few kinds each week."""

    def __init__(self, stock: Stock, params: ShopperParameters, seed: int) -> None:
        rng = np.random.default_rng([seed, 21])
        roots = int(stock.kinds.root.max()) + 1
        self._phase = rng.uniform(0, 2 * np.pi, roots)
        self._period = rng.uniform(30, 90, roots)
        self._root, self._params, self._seed = stock.kinds.root, params, seed

    def at(self, day: float) -> NDArray[np.float64]:
        """What is added to the log-odds of each kind on a day, (kinds,)."""
        swing = self._params.trend * np.sin(2 * np.pi * day / self._period + self._phase)
        out = np.array(swing[self._root])
        rng = np.random.default_rng([self._seed, 22, int(day // _WEEK) + 1])
        out[rng.choice(len(out), min(self._params.fads, len(out)), replace=False)] += (
            self._params.fad
        )
        return out


@dataclass(eq=False)
class Minds:
    """What each buyer has in mind between visits, (b,) each; -1: nothing yet, or any colour."""

    kind: Ints
    colour: Ints

    @staticmethod
    def empty(shoppers: Shoppers) -> "Minds":
        nothing = np.full(len(shoppers), -1, np.int64)
        return Minds(nothing, nothing.copy())

    def renew(
        self,
        buyers: Ints,
        stock: Stock,
        shoppers: Shoppers,
        *,
        trend: NDArray[np.float64],
        params: ShopperParameters,
        rng: np.random.Generator,
    ) -> None:
        """Some of these buyers, and all who have nothing in mind, come for something new."""
        fresh = (self.kind[buyers] < 0) | (rng.random(len(buyers)) < params.want_ends)
        who = buyers[fresh]
        dice = rng.gumbel(size=(len(who), len(stock.kinds.kinds)))
        self.kind[who] = np.argmax(shoppers.tastes.logits[who] + trend + dice, axis=1)
        picky = rng.random(len(who)) < params.want_colour
        liked = shoppers.tastes.style[who] @ stock.spaces.colour_vectors.T * 4
        told = colours_of_kinds(stock)[self.kind[who]]
        best = np.argmax(np.where(told, liked + rng.gumbel(size=told.shape), -np.inf), axis=1)
        self.colour[who] = np.where(picky & told.any(axis=1), best, -1)

    def forget(self, buyers: Ints) -> None:
        """They have what they came for."""
        self.kind[buyers] = -1
        self.colour[buyers] = -1


def colours_of_kinds(stock: Stock) -> NDArray[np.bool_]:
    """In which colours each kind is on sale and told of, (kinds, colours)."""
    out = np.zeros((len(stock.kinds.kinds), len(stock.spaces.colours)), bool)
    out[stock.kind, stock.colour] = True
    told = np.array([kind.tells_colour for kind in stock.kinds.kinds])
    return np.asarray(out & told[:, None], np.bool_)


def word_query(stock: Stock, kind: int, colour: int, rng: random.Random) -> tuple[str, bool]:
    """How somebody looks for a thing, and whether the words say its colour."""
    thing = stock.kinds.kinds[kind]
    words = rng.choice(thing.nouns)
    told = colour >= 0 and rng.random() < 0.6 and stock.spaces.colours[colour] not in words
    if told:
        words = f"{stock.spaces.colours[colour]} {words}"
    elif thing.brands and rng.random() < 0.1:
        words = f"{rng.choice(thing.brands)} {words}"
    if rng.random() < _MISTYPED:
        words = typed(words, choose_hand(rng), rng)
    return words.lower(), told


def query_vectors(
    stock: Stock, kind: Ints, colour: Ints, told: NDArray[np.bool_], rng: np.random.Generator
) -> Floats:
    """What an encoder would make of such queries, (s, dim): the kind, and the colour if told."""
    style = np.where(told[:, None], 0.7 * stock.spaces.colour_vectors[colour], 0)
    return stock.spaces.encoded(kind, style.astype(np.float32), rng)


def comers(shoppers: Shoppers, n: int, now: float, rng: np.random.Generator) -> Ints:
    """Who comes, each once: at most n of those who have joined, the busy and the new more often."""
    there = shoppers.joined < now
    new = shoppers.joined > now - DAY
    weight = np.log(shoppers.activity * np.where(new, 6, 1))
    score = np.where(there, weight + rng.gumbel(size=len(weight)), -np.inf)
    n = min(n, int(there.sum()))
    best = np.argpartition(-score, min(n, len(score) - 1))[:n]
    return rng.permutation(best).astype(np.int64)
