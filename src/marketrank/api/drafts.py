"""POST /v1/drafts: what a seller's photos and words would make as a listing. Nothing is stored."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.answers import item_json, major
from marketrank.api.forms import FORM_KINDS, Upload, read_uploads
from marketrank.api.parameters import BadParameter, check_text, single
from marketrank.api.problems import problem_responses
from marketrank.api.schemas import ResultItem, Shape, SignalShape
from marketrank.api.search import json_response
from marketrank.api.service import Context, context
from marketrank.asking import Item
from marketrank.listings.photo_advice import Advice
from marketrank.listings.title_check import TitleProblem
from marketrank.models.price_interval import PriceRange
from marketrank.pipelines.drafts import MOST_PHOTOS, Advised, Draft, DraftPhoto, Similar
from marketrank.types import Finding

FIELDS: dict[str, tuple[int, str, str]] = {
    "title": (300, "The thing in a few words", "Solid oak dining table"),
    "description": (20_000, "All else there is to say", "Seats six, a few marks on the top."),
    "category": (
        300,
        'Path from the root, with " / " between labels; empty: it is guessed',
        "Home & Garden / Tables",
    ),
    "price": (40, "As people write it", "£120"),
    "location": (200, "Town, and county if need be", "Bristol"),
}
"""By name: characters at most, meaning, example."""
_MODEL = "multimodal-20260131T093000-1a2b3c4d5e6f"

_SAYS_SOMETHING = {"minLength": 1, "pattern": r"^[^\x00]*[^\x00-\x20\x85\s][^\x00]*$"}

router = APIRouter(tags=["sellers"])


class LikelyCategoryShape(Shape):
    path: list[str] = Field(
        description="From the root", examples=[["Home & Garden", "Dining, Living Room"]]
    )
    probability: float = Field(examples=[0.87])


class AdviceShape(Shape):
    code: str = Field(
        description="Of titles: missing, contact, too_short, too_long, shouted, price, decoration; "
        "of photos: too_small, dark, bright, blurred",
        examples=["too_short"],
    )
    advice: str = Field(description="For the seller", examples=["Say more: make, size, colour."])


class TitleShape(Shape):
    text: str = Field(
        description="Cleaned, contact details hidden", examples=["Solid oak dining table"]
    )
    advice: list[AdviceShape]
    spelling: str | None = Field(
        description="How it was probably meant; null: nothing seems wrong",
        examples=["Solid oak dining table"],
    )


class PriceShape(Shape):
    suggested: float = Field(description="In major units", examples=[120.0])
    low: float | None = Field(
        description="End of the interval; null: the model in use knows none", examples=[45.0]
    )
    high: float | None = Field(description="The other end", examples=[320.0])
    share: float | None = Field(
        description="Of prices of things like it that lie in the interval", examples=[0.8]
    )
    currency: str = Field(description="ISO 4217", examples=["GBP"])


class WarningShape(SignalShape):
    listings: list[str] = Field(description="Ids of those compared with", examples=[["1002"]])


class DraftPhotoShape(Shape):
    usable: bool = Field(examples=[True])
    problem: str | None = Field(
        description="Why it cannot be used", examples=["the file is cut short; copy it again"]
    )
    width: int = Field(description="Pixels as shown", examples=[1600])
    height: int = Field(examples=[1200])
    advice: list[AdviceShape]


class DraftAnswer(Shape):
    """What can be said of a draft."""

    categories: list[LikelyCategoryShape] = Field(description="Likeliest first")
    title: TitleShape
    price: PriceShape | None = Field(description="null: the model in use has learned no prices")
    similar: dict[str, list[ResultItem]] = Field(
        description="`live`: like it and for sale; `sold`: like it and ended lately",
        examples=[{"live": [], "sold": []}],
    )
    warnings: list[WarningShape] = Field(description="What buyers or moderators would ask about")
    photos: list[DraftPhotoShape] = Field(description="In the order in which they were sent")
    model: str = Field(description="The version that answered", examples=[_MODEL])
    release: str = Field(examples=["20260131T093000-1a2b3c4d"])


def _body() -> dict[str, Any]:
    fields = {
        name: {
            "type": "string",
            "maxLength": longest,
            "pattern": r"^[^\x00]*$",
            "description": meaning,
            "examples": [example],
        }
        for name, (longest, meaning, example) in FIELDS.items()
    }
    photo = {
        "type": "array",
        "maxItems": MOST_PHOTOS,
        "items": {"type": "string", "format": "binary"},
        "description": "Image files, any common format",
        "examples": [["@front.jpg", "@back.jpg"]],
    }
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"photo": photo, **fields},
        # One of title and photo is needed, which anyOf would say less plainly than the summary.
    }
    plain = {
        "type": "object",
        "additionalProperties": False,
        "properties": {**fields, "title": fields["title"] | _SAYS_SOMETHING},
        "required": ["title"],
    }
    return {
        "required": True,
        "content": {FORM_KINDS[0]: {"schema": schema}, FORM_KINDS[1]: {"schema": plain}},
    }


@router.post(
    "/v1/drafts",
    response_class=Response,
    responses={200: {"model": DraftAnswer}, **problem_responses(400, 413, 415, 422, 503)},
    openapi_extra={"requestBody": _body()},
    summary="Advice on a listing that is being written",
)
async def draft(http: HttpRequest) -> Response:
    """Category, price, title, photos, what is like it and what speaks against it, from a title, or
    photos, or both: one of them is needed. Nothing is kept."""
    here = context(http)
    posted, photos = await read_uploads(
        http, ("photo",), most=MOST_PHOTOS, photo_max_bytes=here.settings.photo_max_bytes
    )
    values = single(posted, known=tuple(FIELDS))
    for name, value in values.items():
        check_text(name, value, FIELDS[name][0])
    if not photos and not values.get("title", "").strip():
        raise BadParameter("title", "nothing", "send a title or a photo")
    return await run_in_threadpool(_advise, here, values, photos)


def _advise(here: Context, values: dict[str, str], photos: list[Upload]) -> Response:
    asked = Draft(values, tuple(one.data for one in photos), here.clock())
    return json_response(draft_json(here.service.drafts.advise(asked)))


def draft_json(found: Advised) -> dict[str, Any]:
    """See DraftAnswer."""
    return {
        "categories": [
            {"path": list(one.path), "probability": one.probability} for one in found.categories
        ],
        "title": {
            "text": found.listing.title,
            "advice": [_advice(one) for one in found.title],
            "spelling": found.spelling,
        },
        "price": None if found.price is None else _price(found.price),
        "similar": {
            "live": [_similar(one) for one in found.live],
            "sold": [_similar(one) for one in found.sold],
        },
        "warnings": [_warning(one) for one in found.warnings],
        "photos": [_photo(one) for one in found.photos],
        "model": found.model,
        "release": found.release,
    }


def _advice(one: TitleProblem | Advice) -> dict[str, str]:
    return {"code": one.code, "advice": one.advice}


def _price(found: PriceRange) -> dict[str, Any]:
    return {
        "suggested": major(found.middle),
        "low": None if found.low is None else major(found.low),
        "high": None if found.high is None else major(found.high),
        "share": found.share,
        "currency": found.middle.currency,
    }


def _similar(one: Similar) -> dict[str, Any]:
    return item_json(Item(one.listing, one.score, found_by=("vector",), findings=one.findings))


def _warning(one: Finding) -> dict[str, Any]:
    return {"signal": str(one.signal), "reason": one.reason, "listings": list(one.others)}


def _photo(one: DraftPhoto) -> dict[str, Any]:
    return {
        "usable": not one.problem,
        "problem": one.problem or None,
        "width": one.width,
        "height": one.height,
        "advice": [_advice(each) for each in one.advice],
    }
