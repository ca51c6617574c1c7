"""The pages that people see: search, results, a listing, and friendly errors.

Rendered on the server from plain links and forms: they work without JavaScript. A photo that
somebody searches with is never kept: it travels along in the form (see docs/adr/0070).
"""

import base64
import binascii
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response

from marketrank.api import wording
from marketrank.api.forms import read_form
from marketrank.api.listings import find
from marketrank.api.page_query import (
    PageQuery,
    chips,
    crumbs,
    distance_label,
    orders,
    paging,
    parse_chips,
    price_bands,
    read_page_query,
    spelling,
)
from marketrank.api.parameters import BadParameter, category_text
from marketrank.api.problems import Failure
from marketrank.api.schemas import cut, listing_url, photo_url
from marketrank.api.search import clean, read_request
from marketrank.api.security import response_headers
from marketrank.api.service import Context, context, request_id
from marketrank.errors import BadInput
from marketrank.types import Item, Listing, Photo, Request, RequestId, Stored

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"
_SIMILAR = 8
_MILES = ("1mi", "5mi", "10mi", "20mi", "50mi", "100mi")
_KILOMETRES = ("2km", "5km", "10km", "25km", "50km", "100km")

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def home(http: HttpRequest) -> Response:
    query = read_page_query(http.query_params.multi_items())
    return await run_in_threadpool(_results, context(http), request_id(http), query, None)


@router.get("/search-by-photo")
async def without_photo() -> Response:
    """Somebody reloaded the address of a photo search: the photo is gone."""
    return RedirectResponse("/", 303)


@router.post("/search-by-photo")
async def by_photo(http: HttpRequest) -> Response:
    here = context(http)
    fields, photo = await read_form(http, photo_max_bytes=here.settings.photo_max_bytes)
    earlier = dict(fields).get("photo_data", "")
    query = read_page_query(fields)
    return await run_in_threadpool(_photo_results, here, request_id(http), query, photo, earlier)


@router.api_route("/listings/{id:path}", methods=["GET", "HEAD"])
async def listing(http: HttpRequest, id: str) -> Response:
    return await run_in_threadpool(_listing, context(http), request_id(http), id)


def failure_page(http: HttpRequest, failure: Failure) -> Response:
    """An error as a page; what went wrong in words for people, never the exception's."""
    html = (
        _environment()
        .get_template("message.html")
        .render(status=failure.status, request_id=request_id(http))
    )
    headers = {**response_headers(request_id(http)), **failure.headers}
    return HTMLResponse(html, failure.status, headers)


@dataclass(frozen=True, slots=True)
class Card:
    """A listing as a tile. `zoom` names the style that hides the bars of its first photo."""

    url: str
    title: str
    price: str
    place: str
    distance: str
    age: str
    listed: datetime | None
    photo: str
    zoom: int
    repeats: int
    why: str


def card(item: Item, *, now: datetime, country: str) -> Card:
    found = item.listing
    first = found.photos[0] if found.photos else None
    return Card(
        url=listing_url(found.id),
        title=found.title,
        price=wording.price(found.price),
        place=found.place.town if found.place else "",
        distance="" if item.distance_km is None else wording.distance(item.distance_km, country),
        age=wording.age(found.created_at, now) if found.created_at else "",
        listed=found.created_at,
        photo=photo_url(first) if first else "",
        zoom=zoom(first) if first else 100,
        repeats=len(item.repeats),
        why=wording.reasons(item.why),
    )


def zoom(photo: Photo) -> int:
    """Per cent by which a letterboxed square must grow until its bars leave the tile: in steps of
    5 up to 200, as the style sheet has them.

    A square original says nothing: feeds of thumbnails come with bars of their own, and of 400
    photos looked at, 91 % had them, most as wide as 3:4 leaves. So it is taken for one.
    """
    ratio = max(photo.width, photo.height) / max(1, min(photo.width, photo.height))
    if ratio == 1:
        ratio = 4 / 3
    return min(200, math.ceil(round(ratio * 20, 6)) * 5)


def _photo_results(
    here: Context, id: RequestId, query: PageQuery, photo: bytes | None, earlier: str
) -> Response:
    try:
        data = photo or _decoded(earlier)
        if not data:
            raise BadParameter("photo", "nothing", "choose one first")
        cleaned = clean(here.service, data)
    except BadParameter as error:
        return _mistaken(here, query, error, None)
    return _results(here, id, query, cleaned)


def _results(here: Context, id: RequestId, query: PageQuery, photo: bytes | None) -> Response:
    try:
        request = read_request(here, id, query.search_fields(), photo)
    except BadParameter as error:
        return _mistaken(here, query, error, photo)
    ranking = here.service.answer(request)
    liked = here.service.listing(request.like) if request.like else None
    now, country = here.clock(), here.settings.country
    shown = [card(item, now=now, country=country) for item in ranking.items]
    symbol = wording.currency_symbol(here.settings.currency)
    spelt = spelling(query, ranking.corrected)
    words = query.words if spelt is None or spelt.offered else spelt.text
    return _render(
        "search.html",
        **_form(here, query, request.photo),
        heading=_heading(query, request, liked, words),
        spelling=spelt,
        mistake=None,
        understood=list(parse_chips(query, ranking.understood.parses)),
        cards=shown,
        total=ranking.total,
        categories=ranking.facets.get("category", ()),
        price_bands=price_bands(query, ranking.facets.get("price", ()), symbol),
        orders=orders(query, ranked=_is_ranked(request)),
        paging=paging(query, request.offset, ranking.total),
    )


def _mistaken(
    here: Context, query: PageQuery, error: BadParameter, photo: bytes | None
) -> Response:
    """The page again with what was typed, and what to mend."""
    return _render(
        "search.html",
        422,
        **_form(here, query, photo),
        heading="That did not work",
        spelling=None,
        mistake=_mistake(error),
        understood=[],
        cards=[],
        total=0,
        categories=(),
        price_bands=(),
        orders={},
        paging=None,
    )


_MISTAKES: dict[str, Callable[[BadParameter], str]] = {
    "q": lambda error: "Those are too many words. Please use a shorter description.",
    "price": lambda error: "Please write prices as plain numbers, the lower one first: 10 to 50.",
    "near": lambda error: (
        f"We do not know the place “{error.value}”. "
        "Check the spelling, or try the nearest larger town."
    ),
    "within": lambda error: "Please choose one of the distances.",
    "photo": lambda error: f"We could not use that photo: {error.remedy}.",
    "like": lambda error: "That listing does not exist, so there is nothing to compare with.",
}


def _mistake(error: BadParameter) -> str:
    words = _MISTAKES.get(error.parameter)
    return words(error) if words else f"Please check “{error.parameter}”: {error.remedy}."


def _form(here: Context, query: PageQuery, photo: bytes | None) -> dict[str, Any]:
    """What the search form needs, whatever came of the search."""
    settings = here.settings
    symbol = wording.currency_symbol(settings.currency)
    distances: tuple[str, ...] = (
        _MILES if settings.country in wording.MILE_COUNTRIES else _KILOMETRES
    )
    if query.within and query.within not in distances:
        distances = (*distances, query.within)
    return {
        "page": query,
        "photo": "" if photo is None else base64.b64encode(photo).decode(),
        "chips": list(chips(query, symbol)),
        "crumbs": crumbs(query),
        "symbol": symbol,
        "distances": [(value, distance_label(value)) for value in distances],
    }


def _is_ranked(request: Request) -> bool:
    return bool(request.text or request.photo is not None or request.like)


def _heading(query: PageQuery, request: Request, liked: Stored | None, words: str) -> str:
    """`words` are those that are searched for."""
    if request.photo is not None:
        return f"Looks like your photo: “{words}”" if words else "Looks like your photo"
    if liked is not None:
        but = f", but “{words}”" if words else ""
        return f"Similar to {cut(liked.listing.title, 60)}{but}"
    if words:
        return f"“{words}”"
    return query.category_path[-1] if query.category_path else "Just listed"


def _listing(here: Context, id: RequestId, listing_id: str) -> Response:
    stored = find(here.service, listing_id)
    found = stored.listing
    now = here.clock()
    return _render(
        "listing.html" if stored.live else "ended.html",
        200 if stored.live else 410,
        listing=found,
        price=wording.price(found.price),
        photos=[photo_url(photo) for photo in found.photos],
        listed=found.created_at or stored.first_seen,
        age=wording.age(found.created_at or stored.first_seen, now),
        notes=wording.notes(stored),
        cautions=wording.cautions(stored),
        crumbs=crumbs(PageQuery(category=category_text(found.category))),
        similar=_similar(here, id, found, now),
        more=PageQuery(like=found.id),
    )


def _similar(here: Context, id: RequestId, found: Listing, now: datetime) -> list[Card]:
    """Listings like it; none where the index does not hold it (yet, or any more)."""
    try:
        request = Request(id=id, at=now, like=found.id, k=_SIMILAR)
        items = here.service.answer(request).items
    except BadInput:
        return []
    return [card(item, now=now, country=here.settings.country) for item in items]


def _decoded(text: str) -> bytes:
    """The photo of an earlier search; empty where there was none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadParameter("photo", text[:20], "it did not arrive whole; choose it again") from (
            error
        )


def _render(template: str, status: int = 200, **values: Any) -> Response:
    html = _environment().get_template(template).render(**values)
    # Going back to a page must not ask the server again: a photo search would be gone.
    return HTMLResponse(html, status, {"Cache-Control": "private, max-age=0"})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = asset
    # Pages without results show the form empty.
    environment.globals["page"] = PageQuery()
    environment.globals["photo"] = ""
    return environment


@cache
def asset(name: str) -> str:
    """The address of a static file, which changes with its content."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:10]}"
