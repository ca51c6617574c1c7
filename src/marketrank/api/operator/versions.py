"""Models, rankers and buyer towers: their scores, which is in use, and choosing another."""

from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from marketrank.api.operator.area import desk, now, page, posted, room
from marketrank.api.operator.desk import KINDS, Version, Versions
from marketrank.api.operator.sessions import AREA, session_of
from marketrank.errors import BadInput, InConflict, MarketrankError

_MOST_WHY = 200
_SAID = {"promoted": "is in use now.", "rolled-back": "is in use again."}
_NONE = "none"
"""In an address, as a version: none is in use any more."""
_HEADINGS = {"models": "Models", "rankers": "Rankers", "towers": "Buyer towers"}
_ABOUT = {
    "models": "What categorises and embeds listings, and says what they may cost. A promoted one "
    "is opened beside the one that answers; the indexer then embeds all listings with it.",
    "rankers": "What puts the best candidates in order, learned from what buyers did.",
    "towers": "What makes a point of a buyer. One works with the encoder it was trained for, and "
    "is not used with another.",
}
_COLUMNS = 6

router = room()


@router.get("/versions/{kind}")
def versions(http: HttpRequest, kind: str) -> Response:
    return _show(http, _known(kind))


@router.post("/versions/{kind}/promote/{version}")
def promote(http: HttpRequest, kind: str, version: str) -> Response:
    try:
        _unchanged(http, kind)
        desk(http).promote(_known(kind), version, at=now(http), why=_why(http))
    except MarketrankError as error:
        return _refused(http, kind, error)
    return _done(kind, "promoted", version)


@router.post("/versions/{kind}/roll-back")
def roll_back(http: HttpRequest, kind: str) -> Response:
    try:
        _unchanged(http, kind)
        version = desk(http).roll_back(_known(kind), at=now(http), why=_why(http))
    except MarketrankError as error:
        return _refused(http, kind, error)
    return _done(kind, "rolled-back", version or _NONE)


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise HTTPException(404, f"there are no {kind!r}; known are {', '.join(KINDS)}")
    return kind


def _unchanged(http: HttpRequest, kind: str) -> None:
    """Refuse a choice that was made by a page which shows another version as the one in use: a
    rollback that is sent twice would go back twice."""
    current = desk(http).versions(_known(kind)).current or ""
    if posted(http, "current") != current:
        raise InConflict(
            f"meanwhile {current or 'none'} has come into use; look again before you choose"
        )


def _why(http: HttpRequest) -> str:
    """For the log of promotions."""
    said = " ".join(posted(http, "why").split())[:_MOST_WHY]
    by = f"by {session_of(http).key.name} in the operator's area"
    return f"{said} ({by})" if said else by


def _done(kind: str, said: str, version: str) -> Response:
    query = urlencode({"said": said, "version": version})
    return RedirectResponse(f"{AREA}/versions/{kind}?{query}", 303)


def _refused(http: HttpRequest, kind: str, error: MarketrankError) -> Response:
    return _show(http, kind, str(error), 422 if isinstance(error, BadInput) else 409)


def _show(http: HttpRequest, kind: str, mistake: str = "", status: int = 200) -> Response:
    found = desk(http).versions(kind)
    return page(
        http,
        "versions.html",
        status,
        heading=_HEADINGS[kind],
        about=_ABOUT[kind],
        found=found,
        columns=_columns(found.versions),
        best=_best(found),
        mistake=mistake,
        said="" if mistake else _said(http, found),
    )


def _said(http: HttpRequest, found: Versions) -> str:
    """What has just been done, where the address says so and it still holds."""
    version, done = http.query_params.get("version", ""), http.query_params.get("said", "")
    if done not in _SAID or version != (found.current or _NONE):
        return ""
    return "None is in use any more." if version == _NONE else f"{version} {_SAID[done]}"


def _columns(found: Sequence[Version]) -> list[str]:
    """The scores that most versions have, in their order, without counts."""
    counts: dict[str, int] = {}
    for one in found:
        for name, value in one.metrics.items():
            if isinstance(value, float):
                counts[name] = counts.get(name, 0) + 1
    by_use = sorted(counts, key=lambda name: -counts[name])[:_COLUMNS]
    return [name for name in counts if name in by_use]


def _best(found: Versions) -> dict[str, float]:
    """The highest of each score, where there is more than one to compare. Errors (rmse, loss) are
    best where they are low."""
    best: dict[str, float] = {}
    for name in _columns(found.versions):
        values = [one.metrics[name] for one in found.versions if name in one.metrics]
        lower = any(part in name for part in ("rmse", "mae", "loss"))
        if len(set(values)) > 1:
            best[name] = min(values) if lower else max(values)
    return best
