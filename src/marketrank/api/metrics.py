"""GET /metrics, and the middleware that times every exchange."""

import logging
from time import perf_counter

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketrank.monitoring.logs import REQUESTS
from marketrank.monitoring.metrics import CONTENT_TYPE, OTHER, Metrics

_log = logging.getLogger(REQUESTS)
router = APIRouter()


@router.get("/metrics", include_in_schema=False)
def metrics(http: HttpRequest) -> Response:
    """For Prometheus; a proxy to the outside should not pass it on."""
    measured: Metrics = http.app.state.metrics
    return Response(measured.render(), media_type=CONTENT_TYPE)


class Measured:
    """ASGI middleware: how long each exchange took, by the pattern of its address, and a line in
    the log of requests, which has no address, words or network name."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # of what ends without an answer
        since = perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        waiting = current_default_thread_limiter().statistics().tasks_waiting
        with self._metrics.request(waiting):
            try:
                await self._app(scope, receive, send_and_note)
            finally:
                route = pattern(scope)
                self._metrics.served(route, scope["method"], status, since)
                _log.info(
                    "served",
                    extra={
                        "request_id": scope.get("state", {}).get("request_id"),
                        "route": route,
                        "status": status,
                        "ms": round((perf_counter() - since) * 1000, 1),
                    },
                )


def pattern(scope: Scope) -> str:
    """The pattern that a routed request has matched ("/v1/listings/{id:path}")."""
    route = scope.get("route")
    path: str = getattr(route, "path", "")
    if path:
        return path
    # A mount ("/static") names no route, only how much of the address is its own.
    root: str = scope.get("root_path", "")
    return root or OTHER
