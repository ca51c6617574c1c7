"""The command line: thin commands over `wiring`. Reports go to standard output, all else to
standard error; `--json` makes the report one JSON object."""

import csv
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from marketrank import (
    cli_audit,
    cli_buyers,
    cli_deploy,
    cli_drift,
    cli_keys,
    cli_learning,
    cli_models,
    cli_recommend,
    cli_registry,
    cli_relevance,
    cli_retrain,
    cli_signals,
    cli_simulate,
)
from marketrank.asking import Filters, Near, Ranking, Request, Sort
from marketrank.cli_home import Home, Json, open_existing, open_home
from marketrank.cli_simulate import draw_market
from marketrank.config import load
from marketrank.errors import BadInput, MarketrankError, NotReady
from marketrank.pipelines.counting import Count, Summary
from marketrank.retrieval.query import (
    KM_PER_MILE,
    parse_category,
    parse_distance_km,
    parse_kinds,
    parse_price_range,
)
from marketrank.terminal import progress_bars
from marketrank.terminal import report as print_report
from marketrank.types import RequestId

app = typer.Typer(
    help="Search and recommendation for a marketplace of one-off listings.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_COMPLETE = "complete"  # marks a demo feed that was drawn to its end
cli_relevance.add_commands(cli_models.train_app, cli_models.evaluate_app)
cli_learning.add_commands(cli_models.train_app)
cli_recommend.add_commands(cli_models.evaluate_app)
app.add_typer(cli_models.app)
app.add_typer(cli_learning.app, name="experiment")
app.add_typer(cli_registry.app, name="models")
app.add_typer(cli_keys.app, name="keys")
app.command()(cli_signals.signals)
app.command()(cli_audit.audit)
app.command()(cli_simulate.simulate)
app.command()(cli_buyers.erase_buyer)
app.command()(cli_buyers.export_buyer)
app.command()(cli_drift.drift)
app.command()(cli_drift.sweep)
cli_deploy.add_commands(app)
cli_retrain.add_commands(app)
_out = Console(highlight=False, markup=False)
_err = Console(stderr=True, highlight=False, markup=False)


def main() -> None:
    """Run the command line."""
    run(app)


def run(command: Callable[[], object]) -> None:
    """Run a command; a MarketrankError ends as one line and exit code 1, and so does a package that
    is not installed."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        command()
    except (MarketrankError, OSError) as error:
        # What is printed may hold what others have written: it is never read as markup.
        _err.print("error:", style="bold red", end=" ")
        _err.print(str(error), markup=False, soft_wrap=True)
        raise SystemExit(1) from error
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "marketrank":
            raise
        _err.print("error:", style="bold red", end=" ")
        said = f"this needs {error.name}, which is not installed here: `pip install {error.name}`"
        _err.print(f"{said}; of our images `train` has all, `serve` only what serving needs")
        raise SystemExit(1) from error


@app.command()
def ingest(
    products: Annotated[
        str, typer.Option(help="CSV, TSV, JSONL or Parquet file or URL, or postgresql://….")
    ],
    images_table: Annotated[
        str | None,
        typer.Option(help="Table of photo ids and their listings; of a database, its own."),
    ] = None,
    images: Annotated[str | None, typer.Option(help="Folder, zip or URL of the photos.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="The feed is complete: end listings that it lacks.")
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Clean a feed of listings and photos and bring it into the store."""
    marketplace = open_home(home)
    with progress_bars() as progress:
        summary = marketplace.ingest(products, images_table, images, full=full, progress=progress)
    print_report(summary.as_dict(), json, lambda: _print_summary(summary))


@app.command()
def index(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Build a new release even if the old one serves.")
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Bring embeddings and indexes up to date with the store."""
    marketplace = open_home(home)
    with progress_bars() as progress:
        indexed = marketplace.index(rebuild=rebuild, progress=progress)
    print_report(
        {
            "texts": indexed.texts,
            "embedded": indexed.embedded,
            "released": indexed.released,
            "release": indexed.release,
        },
        json,
        lambda: _out.print(
            f"{indexed.texts:,} texts indexed, {indexed.embedded:,} listings embedded, "
            f"release {indexed.release or 'none yet: the store is empty'}"
        ),
    )


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="What to look for; may be empty.")] = "",
    image: Annotated[Path | None, typer.Option(help="A photo to search by.")] = None,
    category: Annotated[str, typer.Option(help='Path prefix: "Home & Garden / Sofas".')] = "",
    price: Annotated[str, typer.Option(help='"10..50", "10.." or "..50".')] = "",
    near: Annotated[str, typer.Option(help="A town.")] = "",
    within: Annotated[str, typer.Option(help='"20mi" or "15km"; needs --near.')] = "",
    sort: Annotated[Sort, typer.Option(help="Order of the results.")] = Sort.RELEVANCE,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Results a page.")] = 10,
    offset: Annotated[int, typer.Option(min=0, help="Results to skip.")] = 0,
    ignore: Annotated[
        str, typer.Option(help='What not to read out of the text: "price,near".')
    ] = "",
    home: Home = None,
    json: Json = False,
) -> None:
    """Search the marketplace."""
    from marketrank.wiring import now

    marketplace = open_existing(home)
    low, high = parse_price_range(price) if price else (None, None)
    request = Request(
        id=RequestId(uuid4().hex),
        at=now(),
        text=text,
        photo=marketplace.clean_photo(_read(image)) if image else None,
        filters=Filters(
            parse_category(category), low, high, _near(marketplace.locate, near, within)
        ),
        sort=sort,
        offset=offset,
        k=limit,
        ignore=parse_kinds(ignore),
    )
    marketplace.follower.refresh()
    ranking = marketplace.answer(request)
    print_report(_ranking_dict(ranking), json, lambda: _print_ranking(ranking))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    home: Home = None,
) -> None:
    """Serve the page and the API."""
    from marketrank.serving import check_address, run

    settings = load(home)
    check_address(host, port)
    _err.print("serving on", f"http://{host}:{port}", "(Ctrl-C ends)")
    run(settings, host=host, port=port, workers=workers)


@app.command()
def rejected(
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """List the records that were rejected, with reasons."""
    if as_csv and json:
        raise BadInput("--csv and --json: give one of them")
    rows = open_existing(home).quarantine.all()
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(["kind", "key", "reason", "detail", "source", "raw"])
        writer.writerows([r.kind, r.key, r.reason, r.detail, r.source, r.raw] for r in rows)
        return
    table = Table("kind", "id", "reason", "detail", box=None)
    for row in rows:
        table.add_row(*map(Text, (row.kind, row.key, row.reason, row.detail)))
    fields = ("kind", "key", "reason", "detail", "source", "raw")
    print_report(
        {"rejected": [{name: getattr(row, name) for name in fields} for row in rows]},
        json,
        lambda: _out.print(table if rows else "nothing was rejected"),
    )


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="Folder for the page.")],
    home: Home = None,
    json: Json = False,
) -> None:
    """Write an HTML page with plots of the data in the store."""
    marketplace = open_existing(home)
    page = marketplace.write_report(out)
    print_report({"page": str(page)}, json, lambda: _out.print(f"{page}"))


@app.command()
def demo(
    listings: Annotated[int, typer.Option(min=1, help="Listings of the made-up market.")] = 2000,
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="End after a printed search.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8080,
    home: Home = None,
) -> None:
    """Make a small marketplace, clean, embed and index it, search it and serve it."""
    from marketrank.wiring import now

    settings = load(home)
    feed = settings.home / "demo"
    if not (feed / _COMPLETE).exists():
        draw_market(feed, listings=listings, seed=7, at=now())
        (feed / _COMPLETE).touch()
    ingest(
        products=str(feed / "products.csv"),
        images_table=str(feed / "images.csv"),
        images=str(feed / "images"),
        home=settings.home,
    )
    index(home=settings.home)
    open_existing(settings.home).make_demo_buyers()
    _out.print("\nmarketrank search 'oak table'", style="bold")
    search(text="oak table", limit=5, home=settings.home)
    if not no_serve:
        os.environ["MARKETRANK_DEMO_BUYERS"] = "true"  # how processes that serve learn of it
        serve(host=host, port=port, workers=1, home=settings.home)


@app.command()
def stop(
    force: Annotated[
        bool, typer.Option("--force", help="Stop it under the processes that use it, too.")
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Stop the embedded Postgres of a home folder."""
    from marketrank.storage import embedded

    folder = load(home).home
    if not force and embedded.in_use(folder):
        raise NotReady(
            f"another process (a running `marketrank serve`?) uses {folder}: end it, and Postgres "
            "stops with it; --force stops Postgres all the same"
        )
    stopped = embedded.stop(folder)
    print_report(
        {"stopped": stopped},
        json,
        lambda: _out.print("stopped" if stopped else "no embedded Postgres was running"),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"--image {path} cannot be read: {error.strerror}") from error


def _near(locate: Callable[[str], Near | None], name: str, within: str) -> Near | None:
    if not name:
        if within:
            raise BadInput(f"--within {within} needs --near PLACE")
        return None
    found = locate(name)
    if found is None:
        raise BadInput(f"--near {name}: no such place; name a town, such as Bristol or Leeds")
    km = parse_distance_km(within) if within else None
    return Near(found.latitude, found.longitude, km, found.label)


def _ranking_dict(ranking: Ranking) -> dict[str, Any]:
    return {
        "request_id": ranking.request,
        "release": ranking.release,
        "items": [
            {
                "id": item.listing.id,
                "title": item.listing.title,
                "price": None if item.listing.price is None else item.listing.price.minor / 100,
                "currency": item.listing.price and item.listing.price.currency,
                "category": list(item.listing.category),
                "place": item.listing.place and str(item.listing.place),
                "distance_km": item.distance_km,
                "photos": [photo.id for photo in item.listing.photos],
                "score": item.score,
                "found_by": list(item.found_by),
                "signals": [
                    {"signal": str(one.signal), "reason": one.reason} for one in item.findings
                ],
                "repeats": list(item.repeats),
            }
            for item in ranking.items
        ],
        "total": ranking.total,
        "corrected": ranking.corrected and asdict(ranking.corrected),
        "understood": {
            "text": ranking.understood.text,
            "parses": [asdict(parse) for parse in ranking.understood.parses],
        },
        "facets": {
            name: [{"value": v.value, "label": v.label, "count": v.count} for v in values]
            for name, values in ranking.facets.items()
        },
        "stages_ms": dict(ranking.stages_ms),
    }


def _print_ranking(ranking: Ranking) -> None:
    table = Table("", "title", "price", "place", "category", box=None)
    for rank, item in enumerate(ranking.items):
        listing = item.listing
        place = str(listing.place or "")
        if item.distance_km is not None:
            place += f" ({item.distance_km / KM_PER_MILE:.0f} mi)"
        table.add_row(
            str(rank + 1),
            Text(listing.title),
            str(listing.price or ""),
            Text(place),
            Text(listing.category[0] if listing.category else ""),
        )
    if ranking.understood.parses:
        labels = [f"{parse.kind}: {parse.label}" for parse in ranking.understood.parses]
        _out.print("understood", "; ".join(labels), "(--ignore KIND takes one back)")
    _out.print(table)
    took = sum(ranking.stages_ms.values())
    _out.print(f"{ranking.total:,} results in {took:.0f} ms (release {ranking.release})")


def _print_summary(summary: Summary) -> None:
    table = Table("", "read", "accepted", "unchanged", "rejected", box=None)
    counts: dict[str, Count] = {"listings": summary.listings, "photos": summary.photos}
    for name, count in counts.items():
        numbers = (count.read, count.accepted, count.unchanged, count.rejected.total())
        table.add_row(name, *(f"{number:,}" for number in numbers))
    _out.print(table)
    for name, count in counts.items():
        for reason, number in count.rejected.most_common():
            _out.print(f"  {number:,} {name} rejected: {reason}")
    _out.print(
        f"{summary.inserted:,} new, {summary.updated:,} updated, {summary.ended:,} ended; "
        f"{summary.duplicates:,} duplicates linked, {summary.price_outliers:,} odd prices flagged"
    )
    told = {name: n for name, n in summary.signals.items() if n}
    if told:
        _out.print("signals:", ", ".join(f"{n:,} {name}" for name, n in told.items()))
