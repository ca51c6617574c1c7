"""The commands of the model registry: `marketrank models list | show | decisions | promote |
rollback`."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from marketrank.cli_home import Home, Json, open_home
from marketrank.config import load
from marketrank.pipelines.shelves import Kind, kind_of, rankers, towers
from marketrank.terminal import report

if TYPE_CHECKING:
    from marketrank.models.registry import Manifest, Registry
    from marketrank.pipelines.shelves import Shelf
    from marketrank.types import ModelVersion
    from marketrank.wiring import Marketplace

app = typer.Typer(help="Choose among published models.", no_args_is_help=True)
# Names and reasons are what others have written: never read as markup.
_out = Console(highlight=False, markup=False)
_COLUMNS = {
    "image": "image.accuracy",
    "text": "text.accuracy",
    "combined": "combined.accuracy",
    "price": "price.log_r2",
}
_PLURAL = {Kind.RANKER: "rankers", Kind.BUYERS: "towers"}
_NEXT = {
    Kind.MODEL: "`marketrank index`, or the running server, embeds the listings with it.",
    Kind.RANKER: "Running servers follow from the next request on.",
    Kind.BUYERS: "Running servers follow from the next request on.",
}

Version = Annotated[str, typer.Argument(help="As `marketrank models list` names it.")]
Why = Annotated[str, typer.Option(help="Is kept in promotions.jsonl.")]


@app.command("list")
def list_versions(home: Home = None, json: Json = False) -> None:
    """List all versions, newest first, rankers and buyer towers too; a star marks those in use."""
    market = open_home(home)
    registry = market.registry
    current, found = registry.current(), registry.versions()
    told = {
        _PLURAL[kind]: {"current": shelf.current(), "versions": shelf.versions()}
        for kind, shelf in _shelves(market).items()
    }
    report(
        {"current": current, "versions": [asdict(one) for one in found], **told},
        json,
        lambda: _print_all(found, current, registry, told),
    )


@app.command()
def show(version: Version, home: Home = None, json: Json = False) -> None:
    """Show what a version is, its scores, and what the gate decided about it."""
    from marketrank.cli_retrain import print_decision
    from marketrank.models.decisions import read_decision

    market = open_home(home)
    shelf = _shelves(market).get(kind_of(version))
    if shelf is not None:
        told, used = shelf.show(version), version == shelf.current()
        report({"current": used, **told}, json, lambda: _print_facts(told, used))
        return
    manifest, current = market.registry.read(version), market.registry.current()
    decision = read_decision(market.registry.folder, version)

    def show_all() -> None:
        _print_manifest(manifest, current)
        print_decision(decision or {})

    report(
        {"current": manifest.version == current, **asdict(manifest), "decision": decision},
        json,
        show_all,
    )


@app.command()
def decisions(
    most: Annotated[int, typer.Option(min=1, help="How many of the last.")] = 10,
    home: Home = None,
    json: Json = False,
) -> None:
    """Show what the last retrainings came to, and why: promoted, refused, or failed and where."""
    from marketrank.pipelines.retrain_history import retrainings

    settings = load(home)
    found = [one.content for one in retrainings(settings.home, most)]

    def show_all() -> None:
        if not found:
            _print(f"no retraining has ended in {settings.home} yet")
        for one in found:
            _print_outcome(one)

    report({"retrainings": found}, json, show_all)


@app.command()
def promote(version: Version, why: Why = "", home: Home = None, json: Json = False) -> None:
    """Check every file of a version, and use it from now on. Its name says what it is: a model, a
    ranker or a buyer tower."""
    from marketrank.wiring import now

    market, kind = open_home(home), kind_of(version)
    shelf = _shelves(market).get(kind) or market.registry
    previous = shelf.promote(version, at=now(), why=why)
    if previous == version:
        said = f"{version} is in use already."
    else:
        said = f"{version} is in use, after {previous or 'none'}.\n{_NEXT[kind]}"
    report({"current": version, "previous": previous}, json, lambda: _print(said))


@app.command()
def rollback(
    what: Annotated[Kind, typer.Argument(help="What is to be taken back.")] = Kind.MODEL,
    *,
    why: Why = "",
    home: Home = None,
    json: Json = False,
) -> None:
    """Go back to the version before the one in use; again, to the one before that. From the first
    ranker or buyer tower: to none."""
    from marketrank.wiring import now

    market = open_home(home)
    shelf = _shelves(market).get(what) or market.registry
    previous = shelf.current()
    version = shelf.rollback(at=now(), why=why)
    said = f"{version or 'none'} is in use again, after {previous}.\n{_NEXT[what]}"
    report({"current": version, "previous": previous}, json, lambda: _print(said))


def _shelves(market: "Marketplace") -> "dict[Kind, Shelf]":
    """What is learned from buyers; models have the registry."""
    return {
        Kind.RANKER: rankers(market.ranker_folder),
        Kind.BUYERS: towers(market.liking.towers.folder),
    }


def _print_outcome(one: Mapping[str, Any]) -> None:
    """A line, and one for each reason."""
    said = [f"{_moment(one['at'])}  {one['status']}", f"version {one['version'] or 'none'}"]
    if one["champion"]:
        said.append(f"compared with {one['champion']}")
    said.append(f"in use {one['current'] or 'none'}")
    if one.get("why"):
        said.append(one["why"])
    _print("; ".join(said))
    for reason in one["reasons"]:
        _print(f"  {reason}")


def _moment(at: datetime | str) -> str:
    read = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    return f"{read:%Y-%m-%d %H:%M}"


def _print(text: str) -> None:
    _out.print(text, soft_wrap=True)


def _print_versions(
    found: "list[Manifest]", current: "ModelVersion | None", registry: "Registry"
) -> None:
    if not found:
        _print(f"no model was published in {registry.folder} yet")
        return
    table = Table(box=None, padding=(0, 1, 0, 0))  # a line fits into 80 columns
    table.add_column("")
    table.add_column("version", no_wrap=True)
    for name in ("trained on", *_COLUMNS):
        table.add_column(name, justify="right")
    for one in found:
        scores = dict(_flat(one.metrics))
        table.add_row(
            "*" if one.version == current else "",
            one.version,
            f"{one.trained_on:,}",
            *(_shown(scores.get(name, "")) for name in _COLUMNS.values()),
        )
    _out.print(table)


def _print_all(
    found: "list[Manifest]",
    current: "ModelVersion | None",
    registry: "Registry",
    told: dict[str, Any],
) -> None:
    _print_versions(found, current, registry)
    _print_learned(told)


def _print_learned(told: dict[str, Any]) -> None:
    """Only what there is: most homes begin without."""
    for name, shelf in told.items():
        if not shelf["versions"]:
            continue
        table = Table("", name, "", box=None, padding=(0, 1, 0, 0))
        for one in shelf["versions"]:
            mark = "*" if one["version"] == shelf["current"] else ""
            table.add_row(mark, one["version"], "damaged" if "damaged" in one else _score(one))
        _out.print(table)


def _score(one: dict[str, Any]) -> str:
    """The one number by which versions of a kind are compared."""
    metrics = one["metrics"]
    if "recall@50" in metrics:
        return f"recall@50 {metrics['recall@50']:.4f}"
    return f"ndcg@10 {metrics['new']['ndcg@10']['mean']:.4f}" if "new" in metrics else ""


def _print_facts(told: dict[str, Any], used: bool) -> None:
    facts = Table(box=None, show_header=False)
    for name, value in _flat(told):
        shown = ", ".join(map(str, value)) if isinstance(value, list) else _shown(value)
        facts.add_row(name, shown + (" *" if name == "version" and used else ""))
    _out.print(facts)


def _print_manifest(manifest: "Manifest", current: "ModelVersion | None") -> None:
    facts = Table(box=None, show_header=False)
    rows: dict[str, Any] = {
        "version": manifest.version + (" *" if manifest.version == current else ""),
        "created": f"{manifest.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "trained on": f"{manifest.trained_on:,} listings",
        "data hash": manifest.data_hash,
        "seed": manifest.seed,
        "files": len(manifest.files),
        **{f"run of {part}": run for part, run in manifest.runs.items()},
        **{f"parity of {name}": f"{value:.3g}" for name, value in manifest.parity.items()},
    }
    for name, value in rows.items():
        facts.add_row(name, str(value))
    scores = Table("score", "", box=None)
    for name, value in _flat(manifest.metrics):
        scores.add_row(name, _shown(value))
    _out.print(facts, scores, sep="\n")


def _flat(metrics: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in metrics.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield path + name, value


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
