"""A small simulated market with its shoppers, drawn once a process."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from marketrank.simulate.shopper_log import SimulatedLog
from marketrank.simulate.shopper_parameters import ShopperParameters
from marketrank.simulate.shopper_sessions import simulate_sessions
from marketrank.simulate.shopper_stock import Stock, draw_stock
from marketrank.simulate.shoppers import Shoppers, draw_shoppers

AT = datetime(2026, 2, 21, 12, tzinfo=UTC)
PARAMS = ShopperParameters(buyers=400, sessions=4_000, days=20)


@lru_cache(maxsize=1)
def small_stock() -> Stock:
    return draw_stock(listings=900, seed=3, at=AT)


@lru_cache(maxsize=1)
def small_shoppers() -> Shoppers:
    return draw_shoppers(small_stock(), PARAMS, seed=3)


@lru_cache(maxsize=8)
def small_log(days: int | None = None, **changed: object) -> SimulatedLog:
    """The log of the first `days`, with some parameters changed after the shoppers were drawn."""
    params = replace(PARAMS, **changed)  # type: ignore[arg-type]
    return simulate_sessions(small_stock(), small_shoppers(), params, seed=3, days=days)
