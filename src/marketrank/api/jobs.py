"""GET /v1/jobs/{id}: how far work is that outlasts its request, and what became of each line."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.access import Scope
from marketrank.api.gate import caller
from marketrank.api.parameters import Parameter, documented, single, whole
from marketrank.api.problems import problem_responses
from marketrank.api.schemas import Shape
from marketrank.api.search import json_response
from marketrank.api.service import Context, context
from marketrank.errors import NotThere
from marketrank.jobs import Job, Line

MAX_LIMIT = 1_000
_DEFAULT = 100
_LAST = 999_999_999
_LINES = "/v1/jobs/{id}/lines"
_PARAMETERS = (
    Parameter(
        "cursor",
        "`next` of the page before; the first lines without it",
        100,
        {"type": "integer", "minimum": 0, "maximum": _LAST},
    ),
    Parameter(
        "limit",
        "Lines to return",
        _DEFAULT,
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": _DEFAULT},
    ),
)
Id = Annotated[
    str, Path(description="As `Location` named it", examples=["0d1f6c2e9a3b4c5d8e7f60718293a4b5"])
]

router = APIRouter(tags=["jobs"])


class JobShape(Shape):
    """Work that goes on by itself."""

    id: str = Field(examples=["0d1f6c2e9a3b4c5d8e7f60718293a4b5"])
    kind: str = Field(examples=["upsert listings"])
    state: str = Field(description="running, done or failed", examples=["running"])
    done: int = Field(description="Lines that are written", examples=[512])
    total: int = Field(examples=[20_000])
    counts: dict[str, int] = Field(
        description="Lines by status", examples=[{"created": 500, "rejected": 12}]
    )
    problem: str | None = Field(description="Why it failed", examples=["send the rest again"])
    created_at: str = Field(examples=["2026-01-31T09:30:00Z"])
    updated_at: str = Field(examples=["2026-01-31T09:30:04Z"])
    lines: str = Field(
        description="Path of what became of each line",
        examples=["/v1/jobs/0d1f6c2e9a3b4c5d8e7f60718293a4b5/lines"],
    )


class LineShape(Shape):
    line: int = Field(description="From 1", examples=[3])
    id: str | None = Field(description="Of the listing; null: it has none", examples=["1001"])
    status: str = Field(
        description="created, updated, unchanged or rejected", examples=["rejected"]
    )
    detail: str | None = Field(
        description="Why it was rejected", examples=["title: it is missing; a listing needs it"]
    )


class LinesAnswer(Shape):
    """A page of lines, in order."""

    items: list[LineShape]
    next: int | None = Field(
        description="Cursor of the next page; null: no more yet", examples=[200]
    )


@router.get(
    "/v1/jobs/{id}",
    response_class=Response,
    responses={200: {"model": JobShape}, **problem_responses(404, 422)},
    summary="How far a job is",
)
async def job(http: HttpRequest, id: Id) -> Response:
    """Ask again while `state` is running. Jobs are forgotten after a week."""
    single(http.query_params.multi_items(), known=())
    return json_response(job_json(await run_in_threadpool(_find, context(http), http, id)))


@router.get(
    _LINES,
    response_class=Response,
    responses={200: {"model": LinesAnswer}, **problem_responses(404, 422)},
    openapi_extra={"parameters": documented(_PARAMETERS)},
    summary="What became of each line of a job",
)
async def lines(http: HttpRequest, id: Id) -> Response:
    fields = single(http.query_params.multi_items(), ("cursor", "limit"))
    limit = whole("limit", fields.get("limit") or None, 1, MAX_LIMIT, _DEFAULT)
    after = whole("cursor", fields.get("cursor") or None, 0, _LAST, 0)
    return await run_in_threadpool(_page, context(http), http, id, after, limit)


def job_json(found: Job) -> dict[str, Any]:
    """See JobShape."""
    return {
        "id": found.id,
        "kind": found.kind,
        "state": str(found.state),
        "done": found.done,
        "total": found.total,
        "counts": dict(found.counts),
        "problem": found.problem or None,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "lines": _LINES.format(id=found.id),
    }


def line_json(line: Line) -> dict[str, Any]:
    """See LineShape."""
    return {
        "line": line.line,
        "id": line.id,
        "status": line.status,
        "detail": line.detail or None,
    }


def _find(here: Context, http: HttpRequest, id: str) -> Job:
    """A job of the caller's own key; an administrator's may see all."""
    key = caller(http).key
    owner = None if key is None or Scope.ADMIN in key.scopes else key.id
    found = here.service.bulk.find(id.replace("\0", "�"), owner)
    if found is None:
        shown = id[:100].replace("\0", "�")
        raise NotThere(f"job {shown}: there is none of this key; jobs are kept for a week")
    return found


def _page(here: Context, http: HttpRequest, id: str, after: int, limit: int) -> Response:
    found = here.service.bulk.lines(_find(here, http, id), after, limit + 1)
    more = len(found) > limit
    items = [line_json(line) for line in found[:limit]]
    return json_response({"items": items, "next": found[limit - 1].line if more else None})
