"""The application: routes, guards and error handlers around a Service."""

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

import marketrank
from marketrank.api import (
    acting,
    audit,
    buyers,
    buyers_feed,
    drafts,
    events,
    health,
    jobs,
    listings,
    metrics,
    offers,
    pages,
    predict,
    search,
    sell,
    seller,
    suggest,
    your_data,
)
from marketrank.api.compression import Compressed
from marketrank.api.forms import MAX_FIELD_BYTES
from marketrank.api.gate import Gate
from marketrank.api.openapi import documenting
from marketrank.api.operator import rooms as operator_area
from marketrank.api.operator.area import Area
from marketrank.api.operator.desk import Desk
from marketrank.api.operator.sessions import Sessions
from marketrank.api.problems import failure_of, problem
from marketrank.api.security import ID_HEADER, Guard
from marketrank.api.service import Context, Service
from marketrank.api.shedding import Shedding
from marketrank.api.signed import signer_of
from marketrank.config import Settings
from marketrank.errors import MarketrankError
from marketrank.monitoring.metrics import Metrics

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
# Answers below these paths are for programs, errors included; all else is for people.
_FOR_PROGRAMS = (
    "/v1/",
    "/predict/",
    "/photos/",
    "/static/",
    "/healthcheck",
    "/readyz",
    "/metrics",
    "/openapi.json",
)
_FOREVER = "public, max-age=31536000, immutable"
# What a form holds beside its photo: text fields and the boundaries between them.
_FORM_SLACK = 2 * MAX_FIELD_BYTES


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    service: Service,
    *,
    settings: Settings,
    lifespan: Lifespan | None = None,
    clock: Callable[[], datetime] = utc_now,
    measured: Metrics | None = None,
    desk: Desk | None = None,
) -> FastAPI:
    """The API and the pages over `service`. `clock` returns UTC; `measured` are the metrics that
    the service writes to as well; without a `desk` there is no operator's area."""
    app = FastAPI(
        title="marketrank",
        summary="Search and recommendation for a marketplace of one-off listings",
        version=marketrank.__version__,
        lifespan=lifespan,
        # The usual documentation pages load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
    )
    here = Context(service, settings, clock)
    app.state.context = here
    app.state.metrics = measured or Metrics()
    for room in (
        health,
        metrics,
        search,
        suggest,
        buyers_feed,
        listings,
        offers,
        jobs,
        events,
        buyers,
        predict,
        drafts,
        audit,
        acting,
        your_data,
        sell,
        seller,
        pages,
    ):
        app.include_router(room.router)
    sessions = Sessions(lambda: signer_of(settings), lambda: service.keys)
    if desk is not None:
        app.state.operator = Area(desk, sessions)
        for router in operator_area.ROUTERS:
            app.include_router(router)
    app.mount("/static", _Static(directory=pages.STATIC))
    # The last added is the outermost.
    app.add_middleware(Gate, here=here, sessions=sessions)
    app.add_middleware(Shedding, most=settings.requests_at_once, on_shed=app.state.metrics.shed)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", ID_HEADER],
            expose_headers=[ID_HEADER, "Location", "Retry-After", "ETag"],
        )
    app.add_middleware(Compressed)
    app.add_middleware(
        Guard,
        max_body=settings.photo_max_bytes + _FORM_SLACK,
        larger={("PUT", "/v1/listings"): settings.bulk_max_bytes},
    )
    app.add_middleware(metrics.Measured, metrics=app.state.metrics)  # it times all
    app.openapi = documenting(app, open_reading=settings.open_reading)  # type: ignore[method-assign]
    for kind in (MarketrankError, HTTPException, Exception):
        app.add_exception_handler(kind, _explain)
    return app


class _Static(StaticFiles):
    """Static files. An address that carries a digest of the content may be kept for ever."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        dated = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = _FOREVER if dated else "no-cache"
        return response


def _explain(http: HttpRequest, error: Exception) -> Response:
    failure = failure_of(error)
    if http.url.path.startswith(_FOR_PROGRAMS):
        return problem(http, failure)
    return pages.failure_page(http, failure)
