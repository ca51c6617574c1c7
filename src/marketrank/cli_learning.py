"""The commands that learn from what buyers do: `marketrank train ranker`, `experiment report`."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from marketrank.cli_home import Home, Json, open_existing
from marketrank.cli_models import Seed
from marketrank.errors import BadInput
from marketrank.ranking.session_features import Part
from marketrank.terminal import progress_bars, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from marketrank.people import Session
    from marketrank.pipelines.train_ranker import Learned, Recipe
    from marketrank.wiring import Marketplace

app = typer.Typer(help="Which ranker buyers prefer.", no_args_is_help=True)
_out = Console(highlight=False, markup=False)
Sessions = Annotated[
    Path | None,
    typer.Option(help="Folder with impressions.parquet and events.csv; else the home's own log."),
]
Days = Annotated[int, typer.Option(min=1, help="How far back sessions count (days).")]


def add_commands(train: typer.Typer) -> None:
    """Add this file's commands to the groups that they belong to."""
    train.command()(ranker)


@app.callback()
def _group() -> None:
    """Which ranker buyers prefer."""


def ranker(
    *,
    sessions: Sessions = None,
    days: Days = 90,
    propensity: Annotated[
        str,
        typer.Option(
            help="Where position bias comes from: harvest, em, auto (the first that works), none, "
            "or power:1.0 for 1 / (position + 1) ** 1.0."
        ),
    ] = "auto",
    clip: Annotated[float, typer.Option(min=1, help="The highest weight of one interaction.")] = 20,
    later: Annotated[
        float, typer.Option(min=0.05, max=0.9, help="Share of sessions, the latest, that judge.")
    ] = 0.3,
    without: Annotated[
        list[str] | None, typer.Option(help="Leave a part of the features out.", metavar="PART")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compare, and promote nobody.")
    ] = False,
    seed: Seed = 7,
    home: Home = None,
    json: Json = False,
) -> None:
    """Learn a ranker from sessions, and use it from then on where it is not worse."""
    from marketrank.pipelines.train_ranker import Recipe, learn, promote
    from marketrank.ranking import session_model
    from marketrank.wiring import now

    recipe = Recipe(propensity, clip, later, tuple(map(_part, without or [])), seed)
    with _opened(home, sessions, days) as (market, found), progress_bars() as progress:
        folder = market.ranker_folder
        champion = session_model.current(folder)
        present = None if champion is None else session_model.read(folder, champion.version)
        every = list(found)
        learned = learn(every, recipe, present, progress)
        progress("audit", 0, None)
        learned = _audited(learned, every, market, sessions, recipe)
    told: dict[str, Any] = {**learned.report, "worse": learned.worse, "promoted": None}
    if not (dry_run or learned.worse):
        told["promoted"], told["previous"] = promote(folder, learned, at=now())
    report(told, json, lambda: _print_learned(learned, told))


@app.command("report")
def report_(
    name: Annotated[str | None, typer.Argument(help="Of one experiment; else of all.")] = None,
    *,
    sessions: Sessions = None,
    days: Days = 90,
    seed: Seed = 7,
    home: Home = None,
    json: Json = False,
) -> None:
    """Say what experiments have found, and how sure that is."""
    from marketrank.feedback import experiment_report
    from marketrank.feedback.experiments import FILE_NAME, read_experiments
    from marketrank.feedback.sessions import group

    with _opened(home, sessions, days) as (market, found):
        path = market.settings.home / FILE_NAME
        declared = {one.name: one for one in read_experiments(path)}
        if name is not None and name not in declared:
            known = ", ".join(declared) or "none"
            raise BadInput(f"{path} has no experiment {name!r}; known are {known}")
        wanted = [declared[name]] if name else list(declared.values())
        groups = [group(one) for one in found if one.impression.experiment]
    reports = [experiment_report.report(one, groups, seed) for one in wanted]
    report({"experiments": reports}, json, lambda: _print_reports(reports, path))


def _audited(
    learned: "Learned",
    every: "list[Session]",
    market: "Marketplace",
    folder: Path | None,
    recipe: "Recipe",
) -> "Learned":
    """With the reasons of an audit: see `pipelines.ranker_gate`."""
    from marketrank.buyers.sensitive import SensitiveCategories
    from marketrank.people import Purpose
    from marketrank.pipelines.audit import facts_of, limits_of
    from marketrank.pipelines.audit_files import read_people
    from marketrank.pipelines.ranker_gate import audited

    if folder is not None:
        buyers, facts = read_people(folder)
    else:
        buyers = list(market.buyers.agreed([Purpose.DEMOGRAPHICS]))
        facts = facts_of(every, market.listings)
    settings = market.settings
    return audited(
        learned,
        every,
        buyers,
        facts,
        later=recipe.later,
        categories=SensitiveCategories(settings.sensitive_categories),
        limits=limits_of(settings),
        seed=recipe.seed,
    )


@contextmanager
def _opened(
    home: Path | None, folder: Path | None, days: int
) -> "Iterator[tuple[Marketplace, Iterator[Session]]]":
    """A home and sessions: of a folder, or of the home's log, up to `days` old."""
    from marketrank.feedback.session_files import read_sessions

    market = open_existing(home)
    if folder is not None:
        yield market, read_sessions(folder)
        return
    until = datetime.now(UTC)
    yield market, market.events.sessions(until - timedelta(days=days), until)


def _part(name: str) -> Part:
    try:
        return Part(name)
    except ValueError as error:
        raise BadInput(f"--without {name}: known parts are {', '.join(Part)}") from error


def _print_learned(learned: "Learned", told: dict[str, Any]) -> None:
    systems = told["systems"]
    methods = list(next(iter(systems.values())))
    table = Table("later sessions", *methods, box=None)
    for name, scores in systems.items():
        table.add_row(name, *(_with_interval(scores[method]) for method in methods))
    _out.print(table)
    bias = told["propensity"]
    top = ", ".join(f"{p:.2f}" for p in bias["examined"][:10])
    _out.print(f"position bias by {bias['method']}: {top} …")
    if told["promoted"]:
        _out.print(f"{told['promoted']} is in use, in place of {told['previous'] or 'nobody'}")
    elif learned.worse:
        _out.print(f"not promoted: {'; '.join(learned.worse)}")
    for note in [*told["audit"]["too_few"], *told["audit"]["unjudged"]]:
        _out.print(f"not judged: {note}", soft_wrap=True)


def _with_interval(one: dict[str, float]) -> str:
    return f"{one['mean']:.4f} [{one['low']:.3f}, {one['high']:.3f}]"


def _print_reports(reports: list[dict[str, Any]], path: Path) -> None:
    if not reports:
        _out.print(f"no experiment is declared in {path}")
    for one in reports:
        _out.print(
            f"{one['name']} ({one['kind']}): {one['sessions']:,} sessions of {one['buyers']:,} "
            f"buyers, {one['share']:.0%} take part"
        )
        for arm, facts in one["arms"].items():
            counts = ", ".join(
                f"{facts[key]:.3f} {key.replace('_', ' ')}"
                if isinstance(facts[key], float)
                else f"{facts[key]:,} {key.replace('_', ' ')}"
                for key in facts
                if key != "ranker"
            )
            _out.print(f"  {arm} ({facts['ranker']}): {counts}")
        for each in one["comparisons"]:
            low, high = each["ci95"]
            _out.print(
                f"  {each['arm']} - {each['against']}: {each['value']:+.4f} "
                f"[{low:+.4f}, {high:+.4f}], p = {each['p']:.4f}, n = {each['n']:,}"
            )
