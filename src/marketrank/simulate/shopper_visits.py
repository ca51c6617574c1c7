"""Shoppers who visit a real engine, one after the other: what they ask for, and what they do with
the list that they get."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from marketrank.people import InteractionKind
from marketrank.simulate.shopper_clicks import KINDS, SOLD, follow, look
from marketrank.simulate.shopper_wants import Minds, Trends, comers, word_query
from marketrank.simulate.truth import Truth, Wants, sigmoid
from marketrank.types import ListingId


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """Who came (a place in `Shoppers.ids`), and what for; `query` is "" on the feed."""

    number: int
    buyer: int
    query: str
    wants: Wants


@dataclass(frozen=True, slots=True)
class Done:
    """What a visitor did with the listing at a rank (from 0)."""

    rank: int
    listing: ListingId
    kind: InteractionKind


class Visits:
    """The same seed gives the same visitors; what they do depends on what they are shown. All who
    will ever join are there."""

    def __init__(self, truth: Truth, seed: int) -> None:
        here = np.full(len(truth.shoppers), truth.shoppers.start - 1)
        self._truth = replace(truth, shoppers=replace(truth.shoppers, joined=here))
        self._seed = seed
        self._minds = Minds.empty(truth.shoppers)
        self._trend = Trends(truth.stock, truth.params, seed).at(truth.params.days)
        self._places = {one: place for place, one in enumerate(truth.stock.ids)}

    def come(self, number: int) -> Visit:
        """The visit of this number, counted from 0; numbers must not go back."""
        truth, params = self._truth, self._truth.params
        rng = np.random.default_rng([self._seed, 51, number])
        now = truth.shoppers.start + params.days * 86_400
        buyers = comers(truth.shoppers, 1, now, rng)
        self._minds.renew(
            buyers, truth.stock, truth.shoppers, trend=self._trend, params=params, rng=rng
        )
        search = rng.random(1) < params.search_share
        wants = Wants(self._minds.kind[buyers], self._minds.colour[buyers], search)
        words = random.Random(f"{self._seed}/visit/{number}")
        query = ""
        if search[0]:
            query, _ = word_query(truth.stock, int(wants.kind[0]), int(wants.colour[0]), words)
        return Visit(number, int(buyers[0]), query, wants)

    def react(self, visit: Visit, shown: Sequence[ListingId]) -> list[Done]:
        """What the visitor does with a list, from the first rank down. Listings that the simulation
        does not know attract nobody."""
        truth, params = self._truth, self._truth.params
        known = [(rank, self._places[one]) for rank, one in enumerate(shown) if one in self._places]
        if not known:
            return []
        rng = np.random.default_rng([self._seed, 52, visit.number])
        ranks, listings = (np.array(each, np.int64) for each in zip(*known, strict=True))
        attraction = np.full((1, len(shown)), -np.inf, np.float32)
        felt = truth.attraction(np.array([visit.buyer]), visit.wants, listings[None])
        attraction[0, ranks] = felt[0] + rng.normal(0, params.whim, len(known))
        relevance = sigmoid(np.maximum(attraction, -30))
        looked = look(relevance, visit.wants.search, params, rng)
        condition = np.zeros_like(attraction)
        condition[0, ranks] = truth.stock.condition[listings]
        does = follow(looked, attraction, condition, params, rng)
        if does[SOLD].any():
            self._minds.forget(np.array([visit.buyer]))
        return [
            Done(rank, shown[rank], KINDS[kind])
            for rank in ranks.tolist()
            for kind, who in enumerate(does)
            if who[0, rank]
        ]
