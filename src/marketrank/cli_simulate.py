"""The command `marketrank simulate`: a made-up marketplace with its shoppers, in files or at the
door of a running server."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from marketrank.cli_home import Json
from marketrank.errors import BadInput
from marketrank.terminal import progress_bars, report

if TYPE_CHECKING:
    from marketrank.pipelines.drive import Call, Driven
    from marketrank.simulate.market import MarketFiles
    from marketrank.simulate.shopper_parameters import ShopperParameters

_out = Console(highlight=False, markup=False)
_AT = datetime(2026, 2, 21, 12, tzinfo=UTC)
"""When it plays: fixed, so that the same seed gives the same feed."""
_FEWEST = 100
"""Listings of a market that has shoppers without being asked."""


def simulate(
    *,
    out: Annotated[Path | None, typer.Option(help="Folder for the files.")] = None,
    drive: Annotated[
        str, typer.Option(metavar="URL", help="Visit this running server instead of writing files.")
    ] = "",
    key: Annotated[
        str,
        typer.Option(
            envvar="MARKETRANK_KEY",
            show_envvar=True,
            help="With --drive: a key of the server, of scope write.",
        ),
    ] = "",
    listings: Annotated[int, typer.Option(min=1, help="How many listings.")] = 2000,
    photos: Annotated[bool, typer.Option(help="Draw photos, which takes most of the time.")] = True,
    buyers: Annotated[
        int | None, typer.Option(min=0, help="How many buyers; 0: none.  [default: listings / 2]")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=80, help="Days that the buyers play.")] = 60,
    sessions: Annotated[
        int | None,
        typer.Option(min=1, help="Visits in all.  [default: 10 a buyer; 200 with --drive]"),
    ] = None,
    eta: Annotated[
        float, typer.Option(min=0, help="Rank r (from 1) is looked at with (1 / r) ** eta.")
    ] = 1.0,
    cascade: Annotated[
        bool, typer.Option("--cascade", help="Buyers look from the top until they have enough.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Same seed, same marketplace.")] = 7,
    json: Json = False,
) -> None:
    """Make up a marketplace: products.csv, images.csv and photos, and what its shoppers saw and did
    (buyers.csv, listings.csv, events.csv, impressions.parquet, truth/)."""
    if (out is None) == (not drive):
        raise BadInput("give one of --out DIR and --drive URL")
    if buyers is None:
        buyers = listings // 2 if listings >= _FEWEST else 0
    if drive or buyers:
        params = _parameters(listings, max(buyers, 1), days, sessions, eta, cascade=cascade)
    if out is None:
        from marketrank.pipelines.drive import http_call

        done = _drive(
            http_call(drive, key), params, listings, seed, 200 if sessions is None else sessions
        )
        report(asdict(done), json, lambda: _print(done))
        return
    files = draw_market(out, listings=listings, seed=seed, at=_AT, photos=photos)
    paths = {"products": str(files.products)}
    if photos:
        paths |= {"images_table": str(files.images_table), "images": str(files.images)}
    if buyers:
        paths |= _write_shoppers(out, params, listings, seed)
    report(paths, json, lambda: _out.print(*paths.values(), sep="\n"))


def draw_market(
    out: Path, *, listings: int, seed: int, at: datetime, photos: bool = True
) -> "MarketFiles":
    """Write the feed, with a progress bar."""
    from marketrank.simulate.market import write_market

    with progress_bars() as progress:
        return write_market(
            out,
            listings=listings,
            seed=seed,
            at=at,
            photos=photos,
            progress=lambda done, total: progress("draw photos", done, total),
        )


def _parameters(
    listings: int, buyers: int, days: int, sessions: int | None, eta: float, *, cascade: bool
) -> "ShopperParameters":
    from marketrank.pipelines.shoppers import sized
    from marketrank.simulate.shopper_parameters import ClickModel, ShopperParameters

    truth = ShopperParameters(
        eta=eta, feed_eta=eta, click_model=ClickModel.CASCADE if cascade else ClickModel.POSITION
    )
    return sized(truth, listings=listings, buyers=buyers, days=days, sessions=sessions)


def _write_shoppers(
    out: Path, params: "ShopperParameters", listings: int, seed: int
) -> dict[str, str]:
    from marketrank.pipelines.shoppers import simulate_shoppers, write_shoppers

    with progress_bars() as progress:
        log = simulate_shoppers(
            listings=listings,
            seed=seed,
            at=_AT,
            params=params,
            progress=lambda done, total: progress("simulate shoppers", done, total),
        )
    files = write_shoppers(out, log)
    return {
        "sessions": str(files.folder),
        "truth": str(files.truth),
        "overview": str(files.overview),
    }


def _drive(
    call: "Call", params: "ShopperParameters", listings: int, seed: int, visits: int
) -> "Driven":
    from marketrank.pipelines.drive import drive
    from marketrank.pipelines.shoppers import market_truth
    from marketrank.wiring import now

    truth = market_truth(listings=listings, seed=seed, at=_AT, params=params)
    with progress_bars() as progress:
        return drive(
            call,
            truth,
            visits=visits,
            seed=seed,
            clock=now,
            progress=lambda done, total: progress("visit", done, total),
        )


def _print(done: "Driven") -> None:
    _out.print(
        f"{done.visits:,} visits of {done.buyers:,} buyers: {done.searches:,} searches, "
        f"{done.feeds:,} feeds ({done.recommendations:,} recommended), "
        f"{done.median_ms:.0f} ms each (median)"
    )
    told = ", ".join(f"{n:,} {kind}" for kind, n in done.events.items()) or "none"
    _out.print(f"events: {told}; {done.accepted:,} accepted, {done.refused:,} refused")
    late = done.shown_after_sold + done.shown_after_hidden
    _out.print(f"listings shown after they were sold or hidden: {late:,}")
