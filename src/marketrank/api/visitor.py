"""Who looks at a page: the buyer whom a signed cookie names, and what their forms carry.

marketrank_buyer      the buyer's id, signed; set by the demo's switch, or by a site of the
                      operator's on the same host: Signer(page_key).sign("buyer", id)
marketrank_visit      a random text, signed, so that forms of nobody in particular can be told
                      from those of other sites; only where there is such a form
marketrank_profiling  "off": nothing that is known of them is used, until the browser is closed
marketrank_notice     what the next page says has been done
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.parameters import LONGEST_ID
from marketrank.api.service import Context, context
from marketrank.api.signed import Signer, csrf_ok, csrf_token, signer_of
from marketrank.pipelines.demo_buyers import DEMO_BUYERS, DemoBuyer
from marketrank.types import BuyerId

BUYER_COOKIE = "marketrank_buyer"
VISIT_COOKIE = "marketrank_visit"
PROFILING_COOKIE = "marketrank_profiling"
NOTICE_COOKIE = "marketrank_notice"
BUYER_MAX_AGE_S = 30 * 24 * 3600
_VISIT_MAX_AGE_S = 24 * 3600
_NOTICE_MAX_AGE_S = 60
_BUYER, _VISIT = "buyer", "visit"


@dataclass(frozen=True, slots=True)
class Visitor:
    """`session` is the text of the cookie that forms are bound to by `csrf`, both "" where there
    are no forms; `new_visit` says that the cookie has yet to be set. `demo` are the buyers to
    choose from, () outside of demos; `notice` is a key of NOTICES, or ""."""

    buyer: BuyerId | None = None
    session: str = ""
    csrf: str = ""
    new_visit: bool = False
    profiling: bool = True
    demo: tuple[DemoBuyer, ...] = ()
    notice: str = ""

    def search_fields(self) -> dict[str, str]:
        """Who asks, as parameters of a search."""
        if self.buyer is None:
            return {}
        return {"buyer": self.buyer, "profiling": "true" if self.profiling else "false"}

    @property
    def known(self) -> bool:
        """Whether what is known of them may shape what they are shown."""
        return self.buyer is not None and self.profiling


NOBODY = Visitor()
NOTICES: Mapping[str, str] = {
    "saved": "Saved. You find it under “Your data”.",
    "counted": "Saved for now. We do not remember it: under “Your data” you can allow that.",
    "hidden": "Hidden. We will not show it to you again.",
    "chosen": "Your choices are saved.",
    "profiling-off": "For this visit we use nothing that we know of you.",
    "profiling-on": "What you allowed counts again.",
    "erased": "Everything that we held about you is erased.",
    "nothing": "There was nothing left to erase.",
    "switched": "You look at the page as somebody else now.",
}


def read_visitor(http: HttpRequest) -> Visitor:
    """Who asks. A cookie that is not ours, or too old, counts for nothing."""
    here = context(http)
    cookies = http.cookies
    demo = DEMO_BUYERS if here.settings.demo_buyers else ()
    if not (demo or cookies.get(BUYER_COOKIE)):
        return Visitor(notice=_notice(cookies))
    signer = signer_of(here.settings)
    text = cookies.get(BUYER_COOKIE, "")
    buyer = _buyer(signer.unsign(_BUYER, text, BUYER_MAX_AGE_S))
    session, new_visit = (text, False) if buyer else _visit(signer, cookies, wanted=bool(demo))
    return Visitor(
        buyer=buyer,
        session=session,
        csrf=csrf_token(signer, session) if session else "",
        new_visit=new_visit,
        profiling=cookies.get(PROFILING_COOKIE) != "off",
        demo=demo,
        notice=_notice(cookies),
    )


def check_form(http: HttpRequest, visitor: Visitor, fields: Mapping[str, str]) -> None:
    """Raises HTTPException 403 for a form that is not from a page of ours, made for them."""
    if visitor.session and not visitor.new_visit:
        signer = signer_of(context(http).settings)
        if csrf_ok(signer, visitor.session, fields.get("csrf", "")):
            return
    raise HTTPException(403, "the form is too old, or from elsewhere; load the page again")


def keep_visit(http: HttpRequest, visitor: Visitor, response: Response) -> None:
    """Set and clear the cookies that a page which was shown to them needs."""
    if visitor.new_visit:
        set_cookie(http, response, VISIT_COOKIE, visitor.session, None)
    if visitor.notice:
        response.delete_cookie(NOTICE_COOKIE)


def become(http: HttpRequest, response: Response, buyer: BuyerId | None) -> None:
    """Make the browser that of a buyer, or of nobody."""
    if buyer is None:
        response.delete_cookie(BUYER_COOKIE)
        return
    signer = signer_of(context(http).settings)
    set_cookie(http, response, BUYER_COOKIE, signer.sign(_BUYER, buyer), BUYER_MAX_AGE_S)


def notify(http: HttpRequest, response: Response, notice: str) -> None:
    """Let the next page say what has been done: a key of NOTICES."""
    set_cookie(http, response, NOTICE_COOKIE, notice, _NOTICE_MAX_AGE_S)


def set_cookie(
    http: HttpRequest, response: Response, name: str, value: str, max_age_s: int | None
) -> None:
    """One that no script sees and no other site's form sends; None lasts until the browser is
    closed."""
    response.set_cookie(
        name,
        value,
        max_age=max_age_s,
        httponly=True,
        samesite="lax",
        secure=http.url.scheme == "https",
    )


def demo_buyer(here: Context, id: str) -> DemoBuyer | None:
    """One of those to choose from."""
    known = DEMO_BUYERS if here.settings.demo_buyers else ()
    return next((one for one in known if one.id == id), None)


def _buyer(value: str | None) -> BuyerId | None:
    if not value or len(value) > LONGEST_ID or "\0" in value:
        return None
    return BuyerId(value)


def _visit(signer: Signer, cookies: Mapping[str, str], *, wanted: bool) -> tuple[str, bool]:
    """The text of the visit's cookie, and whether it is new."""
    held = cookies.get(VISIT_COOKIE, "")
    if signer.unsign(_VISIT, held, _VISIT_MAX_AGE_S) is not None:
        return held, False
    return (signer.sign(_VISIT, secrets.token_hex(16)), True) if wanted else ("", False)


def _notice(cookies: Mapping[str, str]) -> str:
    said = cookies.get(NOTICE_COOKIE, "")
    return said if said in NOTICES else ""
