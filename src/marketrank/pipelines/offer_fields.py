"""The fields that a listing is sent with: their kinds and limits, told to the sender at once.

A feed is cleaned as well as can be, for nobody listens. Whoever calls the API does, so that a price
that is none is an error here and no flag.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketrank.errors import BadInput
from marketrank.listings.prices import parse_price
from marketrank.listings.sources import present
from marketrank.listings.times import parse_time

LONGEST_ID = 200
MOST_LABELS = 8
LONGEST_LABEL = 100


@dataclass(frozen=True, slots=True)
class OfferField:
    """`kinds` are JSON's: "text", "number", "texts" (a list); `longest` counts characters."""

    kinds: tuple[str, ...]
    longest: int
    meaning: str
    example: Any
    bounds: tuple[float, float] = (0, 0)


OFFER_FIELDS: Mapping[str, OfferField] = {
    "id": OfferField(("text",), LONGEST_ID, "Your own id of it", "1001"),
    "title": OfferField(("text",), 300, "The thing in a few words", "Solid oak dining table"),
    "description": OfferField(("text",), 20_000, "All else there is to say", "Seats six."),
    "category": OfferField(
        ("text", "texts"),
        1_000,
        'Path from the root: a list, or one text with " / " between labels',
        ["Home & Garden", "Dining, Living Room"],
    ),
    "price": OfferField(
        ("number", "text"), 40, "In major units, or as people write it", 120.0, (0, 1e9)
    ),
    "currency": OfferField(("text",), 3, "ISO 4217; else the marketplace's own", "GBP"),
    "location": OfferField(("text",), 200, "Town, and county if need be", "Bristol, Somerset"),
    "latitude": OfferField(("number",), 0, "WGS84 degrees; with longitude", 51.4545, (-90, 90)),
    "longitude": OfferField(("number",), 0, "WGS84 degrees", -2.5879, (-180, 180)),
    "created_at": OfferField(
        ("text",), 40, "When it was offered (RFC 3339); else now", "2026-01-31T09:30:00Z"
    ),
    "seller_id": OfferField(("text",), 200, "Who sells it; a seller's key says it", "s42"),
}


def record_values(values: Mapping[str, Any]) -> dict[str, str | None]:
    """JSON as the record of a feed; null is a missing value.

    Raises BadInput, naming the field, for one that is not known, of another kind or out of bounds.
    """
    found: dict[str, str | None] = {}
    for name, value in values.items():
        field = OFFER_FIELDS.get(name)
        if field is None:
            known = ", ".join(OFFER_FIELDS)
            raise BadInput(f"{name[:100]!r}: there is no such field; known are {known}")
        found[name] = None if value is None else _text(name, field, value)
    if (found.get("latitude") is None) != (found.get("longitude") is None):
        raise BadInput("latitude and longitude: give both or neither")
    return found


def _text(name: str, field: OfferField, value: Any) -> str | None:
    kind = _kind(value)
    if kind not in field.kinds:
        raise BadInput(f"{name}: it is {kind or 'of another kind'}; give {_or(field.kinds)}")
    if kind == "number":
        low, high = field.bounds
        if not low <= value <= high:
            raise BadInput(f"{name}: {value} is not between {low:g} and {high:g}")
        # With two decimals a price is the same in countries whose "1.234" is more than a thousand.
        return f"{value:.2f}" if name == "price" else str(value)
    if kind == "texts":
        _check_labels(name, value)
    elif len(value) > field.longest:
        raise BadInput(f"{name}: it has {len(value)} characters; {field.longest} are the most")
    elif name == "id" and not value:
        raise BadInput("id: it is empty; give one, or leave it out")
    return _checked(name, present(value))


def _check_labels(name: str, labels: list[str]) -> None:
    longest = max(map(len, labels), default=0)
    if len(labels) > MOST_LABELS or longest > LONGEST_LABEL:
        raise BadInput(
            f"{name}: it has {len(labels)} labels of up to {longest} characters; {MOST_LABELS} of "
            f"{LONGEST_LABEL} are the most"
        )


def _checked(name: str, text: str | None) -> str | None:
    if text is None:
        return None
    if name == "price" and parse_price(text, "GBP") is None:
        raise BadInput(f"price: {text!r} is no price; write 120 or £120")
    if name == "currency" and not (text.isascii() and text.isalpha() and text.isupper()):
        raise BadInput(f"currency: {text!r} is no code; write GBP")
    if name == "created_at" and parse_time(text) is None:
        raise BadInput(f"created_at: {text!r} is no time; write 2026-01-31T09:30:00Z")
    return text


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "texts"
    return ""


def _or(kinds: tuple[str, ...]) -> str:
    names = {"text": "a text", "number": "a number", "texts": "a list of texts"}
    return " or ".join(names[kind] for kind in kinds)
