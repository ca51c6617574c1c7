"""Buyers: their profile, what they agree to, all that is held of them, and its erasure."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.bodies import check_known, number, read_object, shown, text
from marketrank.api.parameters import BadParameter
from marketrank.api.people_schemas import (
    MOST_ATTRIBUTES,
    BuyerShape,
    ConsentsShape,
    ErasedAnswer,
    ExportAnswer,
    ProfileShape,
    body_docs,
    buyer_json,
)
from marketrank.api.problems import problem_responses
from marketrank.api.search import json_response
from marketrank.api.service import Context, context
from marketrank.errors import BadInput
from marketrank.people import Buyer, Purpose
from marketrank.types import BuyerId, Place, SellerId

_PROFILE = ("attributes", "place", "seller")
_PLACE = ("town", "county", "latitude", "longitude")
_NOT_TO_KEEP = {"Cache-Control": "no-store"}
Id = Annotated[str, Path(description="Your id of the buyer", examples=["b-17"])]

router = APIRouter(tags=["buyers"])


# Ids may contain slashes, so the longer addresses stand before the one that takes the whole rest.
@router.put(
    "/v1/buyers/{id:path}/consents",
    response_class=Response,
    responses={200: {"model": BuyerShape}, **problem_responses(400, 415, 422)},
    openapi_extra=dict(body_docs(ConsentsShape)),
    summary="What a buyer agrees to",
)
async def consents(http: HttpRequest, id: Id) -> Response:
    """Recorded with the time. What they do not name stays as it is; nothing is agreed to until they
    say so. Where `history` is taken back, what was kept under it is destroyed."""
    given = await read_object(http, tuple(Purpose))
    for name, value in given.items():
        if not isinstance(value, bool):
            raise BadParameter(name, shown(value), "say true or false")
    return await run_in_threadpool(_agree, context(http), _checked(id), given)


@router.get(
    "/v1/buyers/{id:path}/export",
    response_class=Response,
    responses={200: {"model": ExportAnswer}, **problem_responses(404, 422)},
    summary="All that is held of a buyer",
)
async def export(http: HttpRequest, id: Id) -> Response:
    """Profile, consents and withdrawals, interactions, and what they were shown."""
    people = context(http).service.people
    try:
        held = await run_in_threadpool(people.export, _checked(id))
    except BadInput as error:
        raise _unknown(id) from error
    return _private(held)


@router.get(
    "/v1/buyers/{id:path}",
    response_class=Response,
    responses={200: {"model": BuyerShape}, **problem_responses(404, 422)},
    summary="A buyer",
)
async def buyer(http: HttpRequest, id: Id) -> Response:
    """Their profile and what they agree to."""
    found = await run_in_threadpool(context(http).service.people.get, _checked(id))
    if found is None:
        raise _unknown(id)
    return _private(buyer_json(found))


@router.put(
    "/v1/buyers/{id:path}",
    response_class=Response,
    responses={200: {"model": BuyerShape}, **problem_responses(400, 415, 422)},
    openapi_extra=dict(body_docs(ProfileShape)),
    summary="Tell who a buyer is",
)
async def put_buyer(http: HttpRequest, id: Id) -> Response:
    """Replaces their profile; what they agree to stays. Nothing of it is used without consent."""
    body = await read_object(http, _PROFILE)
    return await run_in_threadpool(_put, context(http), _checked(id), body)


@router.delete(
    "/v1/buyers/{id:path}",
    response_class=Response,
    responses={200: {"model": ErasedAnswer}, **problem_responses(422)},
    summary="Erase a buyer",
)
async def erase(http: HttpRequest, id: Id) -> Response:
    """Removes every trace: their key, their profile, what they did and what they were shown."""
    done = await run_in_threadpool(context(http).service.people.erase, _checked(id))
    return _private({"erased": done})


def _agree(here: Context, id: BuyerId, given: dict[str, bool]) -> Response:
    at = here.clock()

    def agreeing(held: Buyer) -> Buyer:
        agreed = dict(held.consents)
        for name, agrees in given.items():
            if agrees:
                agreed.setdefault(Purpose(name), at)
            else:
                agreed.pop(Purpose(name), None)
        return replace(held, consents=agreed)

    return _private(buyer_json(here.service.people.change(id, agreeing, at)))


def _put(here: Context, id: BuyerId, body: dict[str, Any]) -> Response:
    seller, place = body.get("seller"), body.get("place")
    told = Buyer(
        id,
        _attributes(body.get("attributes", {})),
        None if place is None else _place(here, place),
        None if seller is None else SellerId(text("seller", seller)),
    )

    def telling(held: Buyer) -> Buyer:
        return replace(told, consents=held.consents)

    return _private(buyer_json(here.service.people.change(id, telling, here.clock())))


def _attributes(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MOST_ATTRIBUTES:
        remedy = f'give an object of at most {MOST_ATTRIBUTES} texts: {{"age": "25-34"}}'
        raise BadParameter("attributes", shown(value), remedy)
    return {
        text("attributes", name): text(f"attributes.{name}", each) for name, each in value.items()
    }


def _place(here: Context, value: Any) -> Place:
    if not isinstance(value, dict):
        raise BadParameter("place", shown(value), f"give an object with {', '.join(_PLACE)}")
    check_known(value, _PLACE, "place.")
    town, county = text("place.town", value.get("town")), value.get("county")
    latitude, longitude = value.get("latitude"), value.get("longitude")
    if not {"latitude", "longitude"} & value.keys():
        near = here.service.locate(town)
        if near is None:
            remedy = "no such place is known; give its latitude and longitude, or a larger town"
            raise BadParameter("place.town", town, remedy)
        latitude, longitude = near.latitude, near.longitude
    return Place(
        town,
        None if county is None else text("place.county", county),
        here.settings.country,
        number("place.latitude", latitude, -90, 90),
        number("place.longitude", longitude, -180, 180),
    )


def _checked(id: str) -> BuyerId:
    return BuyerId(text("id", id))


def _unknown(id: str) -> HTTPException:
    return HTTPException(404, f"buyer {id[:100]}: nothing is held of them")


def _private(content: Any) -> Response:
    response = json_response(content)
    response.headers.update(_NOT_TO_KEEP)
    return response
