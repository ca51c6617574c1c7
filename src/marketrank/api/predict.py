"""The endpoints of the earlier systems, for their clients: see docs/compatibility.md.

Those systems disagreed in details, so answers have the keys of all of them, and files are taken as
`image` or `file`.
"""

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.forms import FORM_KINDS, content_type, read_object, read_uploads
from marketrank.api.parameters import BadParameter, check_text, single, whole
from marketrank.api.problems import problem_responses
from marketrank.api.schemas import Shape
from marketrank.api.search import json_response
from marketrank.api.service import Context, context
from marketrank.errors import BadInput
from marketrank.pipelines.predictions import MOST_NEIGHBOURS, Categorised, Neighbour

MAX_TEXT = 10_000
FILE_NAMES = ("image", "file")
_K = 5
_SAID = {"Home & Garden": 0.91, "Sports, Leisure & Travel": 0.09}
_IMAGE = {
    "type": "string",
    "format": "binary",
    "description": "A photo in any common format; `file` is another name for it",
    "examples": ["@table.jpg"],
}
_TEXT = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_TEXT,
    "pattern": r"^[^\x00]*[^\x00-\x20\x85\s][^\x00]*$",
    "description": "Title and description, or a part of them",
    "examples": ["Solid oak dining table, seats six"],
}
_COUNT = {
    "type": "integer",
    "minimum": 1,
    "maximum": MOST_NEIGHBOURS,
    "default": _K,
    "description": "How many",
    "examples": [_K],
}

router = APIRouter(tags=["compatibility"])


class CategoryShape(Shape):
    """A root category, as each of the earlier systems named it."""

    Category: str = Field(description="The likeliest", examples=["Home & Garden"])
    Probabilities: dict[str, float] = Field(
        description="Of all root categories; they add up to 1", examples=[_SAID]
    )
    predicted: str = Field(
        alias="Predicted category", description="The same", examples=["Home & Garden"]
    )
    category: str = Field(description="The same", examples=["Home & Garden"])
    category_index: int = Field(
        description="Its place in the order of `Probabilities`", examples=[0]
    )
    model: str = Field(
        description="The version that answered",
        examples=["multimodal-20260131T093000-1a2b3c4d5e6f"],
    )


class FeaturesShape(Shape):
    features: list[float] = Field(
        description="A unit vector; dot products are cosines", examples=[[0.0312, -0.0478]]
    )
    Features: list[list[float]] = Field(
        description="The same as the only row of a matrix", examples=[[[0.0312, -0.0478]]]
    )
    model: str = Field(
        description="The version that answered",
        examples=["multimodal-20260131T093000-1a2b3c4d5e6f"],
    )


class NeighbourIdsShape(Shape):
    ids: list[str] = Field(
        alias="K nearest neighbour image ids",
        description="The five nearest photos of live listings, nearest first",
        examples=[["1001-0", "1003-1", "1012-0", "1002-0", "1011-0"]],
    )


class SimilarImagesShape(Shape):
    similar_index: list[str] = Field(
        description="Ids of the nearest photos of live listings, nearest first",
        examples=[["1001-0", "1003-1"]],
    )
    distances: list[float] = Field(
        description="Of each: squared Euclidean distance of unit vectors, 0 to 4",
        examples=[[0.12, 0.31]],
    )
    categories: list[list[str]] = Field(
        description="Of each: the category path of its listing",
        examples=[[["Home & Garden"], ["Home & Garden"]]],
    )
    listings: list[str] = Field(
        description="Of each: the id of its listing", examples=[["1001", "1003"]]
    )


def _form(required: list[str], **properties: Any) -> dict[str, Any]:
    """A multipart body. An image may come under either name, so neither alone is required."""
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"image": _IMAGE, **properties},
        "required": ["image", *required],
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _text_body() -> dict[str, Any]:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"text": _TEXT},
        "required": ["text"],
    }
    kinds = ("application/json", *FORM_KINDS)
    return {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}


_ERRORS = problem_responses(400, 413, 415, 422, 503)


def _documented(shape: type[Shape], body: dict[str, Any]) -> dict[str, Any]:
    return {
        "response_class": Response,
        "responses": {200: {"model": shape}, **_ERRORS},
        "openapi_extra": {"requestBody": body},
    }


@router.post(
    "/predict/image", summary="Category of a photo", **_documented(CategoryShape, _form([]))
)
async def by_image(http: HttpRequest) -> Response:
    here = context(http)
    _, image = await _read(http)
    return await run_in_threadpool(_of_image, here, image)


@router.post(
    "/predict/category",
    summary="Category of a photo, under another name",
    **_documented(CategoryShape, _form([])),
)
async def by_category(http: HttpRequest) -> Response:
    return await by_image(http)


@router.post(
    "/predict/text", summary="Category of a text", **_documented(CategoryShape, _text_body())
)
async def by_text(http: HttpRequest) -> Response:
    """JSON or a form."""
    here = context(http)
    text = await _read_text(http)
    return await run_in_threadpool(_of_text, here, text)


@router.post(
    "/predict/combined",
    summary="Category of a photo and a text together",
    **_documented(CategoryShape, _form(["text"], text=_TEXT)),
)
async def by_both(http: HttpRequest) -> Response:
    here = context(http)
    fields, image = await _read(http, "text")
    return await run_in_threadpool(_of_both, here, _text(fields), image)


@router.post(
    "/predict/feature_embedding",
    summary="The vector of a photo",
    **_documented(FeaturesShape, _form([])),
)
async def features(http: HttpRequest) -> Response:
    here = context(http)
    _, image = await _read(http)
    return await run_in_threadpool(_features, here, image)


@router.post(
    "/predict/embedding",
    summary="The five photos nearest to a photo",
    **_documented(NeighbourIdsShape, _form([])),
)
async def nearest(http: HttpRequest) -> Response:
    here = context(http)
    _, image = await _read(http)
    return await run_in_threadpool(_nearest, here, image)


@router.post(
    "/predict/similar_images",
    summary="Photos near to a photo, with distances and categories",
    **_documented(SimilarImagesShape, _form([], k=_COUNT)),
)
async def similar_images(http: HttpRequest) -> Response:
    here = context(http)
    fields, image = await _read(http, "k")
    k = whole("k", fields.get("k") or None, 1, MOST_NEIGHBOURS, _K)
    return await run_in_threadpool(_similar, here, image, k)


async def _read(http: HttpRequest, *known: str) -> tuple[dict[str, str], bytes]:
    """The text fields and the image of a form. Fields may stand in the address, too."""
    longest = context(http).settings.photo_max_bytes
    posted, files = await read_uploads(http, FILE_NAMES, most=2, photo_max_bytes=longest)
    if len(files) > 1:
        raise BadParameter("file", files[1].name, "there are two files; send one")
    if not files:
        raise BadParameter("image", "nothing", "send a file as image")
    return single([*http.query_params.multi_items(), *posted], known=known), files[0].data


async def _read_text(http: HttpRequest) -> str:
    kind = content_type(http)
    if kind == "application/json":
        given = await read_object(http)
        if not isinstance(given.get("text", ""), str):
            raise BadParameter("text", str(given["text"]), "it must be a string")
        return _text({name: str(value) for name, value in given.items()})
    if kind not in FORM_KINDS:
        raise HTTPException(415, 'the body must be JSON, {"text": "…"}, or a form with text')
    posted, _ = await read_uploads(http, (), most=0, photo_max_bytes=0)
    return _text(single(posted, known=("text",)))


def _text(fields: dict[str, str]) -> str:
    fields = single(fields.items(), known=("text",))
    text = fields.get("text", "")
    check_text("text", text, MAX_TEXT)
    if not text.strip():
        raise BadParameter("text", text, "it is empty; describe the thing")
    return text


def _cleaned(here: Context, image: bytes) -> bytes:
    try:
        return here.service.clean_photo(image)
    except BadInput as error:
        raise BadParameter("image", f"{len(image):,} bytes", str(error)) from error


def _of_image(here: Context, image: bytes) -> Response:
    photo = _cleaned(here, image)
    return _category(here.service.predictions.category_of_photo(photo))


def _of_text(here: Context, text: str) -> Response:
    return _category(here.service.predictions.category_of_text(text))


def _of_both(here: Context, text: str, image: bytes) -> Response:
    photo = _cleaned(here, image)
    return _category(here.service.predictions.category_of_both(text, photo))


def _features(here: Context, image: bytes) -> Response:
    found = here.service.predictions.features(_cleaned(here, image))
    numbers = list(found.numbers)
    return json_response({"features": numbers, "Features": [numbers], "model": found.version})


def _nearest(here: Context, image: bytes) -> Response:
    found = here.service.predictions.neighbours(_cleaned(here, image), _K)
    return json_response({"K nearest neighbour image ids": [one.image for one in found]})


def _similar(here: Context, image: bytes, k: int) -> Response:
    found: tuple[Neighbour, ...] = here.service.predictions.neighbours(_cleaned(here, image), k)
    return json_response(
        {
            "similar_index": [one.image for one in found],
            "distances": [one.distance for one in found],
            "categories": [list(one.category) for one in found],
            "listings": [one.listing for one in found],
        }
    )


def _category(found: Categorised) -> Response:
    return json_response(
        {
            "Category": found.name,
            "Probabilities": found.probabilities,
            "Predicted category": found.name,
            "category": found.name,
            "category_index": found.index,
            "model": found.version,
        }
    )
