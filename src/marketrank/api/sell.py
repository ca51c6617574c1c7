"""The page "Sell": a draft with advice while it is written, and, for a seller who has signed in,
the button that makes a listing of it."""

from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from marketrank.api.draft_form import DraftForm, carried, read_draft_form
from marketrank.api.draft_view import AdviceView, advice_view, plain_view
from marketrank.api.drafts import FIELDS
from marketrank.api.pages import Page
from marketrank.api.parameters import category_text
from marketrank.api.seller_session import checked, signed_in
from marketrank.api.service import Context, context
from marketrank.api.wording import currency_symbol
from marketrank.errors import BadInput, InConflict, MarketrankError, NotReady
from marketrank.pipelines.drafts import MOST_PHOTOS, Draft
from marketrank.pipelines.offers import Writer
from marketrank.types import ListingId

_SIGNED_OUT = (
    "You are signed out. Sign in in another window, then come back here and check the draft again: "
    "what you wrote stays."
)
_NO_INDEX = "`marketrank index`"
_NO_MODEL = "`marketrank train all`"

router = APIRouter(include_in_schema=False)


@router.get("/sell")
async def empty(http: HttpRequest) -> Response:
    return await run_in_threadpool(_page, http, DraftForm())


@router.post("/sell")
async def check(http: HttpRequest) -> Response:
    """The page with advice, or the advice alone where htmx asks. Nothing is kept or changed: it
    takes no token."""
    form = await read_draft_form(http, context(http).settings)
    live = http.headers.get("hx-request") == "true"
    return await run_in_threadpool(_part if live else _page, http, form)


@router.get("/sell/publish")
async def reloaded() -> Response:
    return RedirectResponse("/sell", 303)


@router.post("/sell/publish")
async def publish(http: HttpRequest) -> Response:
    """Make the listing, and go to its page among the seller's."""
    form = await read_draft_form(http, context(http).settings)
    return await run_in_threadpool(_publish, http, form)


def _page(http: HttpRequest, form: DraftForm, mistake: str = "") -> Response:
    here = context(http)
    advice, problem = _advice(here, form)
    told = mistake or form.mistake or problem
    return Page(http).render(
        "sell.html",
        422 if told else 200,
        form=form,
        kept=carried(form.photos, here.settings),
        advice=advice,
        mistake=told,
        live=False,
        who=signed_in(http),
        **_common(here, form),
    )


def _part(http: HttpRequest, form: DraftForm) -> Response:
    here = context(http)
    advice, problem = _advice(here, form)
    told = form.mistake or problem
    # 200 in any case: htmx shows no other.
    return Page(http).render(
        "_advice.html", advice=advice, mistake=told, live=True, **_common(here, form)
    )


def _common(here: Context, form: DraftForm) -> dict[str, Any]:
    symbol = currency_symbol(here.settings.currency)
    limits = {name: longest for name, (longest, _, _) in FIELDS.items()}
    return {"chosen": form["category"], "symbol": symbol, "most": MOST_PHOTOS, "limits": limits}


def _advice(here: Context, form: DraftForm) -> tuple[AdviceView | None, str]:
    """What is to be said of a draft, None for an empty one; and why nothing can be."""
    if form.is_empty:
        return None, ""
    draft = Draft(form.values, form.photos, here.clock())
    try:
        try:
            found = here.service.drafts.advise(draft)
        except NotReady:
            remedy = _NO_INDEX if here.service.release() is None else _NO_MODEL
            return plain_view(here.service.drafts.look(draft), remedy), ""
    except BadInput as error:
        return None, _sentence(error)
    return advice_view(found, now=here.clock(), country=here.settings.country), ""


def _publish(http: HttpRequest, form: DraftForm) -> Response:
    here = context(http)
    if signed_in(http) is None:
        return _page(http, form, _SIGNED_OUT)
    who = checked(http, form.csrf)
    id, writer, at = ListingId(form.id), Writer(who.seller), here.clock()
    try:
        _check(here, form)
        values = {name: value.strip() for name, value in form.values.items()}
        values["category"] = values["category"] or _likeliest(here, form)
        here.service.offers.create(
            {"id": id, **{name: value for name, value in values.items() if value}}, writer, at
        )
        if form.photos:
            here.service.offers.add_photos(id, lambda: form.photos, writer, at)
    except InConflict as error:
        held = here.service.listing(id)
        if held is None or held.listing.seller != who.seller:
            return _page(http, form, _sentence(error))
        # Sent twice: the first has made it.
    except BadInput as error:
        return _page(http, form, _sentence(error))
    return RedirectResponse(f"/seller/listings/{id}?new=1", 303)


def _check(here: Context, form: DraftForm) -> None:
    """Raises BadInput for what cannot be kept, before anything is."""
    if form.mistake:
        raise BadInput(form.mistake)
    most = here.settings.photos_per_listing
    if len(form.photos) > most:
        raise BadInput(f"there are {len(form.photos)} photos; {most} are the most")
    if not form["title"].strip():
        raise BadInput("a title is missing: say what it is in a few words")
    for number, data in enumerate(form.photos, start=1):
        try:
            here.service.clean_photo(data)
        except BadInput as error:
            raise BadInput(f"photo {number} cannot be used: {error}") from error


def _likeliest(here: Context, form: DraftForm) -> str:
    """Where the draft most probably belongs; "" where no model can say."""
    draft = Draft(form.values, form.photos, here.clock())
    try:
        found = here.service.drafts.advise(draft).categories
    except NotReady:
        return ""
    return category_text(found[0].path) if found else ""


def _sentence(error: MarketrankError) -> str:
    text = str(error).rstrip(".")
    return text[:1].upper() + text[1:] + "."
