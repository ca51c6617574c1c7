"""What people type into filters: prices, distances, category paths."""

import re

from marketrank.asking import ParseKind
from marketrank.errors import BadInput

KM_PER_MILE = 1.609344
_PRICE = re.compile(
    r"\s*(?P<low>\d+(?:\.\d{1,2})?)?\s*(?:\.\.|-)\s*(?P<high>\d+(?:\.\d{1,2})?)?\s*"
)
_DISTANCE = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>mi|miles?|km)?\s*", re.IGNORECASE)


def parse_price_range(text: str) -> tuple[int | None, int | None]:
    """ "10..50", "10.." or "..50" in major units → inclusive minor units (None: no bound).

    Raises BadInput for anything else.
    """
    found = _PRICE.fullmatch(text.replace("£", "").replace(",", ""))
    if not found or (found["low"] is None and found["high"] is None):
        raise BadInput(f'price {text!r} is no range; write "10..50", "10.." or "..50"')
    low, high = (None if part is None else round(float(part) * 100) for part in found.groups())
    if low is not None and high is not None and low > high:
        raise BadInput(f'price {text!r} ends below its start; write "{text_swap(low, high)}"')
    return low, high


def text_swap(low: int, high: int) -> str:
    """The range with its ends exchanged, as the user would write it."""
    return f"{high / 100:g}..{low / 100:g}"


def parse_distance_km(text: str) -> float:
    """ "20mi", "20 miles", "15km"; a bare number is miles. Raises BadInput for anything else."""
    found = _DISTANCE.fullmatch(text)
    if not found or float(found["number"]) <= 0:
        raise BadInput(f'distance {text!r} is not understood; write "20mi" or "15km"')
    number = float(found["number"])
    return number if (found["unit"] or "mi").lower() == "km" else number * KM_PER_MILE


def parse_category(text: str) -> tuple[str, ...]:
    """ "Home & Garden / Garden & Patio" → its parts. Spaces around the slash matter: one label
    is "Ham/Amateur Radios"."""
    return tuple(part.strip() for part in text.split(" / ") if part.strip())


def parse_kinds(text: str) -> tuple[ParseKind, ...]:
    """ "price,near" → kinds of parses, each once. Raises BadInput for one that is not known."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in set(ParseKind):
            raise BadInput(
                f"ignore={name}: there is no such kind; known are {', '.join(ParseKind)}"
            )
    return tuple(dict.fromkeys(ParseKind(name) for name in names))
