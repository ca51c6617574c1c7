"""Signing in to the operator's area with an API key of scope admin, and out again."""

import re

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from marketrank.access import Action
from marketrank.api.operator.area import area, now, read_fields, render, room
from marketrank.api.operator.sessions import (
    AREA,
    FORM_COOKIE,
    SIGN_IN,
    Session,
    new_form_cookie,
)
from marketrank.api.service import context

_NEXT = re.compile(rf"{AREA}(/[A-Za-z0-9._~-]+)*")
_REFUSED = (
    "That key does not open this area. It takes a key of scope admin that is valid: "
    "marketrank keys create NAME --scope admin"
)
_STALE = "The form was too old. Please try again."

entry = APIRouter(include_in_schema=False)
"""Without the token of a session: there is none yet."""
router = room()


@entry.get(SIGN_IN)
def form(http: HttpRequest) -> Response:
    return _form(http, http.query_params.get("next", ""))


@entry.post(SIGN_IN)
async def sign_in(http: HttpRequest) -> Response:
    fields = await read_fields(http)
    to, token = fields.get("next", ""), fields.get("key", "").strip()
    cookie = http.cookies.get(FORM_COOKIE, "")
    if not area(http).sessions.is_own(cookie, fields.get("csrf", "")):
        return _form(http, to, _STALE, 403)
    session = await run_in_threadpool(area(http).sessions.open, token, now(http))
    if session is None:
        return _form(http, to, _REFUSED, 403)
    await run_in_threadpool(_log, http, session)
    response = RedirectResponse(_own(to), 303, {"Cache-Control": "no-store"})
    area(http).sessions.keep(response, http, session)
    return response


@router.post("/sign-out")
def sign_out(http: HttpRequest) -> Response:
    response = RedirectResponse(SIGN_IN, 303, {"Cache-Control": "no-store"})
    area(http).sessions.end(response, http)
    return response


def _own(to: str) -> str:
    """Where to go: never to another site."""
    return to if _NEXT.fullmatch(to) and to != SIGN_IN else AREA


def _form(http: HttpRequest, to: str, mistake: str = "", status: int = 200) -> Response:
    cookie = new_form_cookie()
    token = area(http).sessions.token(cookie)
    response = render(
        "sign_in.html", status, csrf=token, next=_own(to), mistake=mistake, action=SIGN_IN
    )
    area(http).sessions.offer(response, http, cookie)
    return response


def _log(http: HttpRequest, session: Session) -> None:
    address = http.client.host if http.client else "unknown"
    detail = {"status": 303, "address": address}
    action = Action(now(http), session.key.id, "POST", SIGN_IN, detail)
    context(http).service.audit.write(action)
