"""Training runs: their scores, curves, confusion matrices and sheets of neighbours."""

from collections.abc import Sequence

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.operator.area import desk, page, room
from marketrank.api.operator.charts import LOOKS, line_chart
from marketrank.api.operator.desk import Curve

router = room()


@router.get("/runs")
def runs(http: HttpRequest) -> Response:
    return page(http, "runs.html", runs=desk(http).runs())


@router.get("/runs/{name}")
def run(http: HttpRequest, name: str) -> Response:
    found = desk(http).run(name)
    if found is None:
        raise HTTPException(404, f"there is no run {name!r}")
    plots = [(curve.part, *plot) for curve in found.curves for plot in _plots(curve)]
    return page(http, "run.html", run=found, plots=plots)


@router.get("/runs/{name}/pictures/{picture}")
def picture(http: HttpRequest, name: str, picture: str) -> Response:
    data = desk(http).picture(name, picture)
    if data is None:
        raise HTTPException(404, f"run {name!r} has no picture {picture!r}")
    return Response(data, media_type="image/png", headers={"Cache-Control": "private, no-cache"})


def _plots(curve: Curve) -> list[tuple[str, Markup]]:
    """Losses in one, all else, which has another scale, in others; of few lines each."""
    losses = [name for name in curve.series if "loss" in name]
    others = [name for name in curve.series if name not in losses]
    found = [("Loss", losses)]
    for start in range(0, len(others), LOOKS):
        found.append(("Scores", others[start : start + LOOKS]))
    plots = [(heading, _plot(curve, names)) for heading, names in found]
    return [(heading, plot) for heading, plot in plots if plot is not None]


def _plot(curve: Curve, names: Sequence[str]) -> Markup | None:
    title = f"{', '.join(names)} by epoch"
    return line_chart({name: curve.series[name] for name in names}, title=title, best=curve.best)
