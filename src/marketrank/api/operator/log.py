"""The audit log: what was done with the rights of an administrator."""

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.operator.area import page, room
from marketrank.api.service import context

_PER_PAGE = 50
_MOST_DIGITS = 15

router = room()


@router.get("/log")
def log(http: HttpRequest) -> Response:
    said = http.query_params.get("before", "")
    known = said.isascii() and said.isdigit() and len(said) <= _MOST_DIGITS
    before = int(said) if known else None
    found = context(http).service.audit.read(before, _PER_PAGE + 1)
    more = found[_PER_PAGE - 1].number if len(found) > _PER_PAGE else None
    return page(http, "log.html", found=found[:_PER_PAGE], before=before, more=more)
