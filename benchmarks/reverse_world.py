"""Simulated shoppers, a tower trained on what they did before a day, and what came after it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.listing_space import point_of
from marketrank.buyers.popularity import WEIGHTS
from marketrank.buyers.profile import Facts, Weighting
from marketrank.buyers.reverse import Audience, Members
from marketrank.buyers.tower import Known, allowed, points_of, space_of
from marketrank.models.published_tower import PublishedTower, TowerFolder
from marketrank.people import Buyer, Interaction
from marketrank.pipelines.buyer_examples import History
from marketrank.pipelines.train_buyers import train_buyers
from marketrank.retrieval.private_index import private_index
from marketrank.simulate.shopper_clicks import KINDS
from marketrank.simulate.shopper_log import SimulatedLog, moment
from marketrank.simulate.shopper_parameters import ShopperParameters
from marketrank.simulate.shopper_sessions import simulate_sessions
from marketrank.simulate.shopper_stock import Stock, draw_stock
from marketrank.simulate.shoppers import DAY, Shoppers, draw_shoppers
from marketrank.simulate.towns import town_coordinates
from marketrank.types import BuyerId, ListingId, ModelVersion, Place

Ints = NDArray[np.int64]
K = 50
END = datetime(2026, 2, 21, 12, tzinfo=UTC)
ENCODER = ModelVersion("simulated")


@dataclass(frozen=True)
class World:
    """What is simulated, and what a system may know of it: events before `cut` (seconds), buyers
    but for the `unseen`, rows of buyers of whom nothing is learned."""

    stock: Stock
    shoppers: Shoppers
    log: SimulatedLog
    facts: Facts
    buyers: tuple[Buyer, ...]
    past: list[Interaction]
    cut: float
    unseen: NDArray[np.bool_]

    def wanted(self) -> tuple[Ints, Ints]:
        """Buyers and listings, rows, of what was clicked or more after the cut for the first time,
        each pair once."""
        events = self.log.events
        good = np.array([WEIGHTS.get(one, 0.0) > 0 for one in KINDS])
        positive = good[events.kind]
        before = events.at < self.cut
        pairs = events.buyer * len(self.stock) + events.listing
        new = np.setdiff1d(pairs[positive & ~before], pairs[before])
        return new // len(self.stock), new % len(self.stock)


def simulate(*, listings: int, buyers: int, sessions: int, seed: int) -> World:
    stock = draw_stock(listings=listings, seed=seed, at=END)
    params = ShopperParameters(buyers=buyers, sessions=sessions)
    shoppers = draw_shoppers(stock, params, seed=seed)
    log = simulate_sessions(stock, shoppers, params, seed=seed)
    cut = shoppers.start + 0.8 * params.days * DAY
    unseen = np.random.default_rng(seed).random(buyers) < 0.2
    held = {shoppers.ids[i] for i in np.flatnonzero(unseen).tolist()}
    towns = town_coordinates()
    points = [
        point_of(Place(town, latitude=towns[town][0], longitude=towns[town][1]))
        for town in (one.location.split(", ")[0] for one in stock.adverts)
    ]
    paths = [
        (stock.kinds.roots[kind], *stock.kinds.kinds[kind].category) for kind in stock.kind.tolist()
    ]
    facts = Facts(
        stock.vectors,
        paths,
        np.round(stock.price * 100).astype(np.int64),
        np.array(points, np.float32),
    )
    past = [
        event
        for event in (log.interaction(i) for i in np.flatnonzero(log.events.at < cut).tolist())
        if event.buyer not in held
    ]
    return World(stock, shoppers, log, facts, shoppers.buyers(stock), past, cut, unseen)


def train(world: World, folder: Path, seed: int) -> tuple[PublishedTower, dict, float]:
    start = time.perf_counter()
    seen = [one for one, held in zip(world.buyers, world.unseen, strict=True) if not held]
    towers = TowerFolder(folder / "towers")
    trained = train_buyers(
        History([ListingId(id) for id in world.stock.ids], world.facts, seen, world.past),
        folder,
        towers,
        encoder=ENCODER,
        at=moment(world.cut),
        seed=seed,
    )
    took = time.perf_counter() - start
    return PublishedTower(towers.folder / trained.facts.version), dict(trained.facts.metrics), took


def histories(world: World) -> dict[BuyerId, list[Interaction]]:
    """By buyer, the latest first."""
    found: dict[BuyerId, list[Interaction]] = {}
    for event in sorted(world.past, key=lambda one: one.at, reverse=True):
        found.setdefault(event.buyer, []).append(event)
    return found


def known_of(world: World, recent: dict[BuyerId, list[Interaction]]) -> list[Known]:
    rows = {id: row for row, id in enumerate(world.stock.ids)}
    known = []
    for buyer in world.buyers:
        one = allowed(buyer, recent.get(buyer.id, [])[:100])
        at = np.array([rows[event.listing] for event in one.interactions], np.int64)
        facts = Facts(
            world.facts.vectors[at],
            [world.facts.paths[row] for row in at.tolist()],
            world.facts.prices[at],
            world.facts.points[at],
        )
        known.append(Known(one.interactions, facts, one.attributes, one.place))
    return known


def audience_of(world: World, tower: PublishedTower, known: list[Known]) -> Audience:
    at, space = moment(world.cut), space_of(tower)
    weighting = Weighting()
    rows = {id: row for row, id in enumerate(world.stock.ids)}
    activity = [
        float(np.maximum(weighting.weights(one.interactions, at), 0).sum()) for one in known
    ]
    seen = [
        (row, rows[event.listing]) for row, one in enumerate(known) for event in one.interactions
    ]
    liked = [
        (row, rows[event.listing])
        for row, one in enumerate(known)
        for event in one.interactions
        if weighting.kinds[event.kind] > 0
    ]
    plain = [Known(one.interactions, one.facts) for one in known]
    members = Members(
        tuple(one.id for one in world.buyers),
        points_of(tower, space, known, at),
        points_of(tower, space, plain, at),
        np.array(activity),
        tuple(one.seller for one in world.buyers),
        np.array(seen, np.int64).reshape(-1, 2),
        np.array(liked, np.int64).reshape(-1, 2),
    )
    return Audience(
        members,
        lambda keys, vectors: private_index(keys, vectors, exact_below=100_000),
        temperature=tower.temperature,
        interest=tower.interest,
    )
