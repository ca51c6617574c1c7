"""What did not become a listing or a photo, and why."""

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.operator.area import desk, page, room
from marketrank.types import Reason

_PER_PAGE = 50
_MOST_DIGITS = 6

router = room()


@router.get("/quarantine")
def quarantine(http: HttpRequest) -> Response:
    counts = desk(http).rejections()
    kind, reason = _filter(http, counts)
    number = _page_number(http)
    found = desk(http).rejected(kind, reason, (number - 1) * _PER_PAGE, _PER_PAGE + 1)
    query = {"kind": kind or "", "reason": reason or ""}
    chosen = {name: value for name, value in query.items() if value}
    wanted = sum(
        n
        for (of, why), n in counts.items()
        if (kind is None or of == kind) and (reason is None or why == reason)
    )
    return page(
        http,
        "quarantine.html",
        counts=sorted(counts.items(), key=lambda one: (-one[1], one[0])),
        total=sum(counts.values()),
        kinds=sorted({of for of, _ in counts}),
        reasons=sorted({why for _, why in counts}),
        kind=kind,
        reason=reason,
        found=found[:_PER_PAGE],
        wanted=wanted,
        number=number,
        before=f"?{urlencode({**chosen, 'page': number - 1})}" if number > 1 else "",
        after=f"?{urlencode({**chosen, 'page': number + 1})}" if len(found) > _PER_PAGE else "",
    )


def _filter(
    http: HttpRequest, counts: Mapping[tuple[str, Reason], int]
) -> tuple[str | None, Reason | None]:
    """What is asked for, as far as it is known; anything else filters nothing."""
    kind, reason = http.query_params.get("kind"), http.query_params.get("reason")
    kinds, reasons = {of for of, _ in counts}, set(Reason)
    return kind if kind in kinds else None, Reason(reason) if reason in reasons else None


def _page_number(http: HttpRequest) -> int:
    """From 1; 1 for what is no number."""
    said = http.query_params.get("page", "")
    known = said.isascii() and said.isdigit() and len(said) <= _MOST_DIGITS
    return max(1, int(said)) if known else 1
