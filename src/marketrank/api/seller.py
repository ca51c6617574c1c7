"""The seller's own pages: sign in, what they sell and how it does, and ending it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from uuid import uuid4

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from marketrank.api import wording
from marketrank.api.draft_view import PriceView, price_view
from marketrank.api.forms import read_uploads
from marketrank.api.listings import find
from marketrank.api.pages import Card, Page, card
from marketrank.api.seller_session import (
    COOKIE,
    FORM_COOKIE,
    MAX_AGE_S,
    SignedIn,
    checked,
    cookie_of,
    form_cookie,
    form_is_ours,
    form_token,
    keep,
    own_path,
    signed_in,
)
from marketrank.api.service import Context, context
from marketrank.asking import Item
from marketrank.errors import BadInput, NotReady
from marketrank.people import EventId, Interaction, InteractionKind
from marketrank.pipelines.offers import Writer
from marketrank.types import BuyerId, Listing, Seq, Stored

_ON_A_PAGE = 24
_BUYERS = 10
_FORM_SECONDS = 3600
_NO_TOWER = "`marketrank train buyers`"
_COUNTED: Mapping[InteractionKind, str] = {
    InteractionKind.VIEW: "looked at",
    InteractionKind.CLICK: "opened",
    InteractionKind.SAVE: "saved",
    InteractionKind.MESSAGE: "asked about",
    InteractionKind.OFFER: "offers",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Offered:
    """A listing among its seller's. `counts` are (what, how often) of what was counted."""

    id: str
    url: str
    card: Card
    live: bool
    counts: tuple[tuple[str, int], ...]
    price: PriceView | None
    cautions: tuple[wording.Caution, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LikelyBuyer:
    """`name` is a pseudonym; `strength` is between 0 and 1, beside the best."""

    name: str
    strength: float


@dataclass(frozen=True, slots=True)
class Audience:
    """Who could want a listing, or in `problem` why that cannot be said."""

    buyers: tuple[LikelyBuyer, ...] = ()
    percent: str = ""
    consenting: int = 0
    problem: str = ""
    remedy: str = ""


@router.get("/seller/sign-in")
async def ask(http: HttpRequest) -> Response:
    return _sign_in_page(http, own_path(http.query_params.get("next", "")))


@router.post("/seller/sign-in")
async def sign_in(http: HttpRequest) -> Response:
    fields = await _fields(http)
    return await run_in_threadpool(_sign_in, http, fields)


@router.post("/seller/sign-out")
async def sign_out(http: HttpRequest) -> Response:
    fields = await _fields(http)
    await run_in_threadpool(checked, http, fields.get("csrf", ""))
    answer = RedirectResponse("/seller/sign-in", 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


@router.get("/seller")
async def overview(http: HttpRequest) -> Response:
    return await run_in_threadpool(_overview, http)


@router.get("/seller/listings/{id:path}")
async def one(http: HttpRequest, id: str) -> Response:
    return await run_in_threadpool(_one, http, id)


@router.post("/seller/end")
async def end(http: HttpRequest) -> Response:
    """End a listing; with the field `sold`, as sold."""
    fields = await _fields(http)
    return await run_in_threadpool(_end, http, fields)


async def _fields(http: HttpRequest) -> dict[str, str]:
    fields, _ = await read_uploads(http, (), most=0, photo_max_bytes=0)
    return dict(fields)


def _sign_in_page(http: HttpRequest, after: str, mistake: str = "") -> Response:
    cookie = form_cookie(http)
    token = form_token(context(http), cookie)
    answer = Page(http).render(
        "seller_sign_in.html", 422 if mistake else 200, token=token, after=after, mistake=mistake
    )
    keep(http, answer, FORM_COOKIE, cookie, _FORM_SECONDS)
    return answer


def _sign_in(http: HttpRequest, fields: Mapping[str, str]) -> Response:
    here = context(http)
    after = own_path(fields.get("next", ""))
    if not form_is_ours(http, fields.get("csrf", "")):
        return _sign_in_page(http, after, "The form was too old. Please send it again.")
    try:
        cookie = cookie_of(here, fields.get("key", "").strip(), here.clock())
    except BadInput as error:
        text = str(error)
        return _sign_in_page(http, after, text[:1].upper() + text[1:] + ".")
    answer = RedirectResponse(after, 303)
    keep(http, answer, COOKIE, cookie, MAX_AGE_S)
    answer.delete_cookie(FORM_COOKIE, path="/", httponly=True, samesite="strict")
    return answer


def _overview(http: HttpRequest) -> Response:
    here, who = context(http), signed_in(http)
    if who is None:
        return RedirectResponse("/seller/sign-in", 303)
    before = http.query_params.get("before", "")
    known = before.isascii() and before.isdecimal() and len(before) <= 18
    found = here.service.listings_of(
        who.seller, _ON_A_PAGE + 1, Seq(int(before)) if known else None
    )
    shown, more = found[:_ON_A_PAGE], len(found) > _ON_A_PAGE
    return Page(http).render(
        "seller.html",
        who=who,
        offered=[_offered(here, one, here.clock()) for one in shown],
        since=_day(here),
        more=f"/seller?before={shown[-1].seq}" if more else "",
        ended=http.query_params.get("ended", ""),
    )


def _one(http: HttpRequest, id: str) -> Response:
    here, who = context(http), signed_in(http)
    if who is None:
        return RedirectResponse("/seller/sign-in", 303)
    stored = _own(here, who, id)
    return Page(http).render(
        "seller_listing.html",
        who=who,
        one=_offered(here, stored, here.clock()),
        listing=stored.listing,
        audience=_audience(here, stored) if stored.live else None,
        since=_day(here),
        new=http.query_params.get("new") == "1",
    )


def _end(http: HttpRequest, fields: Mapping[str, str]) -> Response:
    here = context(http)
    who = checked(http, fields.get("csrf", ""))
    stored = _own(here, who, fields.get("id", ""))
    id, at = stored.listing.id, here.clock()
    sold = "sold" in fields and stored.live
    here.service.offers.end(id, Writer(who.seller), at)
    if sold:
        # Of a buyer of whom nothing is held only the listing and the day are kept.
        nobody = BuyerId(f"nobody-{uuid4().hex}")
        event = Interaction(EventId(uuid4().hex), nobody, id, InteractionKind.SOLD, at)
        here.service.people.take({0: event}, at)
    return RedirectResponse(f"/seller?ended={'sold' if sold else 'ended'}", 303)


def _own(here: Context, who: SignedIn, id: str) -> Stored:
    """Raises HTTPException 404 where there is none, 403 for another's."""
    stored = find(here.service, id)
    if stored.listing.seller != who.seller:
        raise HTTPException(403, f"listing {stored.listing.id}: it is another seller's")
    return stored


def _offered(here: Context, stored: Stored, now: datetime) -> Offered:
    listing = stored.listing
    item = Item(listing, 0.0, findings=stored.findings)
    counts = here.service.interest.of(listing.id)
    return Offered(
        id=listing.id,
        url=f"/seller/listings/{quote(listing.id)}",
        card=card(item, now=now, country=here.settings.country),
        live=stored.live,
        counts=tuple((what, counts.get(kind, 0)) for kind, what in _COUNTED.items()),
        price=_price(here, listing) if stored.live else None,
        cautions=wording.cautions_of(stored.findings) if stored.live else (),
        notes=tuple(wording.notes(stored)) if stored.live else (),
    )


def _price(here: Context, listing: Listing) -> PriceView | None:
    """The price beside others; None where no model can say."""
    try:
        found = here.service.predictions.price_range(listing)
    except NotReady:
        return None
    return None if found is None else price_view(found, listing.price)


def _audience(here: Context, stored: Stored) -> Audience:
    listing = stored.listing
    try:
        found = here.service.buyers_for(listing.id, listing.seller, _BUYERS, here.clock())
    except NotReady:
        return Audience(problem="Nothing has been learned of buyers yet.", remedy=_NO_TOWER)
    except BadInput:
        return Audience(problem="It is not in the index yet: look again in a moment.")
    best = max((one.score for one in found.buyers), default=1.0)
    return Audience(
        tuple(LikelyBuyer(one.id[:8], _beside(one.score, best)) for one in found.buyers),
        f"{100 * found.reach:.0f} %" if found.reach >= 0.01 else "less than 1 %",
        found.consenting,
    )


def _beside(score: float, best: float) -> float:
    return round(max(0.0, min(1.0, score / best)), 3) if best > 0 else 0.0


def _day(here: Context) -> str:
    return here.service.interest.since.strftime("%-d %B %Y")
