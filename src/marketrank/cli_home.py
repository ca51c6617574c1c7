"""What all commands share: the home that they work on, and how they answer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marketrank.config import load
from marketrank.errors import NotReady

if TYPE_CHECKING:
    from marketrank.wiring import Marketplace

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Home folder (else MARKETRANK_HOME, else ./.marketrank)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def open_home(home: Path | None) -> "Marketplace":
    """The marketplace of a home, which is made if need be."""
    from marketrank.wiring import Marketplace

    return Marketplace(load(home))


def open_existing(home: Path | None) -> "Marketplace":
    """For commands that only read: a mistyped home should be named, not made."""
    folder = load(home).home
    if not folder.is_dir():
        raise NotReady(
            f"there is no home {folder}: name one with --home or MARKETRANK_HOME, or make it with "
            "`marketrank ingest` or `marketrank demo`"
        )
    return open_home(home)
