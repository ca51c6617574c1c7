"""POST /v1/events: what buyers did, in batches."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.bodies import check_known, moment, read_object, shown, text
from marketrank.api.parameters import BadParameter
from marketrank.api.people_schemas import (
    MAX_EVENTS,
    EventsAnswer,
    EventsShape,
    body_docs,
    refused_json,
    taken_json,
)
from marketrank.api.problems import Failure, problem, problem_responses
from marketrank.api.search import json_response
from marketrank.api.service import Context, context
from marketrank.feedback.intake import Refused
from marketrank.people import EventId, Interaction, InteractionKind
from marketrank.types import BuyerId, ListingId, RequestId

_MEMBERS = ("id", "buyer", "listing", "kind", "at", "request")

router = APIRouter(tags=["buyers"])


@router.post(
    "/v1/events",
    response_class=Response,
    responses={200: {"model": EventsAnswer}, **problem_responses(400, 409, 413, 415, 422)},
    openapi_extra=dict(body_docs(EventsShape)),
    summary="Tell what buyers did",
)
async def events(http: HttpRequest) -> Response:
    """Each event is taken or refused by itself, and a batch may be sent again: an id that was taken
    before is not taken twice. 409, with the reasons, where none could be taken. Of buyers who have
    not agreed to `history` an event only counts towards how popular the listing is. `sold` ends the
    listing; what a buyer `hide`s is not shown to them again."""
    body = await read_object(http, ("events",))
    batch = body.get("events")
    if not isinstance(batch, list) or len(batch) > MAX_EVENTS:
        size = f"{len(batch):,} events" if isinstance(batch, list) else shown(batch)
        raise BadParameter("events", size, f"give a list of at most {MAX_EVENTS:,}; send several")
    for index, event in enumerate(batch):
        if not isinstance(event, dict):
            remedy = f"give objects with {', '.join(_MEMBERS)}"
            raise BadParameter(f"events[{index}]", shown(event), remedy)
    return await run_in_threadpool(_take, http, context(http), batch)


def _take(http: HttpRequest, here: Context, batch: Sequence[dict[str, Any]]) -> Response:
    at = here.clock()
    read: dict[int, Interaction] = {}
    refused: list[Refused] = []
    for index, event in enumerate(batch):
        try:
            read[index] = _read(event, at)
        except BadParameter as error:
            refused.append(Refused(index, error.parameter, error.value, error.remedy))
    taken = here.service.people.take(read, at)
    every = sorted((*refused, *taken.refused), key=lambda one: one.index)
    if batch and len(every) == len(batch):
        return problem(http, _nothing_taken(every))
    return json_response(taken_json(replace(taken, refused=tuple(every))))


def _read(event: dict[str, Any], now: datetime) -> Interaction:
    """Raises BadParameter."""
    check_known(event, _MEMBERS)
    kind = event.get("kind")
    if not isinstance(kind, str) or kind not in set(InteractionKind):
        known = ", ".join(InteractionKind)
        raise BadParameter("kind", shown(kind), f"there is no such kind; known are {known}")
    at, request = event.get("at"), event.get("request")
    return Interaction(
        EventId(text("id", event.get("id"))),
        BuyerId(text("buyer", event.get("buyer"))),
        ListingId(text("listing", event.get("listing"))),
        InteractionKind(kind),
        now if at is None else moment("at", at).astimezone(UTC),
        None if request is None else RequestId(text("request", request)),
    )


def _nothing_taken(refused: Sequence[Refused]) -> Failure:
    first = refused[0]
    detail = f"no event could be taken; the first: {first.parameter}={first.value}: {first.remedy}"
    more = {"refused": refused_json(tuple(refused))}
    return Failure(409, "No event could be taken", detail, "urn:marketrank:bad-events", more)
