"""Experiments with rankers: which arm buyers wanted more of, and how sure that is."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.operator.area import desk, now, page, room
from marketrank.buyers.audit_values import Interval
from marketrank.errors import BadInput
from marketrank.pipelines.audit_plots import Dot, Mark, dot_plot

DAYS = (7, 28, 90)
_DEFAULT = 28
_NARROWEST = 0.01

router = room()


@router.get("/experiments")
def experiments(http: HttpRequest) -> Response:
    said = http.query_params.get("days", "")
    days = next((one for one in DAYS if said == str(one)), _DEFAULT)
    try:
        found, mistake = desk(http).experiments(days, now(http)), ""
    except BadInput as error:
        found, mistake = [], str(error)
    shown = [(one, _plot(one["comparisons"])) for one in found]
    return page(http, "experiments.html", found=shown, days=days, choices=DAYS, mistake=mistake)


def _plot(comparisons: Sequence[Mapping[str, Any]]) -> Markup | None:
    """Each comparison with its interval around nothing, the draw."""
    dots = [
        Dot(
            f"{one['arm']} less {one['against']}",
            Interval(one["value"], *one["ci95"]),
            f"{one['value']:+.4f}".replace("-", "−"),
        )
        for one in comparisons
    ]
    if not dots:
        return None
    ends = [abs(end) for dot in dots for end in (dot.interval.low, dot.interval.high)]
    most = max(_NARROWEST, *ends) * 1.1
    plot = dot_plot(
        dots,
        title="How much more of one arm was wanted than of the other, with 95 % intervals",
        low=-most,
        high=most,
        ticks=[(-most, f"−{most:.2g}"), (most, f"+{most:.2g}")],
        marks=[Mark(0.0, "a draw")],
    )
    return Markup(plot)
