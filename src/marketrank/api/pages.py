"""The pages that people see: search, results, a listing, and friendly errors.

Rendered on the server from plain links and forms: they work without JavaScript. A photo that
somebody searches with is never kept: it travels along in the form (see docs/adr/0070).
"""

import base64
import binascii
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from marketrank.api.links import listing_url, photo_url
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
from marketrank.api.price_bar import PriceBar, price_bar
from marketrank.api.problems import Failure
from marketrank.api.results_map import map_of
from marketrank.api.search import clean, read_request
from marketrank.api.security import response_headers
from marketrank.api.service import Context, context, request_id
from marketrank.api.visitor import NOBODY, NOTICES, Visitor, keep_visit, read_visitor
from marketrank.api.wording import cut
from marketrank.asking import Item, Request, Sort
from marketrank.errors import BadInput, Corrupt, NotReady
from marketrank.types import Listing, Photo, Stored

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"
_SIMILAR = 8
_MILES = ("1mi", "5mi", "10mi", "20mi", "50mi", "100mi")
_KILOMETRES = ("2km", "5km", "10km", "25km", "50km", "100km")

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def home(http: HttpRequest) -> Response:
    query = read_page_query(http.query_params.multi_items())
    return await run_in_threadpool(_results, Page(http), query, None)


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
    return await run_in_threadpool(_photo_results, Page(http), query, photo, earlier)


@router.api_route("/listings/{id:path}", methods=["GET", "HEAD"])
async def listing(http: HttpRequest, id: str) -> Response:
    return await run_in_threadpool(_listing, Page(http), id)


class Page:
    """One request for a page: what every handler asks of it, and how it is answered."""

    def __init__(self, http: HttpRequest) -> None:
        self.http = http
        self.here = context(http)
        self.id = request_id(http)
        self.visitor = read_visitor(http)

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """The page for this visitor, who may be told what they have just done."""
        visitor = self.visitor
        url = self.http.url
        # What was posted has no address to come back to.
        back = url.path if self.http.method in ("GET", "HEAD") else "/"
        back = f"{back}?{url.query}" if url.query else back
        html = _environment().get_template(template).render(visitor=visitor, back=back, **values)
        # Going back to a page must not ask the server again: a photo search would be gone.
        response = HTMLResponse(html, status, {"Cache-Control": "private, max-age=0"})
        keep_visit(self.http, visitor, response)
        return response


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

    id: str
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


def card(item: Item, *, now: datetime, country: str, feed: bool = False) -> Card:
    """`feed`: nothing was asked for, so that every tile says why it is there."""
    found = item.listing
    first = found.photos[0] if found.photos else None
    return Card(
        id=found.id,
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
        why=wording.feed_reasons(item.why) if feed else wording.reasons(item.why),
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


def _photo_results(page: Page, query: PageQuery, photo: bytes | None, earlier: str) -> Response:
    try:
        data = photo or _decoded(earlier)
        if not data:
            raise BadParameter("photo", "nothing", "choose one first")
        cleaned = clean(page.here.service, data)
    except BadParameter as error:
        return _mistaken(page, query, error, None)
    return _results(page, query, cleaned)


def _results(page: Page, query: PageQuery, photo: bytes | None) -> Response:
    here, visitor = page.here, page.visitor
    try:
        fields = query.search_fields() | visitor.search_fields()
        request = replace(read_request(here, page.id, fields, photo), places=True)
    except BadParameter as error:
        return _mistaken(page, query, error, photo)
    ranking = here.service.answer(request)
    liked = here.service.listing(request.like) if request.like else None
    now, country = here.clock(), here.settings.country
    ranked = _is_ranked(request)
    own = visitor.known and not ranked
    shown = [card(item, now=now, country=country, feed=own) for item in ranking.items]
    symbol = wording.currency_symbol(here.settings.currency)
    spelt = spelling(query, ranking.corrected)
    words = query.words if spelt is None or spelt.offered else spelt.text
    answer = page.render(
        "search.html",
        **_form(here, query, request.photo),
        ranking_id=ranking.request,
        heading=_heading(query, request, liked, words, visitor),
        spelling=spelt,
        mistake=None,
        understood=list(parse_chips(query, ranking.understood.parses)),
        cards=shown,
        total=ranking.total,
        categories=ranking.facets.get("category", ()),
        price_bands=price_bands(query, ranking.facets.get("price", ()), symbol),
        orders=orders(query, ranked=ranked, own=own),
        map=map_of(ranking.places, query, locate=here.service.locate, country=country),
        paging=paging(query, request.offset, ranking.total),
    )
    # JSON names them in its body.
    answer.headers.update({"X-Release": ranking.release, "X-Model": ranking.model})
    return answer


def _mistaken(page: Page, query: PageQuery, error: BadParameter, photo: bytes | None) -> Response:
    """The page again with what was typed, and what to mend."""
    return page.render(
        "search.html",
        422,
        **_form(page.here, query, photo),
        ranking_id="",
        heading="That did not work",
        spelling=None,
        mistake=_mistake(error),
        understood=[],
        cards=[],
        total=0,
        categories=(),
        price_bands=(),
        orders={},
        map=None,
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


def _heading(
    query: PageQuery, request: Request, liked: Stored | None, words: str, visitor: Visitor
) -> str:
    """`words` are those that are searched for."""
    if request.photo is not None:
        return f"Looks like your photo: “{words}”" if words else "Looks like your photo"
    if liked is not None:
        but = f", but “{words}”" if words else ""
        return f"Similar to {cut(liked.listing.title, 60)}{but}"
    if words:
        return f"“{words}”"
    if query.category_path:
        return query.category_path[-1]
    if request.sort is not Sort.RELEVANCE:
        return "Just listed" if request.sort is Sort.NEWEST else "All listings"
    return "For you" if visitor.known else "New and popular"


def _listing(page: Page, listing_id: str) -> Response:
    here = page.here
    stored = find(here.service, listing_id)
    found = stored.listing
    now = here.clock()
    return page.render(
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
        usual=_usual_price(page, found) if stored.live else None,
        similar=_similar(page, found, now),
        ranking_id=page.id,
        more=PageQuery(like=found.id),
    )


def _usual_price(page: Page, found: Listing) -> PriceBar | None:
    """None where no model is in use, or none that can be opened."""
    try:
        usual = page.here.service.predictions.price_range(found)
    except (NotReady, Corrupt):
        return None
    return price_bar(found.price, usual)


def _similar(page: Page, found: Listing, now: datetime) -> list[Card]:
    """Listings like it; none where the index does not hold it (yet, or any more)."""
    here, visitor = page.here, page.visitor
    try:
        request = Request(
            id=page.id,
            at=now,
            like=found.id,
            k=_SIMILAR,
            buyer=visitor.buyer,
            profiling=visitor.profiling,
        )
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
    environment.globals["visitor"] = NOBODY
    environment.globals["back"] = "/"
    environment.globals["ranking_id"] = ""
    environment.globals["notices"] = NOTICES
    return environment


@cache
def asset(name: str) -> str:
    """The address of a static file, which changes with its content."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:10]}"
