"""What all rooms of the operator's area share: who may come in, and how a page is made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from fastapi import APIRouter, Depends
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, Response

from marketrank.api import pages, wording
from marketrank.api.operator.desk import Desk
from marketrank.api.operator.sessions import AREA, Sessions, session_of
from marketrank.api.service import context

ROOMS = (
    ("", "Health"),
    ("/versions/models", "Models"),
    ("/versions/rankers", "Rankers"),
    ("/versions/towers", "Buyer towers"),
    ("/retrainings", "Retraining"),
    ("/runs", "Training runs"),
    ("/relevance", "Relevance"),
    ("/fairness", "Fairness"),
    ("/quarantine", "Quarantine"),
    ("/experiments", "Experiments"),
    ("/drift", "Drift"),
    ("/log", "Audit log"),
)
"""Addresses below AREA, and their names."""
_MOST_FIELDS, _MOST_BYTES = 10, 10_000


@dataclass(frozen=True, slots=True)
class Area:
    """What the rooms work with; the application carries one."""

    desk: Desk
    sessions: Sessions


def area(http: HttpRequest) -> Area:
    return cast("Area", http.app.state.operator)


def desk(http: HttpRequest) -> Desk:
    return area(http).desk


def now(http: HttpRequest) -> datetime:
    return context(http).clock()


async def read_fields(http: HttpRequest) -> dict[str, str]:
    """The text fields of a posted form. Raises HTTPException 400 for one that is too large."""
    form = await http.form(max_files=0, max_fields=_MOST_FIELDS, max_part_size=_MOST_BYTES)
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


async def _own_form(http: HttpRequest) -> None:
    """Refuse a posted form that is not from a page of ours, shown to who is signed in."""
    if http.method in ("GET", "HEAD"):
        return
    fields = await read_fields(http)
    if not area(http).sessions.is_own(session_of(http).cookie, fields.get("csrf", "")):
        raise HTTPException(403, "the form is not from this page, or too old; load it again")
    http.state.fields = fields


def posted(http: HttpRequest, name: str) -> str:
    """A field of a form whose token was right; "" where it is not there."""
    return cast("Mapping[str, str]", http.state.fields).get(name, "")


def room() -> APIRouter:
    """A router whose POSTs are refused without the token of a page of ours."""
    return APIRouter(prefix=AREA, include_in_schema=False, dependencies=[Depends(_own_form)])


def page(http: HttpRequest, template: str, status: int = 200, **values: Any) -> Response:
    """A page for who is signed in. It is kept nowhere: the next at this screen may be another."""
    session = session_of(http)
    shared = {
        "rooms": [(AREA + path, name) for path, name in ROOMS],
        "path": http.url.path,
        "area": AREA,
        "csrf": area(http).sessions.token(session.cookie),
        "signed_in": session.key.name,
        "now": now(http),
    }
    return render(template, status, **{"mistake": "", "said": "", **shared, **values})


def render(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    html = _environment().get_template(f"operator/{template}").render(**values)
    return HTMLResponse(html, status, {"Cache-Control": "no-store"})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(pages.TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = pages.asset
    environment.filters |= {
        "number": _number,
        "score": score,
        "ms": _ms,
        "moment": _moment,
        "age": wording.age,
        "words": lambda text: text.replace("_", " "),
        "listed": _listed,
    }
    return environment


def _number(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def score(value: float) -> str:
    """A count as it is, anything else with four digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _listed(items: Iterable[Any]) -> str:
    return ", ".join(map(str, items))
