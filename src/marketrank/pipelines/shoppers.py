"""Write simulated shoppers into files: sessions, people, goods, truth, and an overview."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from marketrank.feedback import session_files
from marketrank.simulate import shopper_files
from marketrank.simulate.shopper_log import SimulatedLog
from marketrank.simulate.shopper_parameters import ShopperParameters
from marketrank.simulate.shopper_plots import draw_overview
from marketrank.simulate.shopper_sessions import simulate_sessions
from marketrank.simulate.shopper_stock import draw_stock
from marketrank.simulate.shoppers import draw_shoppers
from marketrank.simulate.truth import Truth

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ShopperFiles:
    """Where they were written. `folder` is an interaction set with sessions."""

    folder: Path
    truth: Path
    overview: Path


def simulate_shoppers(
    *,
    listings: int,
    seed: int,
    at: datetime,
    params: ShopperParameters,
    progress: Progress | None = None,
) -> SimulatedLog:
    """The shoppers of the market that `write_market` draws for the same arguments, over the
    `params.days` days before `at`. Raises BadInput where the market is too small for them."""
    truth = market_truth(listings=listings, seed=seed, at=at, params=params)
    return simulate_sessions(truth.stock, truth.shoppers, params, seed, progress=progress)


def market_truth(*, listings: int, seed: int, at: datetime, params: ShopperParameters) -> Truth:
    """The market and its shoppers."""
    stock = draw_stock(listings=listings, seed=seed, at=at)
    return Truth(stock, draw_shoppers(stock, params, seed, end=at), params)


def write_shoppers(out: Path, log: SimulatedLog) -> ShopperFiles:
    """Into `out`, which is made; what is there is replaced file by file."""
    files = ShopperFiles(out, out / "truth", out / "shoppers.png")
    session_files.write_sessions(out, log.sessions())
    shopper_files.write_people(out, log)
    shopper_files.write_truth(files.truth, log)
    draw_overview(files.overview, log)
    return files


def sized(
    params: ShopperParameters, *, listings: int, buyers: int, days: int, sessions: int | None = None
) -> ShopperParameters:
    """The same truth for a market of another size: ten sessions a buyer where not given, and
    shorter lists where there are few listings."""
    retrieved = min(params.retrieved, max(2, listings // 14))
    shown = min(params.shown, max(1, retrieved // 2))
    return replace(
        params,
        buyers=buyers,
        days=days,
        sessions=10 * buyers if sessions is None else sessions,
        retrieved=retrieved,
        shown=shown,
        unshown=min(params.unshown, retrieved - shown),
    )
