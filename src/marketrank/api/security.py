"""What every HTTP exchange gets: an id, security headers, and an end to its body."""

import re
from collections.abc import Mapping
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Own files only, no inline script or style; data: shows a visitor the photo they searched with.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Search words stand in the address: other sites need not learn them.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
ID_HEADER = "X-Request-Id"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# How much of a body beyond the limit is read and thrown away: a server that stops reading resets
# the connection, and the browser shows that instead of our answer.
_DRAIN = 4


class Guard:
    """ASGI middleware. Bodies of more than `max_body` bytes end as HTTPException 413 in whoever
    reads them, without ever being held; `larger` has other limits by method and path."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body: int,
        larger: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        self._app = app
        self._max_body = max_body
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in response_headers(id).items():
                    headers.setdefault(name, value)
            await send(message)

        most = self._larger.get((scope["method"], scope["path"]), self._max_body)
        await self._app(scope, _limited(receive, most), send_with_headers)


def response_headers(id: str) -> dict[str, str]:
    return {**HEADERS, ID_HEADER: id}


def _request_id(headers: Headers) -> str:
    """The caller's id where it is a harmless one, else a new one."""
    given = headers.get(ID_HEADER, "")
    return given if _ID.fullmatch(given) else uuid4().hex


def _limited(receive: Receive, max_body: int) -> Receive:
    read = 0

    async def limited() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read <= max_body:
            return message
        while message.get("more_body", False) and read <= max_body * (1 + _DRAIN):
            message = await receive()
            read += len(message.get("body", b""))
        raise HTTPException(413, f"the upload is larger than {max_body / 1e6:.0f} MB; send less")

    return limited
