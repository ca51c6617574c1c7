"""The parameters of a search: names and rules in one table, strings in, a Request out.

The same table feeds the parser and the OpenAPI document, so that they cannot disagree. Pydantic
is left out on purpose: this runs for every request.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from marketrank.asking import Filters, Near, ParseKind, Request, Sort
from marketrank.errors import BadInput
from marketrank.retrieval.query import (
    parse_category,
    parse_distance_km,
    parse_kinds,
    parse_price_range,
)
from marketrank.types import BuyerId, ListingId, RequestId

MAX_QUERY = 500
MAX_LIMIT = 100
MAX_OFFSET = 1_000_000
DEFAULT_LIMIT = 24
LONGEST_ID = 200
# Half the way round the Earth: no radius needs to be larger.
_MAX_KM = 20_037
# In major units; beyond it a price in minor units would leave 64 bits some day.
_MAX_PRICE = 10_000_000_000


class BadParameter(BadInput):
    """One parameter is not as it must be: which, what it was, and what to do."""

    def __init__(self, parameter: str, value: str, remedy: str) -> None:
        self.parameter = parameter
        self.value = value if len(value) <= 100 else value[:100] + "…"
        self.remedy = remedy
        super().__init__(f"{parameter}={self.value}: {remedy}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter as the OpenAPI document shows it. `longest` is in characters."""

    name: str
    meaning: str
    example: str | int
    schema: Mapping[str, Any]
    longest: int = 100


_NO_NUL = r"^[^\x00]*$"


def _text(longest: int, **more: Any) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest, "pattern": _NO_NUL, **more}


def _number(low: int, high: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high, "default": default}


PARAMETERS: tuple[Parameter, ...] = (
    Parameter("q", "Words to look for", "oak table", _text(MAX_QUERY), MAX_QUERY),
    Parameter(
        "category",
        'Path from the root, labels separated by " / "; everything below it counts',
        "Home & Garden / Garden & Patio",
        _text(300),
        300,
    ),
    Parameter(
        "price",
        "Range in major units, both ends included: 10..50, 10.. or ..50",
        "10..50",
        _text(100, format="price-range"),
    ),
    Parameter("near", "Name of a town or city", "Bristol", _text(100, format="place")),
    Parameter(
        "within",
        "Radius around `near`, in mi (as are bare numbers) or km",
        "20mi",
        _text(100, format="distance"),
    ),
    Parameter(
        "sort",
        "Order of the results; distance needs `near`",
        "relevance",
        {"type": "string", "enum": [str(sort) for sort in Sort], "default": "relevance"},
    ),
    Parameter("offset", "Results to skip", 0, _number(0, MAX_OFFSET, 0)),
    Parameter("limit", "Results to return", 24, _number(1, MAX_LIMIT, DEFAULT_LIMIT)),
    Parameter(
        "ignore",
        "Kinds of parses of `q` to take back, separated by commas: " + ", ".join(ParseKind),
        "price,near",
        _text(100, format="parse-kinds"),
    ),
    Parameter(
        "spell",
        "off: search for the words exactly as they are written",
        "on",
        {"type": "string", "enum": ["on", "off"], "default": "on"},
    ),
    Parameter(
        "like",
        "Id of a listing to find similar ones to",
        "1001",
        _text(200, format="listing-id"),
        200,
    ),
    Parameter(
        "explain",
        "full: with the numbers behind each result",
        "full",
        {"type": "string", "enum": ["full"]},
    ),
    Parameter(
        "buyer",
        "Id of who asks; what they agreed to decides what is used of it (docs/privacy.md). Needs a "
        "key of scope write",
        "b-17",
        _text(LONGEST_ID),
        LONGEST_ID,
    ),
    Parameter(
        "profiling",
        "false: an answer without anything that is known of the buyer",
        "true",
        {"type": "string", "enum": ["true", "false"], "default": "true"},
    ),
)


def documented(parameters: Iterable[Parameter]) -> list[dict[str, Any]]:
    """As the OpenAPI document has parameters of an address."""
    return [
        {
            "name": one.name,
            "in": "query",
            "description": one.meaning,
            "schema": one.schema,
            "example": one.example,
        }
        for one in parameters
    ]


_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}


@dataclass(frozen=True, slots=True)
class Lookups:
    """What the parser asks the marketplace: where a place is, and whether a listing exists."""

    locate: Callable[[str], Near | None]
    exists: Callable[[ListingId], bool]


def single(
    pairs: Iterable[tuple[str, str]], known: Collection[str] = tuple(_BY_NAME)
) -> dict[str, str]:
    """Named values → a dictionary. Raises BadParameter for a name that is not known or repeated,
    so that a misspelt filter is never ignored silently."""
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            hint = " (send a photo with POST)" if name == "photo" else ""
            raise BadParameter(
                name, value, f"there is no such parameter{hint}; known are {', '.join(known)}"
            )
        if name in fields:
            raise BadParameter(name, value, "it is given twice; give it once")
        fields[name] = value
    return fields


def search_request(
    fields: Mapping[str, str],
    *,
    id: RequestId,
    at: datetime,
    lookups: Lookups,
    photo: bytes | None = None,
) -> Request:
    """Read a Request from parameters; an empty value counts as not given. `photo` is cleaned.

    Raises BadParameter, naming the parameter, its value and the remedy.
    """
    given = {name: value.strip() for name, value in fields.items() if value.strip()}
    for name, value in given.items():
        check_text(name, value, _BY_NAME[name].longest)
    like = given.get("like")
    if like is not None:
        if photo is not None:
            raise BadParameter("like", like, "it cannot be combined with a photo; leave one out")
        if not lookups.exists(ListingId(like)):
            raise BadParameter("like", like, "there is no such listing; give the id of one")
    near = _near(given.get("near"), given.get("within"), lookups)
    low, high = _price(given.get("price"))
    return Request(
        id=id,
        at=at,
        text=given.get("q", ""),
        photo=photo,
        like=None if like is None else ListingId(like),
        filters=Filters(parse_category(given.get("category", "")), low, high, near),
        sort=_sort(given.get("sort"), near),
        offset=whole("offset", given.get("offset"), 0, MAX_OFFSET, 0),
        k=whole("limit", given.get("limit"), 1, MAX_LIMIT, DEFAULT_LIMIT),
        ignore=_ignore(given.get("ignore", "")),
        spelling=_spelling(given.get("spell", "on")),
        explain=_explain(given.get("explain", "")),
        buyer=BuyerId(given["buyer"]) if "buyer" in given else None,
        profiling=_profiling(given.get("profiling", "true")),
    )


def _ignore(value: str) -> tuple[ParseKind, ...]:
    try:
        return parse_kinds(value)
    except BadInput as error:
        known = ", ".join(ParseKind)
        raise BadParameter("ignore", value, f"name kinds among {known}") from error


def category_text(path: Iterable[str]) -> str:
    """A category path as `category` takes it."""
    return " / ".join(path)


def check_text(name: str, value: str, longest: int) -> None:
    """Raises BadParameter for a text of more than `longest` characters or with a NUL."""
    if len(value) > longest:
        raise BadParameter(
            name, value, f"it has {len(value):,} characters; shorten it to {longest} at most"
        )
    if "\0" in value:  # Postgres refuses it in text, long after this point
        raise BadParameter(name, value.replace("\0", "�"), "it holds a NUL character; remove it")


def _price(value: str | None) -> tuple[int | None, int | None]:
    """Inclusive bounds in minor units."""
    if value is None:
        return None, None
    try:
        low, high = parse_price_range(value)
    except BadInput as error:
        raise BadParameter(
            "price", value, "write a range, the lower end first: 10..50, 10.. or ..50"
        ) from error
    if max(low or 0, high or 0) > _MAX_PRICE * 100:
        raise BadParameter("price", value, f"stay below {_MAX_PRICE:,}")
    return low, high


def _near(name: str | None, within: str | None, lookups: Lookups) -> Near | None:
    radius = _kilometres(within)
    if name is None:
        if within is not None:
            raise BadParameter("within", within, "a distance needs a place; add near=<town>")
        return None
    near = lookups.locate(name)
    if near is None:
        raise BadParameter(
            "near", name, "no such place is known; check the spelling or name a larger town nearby"
        )
    return replace(near, within_km=radius)


def _kilometres(value: str | None) -> float | None:
    if value is None:
        return None
    remedy = f"write a distance of up to {_MAX_KM:,} km: 20mi or 15km"
    try:
        kilometres = parse_distance_km(value)
    except BadInput as error:
        raise BadParameter("within", value, remedy) from error
    if kilometres > _MAX_KM:
        raise BadParameter("within", value, remedy)
    return kilometres


def _sort(value: str | None, near: Near | None) -> Sort:
    if value is None:
        return Sort.RELEVANCE
    if value not in set(Sort):
        known = ", ".join(Sort)
        raise BadParameter("sort", value, f"there is no such order; known are {known}")
    if value == Sort.DISTANCE and near is None:
        raise BadParameter("sort", value, "it needs a place to measure from; add near=<town>")
    return Sort(value)


def _spelling(value: str) -> bool:
    if value not in ("on", "off"):
        raise BadParameter("spell", value, "say on or off")
    return value == "on"


def _explain(value: str) -> bool:
    if value not in ("", "full"):
        raise BadParameter("explain", value, "say full, or leave it out")
    return value == "full"


def _profiling(value: str) -> bool:
    if value not in ("true", "false"):
        raise BadParameter("profiling", value, "say true or false")
    return value == "true"


def whole(name: str, value: str | None, low: int, high: int, default: int) -> int:
    """A whole number within bounds; `default` for None. Raises BadParameter."""
    if value is None:
        return default
    # isdecimal alone accepts other scripts' digits, and int() a sign and underscores.
    digits = value.isascii() and value.isdecimal() and len(value) <= 9
    if not (digits and low <= int(value) <= high):
        raise BadParameter(name, value, f"give a whole number from {low} to {high}")
    return int(value)
