"""The commands about single buyers: what is held of them, and its erasure."""

from typing import Annotated

import typer
from rich.console import Console

from marketrank.cli_home import Home, Json, open_existing
from marketrank.errors import BadInput
from marketrank.terminal import report
from marketrank.types import BuyerId

_out = Console(highlight=False, markup=False)
Id = Annotated[str, typer.Argument(help="The buyer's id, as it is in your events.")]


def erase_buyer(id: Id, home: Home = None, json: Json = False) -> None:
    """Remove every trace of a buyer: the key, then the rows."""
    erased = open_existing(home).buyers.erase(BuyerId(_checked(id)))
    report(
        {"erased": erased},
        json,
        lambda: _out.print("erased" if erased else "nothing was held of them"),
    )


def export_buyer(id: Id, home: Home = None) -> None:
    """Print all that is held of a buyer, as one JSON object."""
    report(dict(open_existing(home).buyers.export(BuyerId(_checked(id)))), True, lambda: None)


def _checked(id: str) -> str:
    if not id or "\0" in id:
        raise BadInput(f"ID {id!r}: give the id of a buyer")
    return id
