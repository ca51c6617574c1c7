"""GET and POST /v1/search: text, photo, both, "like this", or nothing, with filters."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.answers import search_json
from marketrank.api.forms import read_form
from marketrank.api.gate import permit_buyer
from marketrank.api.parameters import (
    PARAMETERS,
    BadParameter,
    Lookups,
    documented,
    search_request,
    single,
)
from marketrank.api.problems import problem_responses
from marketrank.api.schemas import SearchAnswer
from marketrank.api.service import Context, Service, context, request_id
from marketrank.asking import Request
from marketrank.errors import BadInput
from marketrank.types import RequestId

_ANSWERS = {200: {"model": SearchAnswer}, **problem_responses(422, 503)}
_UPLOAD_ANSWERS = {**_ANSWERS, **problem_responses(400, 413, 415)}
_QUERY_DOCS = {"parameters": documented(PARAMETERS)}
_FORM_DOCS = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "photo": {
                            "type": "string",
                            "format": "binary",
                            "description": "An image file, any common format",
                            "examples": ["@table.jpg"],
                        },
                        **{
                            p.name: {**p.schema, "description": p.meaning, "examples": [p.example]}
                            for p in PARAMETERS
                        },
                    },
                }
            }
        },
    }
}

router = APIRouter(tags=["search"])


@router.get(
    "/v1/search",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=_QUERY_DOCS,
    summary="Search listings",
)
async def search(http: HttpRequest) -> Response:
    """Without words and without `like`, the newest listings."""
    fields = single(http.query_params.multi_items())
    permit_buyer(http, fields)
    return await run_in_threadpool(_answer, context(http), request_id(http), fields, None)


@router.post(
    "/v1/search",
    response_class=Response,
    responses=_UPLOAD_ANSWERS,
    openapi_extra=_FORM_DOCS,
    summary="Search listings by photo",
)
async def search_by_photo(http: HttpRequest) -> Response:
    """By a photo, alone or with words; the parameters may stand in the form or in the address."""
    here = context(http)
    posted, photo = await read_form(http, photo_max_bytes=here.settings.photo_max_bytes)
    misplaced = [value for name, value in posted if name == "photo" and value]
    if misplaced:
        raise BadParameter("photo", misplaced[0], "it must be a file of a multipart form")
    posted = [(name, value) for name, value in posted if name != "photo"]
    fields = single([*http.query_params.multi_items(), *posted])
    permit_buyer(http, fields)
    return await run_in_threadpool(_answer, here, request_id(http), fields, photo)


def json_response(content: Any) -> Response:
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    return Response(body, media_type="application/json")


def read_request(
    here: Context, id: RequestId, fields: Mapping[str, str], photo: bytes | None
) -> Request:
    """Parameters and a cleaned photo → a Request. Raises BadParameter."""
    lookups = Lookups(
        locate=here.service.locate, exists=lambda like: here.service.listing(like) is not None
    )
    return search_request(fields, id=id, at=here.clock(), lookups=lookups, photo=photo)


def clean(service: Service, photo: bytes) -> bytes:
    """An uploaded photo → a cleaned one. Raises BadParameter."""
    try:
        return service.clean_photo(photo)
    except BadInput as error:
        raise BadParameter("photo", f"{len(photo):,} bytes", str(error)) from error


def _answer(
    here: Context, id: RequestId, fields: Mapping[str, str], photo: bytes | None
) -> Response:
    cleaned = None if photo is None else clean(here.service, photo)
    request = read_request(here, id, fields, cleaned)
    start = perf_counter()
    ranking = here.service.answer(request)
    took_ms = (perf_counter() - start) * 1000
    return json_response(search_json(request, ranking, took_ms=took_ms))
