"""Buyers for a listing, and feeds for new buyers, on simulated shoppers.

    python benchmarks/reverse.py --out benchmarks/results/reverse.json

A tower is trained on what happened before a day; what happens after it is to be foretold. Buyers
for a listing are compared with transposed iALS (Hu, Koren and Volinsky, ICDM 2008, by `implicit`):
a factorisation of listings by buyers, whose best of a small grid counts. A listing that it has no
events of it cannot place, so it falls back to the most active buyers.
"""

import argparse
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from marketrank.buyers.listing_space import Space, point_of
from marketrank.buyers.popularity import WEIGHTS, Popularity
from marketrank.buyers.profile import Facts, Weighting, profile_of
from marketrank.buyers.reverse import Audience, Members
from marketrank.buyers.tower import Known, allowed, points_of, space_of
from marketrank.models.published_tower import PublishedTower, TowerFolder
from marketrank.people import Buyer, Interaction
from marketrank.pipelines.buyer_examples import History
from marketrank.pipelines.train_buyers import train_buyers
from marketrank.retrieval.private_index import private_index
from marketrank.simulate.shopper_log import SimulatedLog, moment
from marketrank.simulate.shopper_parameters import ShopperParameters
from marketrank.simulate.shopper_sessions import simulate_sessions
from marketrank.simulate.shopper_stock import Stock, draw_stock
from marketrank.simulate.shoppers import DAY, Shoppers, draw_shoppers
from marketrank.simulate.towns import town_coordinates
from marketrank.types import BuyerId, ListingId, ListingKey, ModelVersion, Place

Ints = NDArray[np.int64]
K = 50
GRID = [(32, 0.05, 5.0), (32, 1.0, 20.0), (64, 0.05, 5.0), (64, 1.0, 20.0), (64, 10.0, 40.0)]
"""Factors, regularisation and alpha of iALS."""
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
        good = np.array([WEIGHTS.get(one, 0.0) > 0 for one in _kinds()])
        positive = good[events.kind]
        before = events.at < self.cut
        pairs = events.buyer * len(self.stock) + events.listing
        new = np.setdiff1d(pairs[positive & ~before], pairs[before])
        return new // len(self.stock), new % len(self.stock)


def _kinds() -> tuple:
    from marketrank.simulate.shopper_clicks import KINDS

    return KINDS


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


def recall(rank: list[Ints], wanted: list[Ints]) -> tuple[float, float]:
    """Mean over listings of the share of those who turned to it among the first K, and its
    standard error. At most K can be found."""
    each = np.array(
        [
            len(np.intersect1d(found[:K], truth)) / min(len(truth), K)
            for found, truth in zip(rank, wanted, strict=True)
        ]
    )
    return float(each.mean()), float(each.std() / np.sqrt(max(len(each), 1)))


def transposed_ials(world: World, setting: tuple[int, float, float], seed: int):
    """Scores (listings, buyers) of listings factorised by the buyers who turned to them."""
    from implicit.als import AlternatingLeastSquares

    factors, regularisation, alpha = setting
    rows = {id: row for row, id in enumerate(world.stock.ids)}
    columns = {id: row for row, id in enumerate(world.shoppers.ids)}
    best: dict[tuple[int, int], float] = {}
    for event in world.past:
        pair = rows[event.listing], columns[event.buyer]
        best[pair] = max(best.get(pair, 0.0), WEIGHTS.get(event.kind, 0.0))
    pairs = np.array(list(best), np.int64)
    matrix = csr_matrix(
        (alpha * np.array(list(best.values()), np.float32), (pairs[:, 0], pairs[:, 1])),
        shape=(len(rows), len(columns)),
    )
    model = AlternatingLeastSquares(
        factors=factors,
        regularization=regularisation,
        iterations=15,
        random_state=seed,
        num_threads=1,
    )
    model.fit(matrix, show_progress=False)
    scores = model.user_factors @ model.item_factors.T
    return np.asarray(scores, np.float32), np.asarray((matrix > 0).sum(axis=0)).ravel()


def buyers_for_listings(world: World, audience: Audience, space: Space, seed: int) -> dict:
    """recall@50 by system, for new listings and for those with some events."""
    buyers, listings = world.wanted()
    keep = ~world.unseen[buyers]  # iALS has no row for the unseen ones
    buyers, listings = buyers[keep], listings[keep]
    counts = np.zeros(len(world.stock), np.int64)
    rows = {id: row for row, id in enumerate(world.stock.ids)}
    for event in world.past:
        counts[rows[event.listing]] += WEIGHTS.get(event.kind, 0.0) > 0
    described = space.describe(world.facts.vectors, world.facts.prices, world.facts.points)
    allowed_rows = ~world.unseen
    chosen = np.unique(listings)
    parts = {
        "new": chosen[world.stock.created[chosen] >= world.cut],
        "unseen": chosen[(counts[chosen] == 0) & (world.stock.created[chosen] < world.cut)],
        "1-4 events": chosen[(counts[chosen] > 0) & (counts[chosen] < 5)],
        "5+ events": chosen[counts[chosen] >= 5],
        "all without events": chosen[counts[chosen] == 0],
        "all with events": chosen[counts[chosen] > 0],
    }
    wanted = {row: buyers[listings == row] for row in chosen.tolist()}
    ials = [transposed_ials(world, setting, seed) for setting in GRID]
    result: dict = {}
    for name, part in parts.items():
        if not len(part):
            continue
        truths = [wanted[row] for row in part.tolist()]
        masks = [audience.open_to(row, None) & allowed_rows for row in part.tolist()]
        ours = [
            audience.best(described[row], K, mask, demographics=True, key=row).rows
            for row, mask in zip(part.tolist(), masks, strict=True)
        ]
        bare = [
            audience.best(described[row], K, mask, demographics=False, key=row).rows
            for row, mask in zip(part.tolist(), masks, strict=True)
        ]
        active = [_top(ials[0][1], mask) for mask in masks]
        peers = []
        for scores, activity in ials:
            found = [
                _top(scores[row] if counts[row] else activity, mask)
                for row, mask in zip(part.tolist(), masks, strict=True)
            ]
            peers.append(recall(found, truths)[0])
        mine, error = recall(ours, truths)
        result[name] = {
            "listings": len(part),
            "ours": mine,
            "ours_error": error,
            "ours_no_demographics": recall(bare, truths)[0],
            "transposed_ials": max(peers),
            "transposed_ials_setting": GRID[int(np.argmax(peers))],
            "most_active": recall(active, truths)[0],
            "ratio": mine / max(*peers, 1e-9),
            "true_top_50": _true(world, ours, part, masks),
            "true_top_50_most_active": _true(world, active, part, masks),
        }
    return result


def _true(world: World, rank: list[Ints], part: Ints, masks: list) -> float:
    """How many of the 50 who truly want a listing most are among the first 50."""
    everybody = np.arange(len(world.buyers))
    interest = world.log.truth.interest(everybody, part)
    each = [
        len(np.intersect1d(found[:K], _top(interest[:, i], mask))) / K
        for i, (found, mask) in enumerate(zip(rank, masks, strict=True))
    ]
    return float(np.mean(each))


def _top(scores: np.ndarray, mask: NDArray[np.bool_], k: int = K) -> Ints:
    rows = np.flatnonzero(mask)
    return rows[np.lexsort((rows, -scores[rows]))[:k]]


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


def run(*, listings: int, buyers: int, sessions: int, seed: int) -> dict:
    """One world: everything that is measured."""
    world = simulate(listings=listings, buyers=buyers, sessions=sessions, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        tower, metrics, took = train(world, Path(folder), seed)
        space = space_of(tower)
        known = known_of(world, histories(world))
        audience = audience_of(world, tower, known)
        return {
            "seed": seed,
            "listings": listings,
            "buyers": buyers,
            "events_before": len(world.past),
            "training_seconds": round(took, 1),
            "training": metrics,
            "space": asdict(space),
            "buyers_for_a_listing": buyers_for_listings(world, audience, space, seed),
            "cold_feeds": cold_feeds(world, tower, space),
            "warm_feeds": warm_feeds(world, tower, space, known),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listings", type=int, default=5_000)
    parser.add_argument("--buyers", type=int, default=2_000)
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    worlds = [
        run(listings=given.listings, buyers=given.buyers, sessions=given.sessions, seed=seed)
        for seed in given.seeds
    ]
    text = orjson.dumps({"worlds": worlds}, option=orjson.OPT_INDENT_2)
    print(text.decode())
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_bytes(text + b"\n")


if __name__ == "__main__":
    main()
