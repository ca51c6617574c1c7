"""Listings by id, listings like a listing, and their photos."""

import re
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.answers import listing_json, similar_json
from marketrank.api.conditional import NOT_MODIFIED, is_known
from marketrank.api.gate import permit_buyer
from marketrank.api.parameters import PARAMETERS, documented, single
from marketrank.api.problems import problem_responses
from marketrank.api.schemas import ListingDetail, SimilarAnswer
from marketrank.api.search import json_response, read_request
from marketrank.api.service import Context, Service, context, request_id
from marketrank.errors import BadInput
from marketrank.types import BlobKey, ListingId, RequestId, Stored

_KEY = re.compile(r"[0-9a-f]{64}")
_LONGEST_ID = 200
# A blob's name is the digest of its bytes: what a name stands for never changes.
_FOREVER = "public, max-age=31536000, immutable"
_SIMILAR_PARAMETERS = (
    "q",
    "offset",
    "limit",
    "ignore",
    "spell",
    "buyer",
    "profiling",
    "explain",
)
_SIMILAR_DOCS = {"parameters": documented(p for p in PARAMETERS if p.name in _SIMILAR_PARAMETERS)}
Id = Annotated[str, Path(description="The feed's own id", examples=["1001"])]

router = APIRouter(tags=["listings"])


# Ids may contain slashes, so this route must stand before the one that takes the whole rest.
@router.get(
    "/v1/listings/{id:path}/similar",
    response_class=Response,
    responses={200: {"model": SimilarAnswer}, **problem_responses(404, 422, 503)},
    openapi_extra=_SIMILAR_DOCS,
    summary="Listings like this one",
)
async def similar(http: HttpRequest, id: Id) -> Response:
    """Best first, never the listing itself or a repeat of it; `q` says what should be different
    ("in blue"). A listing that has ended still has some."""
    fields = single(http.query_params.multi_items(), known=_SIMILAR_PARAMETERS)
    permit_buyer(http, fields)
    return await run_in_threadpool(_similar, context(http), request_id(http), id, fields)


@router.get(
    "/v1/listings/{id:path}",
    response_class=Response,
    responses={
        200: {"model": ListingDetail},
        304: NOT_MODIFIED,
        **problem_responses(404, 422),
    },
    summary="One listing",
)
async def listing(http: HttpRequest, id: Id) -> Response:
    """Live or ended: `live` says which."""
    single(http.query_params.multi_items(), known=())
    stored = await run_in_threadpool(find, context(http).service, id)
    headers = {"ETag": etag(stored), "Cache-Control": "private, no-cache"}
    if is_known(http, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    response = json_response(listing_json(stored))
    response.headers.update(headers)
    return response


@router.get(
    "/photos/{key}.jpg",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
        304: NOT_MODIFIED,
        **problem_responses(404),
    },
    summary="A photo",
)
async def photo(
    http: HttpRequest, key: Annotated[str, Path(description="sha256", examples=["0" * 64])]
) -> Response:
    """A square JPEG, which may be kept for ever."""
    if not _KEY.fullmatch(key):
        raise HTTPException(404, f"photo {key[:100]}: there is none; a name has 64 hex digits")
    headers = {"ETag": f'"{key}"', "Cache-Control": _FOREVER}
    if is_known(http, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    try:
        data = await run_in_threadpool(context(http).service.photo, BlobKey(key))
    except KeyError as error:
        raise HTTPException(404, f"photo {key}: there is none; take its path from a listing") from (
            error
        )
    return Response(data, headers=headers, media_type="image/jpeg")


def etag(stored: Stored) -> str:
    """Changes with everything that is told of a listing."""
    return f'"{stored.seq}"'


def find(service: Service, id: str) -> Stored:
    """A listing, live or ended. Raises HTTPException 404 where there never was one."""
    # Postgres refuses NUL in text; no feed has such ids.
    sound = len(id) <= _LONGEST_ID and "\0" not in id
    stored = service.listing(ListingId(id)) if sound else None
    if stored is None:
        shown = id[:100].replace("\0", "�")
        raise HTTPException(404, f"listing {shown}: there is none; take an id from /v1/search")
    return stored


def _similar(here: Context, id: RequestId, like: str, fields: dict[str, str]) -> Response:
    find(here.service, like)
    request = read_request(here, id, {**fields, "like": like}, None)
    try:
        ranking = here.service.answer(request)
    except BadInput as error:  # ended or too young: the store has it and the index has not
        raise HTTPException(404, f"listing {like}: it is not in the index; try again") from error
    return json_response(similar_json(request, ranking))
