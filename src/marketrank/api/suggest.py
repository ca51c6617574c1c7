"""GET /v1/suggest: what somebody who has typed so far may go on to type."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.answers import suggest_json
from marketrank.api.conditional import NOT_MODIFIED, tagged
from marketrank.api.parameters import Parameter, check_text, documented, single, whole
from marketrank.api.problems import problem_responses
from marketrank.api.schemas import SuggestAnswer
from marketrank.api.search import json_response
from marketrank.api.service import context

MAX_TEXT = 100
MAX_LIMIT = 20
DEFAULT_LIMIT = 8
# Long enough for somebody who deletes a letter and types it again.
_FRESH = "private, max-age=60"
_PARAMETERS = (
    Parameter(
        "q",
        "What was typed so far; a blank at the end closes the last word",
        "dining ta",
        {"type": "string", "maxLength": MAX_TEXT},
    ),
    Parameter(
        "limit",
        "Suggestions to return",
        DEFAULT_LIMIT,
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
)

router = APIRouter(tags=["search"])


@router.get(
    "/v1/suggest",
    response_class=Response,
    responses={
        200: {"model": SuggestAnswer},
        304: NOT_MODIFIED,
        **problem_responses(422, 503),
    },
    openapi_extra={"parameters": documented(_PARAMETERS)},
    summary="Complete what is being typed",
)
async def suggest(http: HttpRequest) -> Response:
    """Phrases that several listings share and names of categories, the most frequent first, also
    where the last word has a slip in it. Empty without words."""
    fields = single(http.query_params.multi_items(), ("q", "limit"))
    text = fields.get("q", "")
    check_text("q", text, MAX_TEXT)
    limit = whole("limit", fields.get("limit") or None, 1, MAX_LIMIT, DEFAULT_LIMIT)
    found = await run_in_threadpool(context(http).service.suggest, text, limit)
    response = json_response(suggest_json(text, found))
    response.headers["Cache-Control"] = _FRESH
    return tagged(http, response)
