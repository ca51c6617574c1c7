"""Who may ask what, how often and for how long: in front of every route."""

import asyncio
import logging
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Exchange

from marketrank.access import Action, ApiKey, Scope
from marketrank.api.metrics import pattern
from marketrank.api.operator.sessions import AREA, SIGN_IN, Sessions, is_operators, to_sign_in
from marketrank.api.problems import Failure, Refused, out_of_scope, problem, unknown
from marketrank.api.rate_limit import TokenBuckets
from marketrank.api.service import Context

_log = logging.getLogger(__name__)
_READING = ("GET", "HEAD", "OPTIONS")
_UPLOAD_COST = 5
"""Of a request with a body, in requests: most carry a photo to be decoded and embedded."""
_NAMES_A_BUYER = (
    "a request that names a buyer is answered with what is known of them, and needs a key of scope "
    "write; send it from your server, or leave buyer out"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests of these methods (() for all) and paths need one of these scopes; none: no key."""

    methods: tuple[str, ...]
    path: re.Pattern[str]
    scopes: tuple[Scope, ...]


def _rule(methods: tuple[str, ...], path: str, *scopes: Scope) -> Rule:
    return Rule(methods, re.compile(path, re.DOTALL), scopes)


RULES = (
    _rule(_READING, r"/healthcheck|/readyz|/metrics|/openapi\.json|/static/.*"),
    _rule((), SIGN_IN),
    # By the cookie of somebody who is signed in, not by the header.
    _rule((), rf"{AREA}(/.*)?", Scope.ADMIN),
    _rule((), r"/v1/(audit|keys|models|admin)(/.*)?", Scope.ADMIN),
    _rule(_READING, r"/v1/listings/.+/buyers", Scope.SELLER, Scope.ADMIN),
    _rule(("POST",), r"/v1/(search|drafts)|/predict/.*", Scope.READ),
    _rule((), r"/v1/jobs(/.*)?", Scope.WRITE, Scope.SELLER),
    _rule(("POST", "PUT", "PATCH", "DELETE"), r"/v1/listings(/.*)?", Scope.WRITE, Scope.SELLER),
    # Of people: never without a key, whatever else is open.
    _rule((), r"/v1/(buyers|events)(/.*)?", Scope.WRITE),
    _rule(("POST", "PUT", "PATCH", "DELETE"), r"/v1/.*", Scope.WRITE),
    _rule((), r".*", Scope.READ),
)
"""The first that fits counts. What nobody thought of needs a key to change something."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key, or None for somebody without one, and the address."""

    key: ApiKey | None
    address: str


def caller(http: HttpRequest) -> Caller:
    """Who asks; set by the Gate."""
    return cast("Caller", http.state.caller)


def permit_buyer(http: HttpRequest, fields: Mapping[str, str]) -> None:
    """What a buyer did shows in what they are shown, so a request that names one needs a key of
    the marketplace's own systems, also where reading is open. Raises Refused (401 or 403)."""
    if not fields.get("buyer", "").strip():
        return
    key = caller(http).key
    if key is None:
        raise Refused(unknown("buyer: " + _NAMES_A_BUYER))
    if not key.allows(Scope.WRITE):
        raise Refused(out_of_scope("buyer: " + _NAMES_A_BUYER))


def rule_of(method: str, path: str) -> Rule:
    return next(
        rule
        for rule in RULES
        if (not rule.methods or method in rule.methods) and rule.path.fullmatch(path)
    )


def needed(rule: Rule, *, open_reading: bool) -> tuple[Scope, ...]:
    """The scopes of which a key must have one; () where none is needed."""
    return () if open_reading and Scope.READ in rule.scopes else rule.scopes


class Gate:
    """ASGI middleware: key, scope, rate, time, and the log of administrators' requests.

    Answers 401 for a missing or bad key, 403 for one without the scope, 429 with Retry-After
    beyond the rate, 503 for what takes too long.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        here: Context,
        sessions: Sessions,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """`sessions` are those of the operator's area."""
        settings = here.settings
        self._sessions = sessions
        self._app = app
        self._here = here
        self._now = now
        burst = settings.rate_burst_seconds
        self._addresses = TokenBuckets(rate=settings.rate_per_address, burst_seconds=burst)
        self._keys = TokenBuckets(rate=settings.rate_per_key, burst_seconds=burst)

    async def __call__(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        if exchange["type"] != "http":
            await self._app(exchange, receive, send)
            return
        method, path = exchange["method"], exchange["path"]
        rule = rule_of(method, path)
        outcome = await self._admit(exchange, rule, cost=1 if method in _READING else _UPLOAD_COST)
        if isinstance(outcome, Failure):
            outcome = problem(HttpRequest(exchange), outcome)
        if isinstance(outcome, Response):
            await outcome(exchange, receive, send)
            return
        exchange["state"]["caller"] = outcome
        status = 500  # of what ends as an exception, which is answered further out
        try:
            status = await self._answered(exchange, receive, send)
        finally:
            if _is_audited(method, rule, outcome):
                await self._audit(outcome, method, _unnamed(exchange), status)

    async def _admit(
        self, exchange: Exchange, rule: Rule, *, cost: float
    ) -> Caller | Failure | Response:
        address = str((exchange.get("client") or ("unknown",))[0])
        if is_operators(exchange["path"]):
            return await self._admit_operator(HttpRequest(exchange), address, cost)
        token = _token(Headers(scope=exchange))
        if token is None:
            wait = self._addresses.take(address, cost, self._now()) if rule.scopes else 0
            if wait:
                return _too_often(wait)
            if needed(rule, open_reading=self._here.settings.open_reading):
                return unknown("this needs a key; send it as Authorization: Bearer mr_…")
            return Caller(None, address)
        key = await run_in_threadpool(self._here.service.keys.check, token, self._here.clock())
        if key is None:
            # Guesses are counted: nobody may try keys faster than they may search.
            wait = self._addresses.take(address, cost, self._now())
            return _too_often(wait) if wait else unknown("the key is not valid; ask for a new one")
        wait = self._keys.take(key.id, cost, self._now())
        if wait:
            return _too_often(wait)
        if rule.scopes and not any(key.allows(scope) for scope in rule.scopes):
            known = " or ".join(rule.scopes)
            return out_of_scope(f"this needs a key of scope {known}")
        return Caller(key, address)

    async def _admit_operator(
        self, http: HttpRequest, address: str, cost: float
    ) -> Caller | Failure | Response:
        """Who is signed in comes in; anybody else is sent to sign in, as often as others may
        search."""
        session = None
        if http.url.path != SIGN_IN:
            at = self._here.clock()
            session = await run_in_threadpool(self._sessions.read, http.cookies, at)
        if session is None:
            wait = self._addresses.take(address, cost, self._now())
            if wait:
                return _too_often(wait)
            return Caller(None, address) if http.url.path == SIGN_IN else to_sign_in(http)
        wait = self._keys.take(session.key.id, cost, self._now())
        if wait:
            return _too_often(wait)
        http.state.session = session
        return Caller(session.key, address)

    async def _answered(self, exchange: Exchange, receive: Receive, send: Send) -> int:
        """The status of the answer."""
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        seconds = self._here.settings.request_seconds
        try:
            async with asyncio.timeout(seconds):
                await self._app(exchange, receive, watched)
        except TimeoutError:
            if status:  # half an answer cannot be taken back
                raise
            _log.warning(
                "%s %s took longer than %g s", exchange["method"], _unnamed(exchange), seconds
            )
            detail = f"it took longer than {seconds:g} seconds; try again, or ask for less"
            failure = Failure(503, "Took too long", detail, "urn:marketrank:too-slow")
            await problem(HttpRequest(exchange), failure)(exchange, receive, send)
            return failure.status
        return status

    async def _audit(self, who: Caller, method: str, path: str, status: int) -> None:
        assert who.key is not None
        detail: dict[str, Any] = {"status": status, "address": who.address}
        action = Action(self._here.clock(), who.key.id, method, path[:500], detail)
        await run_in_threadpool(self._here.service.audit.write, action)


def _is_audited(method: str, rule: Rule, who: Caller) -> bool:
    if who.key is None or method in _READING:
        return False
    return Scope.ADMIN in rule.scopes or Scope.ADMIN in who.key.scopes


def _unnamed(exchange: Exchange) -> str:
    """The path, as it may be kept: of a buyer's the pattern alone, or their id would outlive
    them."""
    path: str = exchange["path"]
    return pattern(exchange) if path.startswith("/v1/buyers/") else path


def _token(headers: Headers) -> str | None:
    kind, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else None


def _too_often(wait: float) -> Failure:
    seconds = str(max(1, math.ceil(wait)))
    detail = f"too many requests; wait {seconds} s"
    headers = {"Retry-After": seconds}
    return Failure(429, "Too many requests", detail, "urn:marketrank:rate", headers=headers)
