"""Idempotency keys: a request that is sent again gets the answer of the first
(draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.gate import caller
from marketrank.api.parameters import BadParameter
from marketrank.api.service import Context
from marketrank.errors import InConflict
from marketrank.jobs import Replay

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
DOCUMENTED: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Any text of yours: the same one again within a day gets the first answer, and "
    "nothing is done twice",
    "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,200}$"},
    "example": "9b2f0c1e-order-17",
}


def once(
    here: Context, http: HttpRequest, asked: tuple[bytes, ...], make: Callable[[], Response]
) -> Response:
    """`make()`, or the answer that an earlier request with the same idempotency key got. `asked` is
    all that the request asks for. Raises HTTPException 409 while the earlier one is being answered,
    InConflict where it asked for something else."""
    key = http.headers.get(HEADER)
    if key is None:
        return make()
    if not _KEY.fullmatch(key):
        raise BadParameter(HEADER, key, "give 1 to 200 visible ASCII characters")
    who = caller(http).key
    owner = who.id if who else ""
    replays = here.service.replays
    digest = hashlib.sha256(b"\0".join(hashlib.sha256(one).digest() for one in asked)).digest()
    earlier = replays.begin(owner, key, digest, at=here.clock())
    if earlier is not None:
        return _repeated(key, earlier, digest)
    try:
        made = make()
    except BaseException:
        replays.drop(owner, key)
        raise
    location = made.headers.get("location")
    replays.finish(owner, key, Replay(digest, made.status_code, bytes(made.body), location))
    return made


def _repeated(key: str, earlier: Replay, digest: bytes) -> Response:
    if earlier.request != digest:
        raise InConflict(f"{HEADER} {key}: it was used for another request; take a new one")
    if not earlier.status:
        raise HTTPException(
            409, "the first request with this key is being answered; wait", {"Retry-After": "1"}
        )
    headers = {REPLAYED: "true"}
    if earlier.location:
        headers["Location"] = earlier.location
    return Response(earlier.body, earlier.status, headers, "application/json")
