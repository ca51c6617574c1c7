"""The map of a page of results: places as circles in an SVG, sized by how many results they have.

There are no tiles, which would tell another host what is looked for: the country shows as dots,
one where there is any town.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from marketrank.api.page_query import PageQuery
from marketrank.api.wording import MILE_COUNTRIES
from marketrank.asking import Near, PlaceCount
from marketrank.errors import BadInput
from marketrank.listings.places import Gazetteer
from marketrank.types import Place

SIDE = 560.0
_MARGIN = 56.0
"""Room for the largest circle at the edge and its name above it."""
_NARROWEST = 0.6
"""Degrees of latitude that the map shows at least."""
_CELL = 0.15, 0.24
"""Degrees of latitude and of longitude between the dots of the country."""
_RADIUS = (7.0, 24.0)
_NAMED = 8
_DOT = 0.8
"""Their size, as a share of that."""
_LABEL = (90.0, 18.0)
"""About what a name takes, in units of the map: those that would cover another are left out."""
_SAME_PLACE = 0.02


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on the map. `narrowed` is the search there, None where the place cannot be asked
    for; `name` is what is written beside it, "" where there is no room."""

    x: float
    y: float
    radius: float
    place: str
    count: int
    narrowed: PageQuery | None
    name: str


@dataclass(frozen=True, slots=True)
class ResultsMap:
    """`spots` come in the order of their counts, the largest first; `ground` is the path of the
    dots behind them, `dot` wide. Lengths are in units of a viewBox of `side` squared."""

    side: float
    ground: str
    dot: float
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class _Frame:
    """Degrees to units of the map; `squeeze` is how much narrower a degree of longitude is."""

    west: float
    north: float
    scale: float
    squeeze: float

    def at(self, latitude: float, longitude: float) -> tuple[float, float]:
        x = (longitude - self.west) * self.squeeze * self.scale
        return round(x, 1), round((self.north - latitude) * self.scale, 1)


def map_of(
    places: Sequence[PlaceCount],
    query: PageQuery,
    *,
    locate: Callable[[str], Near | None],
    country: str,
) -> ResultsMap | None:
    """None for fewer than two places: there is nothing to choose between."""
    points = [(one, _point(one.place)) for one in places]
    known = [(one, point) for one, point in points if point is not None]
    if len(known) < 2:
        return None
    frame = _frame([point for _, point in known])
    most = max(one.count for one, _ in known)
    spots: list[Spot] = []
    for one, point in known:
        x, y = frame.at(*point)
        radius = round(_RADIUS[0] + (_RADIUS[1] - _RADIUS[0]) * math.sqrt(one.count / most), 1)
        free = len(spots) < _NAMED and not any(_cover(x, y, each) for each in spots if each.name)
        narrowed = _narrowed(one.place, query, locate, country)
        name = one.place.town if free else ""
        spots.append(Spot(x, y, radius, one.place.town, one.count, narrowed, name))
    dot = round(_DOT * _CELL[0] * frame.scale, 1)
    return ResultsMap(SIDE, _ground(frame, country), dot, tuple(spots))


def _frame(points: Sequence[tuple[float, float]]) -> _Frame:
    """All points with a margin around them, in the middle."""
    latitudes, longitudes = zip(*points, strict=True)
    north, east = (min(latitudes) + max(latitudes)) / 2, (min(longitudes) + max(longitudes)) / 2
    squeeze = max(0.1, math.cos(math.radians(north)))
    tall = max(latitudes) - min(latitudes)
    wide = (max(longitudes) - min(longitudes)) * squeeze
    scale = (SIDE - 2 * _MARGIN) / max(tall, wide, _NARROWEST)
    half = SIDE / 2 / scale
    return _Frame(east - half / squeeze, north + half, scale, squeeze)


@lru_cache(64)
def _ground(frame: _Frame, country: str) -> str:
    """The dots that are inside the frame, as a path of points: most of what a map costs, and
    results of everywhere, the most frequent, share a frame."""
    west, north, down = frame.west, frame.north, frame.scale
    right = down * frame.squeeze
    south, east = north - SIDE / down, west + SIDE / right
    return "".join(
        [
            f"M{(longitude - west) * right:.0f} {(north - latitude) * down:.0f}h0"
            for latitude, longitude in _cells(country)
            if south < latitude < north and west < longitude < east
        ]
    )


@cache
def _cells(country: str) -> tuple[tuple[float, float], ...]:
    """Middles of the cells of the country that hold a town; none for an unknown country."""
    try:
        gazetteer = Gazetteer.load(country)
    except BadInput:
        return ()
    towns = (town for named in gazetteer.towns.values() for town in named)
    high, wide = _CELL
    cells = {(round(town.latitude / high), round(town.longitude / wide)) for town in towns}
    return tuple(sorted((row * high, column * wide) for row, column in cells))


def _narrowed(
    place: Place, query: PageQuery, locate: Callable[[str], Near | None], country: str
) -> PageQuery | None:
    """The search there: by the shortest name that means this place and no other."""
    within = "1mi" if country in MILE_COUNTRIES else "2km"
    for name in _names(place):
        found = locate(name)
        if found is not None and _same(found, place):
            return query.changed(near=name, within=within)
    return None


def _names(place: Place) -> Iterable[str]:
    return dict.fromkeys((place.town, str(place)))


def _same(found: Near, place: Place) -> bool:
    point = _point(place)
    return point is not None and (
        abs(found.latitude - point[0]) < _SAME_PLACE
        and abs(found.longitude - point[1]) < _SAME_PLACE
    )


def _point(place: Place) -> tuple[float, float] | None:
    if place.latitude is None or place.longitude is None:
        return None
    return place.latitude, place.longitude


def _cover(x: float, y: float, other: Spot) -> bool:
    return abs(x - other.x) < _LABEL[0] and abs(y - other.y) < _LABEL[1]
