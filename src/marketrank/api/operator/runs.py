"""Training runs: their scores, curves, confusion matrices and sheets of neighbours."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.operator.area import desk, page, room
from marketrank.api.operator.charts import line_chart
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
    """Losses in one, all else, which has another scale, in another."""
    losses = {name: some for name, some in curve.series.items() if "loss" in name}
    others = {name: some for name, some in curve.series.items() if name not in losses}
    found = [("Loss", _plot(curve, losses)), ("Other scores", _plot(curve, others))]
    return [(name, plot) for name, plot in found if plot is not None]


def _plot(curve: Curve, series: Mapping[str, Sequence[float]]) -> Markup | None:
    title = f"{', '.join(series)} by epoch"
    return line_chart(series, title=title, best=curve.best)
