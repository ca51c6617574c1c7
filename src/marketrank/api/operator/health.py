"""How the marketplace is: ready, how far behind, how fast, and what was slow."""

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.operator.area import desk, now, page, room
from marketrank.api.operator.charts import share_bar

router = room()


@router.get("")
def health(http: HttpRequest) -> Response:
    found = desk(http).health(now(http))
    slowest = max((one.p95_ms for one in found.stages), default=0.0)
    bars = {one.name: share_bar(one.p95_ms / slowest) for one in found.stages if slowest}
    return page(http, "health.html", health=found, bars=bars)
