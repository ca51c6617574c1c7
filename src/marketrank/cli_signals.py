"""The command `marketrank signals`: the list that moderators work through."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from marketrank.cli_home import Home, Json, open_existing
from marketrank.errors import BadInput
from marketrank.terminal import report
from marketrank.types import Listing, ListingId, Signal, Stored

# Titles and reasons are what others have written: never read as markup.
_out = Console(highlight=False, markup=False)


def signals(
    *,
    only: Annotated[
        list[Signal] | None, typer.Option("--signal", help="Of this kind only; may be repeated.")
    ] = None,
    seller: Annotated[str, typer.Option(help="Listings of this seller only.")] = "",
    listing: Annotated[str, typer.Option(help="This listing only, by its id.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Listings to print.")] = 1_000,
    home: Home = None,
    json: Json = False,
) -> None:
    """List the live listings with signals, with reasons and sellers, the latest change first."""
    market = open_existing(home)
    if listing and not market.listings.get([ListingId(listing)]):
        raise BadInput(f"--listing {listing}: there is no such listing")
    found = [
        stored
        for stored in reversed(market.listings.with_findings())
        if _is_asked(stored, frozenset(only or Signal), seller, listing)
    ]
    shown = found[:limit]
    others = market.listings.get(
        sorted({id_ for stored in shown for one in stored.findings for id_ in one.others})
    )
    counts = Counter(signal for stored in found for signal in stored.signals)
    report(
        {
            "total": len(found),
            "counts": {str(signal): counts[signal] for signal in Signal},
            "listings": [_row(stored, others) for stored in shown],
        },
        json,
        lambda: _print(shown, len(found)),
    )


def _is_asked(stored: Stored, only: frozenset[Signal], seller: str, listing: str) -> bool:
    return (
        bool(only & set(stored.signals))
        and (not seller or stored.listing.seller == seller)
        and (not listing or stored.listing.id == listing)
    )


def _row(stored: Stored, others: Mapping[ListingId, Stored]) -> dict[str, Any]:
    return {
        **_facts(stored.listing),
        "signals": [
            {
                "signal": str(one.signal),
                "reason": one.reason,
                "others": [_facts(others[id_].listing) for id_ in one.others if id_ in others],
            }
            for one in stored.findings
        ],
    }


def _facts(listing: Listing) -> dict[str, Any]:
    return {
        "id": listing.id,
        "title": listing.title,
        "price": None if listing.price is None else listing.price.minor / 100,
        "currency": listing.price and listing.price.currency,
        "place": listing.place and str(listing.place),
        "seller": listing.seller,
        "seller_type": listing.seller_type,
    }


def _print(shown: Sequence[Stored], total: int) -> None:
    if not shown:
        _out.print("no listing has such a signal")
        return
    table = Table("id", "title", "seller", "signal", "reason", box=None)
    for stored in shown:
        listing = stored.listing
        names = [listing.id, listing.title, listing.seller or ""]
        for one in stored.findings:
            table.add_row(*map(Text, (*names, one.signal, one.reason)))
            names = ["", "", ""]
    _out.print(table)
    _out.print(f"{len(shown):,} of {total:,} listings with signals")
