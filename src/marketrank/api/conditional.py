"""Conditional requests (RFC 9110, 13): who has an answer already is told so instead."""

from hashlib import blake2b
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

NOT_MODIFIED: dict[str, Any] = {"description": "As `If-None-Match` knows it"}
_DIGEST_BYTES = 12


def is_known(http: HttpRequest, etag: str) -> bool:
    """Whether `If-None-Match` names the tag, weakly compared, as it has to be."""
    named = http.headers.get("if-none-match", "").split(",")
    tags = {tag.strip().removeprefix("W/") for tag in named}
    return etag in tags or "*" in tags


def tagged(http: HttpRequest, response: Response) -> Response:
    """The answer with a tag of what it says, or 304 with the same headers."""
    etag = f'"{blake2b(response.body, digest_size=_DIGEST_BYTES).hexdigest()}"'
    response.headers["ETag"] = etag
    if not is_known(http, etag):
        return response
    kept = {
        name: value
        for name, value in response.headers.items()
        if name not in ("content-length", "content-type")
    }
    return Response(status_code=304, headers=kept)
