"""The commands of those who run marketrank as a service: worker, migrate, backup, restore."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from marketrank.cli_home import Home, Json, open_existing, open_home
from marketrank.config import load
from marketrank.terminal import progress_bars, report

_out = Console(highlight=False, markup=False)
_err = Console(stderr=True, highlight=False, markup=False)


def add_commands(app: typer.Typer) -> None:
    """Give an application these commands."""
    for command in (worker, migrate, backup, restore):
        app.command()(command)


def worker(
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Answer GET /metrics there.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address for that.")] = "127.0.0.1",
    home: Home = None,
) -> None:
    """Index what comes in, until a signal. Where one runs, set serve_indexes = false for `serve`:
    then API processes only read."""
    from marketrank.worker import run

    run(load(home), host=host, metrics_port=metrics_port)


def migrate(home: Home = None, json: Json = False) -> None:
    """Bring the database's schema up to date, and end. `serve` and `worker` do so too."""
    marketplace = open_home(home)
    marketplace.database.dispose()
    report({"migrated": True}, json, lambda: _out.print("the schema is up to date"))


def backup(
    out: Annotated[Path, typer.Argument(help="Folder to make.")],
    home: Home = None,
    json: Json = False,
) -> None:
    """Copy database, models, release and photos into a folder, also while they are in use.

    Keys of buyers are left out: a copy of them would undo erasures. Keep `keys/` apart.
    """
    marketplace = open_existing(home)
    with progress_bars() as progress:
        made = marketplace.backup(out, progress=progress)
    report(
        {
            "backup": str(out),
            "files": len(made.files),
            "bytes": made.bytes,
            "left_out": list(made.left_out),
        },
        json,
        lambda: _out.print(
            f"{out}: {len(made.files):,} files, {made.bytes / 1e6:,.0f} MB; "
            f"left out: {', '.join(made.left_out) or 'nothing'}"
        ),
    )


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `backup` has made.")],
    home: Home = None,
    json: Json = False,
) -> None:
    """Bring a backup into an empty home and an empty database, and index its words."""
    marketplace = open_home(home)
    with progress_bars() as progress:
        made = marketplace.restore(folder, progress=progress)
        indexed = marketplace.index(rebuild=False, progress=progress)
    report(
        {
            "created_at": made.created_at,
            "files": len(made.files),
            "texts": indexed.texts,
            "embedded": indexed.embedded,
            "release": indexed.release,
        },
        json,
        lambda: _out.print(
            f"restored what was backed up at {made.created_at:%Y-%m-%d %H:%M} UTC; "
            f"{indexed.texts:,} texts indexed, release {indexed.release or 'none yet'}"
        ),
    )
