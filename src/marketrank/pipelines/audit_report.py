"""The audit as one HTML page that needs nothing besides itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from marketrank.buyers.audit_exposure import Exposure
from marketrank.buyers.audit_judgement import (
    Finding,
    Judged,
    Measure,
    judge,
    too_few,
    unjudged,
    verdict,
)
from marketrank.buyers.audit_values import Interval
from marketrank.buyers.fairness import (
    ALL,
    SENSITIVE,
    AttributeAudit,
    Audit,
    GroupAudit,
    Limits,
)
from marketrank.errors import BadInput
from marketrank.pipelines.audit_plots import Dot, Mark, dot_plot

PAGE = "audit.html"
_TEMPLATE = "audit.html.jinja"
_MOST_CATEGORIES = 14
_SHARES = [(0.0, "0 %"), (0.25, "25"), (0.5, "50"), (0.75, "75"), (1.0, "100 %")]
_MEASURES = {
    Measure.QUALITY: "NDCG below the others'",
    Measure.REACH: "sensitive listings beyond the variance",
}
_SCOPE_NAMES = {SENSITIVE: "sensitive listings", ALL: "all listings"}


def write_audit(out: Path, found: Audit, *, limits: Limits, at: datetime) -> Path:
    """Write `audit.html` into the folder `out`, made where there is none; returns its path. Raises
    BadInput where `out` cannot be a folder."""
    context = {
        "at": at,
        "found": found,
        "limits": limits,
        "reasons": verdict(found, limits),
        "too_few": too_few(found, limits),
        "unjudged": unjudged(found),
        "judged": [_row(one) for one in judge(found, limits)],
        "variance": f"{100 * limits.reach_variance:g} %",
        "sensitive": _by_rule(found.sensitive),
        "tiles": _tiles(found),
        "attributes": [_attribute(one, found, limits) for one in found.attributes],
    }
    page = out / PAGE
    try:
        out.mkdir(parents=True, exist_ok=True)
        page.write_text(_render(context), encoding="utf-8")
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise BadInput(
            f"cannot write the audit to {out} ({error.strerror}); name a folder with --out"
        ) from error
    return page


def _render(context: Mapping[str, Any]) -> str:
    source = files("marketrank.pipelines").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    jinja = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    jinja.filters["number"] = lambda count: f"{count:,}"
    jinja.filters["percent"] = _percent
    return jinja.from_string(source).render(context)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share in (0, 1) else f"{100 * share:.1f} %"


def _tiles(found: Audit) -> list[tuple[str, str, str]]:
    """Number, what it counts, and a remark."""
    groups = sum(len(one.groups) for one in found.attributes)
    flats = sum(count for count, _ in found.sensitive.values())
    return [
        (f"{found.buyers:,}", "consenting buyers", f"in {found.sessions:,} sessions"),
        (f"{groups:,}", "groups", f"of {found.limits.min_buyers} buyers or more"),
        (f"{found.listings:,}", "listings", "that they could be shown"),
        (f"{flats:,}", "sensitive listings", f"in {len(found.sensitive):,} categories"),
    ]


def _by_rule(
    sensitive: Mapping[str, tuple[int, str]],
) -> list[tuple[str, list[tuple[str, int]]]]:
    """Each rule with the categories that it holds of and their listings."""
    rules: dict[str, list[tuple[str, int]]] = {}
    for category, (count, rule) in sensitive.items():
        rules.setdefault(rule, []).append((category, count))
    return sorted(rules.items())


def _overall(shares: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))


def _attribute(one: AttributeAudit, found: Audit, limits: Limits) -> dict[str, Any]:
    return {
        "name": one.name,
        "slug": "".join(c if c.isalnum() else "-" for c in one.name.lower()),
        "groups": one.groups,
        "pooled": one.pooled,
        "pooled_buyers": one.pooled_buyers,
        "unknown": one.unknown,
        "quality": _quality_plot(one.groups, limits),
        "whole": _whole_plot(one, limits),
        "reach": [
            (_SCOPE_NAMES[scope], plot)
            for scope in (SENSITIVE, ALL)
            if (plot := _reach_plot(one, scope, limits))
        ],
        "inferred": _inference_plot(one.groups, "feed" if found.feed_only else "lists"),
        "categories": _exposures(
            {group.value: group.categories for group in one.groups if group.categories},
            found.exposure,
        ),
        "sellers": _exposures(
            {group.value: group.sellers for group in one.groups if group.sellers}, found.sellers
        ),
    }


def _row(one: Judged) -> dict[str, str]:
    """A comparison with a limit, in words and figures."""
    number = "{:.3f}" if one.measure is Measure.QUALITY else "{:.0%}"
    gap = one.gap
    return {
        "name": one.name,
        "what": _MEASURES[one.measure],
        "finding": one.finding,
        "sure": "" if one.finding is Finding.TOO_FEW else "yes",
        "gap": "" if gap is None else f"{number} ({number} to {number})".format(*_parts(gap)),
        "limit": number.format(one.limit),
        "detectable": "none" if one.detectable is None else number.format(one.detectable),
        "power": f"{one.power:.0%}",
    }


def _parts(one: Interval) -> tuple[float, float, float]:
    return one.value, one.low, one.high


def _quality_plot(groups: Sequence[GroupAudit], limits: Limits) -> Markup | None:
    dots = [
        Dot(group.value, group.quality.gap, _signed(group.quality.gap, group.quality.ndcg.value))
        for group in groups
        if group.quality
    ]
    if not dots:
        return None
    ends = [end for dot in dots for end in (dot.interval.low, dot.interval.high)]
    most = max(2 * limits.ndcg_gap, *map(abs, ends))
    return Markup(
        dot_plot(
            dots,
            title="NDCG of each group less that of all others, with 95 % intervals",
            low=-most,
            high=most,
            ticks=[(0.0, "0"), (-most, f"−{most:.2f}"), (most, f"+{most:.2f}")],
            marks=[Mark(-limits.ndcg_gap, f"limit −{limits.ndcg_gap:g}")],
        )
    )


def _signed(gap: Interval, ndcg: float) -> str:
    return f"{ndcg:.3f}  ({gap.value:+.3f})".replace("-", "−")


def _whole_plot(one: AttributeAudit, limits: Limits) -> Markup | None:
    dots = [
        Dot(
            f"{_SCOPE_NAMES[scope]} ({one.reach[scope].listings:,})",
            one.reach[scope].within,
            _percent(one.reach[scope].within.value),
        )
        for scope in (SENSITIVE, ALL)
        if scope in one.reach
    ]
    if not dots:
        return None
    title = f"Share of listings whose variance over all values of {one.name} is within the limit"
    return Markup(dot_plot(dots, title=title, low=0, high=1, ticks=_SHARES, marks=[_asked(limits)]))


def _reach_plot(one: AttributeAudit, scope: str, limits: Limits) -> Markup | None:
    dots = [
        Dot(
            group.value,
            group.reach[scope].within,
            _percent(group.reach[scope].within.value),
        )
        for group in one.groups
        if scope in group.reach
    ]
    if not dots:
        return None
    title = f"Share of {_SCOPE_NAMES[scope]} that reach each group of {one.name} within the limit"
    return Markup(dot_plot(dots, title=title, low=0, high=1, ticks=_SHARES, marks=[_asked(limits)]))


def _asked(limits: Limits) -> Mark:
    return Mark(limits.reach_share, f"at least {100 * limits.reach_share:g} %")


def _inference_plot(groups: Sequence[GroupAudit], where: str) -> Markup | None:
    dots = [
        Dot(
            group.value,
            group.inferred.auc,
            f"{group.inferred.auc.value:.2f}",
            group.inferred_from_actions.auc.value if group.inferred_from_actions else None,
        )
        for group in groups
        if group.inferred
    ]
    if not dots:
        return None
    return Markup(
        dot_plot(
            dots,
            title=f"How well each group is told from {where}: AUC, with 95 % intervals",
            low=0.3,
            high=1.0,
            ticks=[(0.3, "0.3"), (0.75, "0.75"), (1.0, "1")],
            marks=[Mark(0.5, "chance 0.5")],
        )
    )


def _exposures(
    by_group: Mapping[str, Exposure], overall: Mapping[str, float]
) -> dict[str, Any] | None:
    """Rows of labels, the most shown first, with a share for each group."""
    if not by_group:
        return None
    labels = [label for label, _ in _overall(overall)][:_MOST_CATEGORIES]
    return {
        "groups": list(by_group),
        "rows": [
            (label, overall[label], [one.shares[label] for one in by_group.values()])
            for label in labels
        ],
        "distances": [one.distance for one in by_group.values()],
    }
