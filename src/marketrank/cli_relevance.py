"""The commands around relevance: `marketrank evaluate relevance`, `marketrank train fusion`."""

from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from marketrank.cli_home import Home, Json, open_home
from marketrank.cli_models import Seed
from marketrank.errors import BadInput, NotReady
from marketrank.terminal import progress_bars, report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from marketrank.evaluation.sets.relevance_set import RelevanceSet
    from marketrank.pipelines.progress import Progress
    from marketrank.pipelines.relevance_index import IndexedSet
    from marketrank.types import Listing
    from marketrank.wiring import Marketplace

_TABLE_WIDTH = 100  # where the terminal is narrower, or none, lines are longer than it
# Names of sets are their folders': never read as markup.
_out = Console(highlight=False, markup=False)
Set = Annotated[
    Path, typer.Argument(help="Folder with listings.csv, queries.csv and judgments.csv.")
]


def add_commands(train: typer.Typer, evaluate: typer.Typer) -> None:
    """Add this file's commands to the groups that they belong to."""
    evaluate.command()(relevance)
    evaluate.command()(fetch)
    evaluate.command("make-set")(make_set)
    train.command()(fusion)


def relevance(
    folder: Set,
    runs: Annotated[
        Path | None, typer.Option(help="Write runs and qrels in TREC's formats into this folder.")
    ] = None,
    seed: Seed = 7,
    home: Home = None,
    json: Json = False,
) -> None:
    """Score search on a relevance set: words, vectors, both, and ranked."""
    from marketrank.pipelines.relevance import evaluate
    from marketrank.pipelines.reports import RELEVANCE, keep_report
    from marketrank.ranking import ltr
    from marketrank.wiring import now

    start = perf_counter()
    with _indexed(folder, home) as (market, indexed, model, progress):
        found = evaluate(
            indexed,
            market.searching,
            seed=seed,
            promoted=ltr.load(market.ranker_file),
            runs=runs,
            progress=progress,
        )
    told = {"model": model, "fusion": market.settings.fusion, **found}
    told["seconds"] = round(perf_counter() - start, 1)
    keep_report(market.settings.home, RELEVANCE, told, at=now())
    report(told, json, lambda: _print_scores(told))


def fusion(folder: Set, seed: Seed = 7, home: Home = None, json: Json = False) -> None:
    """Fit the ranker of this home to a relevance set; searches use it from then on."""
    from marketrank.pipelines.relevance import learn
    from marketrank.ranking import ltr

    with _indexed(folder, home) as (market, indexed, _, progress):
        fitted = learn(indexed, market.searching, seed=seed, progress=progress)
    ltr.save(market.ranker_file, fitted)
    told = {"ranker": fitted.version, "file": str(market.ranker_file), "queries": fitted.n}
    report(
        told,
        json,
        lambda: _out.print(f"{fitted.version}, fitted to {fitted.n:,} queries of {fitted.name}"),
    )


def fetch(
    name: Annotated[str, typer.Argument(help="wands or esci.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the relevance set.")],
    queries: Annotated[
        int | None, typer.Option(min=1, help="Keep so many queries, and what was judged for them.")
    ] = None,
    titles_only: Annotated[
        bool, typer.Option("--titles-only", help="Leave descriptions and categories out.")
    ] = False,
    mirror: Annotated[
        str | None, typer.Option(help="Another URL or folder that holds the same files.")
    ] = None,
    seed: Seed = 7,
    json: Json = False,
) -> None:
    """Download a public relevance set, check it and convert it."""
    from marketrank.evaluation.sets import public
    from marketrank.evaluation.sets.relevance_set import without_texts, write

    if name not in public.PUBLIC_SETS:
        known = ", ".join(sorted(public.PUBLIC_SETS))
        raise BadInput(f"unknown relevance set {name!r}; known are {known}")
    with progress_bars() as progress:
        given = public.fetch(
            name, public.PUBLIC_SETS[name], out / "source", mirror=mirror, report=progress
        )
    given = public.sample(given, queries or len(given.queries), seed=seed)
    write(out, without_texts(given) if titles_only else given)
    _report_sets({out: given}, json)


def make_set(
    *,
    out: Annotated[Path, typer.Option(help="Folder for the relevance sets.")],
    products: Annotated[
        str | None, typer.Option(help="A feed, in any format of ingest; else the home's store.")
    ] = None,
    queries: Annotated[int, typer.Option(min=1, help="Queries of each set, at most.")] = 500,
    seed: Seed = 7,
    home: Home = None,
    json: Json = False,
) -> None:
    """Make relevance sets from listings: known items, the same misspelt, and category names."""
    from marketrank.evaluation.sets import from_listings
    from marketrank.evaluation.sets.relevance_set import write

    market = open_home(home)
    listings = _listings(market, products)
    known = from_listings.known_item(listings, queries=queries, seed=seed)
    made = [
        known,
        from_listings.misspelt(known, seed=seed),
        from_listings.category_names(listings, queries=queries, seed=seed),
    ]
    for one in made:
        write(out / one.name, one)
    _report_sets({out / one.name: one for one in made}, json)


def _listings(market: "Marketplace", products: str | None) -> "list[Listing]":
    """Of a feed, cleaned as ingest would and without photos; or the store's live ones."""
    from marketrank.pipelines.live import live_listings
    from marketrank.pipelines.model_evaluation import clean_feed
    from marketrank.wiring import now

    if products is None:
        found = list(live_listings(market.listings))
        if not found:
            raise NotReady("the store is empty; bring a feed in with `marketrank ingest`")
        return found
    feed = market.open_feed(products, None, None)
    with market.photo_pool() as pool:
        return list(clean_feed(feed, cleaning=market.cleaning, pool=pool, at=now()).listings)


def _report_sets(made: "Mapping[Path, RelevanceSet]", json: bool) -> None:
    told = {
        str(folder): {
            "listings": len(one.documents),
            "queries": len(one.queries),
            "judgments": sum(len(some) for some in one.grades.values()),
        }
        for folder, one in made.items()
    }
    lines = [
        f"{folder}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items())
        for folder, counts in told.items()
    ]
    report({"sets": told}, json, lambda: _out.print(*lines, sep="\n", soft_wrap=True))


@contextmanager
def _indexed(
    folder: Path, home: Path | None
) -> "Iterator[tuple[Marketplace, IndexedSet, str, Progress]]":
    """A set, indexed with the home's encoder for as long as the block lasts."""
    from marketrank.evaluation.sets.relevance_set import read
    from marketrank.pipelines.relevance_index import indexed

    given = read(folder)
    market = open_home(home)
    encoder = market.open_encoder(market.encoder_folder())
    with (
        progress_bars() as progress,
        indexed(
            given,
            encoder,
            cache=market.relevance_cache,
            exact_below=market.settings.exact_below,
            synonyms=market.synonyms,
            progress=progress,
        ) as ready,
    ):
        yield market, ready, encoder.version, progress


def _print_scores(told: dict[str, Any]) -> None:
    about = told["set"]
    _out.print(
        f"{about['name']}: {about['queries']:,} queries, {about['judgments']:,} judgments of "
        f"{about['listings']:,} listings by {', '.join(about['fields'])}; model {told['model']}"
    )
    for name, count in about["dropped"].items():
        if count:
            _out.print(f"  left out: {count:,} {name.replace('_', ' ')}")
    for mode in ("judged_pool", "corpus"):
        metrics = [name for name in next(iter(told[mode].values())) if not name.endswith("_ci95")]
        table = Table(mode.replace("_", " "), *metrics, box=None)
        for column in table.columns:
            column.no_wrap = True
        for system, scores in told[mode].items():
            table.add_row(system, *(_with_interval(scores, name) for name in metrics))
        _out.print()
        # A console cuts what it prints at its own width, whatever `print` is told.
        Console(width=max(_out.width, _TABLE_WIDTH), highlight=False).print(table)
        for test in told["tests"][mode]:
            if test["system"] in ("ranked", "hybrid") and test["against"] != "random":
                _out.print(
                    f"  {test['system']} - {test['against']}: {test['difference']:+.4f}, "
                    f"p = {test['p']:.4f}"
                )
    _out.print(f"\nranked: {told['ranked']['how']}. p: {told['tests']['method']}.")


def _with_interval(scores: dict[str, Any], name: str) -> str:
    low, high = scores[f"{name}_ci95"]
    return f"{scores[name]:.4f} [{low:.3f}, {high:.3f}]"
