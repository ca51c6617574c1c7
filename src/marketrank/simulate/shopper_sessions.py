"""Simulate visits, part of a day by part of a day: who comes, for what, what they are shown, what
they do. See `shoppers` for how to call it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.simulate import shopper_features, shopper_policy
from marketrank.simulate.shopper_clicks import (
    CLICK,
    HIDE,
    MESSAGE,
    OFFER,
    SAVE,
    SOLD,
    follow,
    look,
)
from marketrank.simulate.shopper_features import Asked
from marketrank.simulate.shopper_log import SimulatedLog
from marketrank.simulate.shopper_parameters import ShopperParameters
from marketrank.simulate.shopper_past import Events, Past
from marketrank.simulate.shopper_policy import Call
from marketrank.simulate.shopper_stock import Floats, Ints, Stock
from marketrank.simulate.shopper_wants import (
    Minds,
    Trends,
    comers,
    query_vectors,
    word_query,
)
from marketrank.simulate.shoppers import DAY, Shoppers, hours_of_day, share_of_day
from marketrank.simulate.truth import Truth, Wants, sigmoid

_MISREAD = 0.15
"""How often an engine takes a query for another category."""
_DELAYS = {CLICK: 0.0, SAVE: 30.0, MESSAGE: 90.0, OFFER: 600.0, HIDE: 2.0}
_SECONDS_A_RANK = 3.0
_COLLECTED_AFTER = 900.0
_COLLECTED_WITHIN = 2.5 * DAY


def simulate_sessions(
    stock: Stock,
    shoppers: Shoppers,
    params: ShopperParameters,
    seed: int = 7,
    *,
    days: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SimulatedLog:
    """All visits of `days` days (all of `params.days` where not given; fewer give the beginning of
    the same log). `progress(done, total)` counts parts of days.

    20,000 sessions of 25 among 5,000 listings take about 10 s on one core. Raises BadInput where so
    few listings are on sale at some time that a list cannot be filled.
    """
    run = _Run(Truth(stock, shoppers, params), seed)
    total = (params.days if days is None else min(days, params.days)) * params.slices
    for number in range(total):
        run.step(number)
        if progress:
            progress(number + 1, total)
    return run.log()


@dataclass(frozen=True, slots=True, eq=False)
class _Visit:
    """Who comes in one part of a day, from `start` to `end` (seconds), for what; `live` is on
    sale."""

    number: int
    buyers: Ints
    at: NDArray[np.float64]
    wants: Wants
    live: Ints
    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The requests of one part of a day."""

    buyers: Ints
    at: NDArray[np.float64]
    queries: list[str]
    wants: Wants
    listings: Ints
    features: Floats
    swapped: Ints
    relevance: Floats
    examination: Floats


class _Run:
    def __init__(self, truth: Truth, seed: int) -> None:
        self._truth, self._seed = truth, seed
        self._past = Past(truth.stock, truth.shoppers)
        self._minds = Minds.empty(truth.shoppers)
        self._trends = Trends(truth.stock, truth.params, seed)
        self._taken = np.zeros(len(truth.stock), bool)
        self._gone = np.full(len(truth.stock), np.inf)
        self._parts: list[_Part] = []
        self._events: list[Events] = []
        self._waiting = Events.none()
        self._requests = 0

    def step(self, number: int) -> None:
        """One part of a day. It draws from a generator of its own, so that what is before does not
        depend on what comes after."""
        params, shoppers, stock = self._truth.params, self._truth.shoppers, self._truth.stock
        day, part = divmod(number, params.slices)
        low, high = 24 * part / params.slices, 24 * (part + 1) / params.slices
        start = shoppers.start + (day * 24 + low) * 3600
        rng = np.random.default_rng([self._seed, 31, number])
        self._remember(start)
        live = np.flatnonzero((stock.created <= start) & ~self._taken)
        mean = params.sessions / params.days * share_of_day(low, high)
        buyers = comers(shoppers, int(rng.poisson(mean)), start, rng)
        if not len(buyers):
            return
        if len(live) < 2 * params.retrieved:
            raise BadInput(
                f"{len(live)} listings on sale on day {day} cannot fill lists of "
                f"{params.retrieved} candidates; simulate more listings or fewer sessions"
            )
        hours = hours_of_day(len(buyers), low, high, rng).astype(np.float64)
        at = shoppers.start + day * DAY + hours * 3600
        trend = self._trends.at(day)
        self._minds.renew(buyers, stock, shoppers, trend=trend, params=params, rng=rng)
        wants = Wants(
            self._minds.kind[buyers],
            self._minds.colour[buyers],
            rng.random(len(buyers)) < params.search_share,
        )
        end = start + DAY / params.slices
        self._visit(_Visit(number, buyers, at, wants, live, start, end), rng)

    def _visit(self, visit: _Visit, rng: np.random.Generator) -> None:
        truth, past, params = self._truth, self._past, self._truth.params
        buyers, wants = visit.buyers, visit.wants
        queries, vectors, text, coverage = self._ask(visit.number, wants, rng)
        call = Call(buyers, wants.search, text[:, visit.live], vectors, visit.live, visit.start)
        found = shopper_policy.fetch(truth, past, call, rng)
        asked = Asked(
            buyers,
            wants.search,
            vectors,
            self._read(wants.kind, rng),
            np.take_along_axis(text, found, axis=1),
            np.take_along_axis(coverage, found, axis=1),
            visit.at,
        )
        sellers = self._seller_log(visit.start)
        features = shopper_features.table(truth, past, asked, found, sellers)
        order = shopper_policy.order(features, params, rng)
        listings = np.take_along_axis(found, order.places, axis=1)
        attraction = truth.attraction(buyers, wants, listings)
        attraction += rng.normal(0, params.whim, attraction.shape).astype(np.float32)
        relevance = sigmoid(attraction)
        shown = slice(0, params.shown)
        looked = look(relevance[:, shown], wants.search, params, rng)
        condition = truth.stock.condition[listings[:, shown]]
        done = follow(looked, attraction[:, shown], condition, params, rng)
        self._record(done, visit, listings, rng)
        self._parts.append(
            _Part(
                buyers=buyers,
                at=visit.at,
                queries=queries,
                wants=wants,
                listings=listings,
                features=np.take_along_axis(features, order.places[..., None], axis=1),
                swapped=order.swapped,
                relevance=relevance,
                examination=looked.chance,
            )
        )
        self._requests += len(buyers)

    def _ask(
        self, number: int, wants: Wants, rng: np.random.Generator
    ) -> tuple[list[str], Floats, Floats, Floats]:
        """Queries, their vectors, and how well each listing's words fit."""
        stock = self._truth.stock
        words = random.Random(f"{self._seed}/words/{number}")
        queries, told = [], np.zeros(len(wants.kind), bool)
        text = np.zeros((len(wants.kind), len(stock)), np.float32)
        coverage = np.zeros_like(text)
        for row, search in enumerate(wants.search.tolist()):
            query = ""
            if search:
                query, told[row] = word_query(
                    stock, int(wants.kind[row]), int(wants.colour[row]), words
                )
                text[row], coverage[row] = stock.words.match(query)
            queries.append(query)
        vectors = query_vectors(stock, wants.kind, wants.colour, told, rng)
        vectors[~wants.search] = 0
        return queries, vectors, text, coverage

    def _read(self, kind: Ints, rng: np.random.Generator) -> Ints:
        """The kinds whose category an engine takes the queries for."""
        other = rng.integers(len(self._truth.stock.kinds.kinds), size=len(kind))
        return np.where(rng.random(len(kind)) < _MISREAD, other, kind)

    def _seller_log(self, start: float) -> Floats:
        stock = self._truth.stock
        counts = np.bincount(stock.seller[stock.created <= start], minlength=len(stock.sellers))
        return np.log1p(counts)[stock.seller].astype(np.float32)

    def _record(
        self,
        done: list[NDArray[np.bool_]],
        visit: _Visit,
        listings: Ints,
        rng: np.random.Generator,
    ) -> None:
        """Note what was done. Who agrees first buys, and collects when this part of the day is
        over; nobody is shown the listing from the next part on."""
        new = []
        for kind, who in enumerate(done):
            row, rank = np.nonzero(who)
            listing = listings[row, rank]
            when = visit.at[row] + _SECONDS_A_RANK * (rank + 1) + rng.random(len(row))
            if kind == SOLD:
                first = np.unique(listing, return_index=True)[1] if len(row) else row
                # Requests are in order of time, and so are the rows.
                row, listing = row[first], listing[first]
                when = visit.end + _COLLECTED_AFTER + rng.random(len(row)) * _COLLECTED_WITHIN
                self._taken[listing] = True
                self._gone[listing] = when
                self._minds.forget(visit.buyers[row])
            else:
                when += _DELAYS[kind]
            kinds = np.full(len(row), kind, np.int64)
            new.append(Events(when, visit.buyers[row], listing, kinds, self._requests + row))
        events = Events.joined(new)
        self._events.append(events)
        self._waiting = Events.joined([self._waiting, events])

    def _remember(self, now: float) -> None:
        """Let the past take in what has happened by now, in order of time."""
        ready = self._waiting.at < now
        events = self._waiting.take(ready)
        self._waiting = self._waiting.take(~ready)
        self._past.learn(events.take(np.argsort(events.at, kind="stable")), now)

    def log(self) -> SimulatedLog:
        parts = self._parts
        if not parts:
            raise BadInput("nobody came: simulate more sessions, days or buyers")
        events = Events.joined(self._events)
        return SimulatedLog(
            truth=self._truth,
            seed=self._seed,
            buyers=np.concatenate([part.buyers for part in parts]),
            at=np.concatenate([part.at for part in parts]),
            queries=tuple(query for part in parts for query in part.queries),
            wants=Wants(
                np.concatenate([part.wants.kind for part in parts]),
                np.concatenate([part.wants.colour for part in parts]),
                np.concatenate([part.wants.search for part in parts]),
            ),
            listings=np.concatenate([part.listings for part in parts]),
            features=np.concatenate([part.features for part in parts]),
            swapped=np.concatenate([part.swapped for part in parts]),
            relevance=np.concatenate([part.relevance for part in parts]),
            examination=np.concatenate([part.examination for part in parts]),
            events=events.take(np.argsort(events.at, kind="stable")),
            gone=self._gone,
        )
