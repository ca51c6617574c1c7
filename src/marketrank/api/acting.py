"""What people do on a page: look, save, hide, and in a demo be somebody else.

The same intake as POST /v1/events, by forms of our own pages: no key is in the page, a token shows
that the form is ours, and the buyer is whom the cookie names, never a field.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit
from uuid import uuid4

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from marketrank.api.bodies import text
from marketrank.api.forms import FORM_KINDS, content_type
from marketrank.api.parameters import BadParameter
from marketrank.api.service import Context, context
from marketrank.api.visitor import (
    Visitor,
    become,
    check_form,
    demo_buyer,
    notify,
    read_visitor,
)
from marketrank.people import EventId, Interaction, InteractionKind, Purpose
from marketrank.types import BuyerId, ListingId, RequestId

KINDS = (
    InteractionKind.VIEW,
    InteractionKind.CLICK,
    InteractionKind.SAVE,
    InteractionKind.HIDE,
)
"""What a page tells of. The rest comes from whoever runs the shop."""
_LONGEST_BACK = 4_000
_MAX_FIELDS = 20

router = APIRouter(include_in_schema=False)


@router.post("/your-visit/events")
async def act(http: HttpRequest) -> Response:
    """A script gets 204; a form without one goes back to where it stood, where a word says what
    has been done."""
    visitor, fields = await read_own_form(http)
    if visitor.buyer is None:
        raise HTTPException(403, "nobody is signed in, so there is nobody to remember it for")
    done = await run_in_threadpool(_act, context(http), visitor.buyer, fields)
    if not done or http.headers.get("x-requested-with") == "fetch":
        return Response(status_code=204)
    response = RedirectResponse(local(fields.get("back", "")), 303)
    notify(http, response, done)
    return response


@router.post("/your-visit/buyer")
async def switch(http: HttpRequest) -> Response:
    """In a demo, look at the page as another buyer."""
    if not context(http).settings.demo_buyers:
        raise HTTPException(404, "there is no demo here; turn on the setting demo_buyers for one")
    _, fields = await read_own_form(http)
    wanted = demo_buyer(context(http), fields.get("buyer", ""))
    response = RedirectResponse(local(fields.get("back", "")), 303)
    become(http, response, None if wanted is None else wanted.id)
    notify(http, response, "switched")
    return response


async def read_own_form(http: HttpRequest) -> tuple[Visitor, dict[str, str]]:
    """Who sent a form of ours, and its fields. Raises HTTPException 415 for what is no form, 403
    for one that is not ours."""
    if content_type(http) not in FORM_KINDS:
        raise HTTPException(415, "the body must be a form of one of our pages")
    async with http.form(max_files=0, max_fields=_MAX_FIELDS) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    visitor = read_visitor(http)
    check_form(http, visitor, fields)
    return visitor, fields


def local(address: str) -> str:
    """An address of this site, where it is one: never a way to another site."""
    parts = urlsplit(address[:_LONGEST_BACK])
    if parts.scheme or parts.netloc or not address.startswith("/") or address.startswith("//"):
        return "/"
    # Browsers read a backslash as a slash, and drop line breaks.
    return "/" if any(one in address for one in "\\\r\n\t") else address[:_LONGEST_BACK]


def _act(here: Context, buyer: BuyerId, fields: Mapping[str, str]) -> str:
    """Take one event; the key of the words that say so, "" where nobody wants to hear of it."""
    at, named = here.clock(), fields.get("kind", "")
    kind = next((one for one in KINDS if one == named), None)
    if kind is None:
        raise BadParameter("kind", named, f"known on a page are {', '.join(KINDS)}")
    request = fields.get("request", "")
    event = Interaction(
        EventId(uuid4().hex),
        buyer,
        ListingId(text("listing", fields.get("listing"))),
        kind,
        at,
        RequestId(text("request", request)) if request else None,
    )
    people = here.service.people
    refused = people.take({0: event}, at).refused
    if refused:
        raise BadParameter(refused[0].parameter, refused[0].value, refused[0].remedy)
    if kind is InteractionKind.HIDE:
        return "hidden"
    if kind is not InteractionKind.SAVE:
        return ""
    held = people.get(buyer)
    return "saved" if held is not None and held.allows(Purpose.HISTORY) else "counted"
