"""The people and goods of a simulation as tables, and its truth as a folder of its own."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import polars as pl

from marketrank.simulate.shopper_log import SimulatedLog
from marketrank.simulate.shopper_tastes import ATTRIBUTES
from marketrank.simulate.shoppers import DAY
from marketrank.simulate.truth import examination

_HELD_OUT_DAYS = 0.2
_HELD_OUT_BUYERS, _HELD_OUT_LISTINGS = 500, 400


def write_people(folder: Path, log: SimulatedLog) -> None:
    """`buyers.csv` and `listings.csv` of an interaction set; `buyer_places.csv` and `consents.csv`
    with what else the system knows of buyers; `swaps.csv` with the ranks (from 0) that changed
    places by chance. A buyer who keeps their demographics has empty attributes and no place."""
    stock, shoppers = log.truth.stock, log.truth.shoppers
    buyers = shoppers.buyers(stock)
    names = (*ATTRIBUTES, "county")
    _write(
        folder / "buyers.csv",
        ("buyer_id", *names),
        ((one.id, *(one.attributes.get(name, "") for name in names)) for one in buyers),
    )
    _write(
        folder / "buyer_places.csv",
        ("buyer_id", "town", "county", "latitude", "longitude"),
        (
            (one.id, one.place.town, one.place.county, one.place.latitude, one.place.longitude)
            for one in buyers
            if one.place
        ),
    )
    _write(
        folder / "consents.csv",
        ("buyer_id", "purpose", "at", "seller_id"),
        (
            (one.id, purpose, _iso(at), one.seller or "")
            for one in buyers
            for purpose, at in one.consents.items()
        ),
    )
    _write(
        folder / "listings.csv",
        ("listing_id", "title", "category", "price", "location", "created", "seller_id", "photos"),
        (
            (
                one.id,
                one.title,
                one.category,
                f"{stock.price[i]:.2f}",
                one.location,
                one.created,
                one.seller,
                len(one.photos),
            )
            for i, one in enumerate(stock.adverts)
        ),
    )
    rows = np.flatnonzero(log.swapped[:, 0] >= 0).tolist()
    _write(
        folder / "swaps.csv",
        ("request_id", "first", "second"),
        ((log.request_id(row), *log.swapped[row].tolist()) for row in rows),
    )


def write_truth(folder: Path, log: SimulatedLog) -> None:
    """What no ranker may read: `parameters.json`; `propensity.csv` (surface, position, chance of
    being looked at: under a cascade the mean over requests); `relevance.parquet` (a row for each
    row of the impressions: the chance of a click once looked at, and of being looked at);
    `requests.parquet` (what was wanted); `interest.parquet` (some buyers of the last fifth of the
    days × what was on sale then)."""
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {"seed": log.seed, "listings": len(log.truth.stock), **asdict(log.truth.params)}
    (folder / "parameters.json").write_bytes(
        orjson.dumps(parameters, option=orjson.OPT_INDENT_2) + b"\n"
    )
    _write(folder / "propensity.csv", ("surface", "position", "examination"), _propensity(log))
    _relevance(log).write_parquet(folder / "relevance.parquet")
    stock, wants = log.truth.stock, log.wants
    colours = np.array([*stock.spaces.colours, ""])
    pl.DataFrame(
        {
            "request_id": [log.request_id(row) for row in range(len(log))],
            "kind": [stock.kinds.kinds[kind].name for kind in wants.kind.tolist()],
            "colour": colours[wants.colour].tolist(),
        }
    ).write_parquet(folder / "requests.parquet")
    _interest(log).write_parquet(folder / "interest.parquet")


def _propensity(log: SimulatedLog) -> list[tuple[str, int, str]]:
    params, search = log.truth.params, log.wants.search
    chance = examination(log.relevance[:, : params.shown], search, params)
    return [
        (surface, position, f"{mean:.6f}")
        for surface, rows in (("search", search), ("feed", ~search))
        if rows.any()
        for position, mean in enumerate(chance[rows].mean(axis=0).tolist())
    ]


def _relevance(log: SimulatedLog) -> pl.DataFrame:
    n, shown = log.listings.shape[1], log.truth.params.shown
    looked = np.full(log.listings.shape, np.nan, np.float32)
    looked[:, :shown] = log.examination
    ids = np.array(log.truth.stock.ids)
    return pl.DataFrame(
        {
            "request_id": np.repeat([log.request_id(row) for row in range(len(log))], n),
            "listing_id": ids[log.listings].ravel(),
            "relevance": log.relevance.ravel(),
            "examination": looked.ravel(),
        }
    )


def _interest(log: SimulatedLog) -> pl.DataFrame:
    """Drawn from the buyers of the last days and the listings that outlived them."""
    stock, params = log.truth.stock, log.truth.params
    rng = np.random.default_rng([log.seed, 41])
    since = log.at[-1] - _HELD_OUT_DAYS * params.days * DAY
    late = np.unique(log.buyers[log.at >= since])
    there = np.flatnonzero((stock.created <= log.at[-1]) & (log.gone > log.at[-1]))
    buyers = np.sort(rng.permutation(late)[:_HELD_OUT_BUYERS])
    listings = np.sort(rng.permutation(there)[:_HELD_OUT_LISTINGS])
    interest = log.truth.interest(buyers, listings)
    return pl.DataFrame(
        {
            "buyer_id": np.repeat(np.array(log.truth.shoppers.ids)[buyers], len(listings)),
            "listing_id": np.tile(np.array(stock.ids)[listings], len(buyers)),
            "interest": interest.ravel(),
        }
    )


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(columns)
        out.writerows(rows)
