"""The newest relevance report, fairness audit, drift checks and retrainings that the home keeps."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from marketrank.api.operator.area import desk, page, room
from marketrank.api.operator.charts import share_bar
from marketrank.api.operator.desk import KeptReport
from marketrank.buyers.audit_values import Interval
from marketrank.pipelines.audit_plots import Dot, Mark, dot_plot
from marketrank.pipelines.reports import AUDIT, DRIFT, RELEVANCE, RETRAIN

_MODES = {"judged_pool": "Among judged listings", "corpus": "Among all listings"}
_METRIC = "ndcg@10"
_MOST_CHECKS = 20
_WHOLE = {"fairness": AUDIT, "drift": DRIFT}
"""Reports that come with a page, by the room that they are of."""
# A page of our own making that brings its style along; it may do nothing else.
_STANDALONE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

router = room()


@router.get("/relevance")
def relevance(http: HttpRequest) -> Response:
    kept = _newest(http, RELEVANCE)
    return page(http, "relevance.html", kept=kept, modes=[] if kept is None else _modes(kept))


@router.get("/fairness")
def fairness(http: HttpRequest) -> Response:
    kept = _newest(http, AUDIT)
    return page(http, "fairness.html", kept=kept, groups=[] if kept is None else _groups(kept))


@router.get("/drift")
def drift(http: HttpRequest) -> Response:
    checks = desk(http).reports(DRIFT, _MOST_CHECKS)
    newest = checks[0] if checks else None
    columns = [] if newest is None else _columns(newest)
    window = "" if newest is None else _window(newest)
    return page(http, "drift.html", checks=checks, newest=newest, columns=columns, window=window)


@router.get("/retrainings")
def retrainings(http: HttpRequest) -> Response:
    kept = desk(http).reports(RETRAIN, _MOST_CHECKS)
    return page(http, "retrainings.html", kept=kept)


@router.get("/{name}/page")
def whole(http: HttpRequest, name: str) -> Response:
    """A report as the command has written it."""
    kept = _newest(http, _WHOLE[name]) if name in _WHOLE else None
    if kept is None or kept.page is None:
        raise HTTPException(404, f"no report on {name!r} with a page is kept")
    headers = {"Content-Security-Policy": _STANDALONE, "Cache-Control": "no-store"}
    return Response(kept.page.read_bytes(), media_type="text/html", headers=headers)


def _newest(http: HttpRequest, kind: str) -> KeptReport | None:
    found = desk(http).reports(kind, 1)
    return found[0] if found else None


def _modes(kept: KeptReport) -> list[dict[str, Any]]:
    """A table and a plot of each way of scoring. What a report lacks is left out."""
    found = []
    for mode, heading in _MODES.items():
        systems = kept.content.get(mode)
        if not isinstance(systems, Mapping) or not systems:
            continue
        metrics = [name for name in next(iter(systems.values())) if not name.endswith("_ci95")]
        by_name = {name.lower(): name for name in metrics}
        shown = by_name.get(_METRIC, metrics[0] if metrics else "")
        dots = [
            Dot(name, Interval(scores[shown], *scores[f"{shown}_ci95"]), f"{scores[shown]:.3f}")
            for name, scores in systems.items()
        ]
        title = f"{shown} of each system, with 95 % intervals"
        plot = dot_plot(dots, title=title, low=0, high=1, ticks=_ticks(0, 1))
        found.append(
            {
                "heading": heading,
                "metrics": metrics,
                "systems": systems,
                "shown": shown,
                "plot": Markup(plot),
            }
        )
    return found


def _groups(kept: KeptReport) -> list[dict[str, Any]]:
    """By attribute: how far each group's NDCG is from everybody else's."""
    limit = kept.content.get("limits", {}).get("ndcg_gap", 0.1)
    return [
        {"name": one["name"], "groups": one["groups"], "plot": _gaps(one, limit)}
        for one in kept.content.get("attributes", ())
    ]


def _gaps(attribute: Mapping[str, Any], limit: float) -> Markup | None:
    """None where no group is large enough to tell."""
    dots = [
        Dot(one["value"], Interval(**one["quality"]["gap"]), _signed(one["quality"]["gap"]))
        for one in attribute["groups"]
        if one.get("quality")
    ]
    if not dots:
        return None
    ends = [end for dot in dots for end in (dot.interval.low, dot.interval.high)]
    most = max(2 * limit, *map(abs, ends))
    plot = dot_plot(
        dots,
        title=f"NDCG of each group of {attribute['name']} less that of all others",
        low=-most,
        high=most,
        ticks=_ticks(-most, most),
        marks=[Mark(-limit, f"limit −{limit:g}")],
    )
    return Markup(plot)


def _signed(gap: Mapping[str, float]) -> str:
    return f"{gap['value']:+.3f}".replace("-", "−")


def _ticks(low: float, high: float) -> Sequence[tuple[float, str]]:
    middle = (low + high) / 2
    return [(at, f"{at:.2g}".replace("-", "−")) for at in (low, middle, high)]


def _columns(kept: KeptReport) -> list[dict[str, Any]]:
    """What was compared, the most drifted first."""
    found = []
    for one in kept.content.get("columns", ()):
        score, threshold = float(one.get("score") or 0), float(one.get("threshold") or 0)
        share = score / threshold if threshold > 0 else 0.0
        found.append(
            {
                "name": str(one.get("name", "")),
                "kind": str(one.get("kind", "")),
                "drifted": bool(one.get("drifted")),
                "judged": bool(one.get("judged", True)),
                "score": score,
                "threshold": threshold,
                "share": share,
                "bar": share_bar(share / 2),
            }
        )
    return sorted(found, key=lambda one: (not one["drifted"], -one["share"]))


def _window(kept: KeptReport) -> str:
    """Of the listings that were looked at."""
    told = kept.content.get("window")
    if not isinstance(told, Mapping):
        return str(told or "")
    return "; ".join(
        f"{name}: {_facts(value)}" if isinstance(value, Mapping) else f"{name} {value}"
        for name, value in told.items()
    )


def _facts(facts: Mapping[str, Any]) -> str:
    return ", ".join(
        str(value) if name == "what" else f"{name} {value}" for name, value in facts.items()
    )
