"""The command `marketrank evaluate recommend`."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from marketrank.cli_home import Json
from marketrank.cli_models import Seed
from marketrank.errors import MissingExtra
from marketrank.terminal import progress_bars, report

if TYPE_CHECKING:
    from marketrank.pipelines.recommend import Outcome

_TABLE_WIDTH = 150  # a narrower terminal wraps lines; a table that is cut tells less
_METRICS = ("ndcg@10", "recall@10", "coverage")
# Names of sets are their folders': never read as markup.
_out = Console(highlight=False, markup=False)
_err = Console(stderr=True, highlight=False, markup=False)


def add_commands(evaluate: typer.Typer) -> None:
    """Add this file's command to the group that it belongs to."""
    evaluate.command()(recommend)


def recommend(
    folder: Annotated[
        Path, typer.Argument(help="Folder with events.csv, listings.csv and buyers.csv.")
    ],
    details: Annotated[
        Path | None,
        typer.Option(help="Write what was read, left out and chosen into this JSON file."),
    ] = None,
    seed: Seed = 7,
    json: Json = False,
) -> None:
    """Score recommenders on an interaction set: ours beside popularity, item-kNN, EASE and iALS."""
    from marketrank.evaluation.sets.interaction_set import read

    for needed in ("scipy", "implicit"):
        if find_spec(needed) is None:
            raise MissingExtra(f"evaluate recommend reads {needed}, which", "train")
    from marketrank.pipelines.recommend import evaluate

    with progress_bars() as progress:
        progress("read", 0, None)
        given = read(folder)
        progress("read", given.read, given.read)
        outcome = evaluate(given, seed=seed, progress=progress)
    if details is not None:
        about = {**outcome.about, "scores": outcome.scores}
        details.write_bytes(orjson.dumps(about, option=orjson.OPT_INDENT_2))
    _print_about(outcome.about)
    report(outcome.scores, json, lambda: _print_scores(outcome))


def _print_about(about: Mapping[str, Any]) -> None:
    """To standard error, so that nothing is left out silently where the report is JSON."""
    given = about["set"]
    _err.print(
        f"{given['name']}: {given['pairs']:,} pairs of {given['buyers']:,} buyers "
        f"({given['with_attributes']:,} with attributes) and {given['listings']:,} listings, "
        f"from {given['events_read']:,} events",
        soft_wrap=True,
    )
    for name, count in given["dropped"].items():
        if count:
            _err.print(f"  left out: {count:,} {name.replace('_', ' ')}")
    if about["ease_left_out"]:
        _err.print(f"  EASE leaves out {about['ease_left_out']:,} of the least popular listings")


def _print_scores(outcome: "Outcome") -> None:
    systems = outcome.scores
    for bucket in next(iter(systems.values())):
        n = next(iter(systems.values()))[bucket]["n"]
        name = "with a history" if bucket == "all" else f"with {bucket} events"
        if not n:
            _out.print(f"\nno buyers {name}")
            continue
        table = Table(f"{n:,} buyers {name}", *_METRICS, "against the best peer", box=None)
        for column in table.columns:
            column.no_wrap = True
        for system, buckets in systems.items():
            table.add_row(system, *_cells(buckets[bucket]))
        _out.print()
        # A console cuts what it prints at its own width, whatever `print` is told.
        Console(width=max(_out.width, _TABLE_WIDTH), highlight=False).print(table)
    _out.print(f"\nIntervals hold 95 %. {outcome.about['seconds']:.0f} seconds.")


def _cells(scores: Mapping[str, Any]) -> list[str]:
    cells = []
    for metric in _METRICS:
        interval = scores.get(f"{metric}_ci95")
        ends = f" [{interval[0]:.4f}, {interval[1]:.4f}]" if interval else ""
        cells.append(f"{scores[metric]:.4f}{ends}")
    if "difference" in scores:
        low, high = scores["difference_ci95"]
        ratio = f", × {scores['ratio']:.3f}" if scores["ratio"] is not None else ""
        cells.append(
            f"{scores['difference']:+.4f} [{low:+.4f}, {high:+.4f}]{ratio} ({scores['best_peer']})"
        )
    else:
        cells.append("")
    return cells
