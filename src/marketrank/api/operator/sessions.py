"""Who is signed in to the operator's area: a signed cookie that names a key and never holds it."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypedDict, cast
from urllib.parse import urlencode

from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from marketrank.access import ApiKey, KeyId, Keys, Scope, mark_of
from marketrank.api.signed import Signer, csrf_ok, csrf_token

AREA = "/operator"
SIGN_IN = f"{AREA}/sign-in"
COOKIE = "marketrank_operator"
FORM_COOKIE = "marketrank_operator_sign_in"
"""Of a browser that is about to sign in: what the form's token is made for. Not the name of the
sellers', whose cookie is sent to these pages, too."""
SECONDS = 8 * 3600
"""How long somebody stays signed in."""
_FORM_SECONDS = 3600
_PURPOSE = "operator"
_VALUE = re.compile(r"([0-9a-f]{16})\.([0-9a-f]{32})\.[A-Za-z0-9_-]+")


class _Flags(TypedDict):
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["strict"]


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in: the key they came with, and the text of their cookie."""

    key: ApiKey
    cookie: str


class Sessions:
    """Opens and reads sessions. Nothing is kept on the server: any process of a home reads what
    another has opened. May be called from several threads."""

    def __init__(self, signer: Callable[[], Signer], keys: Callable[[], Keys]) -> None:
        """Both are asked when they are needed: to open keys may start a database."""
        self._signer = signer
        self._keys = keys

    def open(self, token: str, at: datetime) -> Session | None:
        """A session for a key; None for one that is not valid, or does not allow to administer."""
        key = self._keys().check(token, at)
        if key is None or Scope.ADMIN not in key.scopes:
            return None
        value = f"{key.id}.{mark_of(token)}.{secrets.token_urlsafe(12)}"
        return Session(key, self._signer().sign(_PURPOSE, value))

    def read(self, cookies: Mapping[str, str], at: datetime) -> Session | None:
        """The session of these cookies. None where it is too old, or its key was revoked, has
        expired, was rotated for longer than the old secret holds, or may no longer administer."""
        cookie = cookies.get(COOKIE, "")
        value = self._signer().unsign(_PURPOSE, cookie, SECONDS)
        matched = _VALUE.fullmatch(value or "")
        if matched is None:
            return None
        key = self._keys().marked(KeyId(matched[1]), matched[2], at)
        if key is None or Scope.ADMIN not in key.scopes:
            return None
        return Session(key, cookie)

    def token(self, cookie: str) -> str:
        """For the forms of a page that the holder of this cookie is shown."""
        return csrf_token(self._signer(), cookie)

    def is_own(self, cookie: str, token: str) -> bool:
        """Whether a form with this token is from such a page."""
        return csrf_ok(self._signer(), cookie, token)

    def keep(self, response: Response, http: HttpRequest, session: Session) -> None:
        """Sign the browser in."""
        response.set_cookie(COOKIE, session.cookie, SECONDS, **_flags(http))
        response.delete_cookie(FORM_COOKIE, **_flags(http))

    def end(self, response: Response, http: HttpRequest) -> None:
        """Sign the browser out."""
        response.delete_cookie(COOKIE, **_flags(http))

    def offer(self, response: Response, http: HttpRequest, cookie: str) -> None:
        """Remember which browser the sign-in form was shown to."""
        response.set_cookie(FORM_COOKIE, cookie, _FORM_SECONDS, **_flags(http))


def is_operators(path: str) -> bool:
    """Whether an address is in the operator's area."""
    return path == AREA or path.startswith(AREA + "/")


def session_of(http: HttpRequest) -> Session:
    """Who is signed in; set by the Gate."""
    return cast("Session", http.state.session)


def to_sign_in(http: HttpRequest) -> Response:
    """Where somebody goes who is not signed in, and comes back from if they only looked."""
    looks = http.method == "GET"
    to = f"{SIGN_IN}?{urlencode({'next': http.url.path})}" if looks else SIGN_IN
    return RedirectResponse(to, 303, {"Cache-Control": "no-store"})


def new_form_cookie() -> str:
    return secrets.token_urlsafe(24)


def _flags(http: HttpRequest) -> _Flags:
    return {
        "path": AREA,
        "secure": http.url.scheme == "https",
        "httponly": True,
        "samesite": "strict",
    }
