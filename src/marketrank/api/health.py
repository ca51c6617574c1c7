"""Is the process up, and can it answer?"""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.problems import problem_responses
from marketrank.api.search import json_response
from marketrank.api.service import context
from marketrank.errors import NotReady

_UP = {"message": "API is up and running!"}


def _example(value: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": value}}}}


router = APIRouter(tags=["health"])


@router.get("/healthcheck", response_class=Response, responses=_example(_UP), summary="Alive?")
async def healthcheck() -> Response:
    """Answers as soon as the process serves, release or not."""
    return json_response(_UP)


@router.get(
    "/readyz",
    response_class=Response,
    responses={**_example({"release": "20260131T093000-1a2b3c4d"}), **problem_responses(503)},
    summary="Ready to answer?",
)
async def readyz(http: HttpRequest) -> Response:
    """200 once a release is loaded, 503 before."""
    release = context(http).service.release()
    if release is None:
        raise NotReady("no release is loaded yet; run `marketrank index` or wait for it")
    return json_response({"release": release})
