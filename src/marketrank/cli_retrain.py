"""The commands of retraining: `marketrank retrain`, `marketrank pipeline step | compile`."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from marketrank.cli_home import Home, Json, open_existing, open_home
from marketrank.cli_models import Device, Seed
from marketrank.errors import BadInput
from marketrank.terminal import progress_bars, report

app = typer.Typer(
    help="The steps of retraining by themselves, and as a Kubeflow pipeline.",
    no_args_is_help=True,
)
# Reasons name what others have written: never read as markup.
_out = Console(highlight=False, markup=False)

Products = Annotated[
    str | None, typer.Option(help="Feed to bring in first, in any format of ingest.")
]
ImagesTable = Annotated[str | None, typer.Option(help="Table of photo ids and their listings.")]
Images = Annotated[str | None, typer.Option(help="Folder, zip or URL of the photos.")]
Full = Annotated[
    bool, typer.Option("--full", help="The feed is complete: end listings that it lacks.")
]
Recipe = Annotated[str, typer.Option(help="default, or quick (worse models, for trying out).")]
Processes = Annotated[
    int, typer.Option(min=1, help="That train the networks together, on a GPU each if there are.")
]
NoPromote = Annotated[
    bool, typer.Option("--no-promote", help="Decide, and leave in use what is in use.")
]


def add_commands(main: typer.Typer) -> None:
    """Add this file's commands to the main application."""
    main.command()(retrain)
    main.add_typer(app, name="pipeline")


def retrain(
    *,
    products: Products = None,
    images_table: ImagesTable = None,
    images: Images = None,
    full: Full = False,
    recipe: Recipe = "default",
    no_promote: NoPromote = False,
    why: Annotated[str, typer.Option(help="Is kept in the report.")] = "",
    processes: Processes = 1,
    seed: Seed = 7,
    device: Device = "auto",
    home: Home = None,
    json: Json = False,
) -> None:
    """Bring in a feed, train on all that is on offer, and put the new model in use where the gate
    has nothing against it. What was done for the same inputs is not done again."""
    from marketrank.pipelines.retrain import retrain as run
    from marketrank.pipelines.retrain_steps import Options
    from marketrank.wiring import now
    from marketrank.wiring_retrain import workshop

    options = Options(
        products, images_table, images, full, recipe, seed, device, not no_promote, why, processes
    )
    market = open_home(home)
    with progress_bars() as progress:
        found, path = run(
            workshop(market, at=now(), progress=progress),
            options,
            clock=now,
            webhook=market.settings.retrain_webhook,
        )
    report({**found, "report": str(path)}, json, lambda: _print(found, path))


@app.command()
def step(
    name: Annotated[str, typer.Argument(help="refresh, clean, split, …, publish or notify.")],
    *,
    given: Annotated[
        Path | None, typer.Option(help="File that the step before it has written.")
    ] = None,
    out: Annotated[Path, typer.Option(help="File to write: the same, and what this step makes.")],
    products: Products = None,
    images_table: ImagesTable = None,
    images: Images = None,
    full: Full = False,
    recipe: Recipe = "default",
    promote: Annotated[str, typer.Option(help="yes or no, for the step publish.")] = "yes",
    processes: Processes = 1,
    seed: Seed = 7,
    device: Device = "auto",
    home: Home = None,
    json: Json = False,
) -> None:
    """Do one step, from a file to a file: as a container of a Kubeflow pipeline does it."""
    from marketrank.pipelines.retrain import do_step
    from marketrank.pipelines.retrain_files import read_made, write_made
    from marketrank.pipelines.retrain_steps import Options
    from marketrank.wiring import now
    from marketrank.wiring_retrain import workshop

    if promote not in {"yes", "no"}:
        raise BadInput(f"--promote {promote}: give yes or no")
    # A pipeline's parameters are never absent: what is not given is empty.
    options = Options(
        products or None,
        images_table or None,
        images or None,
        full,
        recipe,
        seed,
        device,
        promote=promote == "yes",
        processes=processes,
    )
    market = open_home(home)
    before = None if given is None else read_made(given)
    with progress_bars() as progress:
        shop = workshop(market, at=now(), progress=progress)
        webhook = market.settings.retrain_webhook
        made = do_step(name, shop, options, before, clock=now, webhook=webhook)
    write_made(out, made)
    told = made.done[-1].output if made.done else {}
    report({"step": name, **told}, json, lambda: _out.print(f"{name}: {out}", soft_wrap=True))


@app.command(hidden=True)
def share(
    kind: Annotated[str, typer.Argument(help="text or multimodal.")],
    *,
    snapshot: Annotated[str, typer.Option(help="The listings, below the home.")],
    at: Annotated[str, typer.Option(help="When the retraining began.")],
    asked_by: Annotated[int, typer.Option(help="The process that waits for it.")],
    recipe: Recipe = "default",
    seed: Seed = 7,
    device: Device = "auto",
    home: Home = None,
) -> None:
    """One of the processes of a training: torchrun starts it, for `retrain --processes`."""
    from marketrank.pipelines.retrain_steps import Options
    from marketrank.pipelines.retrain_steps import share as run
    from marketrank.wiring_retrain import workshop

    market = open_existing(home)
    with progress_bars() as progress:
        shop = workshop(market, at=datetime.fromisoformat(at), progress=progress)
        run(shop, Options(recipe=recipe, seed=seed, device=device), snapshot, kind, asked_by)


@app.command(name="compile")
def compile_(
    *,
    out: Annotated[Path, typer.Option(help="The YAML file to write.")],
    image: Annotated[
        str, typer.Option(help="Default of the pipeline's parameter: the train image.")
    ] = "marketrank-train:latest",
    gpus: Annotated[int, typer.Option(min=0, help="Of the train step; 0 trains on CPUs.")] = 1,
    volume: Annotated[
        str, typer.Option(help="The claim that is mounted as the home folder.")
    ] = "marketrank-home",
    secret: Annotated[
        str, typer.Option(help="The secret whose key `url` is the database's address.")
    ] = "marketrank-database",
    json: Json = False,
) -> None:
    """Compile the retraining for Kubeflow Pipelines: see docs/kubeflow.md."""
    from marketrank.pipelines.kubeflow.compiling import Target, compile_pipeline

    compile_pipeline(out, Target(image, gpus, volume, secret))
    report({"pipeline": str(out)}, json, lambda: _out.print(str(out), soft_wrap=True))


def _print(found: Mapping[str, Any], path: Path) -> None:
    steps = Table("step", "seconds", "", box=None)
    for one in found["steps"]:
        steps.add_row(one["name"], f"{one['seconds']:.1f}", "as before" if one["reused"] else "")
    _out.print(steps)
    print_decision(found["decision"])
    said = {
        "promoted": "is in use from now on; `marketrank index`, or the running server, embeds "
        "with it",
        "refused": "is not promoted",
        "held": "could be promoted, and is not, as --no-promote asked",
        "unchanged": "is in use already: nothing is new",
    }
    _out.print(f"{found['version']} {said[found['status']]}", soft_wrap=True)
    if found["ranker"]:
        _out.print(f"ranker {found['ranker']} is in use")
    for reason in found["audit"].get("reasons", []):
        _out.print(f"no new ranker: {reason}", soft_wrap=True)
    _out.print(str(path), soft_wrap=True)


def print_decision(decision: Mapping[str, Any]) -> None:
    """The numbers of a decision, and what speaks against the version."""
    if not decision:
        return
    table = Table("compared with", "score", "new", "other", "difference", "n", box=None)
    for row in _rows(decision["evaluation"]):
        table.add_row(*row)
    _out.print(table)
    for reason in decision["reasons"]:
        _out.print(f"against it: {reason}", soft_wrap=True)
    for note in decision["notes"]:
        _out.print(f"note: {note}", soft_wrap=True)


def _rows(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, compared in evaluation["compared"].items():
        for score, one in compared["scores"].items():
            yield (
                name,
                score,
                f"{one['new']:.4f}",
                f"{one['other']:.4f}",
                f"{one['difference']:+.4f} [{one['low']:+.4f}, {one['high']:+.4f}]",
                f"{one['n']:,}",
            )
    golden = evaluation["golden"]
    before = golden["champion"]
    yield (
        "" if before is None else "champion",
        "golden queries",
        f"{golden['new']:.4f}",
        "" if before is None else f"{before:.4f}",
        "",
        f"{golden['queries']:,}",
    )
    times = evaluation["times"]
    for what in ("listing", "query"):
        ratio = times[f"{what}_ratio"]
        yield (
            "" if ratio is None else "champion",
            f"ms a {what}",
            f"{times[f'{what}_ms']:.1f}",
            "" if ratio is None else f"{times[f'{what}_ms'] / ratio:.1f}",
            "" if ratio is None else f"x {ratio:.2f}",
            "",
        )
