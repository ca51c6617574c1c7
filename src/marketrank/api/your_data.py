"""/your-data: what is held of the visitor and why, what they agree to, export and erasure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from marketrank.api import wording
from marketrank.api.acting import read_own_form
from marketrank.api.links import listing_url
from marketrank.api.pages import Page
from marketrank.api.service import Context, context
from marketrank.api.visitor import PROFILING_COOKIE, become, notify, read_visitor, set_cookie
from marketrank.errors import BadInput
from marketrank.people import Buyer, Purpose
from marketrank.types import BuyerId, ListingId

HERE = "/your-data"
_LATEST = 12
_NOT_TO_KEEP = {"Cache-Control": "no-store"}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Choice:
    """A purpose as the page words it. `since` is when they agreed, in words, "" where they have
    not; `lost` is what becomes of what is held once they take it back."""

    name: str
    label: str
    meaning: str
    lost: str
    since: str = ""


CHOICES = (
    Choice(
        Purpose.HISTORY,
        "Remember what I do",
        "What you look at, save and hide shapes what you are shown. Without it, it only counts "
        "towards how popular a listing is, and nobody can tell that it was you.",
        "Switched off, all of it is destroyed at once; only what you hid stays hidden.",
    ),
    Choice(
        Purpose.DEMOGRAPHICS,
        "Use what you know about me",
        "Your place and what this marketplace was told of you help to choose what fits. Never for "
        "housing, jobs or credit.",
        "Switched off, it is no longer used.",
    ),
    Choice(
        Purpose.OUTREACH,
        "Let sellers know that somebody like me could be interested",
        "They learn how many there are and how well each fits, never who it is.",
        "Switched off, no seller is told of you.",
    ),
)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that they did: "saved", when, and the listing, "" where it is gone."""

    done: str
    age: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Held:
    """What is held, as the page tells it: `facts` and `counts` are (name, value) in words."""

    facts: tuple[tuple[str, str], ...] = ()
    counts: tuple[tuple[str, str], ...] = ()
    latest: tuple[Deed, ...] = ()
    choices: tuple[Choice, ...] = CHOICES


@router.api_route(HERE, methods=["GET", "HEAD"])
async def your_data(http: HttpRequest) -> Response:
    return await run_in_threadpool(_shown, Page(http))


@router.get(f"{HERE}/export")
async def export(http: HttpRequest) -> Response:
    """All of it as a file, the same that the API exports."""
    buyer = _known(read_visitor(http).buyer)
    held = await run_in_threadpool(_export, context(http), buyer)
    body = orjson.dumps(held or {"id": buyer}, option=orjson.OPT_INDENT_2)
    headers = {"Content-Disposition": 'attachment; filename="your-data.json"', **_NOT_TO_KEEP}
    return Response(body, media_type="application/json", headers=headers)


@router.post(f"{HERE}/consents")
async def consents(http: HttpRequest) -> Response:
    """What is not ticked is taken back."""
    visitor, fields = await read_own_form(http)
    buyer = _known(visitor.buyer)
    agreed = {purpose for purpose in Purpose if fields.get(purpose) == "on"}
    here = context(http)
    at = here.clock()

    def agreeing(one: Buyer) -> Buyer:
        return replace(one, consents={each: one.consents.get(each, at) for each in agreed})

    await run_in_threadpool(here.service.people.change, buyer, agreeing, at)
    return _back(http, "chosen")


@router.post(f"{HERE}/profiling")
async def profiling(http: HttpRequest) -> Response:
    """Until the browser is closed."""
    _, fields = await read_own_form(http)
    off = fields.get("profiling") == "off"
    response = _back(http, "profiling-off" if off else "profiling-on")
    if off:
        set_cookie(http, response, PROFILING_COOKIE, "off", None)
    else:
        response.delete_cookie(PROFILING_COOKIE)
    return response


@router.post(f"{HERE}/erase")
async def erase(http: HttpRequest) -> Response:
    """Only where they said that they are sure: it cannot be undone."""
    visitor, fields = await read_own_form(http)
    buyer = _known(visitor.buyer)
    if fields.get("sure") != "yes":
        return await run_in_threadpool(_shown, Page(http), mistake=True)
    done = await run_in_threadpool(context(http).service.people.erase, buyer)
    response = _back(http, "erased" if done else "nothing")
    become(http, response, None)
    return response


def _shown(page: Page, *, mistake: bool = False) -> Response:
    buyer = page.visitor.buyer
    held = None if buyer is None else _held(page.here, buyer)
    response = page.render("your_data.html", 422 if mistake else 200, held=held, mistake=mistake)
    response.headers.update(_NOT_TO_KEEP)
    return response


def _held(here: Context, buyer: BuyerId) -> Held:
    raw = _export(here, buyer)
    if raw is None:
        return Held()
    now, deeds = here.clock(), raw["interactions"]
    since = {name: datetime.fromisoformat(at) for name, at in raw["consents"].items()}
    agreed = tuple(
        replace(one, since=f"{since[one.name]:%-d %B %Y}") if one.name in since else one
        for one in CHOICES
    )
    done = Counter(wording.DONE.get(one["kind"], one["kind"]) for one in deeds)
    counts = [(f"Listings you {name}", f"{n:,}") for name, n in done.most_common()]
    lists = len(raw["impressions"])
    if lists:
        counts.append(("Lists of results you were shown", f"{lists:,}"))
    latest = tuple(_deed(here, one, now) for one in deeds[:_LATEST])
    return Held(tuple(_facts(raw)), tuple(counts), latest, agreed)


def _facts(raw: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    facts = [("Your number here", str(raw["id"]))]
    place = raw["place"]
    if place:
        facts.append(("Your place", ", ".join(filter(None, (place["town"], place["county"])))))
    facts += [(str(name).capitalize(), str(each)) for name, each in raw["attributes"].items()]
    if raw["seller"]:
        facts.append(("You sell as", str(raw["seller"])))
    return facts


def _deed(here: Context, raw: Mapping[str, Any], now: datetime) -> Deed:
    id = ListingId(raw["listing"])
    stored = here.service.listing(id)
    return Deed(
        wording.DONE.get(raw["kind"], raw["kind"]),
        wording.age(datetime.fromisoformat(raw["at"]), now),
        "a listing that is gone" if stored is None else stored.listing.title,
        "" if stored is None else listing_url(id),
    )


def _export(here: Context, buyer: BuyerId) -> Mapping[str, Any] | None:
    """None of whom nothing is held."""
    try:
        return here.service.people.export(buyer)
    except BadInput:
        return None


def _known(buyer: BuyerId | None) -> BuyerId:
    if buyer is None:
        raise HTTPException(403, "nobody is signed in, so nothing is held of them")
    return buyer


def _back(http: HttpRequest, notice: str) -> Response:
    response = RedirectResponse(HERE, 303)
    notify(http, response, notice)
    return response
