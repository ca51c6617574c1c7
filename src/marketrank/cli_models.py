"""The commands that train and score models: `marketrank train …`, `marketrank evaluate …`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from marketrank.config import load
from marketrank.terminal import progress_bars, report

if TYPE_CHECKING:
    from marketrank.pipelines.training import Run

app = typer.Typer(no_args_is_help=True)
_train = typer.Typer(help="Train models on what is in the store.", no_args_is_help=True)
_evaluate = typer.Typer(help="Score models.", no_args_is_help=True)
app.add_typer(_train, name="train")
app.add_typer(_evaluate, name="evaluate")
_out = Console(highlight=False)

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Home folder (else MARKETRANK_HOME, else ./.marketrank)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Seed = Annotated[int, typer.Option(help="Same seed, same split and models.")]


@_train.command()
def baselines(seed: Seed = 7, home: Home = None, json: Json = False) -> None:
    """Fit the linear models that every report is compared with, and write a run folder."""
    from marketrank.pipelines.training import train_baselines
    from marketrank.wiring import Marketplace, now

    settings = load(home)
    marketplace = Marketplace(settings)
    with progress_bars() as progress:
        run = train_baselines(
            marketplace.listings,
            marketplace.blobs,
            settings.home,
            seed=seed,
            at=now(),
            currency=settings.currency,
            progress=progress,
        )
    report({"run": str(run.folder), **run.metrics}, json, lambda: _print_run(run))


@_evaluate.command()
def models(
    products: Annotated[str, typer.Option(help="Labelled feed, in any format of ingest.")],
    images_table: Annotated[
        str | None, typer.Option(help="Table of photo ids and their listings.")
    ] = None,
    images: Annotated[str | None, typer.Option(help="Folder, zip or URL of the photos.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Score the current models on a labelled feed. Nothing is written to the store."""
    from marketrank.pipelines.model_evaluation import clean_feed, evaluate, newest_baselines
    from marketrank.wiring import Marketplace, now

    settings = load(home)
    marketplace = Marketplace(settings)
    feed = marketplace.open_feed(products, images_table, images)
    current = newest_baselines(settings.home)
    with progress_bars() as progress, marketplace.photo_pool() as pool:
        clean = clean_feed(
            feed, cleaning=marketplace.cleaning, pool=pool, at=now(), progress=progress
        )
        progress("score models", 0, None)
        scores = evaluate(clean, current, currency=settings.currency)
    report(scores, json, lambda: _print_scores(scores))


def _print_run(run: "Run") -> None:
    _print_scores(run.metrics)
    _out.print(f"{run.folder}")


def _print_scores(scores: dict[str, Any]) -> None:
    table = Table("", "score", "", "n", box=None)
    for part, values in scores.items():
        for name, value in values.items():
            if name != "n":
                table.add_row(part, name, f"{value:.4f}", f"{values['n']:,}")
    _out.print(table)
