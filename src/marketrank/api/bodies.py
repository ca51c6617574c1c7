"""JSON bodies, read by hand: what is wrong is told with its name, its value and the remedy."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest

from marketrank.api.parameters import LONGEST_ID, BadParameter


async def read_object(http: HttpRequest, known: Collection[str]) -> dict[str, Any]:
    """The members of a JSON object. Raises BadParameter for one that is not known, HTTPException
    415 for a body of another kind and 400 for what is no JSON object."""
    kind = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "the body must be JSON: send content-type: application/json")
    try:
        body = orjson.loads(await http.body())
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is not JSON ({error}); mend it") from error
    if not isinstance(body, dict):
        raise HTTPException(400, f"the body must be a JSON object with {', '.join(known)}")
    check_known(body, known)
    return body


def check_known(members: Collection[str], known: Collection[str], within: str = "") -> None:
    """Raises BadParameter for a member that is not known. `within` stands before its name."""
    for name in members:
        if name not in known:
            raise BadParameter(
                f"{within}{name}", "", f"there is no such member; known are {', '.join(known)}"
            )


def text(name: str, value: Any, longest: int = LONGEST_ID) -> str:
    """A text of 1 to `longest` characters without NUL. Raises BadParameter."""
    remedy = f"give a text of 1 to {longest} characters without NUL"
    if not isinstance(value, str) or not 0 < len(value) <= longest or "\0" in value:
        raise BadParameter(name, shown(value), remedy)
    return value


def moment(name: str, value: Any) -> datetime:
    """A time with a zone. Raises BadParameter."""
    remedy = "write a time as RFC 3339 has it, with its zone: 2026-01-31T09:30:00Z"
    try:
        found = datetime.fromisoformat(text(name, value))
    except ValueError as error:
        raise BadParameter(name, shown(value), remedy) from error
    if found.tzinfo is None or not 1970 <= found.year < 9999:
        raise BadParameter(name, shown(value), remedy)
    return found


def number(name: str, value: Any, low: float, high: float) -> float:
    """Raises BadParameter for what is no number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadParameter(name, shown(value), f"give a number from {low:g} to {high:g}")
    return float(value)


def shown(value: Any) -> str:
    """A value as a message shows it."""
    if isinstance(value, str):
        return value.replace("\0", "�")
    return orjson.dumps(value).decode()
