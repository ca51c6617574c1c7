"""Errors as answers: every exception becomes a Failure, and a Failure problem+json (RFC 9457)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.parameters import BadParameter
from marketrank.api.security import response_headers
from marketrank.api.service import request_id
from marketrank.errors import BadInput, InConflict, NotAllowed, NotReady, NotThere

_RETRY_SECONDS = "10"
_STATUSES: dict[type[Exception], tuple[int, str]] = {
    NotThere: (404, "Not found"),
    NotAllowed: (403, "Forbidden"),
    InConflict: (409, "Conflict"),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is told: `type` is a URN or "about:blank", `more` are further members."""

    status: int
    title: str
    detail: str
    type: str = "about:blank"
    more: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class Refused(HTTPException):
    """A request that is answered with a failure of its own."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.status, failure.detail, failure.headers)


def unknown(detail: str) -> Failure:
    """Who asks has no key, or none that is valid."""
    headers = {"WWW-Authenticate": "Bearer"}
    return Failure(401, "Unauthorized", detail, "urn:marketrank:key", headers=headers)


def out_of_scope(detail: str) -> Failure:
    """Who asks has a key that does not allow it."""
    return Failure(403, "Forbidden", detail, "urn:marketrank:scope")


def failure_of(error: Exception) -> Failure:
    """What to tell about an exception. Of unexpected ones nothing is told: the log has them."""
    if isinstance(error, Refused):
        return error.failure
    if isinstance(error, BadParameter):
        more = {"parameter": error.parameter, "value": error.value, "remedy": error.remedy}
        return Failure(422, "Bad parameter", str(error), "urn:marketrank:bad-parameter", more)
    if isinstance(error, BadInput):
        return Failure(422, "Bad request", str(error), "urn:marketrank:bad-input")
    for kind, (status, title) in _STATUSES.items():
        if isinstance(error, kind):
            return Failure(status, title, str(error))
    if isinstance(error, NotReady):
        wait = {"Retry-After": _RETRY_SECONDS}
        return Failure(503, "Not ready", str(error), "urn:marketrank:not-ready", headers=wait)
    if isinstance(error, HTTPException):
        title = HTTPStatus(error.status_code).phrase
        return Failure(error.status_code, title, error.detail, headers=dict(error.headers or {}))
    return Failure(
        500, "Internal Server Error", "something failed on our side; try again, or report the id"
    )


def problem(http: HttpRequest, failure: Failure) -> Response:
    """The failure as application/problem+json."""
    body: dict[str, Any] = {
        "type": failure.type,
        "title": failure.title,
        "status": failure.status,
        "detail": failure.detail,
        "request_id": request_id(http),
        **failure.more,
    }
    return Response(
        orjson.dumps(body),
        failure.status,
        # An answer to an unexpected exception is sent outside the guard that adds these.
        {**response_headers(request_id(http)), **failure.headers},
        "application/problem+json",
    )


class ProblemShape(BaseModel):
    """An error (RFC 9457, application/problem+json)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:marketrank:bad-parameter"])
    title: str = Field(examples=["Bad parameter"])
    status: int = Field(examples=[422])
    detail: str = Field(
        description="What is wrong and what to do",
        examples=["price=cheap: it is not a price range; write 10..50, 10.. or ..50"],
    )
    request_id: str = Field(examples=["0d1f6c2e9a3b4c5d8e7f60718293a4b5"])
    parameter: str | None = Field(None, description="Which one", examples=["price"])
    value: str | None = Field(None, description="What it was", examples=["cheap"])
    remedy: str | None = Field(
        None,
        description="What to do",
        examples=["it is not a price range; write 10..50, 10.. or ..50"],
    )


def problem_responses(*statuses: int) -> Mapping[int | str, dict[str, Any]]:
    """OpenAPI entries of these error statuses."""
    titles = {
        400: "Broken body",
        401: "No valid key",
        403: "Not with this key",
        404: "Not found",
        409: "In conflict with what is there",
        412: "Changed meanwhile",
        413: "Too large",
        415: "Of another kind",
        422: "Bad parameter",
        429: "Too many requests",
        503: "Not ready",
    }
    schema = ProblemShape.model_json_schema()
    return {
        status: {
            "description": titles[status],
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in statuses
    }
