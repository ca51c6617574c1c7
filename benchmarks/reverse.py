"""Buyers for a listing, and feeds for new buyers, on simulated shoppers.

    python benchmarks/reverse.py --out benchmarks/results/reverse.json

A tower is trained on what happened before a day; what happens after it is to be foretold. Buyers
for a listing are compared with transposed iALS (Hu, Koren and Volinsky, ICDM 2008, by `implicit`):
a factorisation of listings by buyers, whose best of a small grid counts. A listing that it has no
events of it cannot place, so it falls back to the most active buyers.
"""

import sys
from pathlib import Path

# Run as a script, Python looks for modules beside it and not in the folder above.
sys.path.insert(0, str(Path(__file__).parents[1]))

import argparse
import tempfile
from dataclasses import asdict

import numpy as np
import orjson
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from benchmarks.reverse_feeds import cold_feeds, warm_feeds
from benchmarks.reverse_world import (
    Ints,
    K,
    World,
    audience_of,
    histories,
    known_of,
    simulate,
    train,
)
from marketrank.buyers.listing_space import Space
from marketrank.buyers.popularity import WEIGHTS
from marketrank.buyers.reverse import Audience
from marketrank.buyers.tower import space_of

GRID = [(32, 0.05, 5.0), (32, 1.0, 20.0), (64, 0.05, 5.0), (64, 1.0, 20.0), (64, 10.0, 40.0)]
"""Factors, regularisation and alpha of iALS."""


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
