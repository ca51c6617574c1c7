"""A buyer's own feed, and the buyers for a listing."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.access import ApiKey, Scope
from marketrank.api.answers import similar_json
from marketrank.api.gate import caller
from marketrank.api.listings import Id, find
from marketrank.api.parameters import BadParameter, Parameter, check_text, documented, single, whole
from marketrank.api.problems import problem_responses
from marketrank.api.schemas import SimilarAnswer
from marketrank.api.search import json_response
from marketrank.api.service import Context, context, request_id
from marketrank.asking import Request
from marketrank.types import BuyerId, RequestId, Stored

_DEFAULT, _MOST = 24, 100
_LONGEST_ID = 200
_SCHEMA = {"type": "integer", "minimum": 1, "maximum": _MOST, "default": _DEFAULT}
_FEED = (
    Parameter("k", "Listings to return", _DEFAULT, _SCHEMA),
    Parameter(
        "profiling",
        "false: as for somebody of whom nothing is known",
        "true",
        {"type": "string", "enum": ["true", "false"], "default": "true"},
    ),
    Parameter(
        "explain",
        "full: with the numbers behind each result",
        "full",
        {"type": "string", "enum": ["full"]},
    ),
)
_AUDIENCE = (Parameter("k", "Buyers to return", _DEFAULT, _SCHEMA),)

router = APIRouter(tags=["buyers"])


class MatchShape(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(
        description="A pseudonym, the same for this listing only", examples=["9f86d081884c7d659a2f"]
    )
    score: float = Field(description="Higher is better", examples=[0.71])


class ReachShape(BaseModel):
    model_config = ConfigDict(extra="forbid")

    share: float = Field(
        description="Share of those who agreed that are taken to be interested", examples=[0.06]
    )
    consenting: int = Field(
        description="How many agreed that sellers may be told of them", examples=[1840]
    )


class AudienceAnswer(BaseModel):
    """Buyers for a listing, best first."""

    model_config = ConfigDict(extra="forbid")

    listing: str = Field(examples=["1001"])
    buyers: list[MatchShape]
    reach: ReachShape


@router.get(
    "/v1/buyers/{id}/recommendations",
    response_class=Response,
    responses={200: {"model": SimilarAnswer}, **problem_responses(422, 503)},
    openapi_extra={"parameters": documented(_FEED)},
    summary="A buyer's feed",
)
async def recommendations(
    http: HttpRequest, id: Annotated[str, Path(description="The buyer's id", examples=["b-17"])]
) -> Response:
    """What fits them, what is popular and what is new, as far as they agreed to what that takes. A
    buyer of whom nothing is held has what everybody has."""
    fields = single(http.query_params.multi_items(), known=tuple(p.name for p in _FEED))
    return await run_in_threadpool(_feed, context(http), request_id(http), id, fields)


@router.get(
    "/v1/listings/{id:path}/buyers",
    response_class=Response,
    responses={200: {"model": AudienceAnswer}, **problem_responses(403, 404, 422, 503)},
    openapi_extra={"parameters": documented(_AUDIENCE)},
    summary="Buyers for a listing",
)
async def buyers(http: HttpRequest, id: Id) -> Response:
    """Who of those who agreed to it could want the listing, by pseudonyms. Only for its seller, or
    with a key of scope admin. Each buyer in the answer counts as offered it today."""
    fields = single(http.query_params.multi_items(), known=tuple(p.name for p in _AUDIENCE))
    return await run_in_threadpool(_audience, context(http), id, fields, caller(http).key)


def _feed(here: Context, id: RequestId, buyer: str, fields: dict[str, str]) -> Response:
    check_text("id", buyer, _LONGEST_ID)
    request = Request(
        id=id,
        at=here.clock(),
        buyer=BuyerId(buyer),
        profiling=_choice("profiling", fields.get("profiling") or "true", "true", "false"),
        explain=_choice("explain", fields.get("explain") or "none", "full", "none"),
        k=whole("k", fields.get("k") or None, 1, _MOST, _DEFAULT),
    )
    return json_response(similar_json(request, here.service.answer(request)))


def _choice(name: str, value: str, yes: str, no: str) -> bool:
    if value not in (yes, no):
        raise BadParameter(name, value, f"say {yes} or {no}")
    return value == yes


def _audience(here: Context, id: str, fields: dict[str, str], key: ApiKey | None) -> Response:
    k = whole("k", fields.get("k") or None, 1, _MOST, _DEFAULT)
    stored = find(here.service, id)
    _permit(key, stored)
    found = here.service.buyers_for(stored.listing.id, stored.listing.seller, k, here.clock())
    answer: dict[str, Any] = {
        "listing": stored.listing.id,
        "buyers": [{"id": one.id, "score": one.score} for one in found.buyers],
        "reach": {"share": round(found.reach, 4), "consenting": found.consenting},
    }
    return json_response(answer)


def _permit(key: ApiKey | None, stored: Stored) -> None:
    """Raises HTTPException 403 for anybody but an administrator and the listing's seller."""
    seller = stored.listing.seller
    if key is not None and key.allows(Scope.ADMIN):
        return
    if key is not None and seller is not None and key.seller == seller:
        return
    raise HTTPException(
        403,
        f"listing {stored.listing.id}: its buyers are for its seller alone; send a key of scope "
        "seller with the id of its seller, or one of scope admin",
    )
