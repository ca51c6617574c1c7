"""How the small marketplace finds: every word occurs, filters hold, facets are counted."""

import io
import math
from collections import Counter
from collections.abc import Sequence

from PIL import Image

from marketrank.asking import FacetValue, Near, PlaceCount, Request, Sort
from marketrank.types import Listing
from small_stock import NOW


def fits(found: Listing, request: Request) -> bool:
    wanted = request.filters
    if found.category[: len(wanted.category)] != wanted.category:
        return False
    low, high = wanted.price_low, wanted.price_high
    if (low is not None or high is not None) and found.price is None:
        return False
    if found.price is not None:
        if low is not None and found.price.minor < low:
            return False
        if high is not None and found.price.minor > high:
            return False
    if wanted.near is None or wanted.near.within_km is None:
        return True
    km = distance_km(found, wanted.near)
    return km is not None and km <= wanted.near.within_km


def ordered(scored: list[tuple[float, Listing]], request: Request) -> list[tuple[float, Listing]]:
    asked = request.text or request.photo is not None or request.like
    if request.sort is Sort.NEWEST or (request.sort is Sort.RELEVANCE and not asked):
        return sorted(scored, key=lambda pair: pair[1].created_at or NOW, reverse=True)
    if request.sort is Sort.DISTANCE:
        near = request.filters.near
        return sorted(scored, key=lambda pair: distance_km(pair[1], near) or math.inf)
    if request.sort is Sort.RELEVANCE:
        return scored
    sign = -1 if request.sort is Sort.PRICE_DESC else 1
    return sorted(scored, key=lambda p: math.inf if p[1].price is None else sign * p[1].price.minor)


def found_by(request: Request) -> tuple[str, ...]:
    if request.photo is not None or request.like:
        return ("vector",)
    return ("text",) if request.text else ("fresh",)


def distance_km(found: Listing, near: Near | None) -> float | None:
    """Good enough for Great Britain: a flat Earth with the width of its middle."""
    place = found.place
    if near is None or place is None or place.latitude is None or place.longitude is None:
        return None
    north = (place.latitude - near.latitude) * 111.2
    east = (place.longitude - near.longitude) * 111.2 * math.cos(math.radians(53))
    return math.hypot(north, east)


def facets_of(found: Sequence[Listing], depth: int) -> dict[str, tuple[FacetValue, ...]]:
    counts: dict[tuple[str, ...], int] = {}
    for listing in found:
        if len(listing.category) > depth:
            path = listing.category[: depth + 1]
            counts[path] = counts.get(path, 0) + 1
    bands = {"0..10": 0, "10..50": 0, "50..100": 0, "100..": 0}
    for listing in found:
        if listing.price is not None:
            low = max(n for n in (0, 10, 50, 100) if n * 100 <= listing.price.minor)
            bands[next(band for band in bands if band.startswith(f"{low}.."))] += 1
    return {
        "category": tuple(
            FacetValue(" / ".join(path), path[-1], n)
            for path, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        ),
        "price": tuple(FacetValue(band, band, n) for band, n in bands.items() if n),
    }


def places_of(found: Sequence[Listing]) -> tuple[PlaceCount, ...]:
    counts = Counter(listing.place for listing in found if listing.place is not None)
    return tuple(PlaceCount(place, n) for place, n in counts.most_common())


def mean_colour(jpeg: bytes) -> tuple[float, ...]:
    pixel = Image.open(io.BytesIO(jpeg)).convert("RGB").resize((1, 1)).getpixel((0, 0))
    return tuple(pixel) if isinstance(pixel, tuple) else (float(pixel or 0),) * 3
