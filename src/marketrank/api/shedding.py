"""Too many at once: who comes when all places are taken is told so at once.

A process that takes in more than it can answer answers nobody in time: each request waits for all
before it, until its client has given up and the answer is made for no one (Beyer et al., "Site
Reliability Engineering", 2016, chapter 21). With a bound the ones inside are answered as fast as
ever, and the others know that they may come again.
"""

from collections.abc import Callable

from starlette.requests import Request as HttpRequest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketrank.api.problems import Failure, problem

_READING = ("GET", "HEAD", "OPTIONS")
_ALWAYS = ("/healthcheck", "/readyz", "/metrics", "/openapi.json")
_FILES = "/static/"
_RETRY_SECONDS = "1"


class Shedding:
    """ASGI middleware: at most `most` requests inside at a time (0: any number), 503 with
    Retry-After to the others. Whoever asks how the process is, and its own files, are let through.

    A request with a body takes its place when the body has come: one that is sent slowly, or never
    to its end, keeps nobody out.
    """

    def __init__(self, app: ASGIApp, *, most: int, on_shed: Callable[[], None]) -> None:
        self._app = app
        self._most = most
        self._on_shed = on_shed
        self._inside = 0  # one thread, that of the loop, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._most or _is_let_through(scope["path"]):
            await self._app(scope, receive, send)
            return
        if self._inside >= self._most:
            self._on_shed()
            await problem(HttpRequest(scope), self._failure())(scope, receive, send)
            return
        inside = scope["method"] in _READING
        self._inside += inside

        async def received() -> Message:
            nonlocal inside
            message = await receive()
            if not inside and not message.get("more_body", False):
                inside = True
                self._inside += 1
            return message

        try:
            await self._app(scope, received, send)
        finally:
            self._inside -= inside

    def _failure(self) -> Failure:
        detail = (
            f"{self._most} requests are being answered already; try again in {_RETRY_SECONDS} s"
        )
        headers = {"Retry-After": _RETRY_SECONDS}
        return Failure(503, "Too busy", detail, "urn:marketrank:too-busy", headers=headers)


def _is_let_through(path: str) -> bool:
    return path in _ALWAYS or path.startswith(_FILES)
