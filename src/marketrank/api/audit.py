"""GET /v1/audit: what was done with the rights of an administrator."""

from fastapi import APIRouter
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.parameters import Parameter, documented, single, whole
from marketrank.api.problems import problem_responses
from marketrank.api.schemas import Shape
from marketrank.api.search import json_response
from marketrank.api.service import Context, context

MAX_LIMIT = 200
_DEFAULT = 50
_LAST = 999_999_999
_PARAMETERS = (
    Parameter(
        "cursor",
        "`next` of the page before; the latest without it",
        4711,
        {"type": "integer", "minimum": 1, "maximum": _LAST},
    ),
    Parameter(
        "limit",
        "Entries to return",
        _DEFAULT,
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": _DEFAULT},
    ),
)

router = APIRouter(tags=["administration"])


class ActionShape(Shape):
    number: int = Field(examples=[4711])
    at: str = Field(description="UTC, RFC 3339", examples=["2026-01-31T09:30:00Z"])
    actor: str = Field(description='Id of a key, or "command line"', examples=["3f9c0a1b2c3d4e5f"])
    action: str = Field(examples=["DELETE"])
    target: str = Field(examples=["/v1/listings/1001"])
    detail: dict[str, object] = Field(examples=[{"status": 200, "address": "192.0.2.7"}])


class AuditAnswer(Shape):
    """A page of the log, the latest first."""

    items: list[ActionShape]
    next: int | None = Field(description="Cursor of the next page; null: no more", examples=[4661])


@router.get(
    "/v1/audit",
    response_class=Response,
    responses={200: {"model": AuditAnswer}, **problem_responses(422)},
    openapi_extra={"parameters": documented(_PARAMETERS)},
    summary="What administrators did",
)
async def audit(http: HttpRequest) -> Response:
    """Requests with a key of scope `admin` that changed something, and commands that made or
    ended keys."""
    fields = single(http.query_params.multi_items(), ("cursor", "limit"))
    limit = whole("limit", fields.get("limit") or None, 1, MAX_LIMIT, _DEFAULT)
    cursor = whole("cursor", fields.get("cursor") or None, 1, _LAST, 0)
    return await run_in_threadpool(_page, context(http), cursor or None, limit)


def _page(here: Context, before: int | None, limit: int) -> Response:
    found = here.service.audit.read(before, limit + 1)
    items = [
        {
            "number": one.number,
            "at": one.at,
            "actor": one.actor,
            "action": one.action,
            "target": one.target,
            "detail": dict(one.detail),
        }
        for one in found[:limit]
    ]
    return json_response(
        {"items": items, "next": found[limit - 1].number if len(found) > limit else None}
    )
