"""Feeds for buyers with and without a history, by what they truly want."""

import numpy as np

from benchmarks.reverse_world import K, World
from marketrank.buyers.listing_space import Space
from marketrank.buyers.popularity import Popularity
from marketrank.buyers.profile import Weighting, profile_of
from marketrank.buyers.tower import Known, points_of
from marketrank.models.published_tower import PublishedTower
from marketrank.simulate.shopper_log import moment
from marketrank.types import ListingKey


def cold_feeds(world: World, tower: PublishedTower, space: Space) -> dict:
    """Feeds of buyers of whom nothing was learned, of the listings on sale at the cut: NDCG@10 with
    what they truly want as gains, and recall@50 of what they turned to later."""
    log, at = world.log, moment(world.cut)
    live = np.flatnonzero((world.stock.created < world.cut) & (log.gone > world.cut))
    rows = np.flatnonzero(world.unseen & world.shoppers.known)
    gains = log.truth.interest(rows, live).astype(np.float64)
    buyers, listings = world.wanted()
    index = {id: row for row, id in enumerate(world.stock.ids)}
    popular = Popularity(2.0)
    for event in world.past:
        popular.add(ListingKey(index[event.listing]), event.kind, event.at)
    described = space.describe(world.facts.vectors, world.facts.prices, world.facts.points)[live]
    nobody = points_of(tower, space, [Known()], at)
    people = [
        Known(attributes=world.buyers[row].attributes, place=world.buyers[row].place)
        for row in rows.tolist()
    ]
    places = [Known(place=one.place) for one in people]
    counted = np.tile(popular.scores(live, at), (len(rows), 1))
    systems = {
        "popularity": counted,
        "tower_nothing_known": np.tile(nobody @ described.T, (len(rows), 1)),
        "tower_place": points_of(tower, space, places, at) @ described.T,
        "tower_demographics": points_of(tower, space, people, at) @ described.T,
    }
    systems["tower_and_popularity"] = systems["tower_demographics"] / tower.temperature + np.log(
        counted + 1
    )
    result: dict = {"buyers": len(rows), "listings": len(live)}
    later = {row: listings[(buyers == row) & np.isin(listings, live)] for row in rows.tolist()}
    for name, scores in systems.items():
        order = np.argsort(-scores, axis=1, kind="stable")
        ndcg = _ndcg(gains, order)
        found = [
            len(np.intersect1d(live[order[i, :K]], later[row])) / min(len(later[row]), K)
            for i, row in enumerate(rows.tolist())
            if len(later[row])
        ]
        result[name] = {
            "ndcg@10": float(ndcg.mean()),
            "ndcg@10_error": float(ndcg.std() / np.sqrt(len(ndcg))),
            "recall@50": float(np.mean(found)),
        }
    return result


def warm_feeds(world: World, tower: PublishedTower, space: Space, known: list[Known]) -> dict:
    """The same of buyers with a history, for the taste without learning and for the tower."""
    log, at = world.log, moment(world.cut)
    live = np.flatnonzero((world.stock.created < world.cut) & (log.gone > world.cut))
    rows = np.array([row for row, one in enumerate(known) if len(one.interactions) >= 3])[:1000]
    gains = log.truth.interest(rows, live).astype(np.float64)
    described = space.describe(world.facts.vectors, world.facts.prices, world.facts.points)[live]
    weighting = Weighting()
    tastes = []
    for row in rows.tolist():
        facts = known[row].facts
        assert facts is not None
        taste = profile_of(known[row].interactions, facts, at=at, weighting=weighting).taste
        tastes.append(np.zeros(space.dim) if taste is None else taste[0])
    index = {id: row for row, id in enumerate(world.stock.ids)}
    popular = Popularity(2.0)
    for event in world.past:
        popular.add(ListingKey(index[event.listing]), event.kind, event.at)
    systems = {
        "popularity": np.tile(popular.scores(live, at), (len(rows), 1)),
        "taste": np.array(tastes) @ world.facts.vectors[live].T,
        "tower": points_of(tower, space, [known[row] for row in rows.tolist()], at) @ described.T,
    }
    result: dict = {"buyers": len(rows)}
    for name, scores in systems.items():
        ndcg = _ndcg(gains, np.argsort(-scores, axis=1, kind="stable"))
        result[name] = {"ndcg@10": float(ndcg.mean())}
    return result


def _ndcg(gains: np.ndarray, order: np.ndarray, k: int = 10) -> np.ndarray:
    discounts = 1 / np.log2(np.arange(2, k + 2))
    found = np.take_along_axis(gains, order[:, :k], axis=1) @ discounts
    return found / (-np.sort(-gains, axis=1)[:, :k] @ discounts)
