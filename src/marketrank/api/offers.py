"""Listings by the API: create, upsert in bulk, change, end, and their photos."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.access import Scope
from marketrank.api.answers import listing_json
from marketrank.api.forms import FORM_KINDS, content_type, read_object, read_uploads
from marketrank.api.gate import caller
from marketrank.api.jobs import JobShape, LineShape, job_json, line_json
from marketrank.api.listings import Id, etag
from marketrank.api.parameters import BadParameter, single
from marketrank.api.problems import problem_responses
from marketrank.api.replay import DOCUMENTED, once
from marketrank.api.schemas import ListingDetail, Shape
from marketrank.api.search import json_response
from marketrank.api.service import Context, context
from marketrank.pipelines.offer_fields import (
    LONGEST_LABEL,
    MOST_LABELS,
    OFFER_FIELDS,
    OfferField,
)
from marketrank.pipelines.offers import Writer
from marketrank.types import ImageId, ListingId, Seq, Stored

_JSON = "application/json"
_LINES = "application/x-ndjson"
_MOST_FILES = 8
_LONGEST_URL = 2_000
_IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "`ETag` of the listing as you know it: 409 if it has changed since",
    "schema": {"type": "string", "pattern": r'^"[0-9]{1,18}"$'},
    "example": '"4711"',
}
ImageName = Annotated[
    str, Path(description="As `photo_ids` has it", examples=["0d1f6c2e9a3b4c5d8e7f60718293a4b5"])
]

router = APIRouter(tags=["sellers"])


class BulkAnswer(Shape):
    """What became of each line."""

    counts: dict[str, int] = Field(
        description="By status", examples=[{"created": 1, "updated": 1, "rejected": 1}]
    )
    lines: list[LineShape]


def offer_schema(*, required: tuple[str, ...], without: tuple[str, ...] = ()) -> dict[str, Any]:
    """A listing as it is sent, for the OpenAPI document."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {
            name: _field_schema(name, field)
            for name, field in OFFER_FIELDS.items()
            if name not in without
        },
        # Coordinates come in pairs.
        "dependentRequired": {"latitude": ["longitude"], "longitude": ["latitude"]},
    }


def _field_schema(name: str, field: OfferField) -> dict[str, Any]:
    text = {"type": "string", "maxLength": field.longest, **_TEXTS.get(name, {})}
    kinds: dict[str, dict[str, Any]] = {
        "text": text,
        "texts": {
            "type": "array",
            "maxItems": MOST_LABELS,
            "items": {"type": "string", "maxLength": LONGEST_LABEL},
        },
        "number": {"type": "number", "minimum": field.bounds[0], "maximum": field.bounds[1]},
    }
    found = [kinds[kind] for kind in field.kinds]
    if name not in ("latitude", "longitude", "id", "title"):
        found.append({"type": "null"})
    schema = found[0] if len(found) == 1 else {"anyOf": found}
    return {**schema, "description": field.meaning, "examples": [field.example]}


_TEXTS: dict[str, dict[str, Any]] = {
    "id": {"minLength": 1},
    "title": {"minLength": 1, "pattern": r"^[\s\S]*[^\x00-\x20\x85\s][\s\S]*$"},
    "price": {"format": "price-text"},
    "currency": {"pattern": "^[A-Z]{3}$"},
    "created_at": {"format": "date-time"},
}


def _body(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {kind: {"schema": schema}}}


@router.post(
    "/v1/listings",
    response_class=Response,
    status_code=201,
    responses={
        201: {"model": ListingDetail},
        **problem_responses(400, 403, 409, 413, 415, 422),
    },
    openapi_extra={
        "parameters": [DOCUMENTED],
        "requestBody": _body(_JSON, offer_schema(required=("title",))),
    },
    summary="Offer something",
)
async def create(http: HttpRequest) -> Response:
    """It is cleaned as a feed's listings are: contact details are hidden, the place is looked up.
    Searches find it within seconds. Without an `id` it gets one. Photos are sent afterwards."""
    here = context(http)
    values = await _object(http)

    def make() -> Response:
        stored = here.service.offers.create(values, writer(http), here.clock())
        return _told(stored, 201)

    asked = (b"create", orjson.dumps(values, option=orjson.OPT_SORT_KEYS))
    return await run_in_threadpool(once, here, http, asked, make)


@router.put(
    "/v1/listings",
    response_class=Response,
    responses={
        200: {"model": BulkAnswer},
        202: {"model": JobShape, "description": "Many lines: a job that `Location` names"},
        **problem_responses(400, 413, 415, 422),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                _LINES: {
                    "schema": {"type": "string", "format": "ndjson"},
                    "example": '{"id": "1001", "title": "Solid oak dining table", "price": 120}\n',
                }
            },
        }
    },
    summary="Make or change many listings",
)
async def upsert(http: HttpRequest) -> Response:
    """One JSON object a line, each whole: a field that it lacks is emptied, photos stay. Lines that
    cannot be used are told, and the others written. The same lines again change nothing."""
    here = context(http)
    if content_type(http) not in (_LINES, "application/ndjson", "application/jsonl"):
        raise HTTPException(415, f"the body must be {_LINES}: a JSON object a line")
    records = list(_read_lines(await http.body()))
    if not records:
        raise HTTPException(400, "the body has no line; send a JSON object a line")
    if all(isinstance(values, str) for _, values in records):
        raise HTTPException(400, f"no line is a JSON object: of the first, {records[0][1]}")
    return await run_in_threadpool(_upsert, here, http, records)


# These routes take the whole rest as an id, so the longer ones stand first.
@router.post(
    "/v1/listings/{id:path}/photos",
    response_class=Response,
    status_code=201,
    responses={
        201: {"model": ListingDetail},
        **problem_responses(400, 403, 404, 409, 413, 415, 422),
    },
    openapi_extra={
        "parameters": [DOCUMENTED],
        "requestBody": {
            "required": True,
            "content": {
                FORM_KINDS[0]: {
                    "schema": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["photo"],
                        "properties": {
                            "photo": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": _MOST_FILES,
                                "items": {"type": "string", "format": "binary"},
                                "description": "Image files, any common format",
                                "examples": [["@front.jpg", "@back.jpg"]],
                            }
                        },
                    }
                },
                _JSON: {
                    "schema": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["url"],
                        "properties": {
                            "url": {
                                "type": "string",
                                "format": "photo-url",
                                "maxLength": _LONGEST_URL,
                                "description": "A public https or http address of an image file",
                                "examples": ["https://images.example.com/table.jpg"],
                            }
                        },
                    }
                },
            },
        },
    },
    summary="Add photos to a listing",
)
async def add_photos(http: HttpRequest, id: Id) -> Response:
    """Files of a form, or the address of one. They come behind those that the listing has; a file
    that it has already is left out."""
    here = context(http)
    if content_type(http) == _JSON:
        url = await _url(http)

        def files() -> list[bytes]:
            longest = here.settings.photo_max_bytes
            return [here.service.fetch_photo(url, max_bytes=longest)]

        asked: tuple[bytes, ...] = (b"photos", id.encode(), url.encode())
    else:
        uploads = await _uploads(http)

        def files() -> list[bytes]:
            return uploads

        asked = (b"photos", id.encode(), *uploads)

    def make() -> Response:
        offers, name = here.service.offers, ListingId(id)
        stored = offers.add_photos(name, files, writer(http), here.clock())
        return _told(stored, 201)

    return await run_in_threadpool(once, here, http, asked, make)


@router.delete(
    "/v1/listings/{id:path}/photos/{image}",
    response_class=Response,
    responses={200: {"model": ListingDetail}, **problem_responses(403, 404, 422)},
    summary="Remove a photo from a listing",
)
async def remove_photo(http: HttpRequest, id: Id, image: ImageName) -> Response:
    here = context(http)
    single(http.query_params.multi_items(), known=())

    def make() -> Response:
        offers = here.service.offers
        return _told(
            offers.remove_photo(ListingId(id), ImageId(image), writer(http), here.clock()), 200
        )

    return await run_in_threadpool(make)


@router.patch(
    "/v1/listings/{id:path}",
    response_class=Response,
    responses={
        200: {"model": ListingDetail},
        **problem_responses(400, 403, 404, 409, 413, 415, 422),
    },
    openapi_extra={
        "parameters": [_IF_MATCH],
        "requestBody": _body(
            _JSON, {**offer_schema(required=(), without=("id",)), "minProperties": 1}
        ),
    },
    summary="Change a listing",
)
async def change(http: HttpRequest, id: Id) -> Response:
    """The fields that are sent, null to empty one. A listing that has ended becomes live again."""
    here = context(http)
    values = await _object(http)
    seq = _known_seq(http)

    def make() -> Response:
        offers = here.service.offers
        return _told(offers.change(ListingId(id), values, writer(http), here.clock(), seq), 200)

    return await run_in_threadpool(make)


@router.delete(
    "/v1/listings/{id:path}",
    response_class=Response,
    responses={200: {"model": ListingDetail}, **problem_responses(403, 404, 422)},
    summary="End a listing",
)
async def end(http: HttpRequest, id: Id) -> Response:
    """Sold, or taken back: searches do not find it any more, and its page says so."""
    here = context(http)
    single(http.query_params.multi_items(), known=())

    def make() -> Response:
        return _told(here.service.offers.end(ListingId(id), writer(http), here.clock()), 200)

    return await run_in_threadpool(make)


def writer(http: HttpRequest) -> Writer:
    """Whose listings the caller may write. A key that may write all is not bound to its seller."""
    key = caller(http).key
    if key is None:
        raise HTTPException(401, "this needs a key", {"WWW-Authenticate": "Bearer"})
    return Writer() if key.allows(Scope.WRITE) else Writer(key.seller)


def _upsert(
    here: Context, http: HttpRequest, records: list[tuple[int, Mapping[str, Any] | str]]
) -> Response:
    who, mine = caller(http).key, writer(http)
    if len(records) > here.settings.bulk_at_once:
        job = here.service.bulk.start(records, mine, who.id if who else "")
        answer = json_response(job_json(job))
        answer.status_code = 202
        answer.headers["Location"] = f"/v1/jobs/{job.id}"
        return answer
    lines = here.service.offers.upsert(records, mine, here.clock())
    counts: dict[str, int] = {}
    for line in lines:
        counts[line.status] = counts.get(line.status, 0) + 1
    return json_response({"counts": counts, "lines": [line_json(line) for line in lines]})


def _read_lines(body: bytes) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """The objects with their line numbers from 1; blank lines are passed over. One that is no
    object comes as what is wrong with it."""
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield number, f"it is not JSON: {error}"
            continue
        yield number, found if isinstance(found, dict) else "it is JSON but no object"


async def _object(http: HttpRequest) -> dict[str, Any]:
    single(http.query_params.multi_items(), known=())
    if content_type(http) != _JSON:
        raise HTTPException(415, f"the body must be {_JSON}")
    return await read_object(http)


async def _url(http: HttpRequest) -> str:
    values = await _object(http)
    url = values.get("url")
    if set(values) != {"url"} or not isinstance(url, str):
        raise BadParameter("url", str(url), 'send {"url": "https://…"} and nothing else')
    if not 0 < len(url) <= _LONGEST_URL:
        raise BadParameter("url", url, f"give 1 to {_LONGEST_URL} characters")
    return url


async def _uploads(http: HttpRequest) -> list[bytes]:
    longest = context(http).settings.photo_max_bytes
    fields, files = await read_uploads(http, ("photo",), most=_MOST_FILES, photo_max_bytes=longest)
    single(fields, known=())
    if not files:
        raise BadParameter("photo", "nothing", "send a file as photo")
    return [one.data for one in files]


def _known_seq(http: HttpRequest) -> Seq | None:
    given = http.headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    tag = given.strip().removeprefix("W/").strip('"')
    if not (tag.isascii() and tag.isdecimal() and len(tag) <= 18):
        raise BadParameter("If-Match", given, "send the ETag of a listing")
    return Seq(int(tag))


def _told(stored: Stored, status: int) -> Response:
    answer = json_response(listing_json(stored))
    answer.status_code = status
    answer.headers["ETag"] = etag(stored)
    if status == 201:
        answer.headers["Location"] = "/v1" + str(listing_json(stored)["url"])
    return answer
