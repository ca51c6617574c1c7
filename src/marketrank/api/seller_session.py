"""Who is the seller that uses the page: a signed cookie, made once from a key of scope `seller`.

The cookie names the key and the mark of its secret, never the secret. Each request asks whether the
key still opens: one that is revoked or rotated away signs its seller out.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.access import KeyId, Scope, mark_of
from marketrank.api.service import Context, context
from marketrank.api.signed import csrf_ok, csrf_token, signer_of
from marketrank.errors import BadInput
from marketrank.types import SellerId

COOKIE = "marketrank_seller"
FORM_COOKIE = "marketrank_seller_sign_in"
"""Before somebody has signed in: what the token of that form belongs to."""
MAX_AGE_S = 12 * 3600
_PURPOSE = "seller"
_REFUSED = "this key does not open: copy it whole (mr_….…), or ask for a new one"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A seller who has signed in; `token` is what each of their forms carries."""

    seller: SellerId
    name: str
    token: str


def signed_in(http: HttpRequest) -> SignedIn | None:
    """The seller of a request's cookie; None for anybody else. It may ask the database."""
    here = context(http)
    cookie = http.cookies.get(COOKIE, "")
    signer = signer_of(here.settings)
    value = signer.unsign(_PURPOSE, cookie, MAX_AGE_S) if cookie else None
    if value is None:
        return None
    id, _, mark = value.partition(" ")
    key = here.service.keys.marked(KeyId(id), mark, here.clock())
    if key is None or Scope.SELLER not in key.scopes or key.seller is None:
        return None
    return SignedIn(key.seller, key.name, csrf_token(signer, cookie))


def checked(http: HttpRequest, token: str) -> SignedIn:
    """The seller who sent a form. Raises HTTPException 401 for nobody, and 403 for a form that is
    not from a page of ours."""
    who = signed_in(http)
    if who is None:
        raise HTTPException(401, "sign in first, at /seller/sign-in")
    if not csrf_ok(signer_of(context(http).settings), http.cookies[COOKIE], token):
        raise HTTPException(403, "this form is not from our page, or too old: load it again")
    return who


def cookie_of(here: Context, token: str, at: datetime) -> str:
    """The cookie of whoever holds a seller's key. Raises BadInput, in words for them, for any other
    text."""
    key = here.service.keys.check(token, at)
    if key is None:
        raise BadInput(_REFUSED)
    if Scope.SELLER not in key.scopes:
        raise BadInput("this key is no seller's: ask for one of scope seller, with your seller id")
    return signer_of(here.settings).sign(_PURPOSE, f"{key.id} {mark_of(token)}")


def keep(http: HttpRequest, response: Response, name: str, value: str, max_age: int) -> None:
    """Set a cookie that scripts cannot read and other sites cannot send."""
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path="/",
        secure=http.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def form_cookie(http: HttpRequest) -> str:
    """The cookie that the sign-in form belongs to: the one that came, else a new one."""
    return http.cookies.get(FORM_COOKIE, "") or secrets.token_urlsafe(16)


def form_token(here: Context, cookie: str) -> str:
    return csrf_token(signer_of(here.settings), cookie)


def form_is_ours(http: HttpRequest, token: str) -> bool:
    cookie = http.cookies.get(FORM_COOKIE, "")
    return csrf_ok(signer_of(context(http).settings), cookie, token)


def own_path(text: str) -> str:
    """Where to go on after signing in: a path of the seller's pages, whatever the text says."""
    parts = urlsplit(text)
    ours = not parts.scheme and not parts.netloc and "\\" not in text
    return text if ours and parts.path in ("/sell", "/seller") else "/seller"
