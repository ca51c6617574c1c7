"""The commands `marketrank drift`, and `marketrank sweep` which forgets what is due."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from marketrank.cli_home import Home, Json, open_existing
from marketrank.cli_retrain import Recipe
from marketrank.errors import NotReady
from marketrank.terminal import report

_err = Console(stderr=True, highlight=False, markup=False)
_out = Console(highlight=False, markup=False)


def drift(
    since: Annotated[
        datetime | None,
        typer.Option(help="Start of the latest window (UTC); else `drift_days` ago."),
    ] = None,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Where something has drifted, train anew.")
    ] = False,
    recipe: Recipe = "default",
    home: Home = None,
    json: Json = False,
) -> None:
    """Compare what came in of late, what the models say of it and what buyers did with what the
    version in use was trained on. Keeps a report in the home."""
    from marketrank.pipelines.drift import as_dict, lines
    from marketrank.wiring import now
    from marketrank.wiring_drift import look_for_drift

    market = open_existing(home)
    start = since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since
    found = look_for_drift(market, at=now(), since=start)

    def show() -> None:
        table = Table("column", "score", "limit", "", box=None)
        for line in lines(found):
            table.add_row(*line)
        _out.print(table)
        for reason in found.reasons:
            _out.print(f"drifted: {reason}", soft_wrap=True)
        if not found.alarm:
            _out.print(found.calm)
        _out.print(f"reports are in {market.settings.home / 'reports' / 'drift'}", soft_wrap=True)

    report(as_dict(found), json, show)
    if found.alarm and retrain:
        why = f"drift: {', '.join(one.name for one in found.drifted)}"
        _retrain(market.settings.home, why, recipe)


def _retrain(home: Path, why: str, recipe: str) -> None:
    """`marketrank retrain`, which says itself what came of it, as a process of its own: training
    takes libraries and memory that looking for drift does not."""
    command = [sys.executable, "-m", "marketrank", "retrain", "--home", str(home)]
    command += ["--recipe", recipe, "--why", why]
    _err.print("retraining, as something has drifted")
    ended = subprocess.run(command, check=False, stdout=sys.stderr).returncode
    if ended:
        raise NotReady(
            f"`{' '.join(command[1:])}` ended with {ended}; its messages and "
            "`marketrank models decisions` say why"
        )


def sweep(home: Home = None, json: Json = False) -> None:
    """Finish erasures that a crash has cut short, and forget what was shown longer than
    `impression_days` ago. `serve` does so each hour."""
    swept = open_existing(home).people.sweep()
    report(
        {"erasures": swept.erasures, "days": swept.days},
        json,
        lambda: _out.print(f"{swept.erasures} erasures finished, {swept.days} days forgotten"),
    )
