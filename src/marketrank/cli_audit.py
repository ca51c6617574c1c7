"""The command `marketrank audit`: whether groups of buyers are served alike."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from marketrank.cli_home import Home, Json, open_existing
from marketrank.config import load
from marketrank.terminal import report

_out = Console(highlight=False, markup=False)
_SEED = 7


def audit(
    *,
    out: Annotated[Path, typer.Option(help="Folder for the page.")],
    sessions: Annotated[
        Path | None,
        typer.Option(help="Folder of sessions, as `marketrank simulate` writes; else the home's."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Days of the home's log, the latest.")] = 28,
    propensity: Annotated[
        str, typer.Option(help="Position bias: auto, none or power:1.0 (1 / (position + 1) ** 1).")
    ] = "auto",
    home: Home = None,
    json: Json = False,
) -> None:
    """Compare groups of consenting buyers: quality, exposure, reach, and what a feed gives away."""
    from marketrank.buyers.sensitive import SensitiveCategories
    from marketrank.pipelines import audit as pipeline
    from marketrank.pipelines.audit_report import write_audit
    from marketrank.pipelines.reports import AUDIT, keep_report
    from marketrank.wiring import now

    at = now()
    # A folder of sessions needs no home; settings still say what is sensitive and where limits are.
    settings = load(home)
    limits = pipeline.limits_of(settings)
    if sessions is not None:
        from marketrank.feedback.session_files import read_sessions
        from marketrank.pipelines.audit_files import read_buyers, read_facts

        shown = list(read_sessions(sessions))
        buyers, facts = read_buyers(sessions), read_facts(sessions)
    else:
        from marketrank.people import Purpose

        market = open_existing(home)
        shown = list(market.events.sessions(at - timedelta(days=days), at))
        buyers = list(market.buyers.agreed([Purpose.DEMOGRAPHICS]))
        facts = pipeline.facts_of(shown, market.listings)
    found = pipeline.audit_sessions(
        shown,
        buyers,
        facts,
        categories=SensitiveCategories(settings.sensitive_categories),
        limits=limits,
        seed=_SEED,
        of=pipeline.LOG if sessions is None else str(sessions),
        bias=propensity,
    )
    page = write_audit(out, found, limits=limits, at=at)
    facts_ = pipeline.as_dict(found, limits) | {"page": str(page)}
    keep_report(settings.home, AUDIT, facts_, at=at, page=page.read_bytes())
    report(facts_, json, lambda: _print(facts_))


def _print(found: Mapping[str, Any]) -> None:
    _out.print(
        f"{found['buyers']:,} consenting buyers in {found['sessions']:,} sessions; "
        f"{len(found['sensitive']):,} sensitive categories"
    )
    _list("beyond the limits:", found["reasons"])
    _list("too few to tell, which is no sign of fairness:", found["too_few"])
    _list("not judged:", found["unjudged"])
    if not found["reasons"]:
        told = len(found["judged"]) - len(found["too_few"])
        _out.print(f"no limit is exceeded in {told} of {len(found['judged'])} comparisons with one")
    _out.print(found["page"])


def _list(head: str, lines: Sequence[str]) -> None:
    if lines:
        _out.print(head)
    for line in lines:
        _out.print(f"  {line}", soft_wrap=True)
