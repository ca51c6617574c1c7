"""The commands that train and score models: `marketrank train …`, `marketrank evaluate …`."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from marketrank.cli_home import Home, Json, open_home
from marketrank.config import load
from marketrank.terminal import progress_bars, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from marketrank.pipelines.publishing import Published
    from marketrank.pipelines.runs import Run
    from marketrank.pipelines.training_data import TrainingData
    from marketrank.wiring import Marketplace

app = typer.Typer(no_args_is_help=True)
_train = typer.Typer(help="Train models on what is in the store.", no_args_is_help=True)
_evaluate = typer.Typer(help="Score models.", no_args_is_help=True)
app.add_typer(_train, name="train")
app.add_typer(_evaluate, name="evaluate")
train_app, evaluate_app = _train, _evaluate
_out = Console(highlight=False)

Seed = Annotated[int, typer.Option(help="Same seed, same split and models.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


@_train.command()
def baselines(seed: Seed = 7, home: Home = None, json: Json = False) -> None:
    """Fit the linear models that every report is compared with, and write a run folder."""
    from marketrank.pipelines.train_baselines import train_baselines

    with _training(home, seed) as (market, data, common):
        run = train_baselines(data, market.blobs, currency=market.settings.currency, **common)
    _report_run(run, json)


@_train.command()
def text(
    seed: Seed = 7,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the texts.")] = 4,
    device: Device = "auto",
    home: Home = None,
    json: Json = False,
) -> None:
    """Tune the text tower to categories, and write a run folder."""
    from marketrank.pipelines.train_text import train_text

    with _training(home, seed) as (_, data, common):
        run = train_text(data, epochs=epochs, device=device, **common)
    _report_run(run, json)


@_train.command()
def vision(
    *,
    network: Annotated[str, typer.Option(help="lite, cnn or resnet50.")] = "lite",
    weights: Annotated[
        str | None,
        typer.Option(help="Of resnet50: a folder, or a model id of the Hugging Face hub."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the photos (else the network's own).")
    ] = None,
    seed: Seed = 7,
    device: Device = "auto",
    home: Home = None,
    json: Json = False,
) -> None:
    """Learn categories from photos alone, and write a run folder."""
    from marketrank.pipelines.train_vision import train_vision

    with _training(home, seed) as (market, data, common):
        run = train_vision(
            data,
            market.blobs,
            network=network,
            weights=weights,
            epochs=epochs,
            threads=market.settings.processes,
            device=device,
            **common,
        )
    _report_run(run, json)


@_train.command()
def multimodal(
    seed: Seed = 7,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the photos.")] = 5,
    device: Device = "auto",
    home: Home = None,
    json: Json = False,
) -> None:
    """Learn one space for texts, photos and listings, and write a run folder."""
    from marketrank.pipelines.train_multimodal import train_multimodal

    with _training(home, seed) as (market, data, common):
        run = train_multimodal(
            data,
            market.blobs,
            epochs=epochs,
            threads=market.settings.processes,
            currency=market.settings.currency,
            device=device,
            **common,
        )
    _report_run(run, json)


@_train.command()
def buyers(
    seed: Seed = 7,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the events.")] = 12,
    home: Home = None,
    json: Json = False,
) -> None:
    """Learn what buyers like from what they did, publish the tower, and put it in use where it
    finds more of what followed than what is popular does, no less than the tower in use, and
    treats groups of buyers alike."""
    from marketrank.people import Purpose
    from marketrank.pipelines.audit import facts_of, limits_of
    from marketrank.pipelines.buyer_data import read_history
    from marketrank.pipelines.tower_gate import Auditing
    from marketrank.pipelines.train_buyers import train_buyers
    from marketrank.wiring import now

    market = open_home(home)
    encoder = market.open_encoder(market.encoder_folder()).version
    with progress_bars() as progress:
        stores = (market.listings, market.vectors, market.events, market.buyers)
        done = train_buyers(
            read_history(*stores, encoder=encoder),
            market.settings.home,
            market.liking.towers,
            encoder=encoder,
            at=now(),
            seed=seed,
            epochs=epochs,
            weighting=market.liking.weighting,
            audit=Auditing(
                sessions=market.events.sessions,
                facts=lambda sessions: facts_of(sessions, market.listings),
                buyers=lambda: market.buyers.agreed([Purpose.DEMOGRAPHICS]),
                categories=market.liking.sensitive,
                limits=limits_of(market.settings),
                seed=seed,
            ),
            progress=progress,
        )
    told = {
        "version": done.facts.version,
        "promoted": not done.objections,
        "metrics": done.facts.metrics,
        "objections": done.objections,
        "decision": done.decision,
    }
    report(told, json, lambda: _print_buyers(told))


@_train.command(name="all")
def everything(
    seed: Seed = 7, device: Device = "auto", home: Home = None, json: Json = False
) -> None:
    """Baselines, text and multimodal by their default recipes; publish what they make together,
    and promote it where it is not worse than what is in use."""
    from marketrank.pipelines.gate import limits_of
    from marketrank.pipelines.train_all import train_all

    with _training(home, seed) as (market, data, common):
        done = train_all(
            market.contest(data),
            at=common["at"],
            limits=limits_of(market.settings),
            device=device,
            progress=common["progress"],
        )
    told = {"version": done.version, "promoted": not done.objections, "metrics": done.metrics}
    report({**told, "objections": done.objections}, json, lambda: _print_published(done))


@app.command(name="export-embeddings")
def export_embeddings(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("image_embeddings.json"),
    home: Home = None,
    json: Json = False,
) -> None:
    """Write {image id: vector} of all photos, as earlier systems exchange it."""
    from marketrank.pipelines.export_embeddings import export_embeddings as export

    market = open_home(home)
    encoder = market.open_encoder(market.encoder_folder())
    with progress_bars() as progress:
        n = export(market.listings, market.blobs, encoder, out, progress=progress)
    told = {"file": str(out), "photos": n, "model": encoder.version}
    report(told, json, lambda: _out.print(f"{n:,} vectors of {encoder.version} in {out}"))


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
    from marketrank.pipelines.model_evaluation import clean_feed, current_models, evaluate
    from marketrank.wiring import Marketplace, now

    settings = load(home)
    marketplace = Marketplace(settings)
    feed = marketplace.open_feed(products, images_table, images)
    current = current_models(settings.home, marketplace.registry, threads=settings.processes)
    with progress_bars() as progress, marketplace.photo_pool() as pool:
        clean = clean_feed(
            feed, cleaning=marketplace.cleaning, pool=pool, at=now(), progress=progress
        )
        scores = evaluate(clean, current, currency=settings.currency, progress=progress)
    report(scores, json, lambda: _print_scores(scores))


@contextmanager
def _training(
    home: Path | None, seed: int
) -> "Iterator[tuple[Marketplace, TrainingData, dict[str, Any]]]":
    """The marketplace, its listings now, and what else every training is given."""
    from marketrank.pipelines.training_data import read_training_data
    from marketrank.wiring import Marketplace, now

    settings = load(home)
    market = Marketplace(settings)
    data = read_training_data(market.listings, seed=seed)
    with progress_bars() as progress:
        yield market, data, {"home": settings.home, "at": now(), "progress": progress}


def _report_run(run: "Run", json: bool) -> None:
    report({"run": str(run.folder), **run.metrics}, json, lambda: _print_run(run))


def _print_published(done: "Published") -> None:
    _print_scores(done.metrics)
    _out.print(f"published {done.version}")
    for objection in done.objections:
        _out.print(f"not promoted: {objection}")
    if not done.objections:
        _out.print("promoted; `marketrank index`, or the running server, embeds with it")


def _print_buyers(told: dict[str, Any]) -> None:
    for name, value in told["metrics"].items():
        _out.print(f"{name}: {value:.4f}")
    _out.print(f"published {told['version']}")
    decision = told["decision"]
    for name, one in decision.get("compared", {}).items():
        _out.print(
            f"{name} by buyer: {one['new']:.4f}, {one['difference']:+.4f} [{one['low']:+.4f}, "
            f"{one['high']:+.4f}] against {decision['against']}"
        )
    audit = decision.get("audit", {})
    for note in [*audit.get("too_few", []), *audit.get("unjudged", [])]:
        _out.print(f"not judged: {note}", soft_wrap=True)
    for objection in told["objections"]:
        _out.print(f"not put in use: {objection}")
    if told["promoted"]:
        _out.print("in use; a running server takes it up by itself")


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
