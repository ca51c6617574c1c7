"""The database as one file, and back, with PostgreSQL's own programs."""

import os
import subprocess
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

from marketrank.errors import BadInput, NotReady
from marketrank.storage.embedded import program

_OLDEST = 17  # pg_restore of our release sets a parameter that older servers do not know


def dump(url: str, file: Path) -> None:
    """Write the database's content as it is at one moment; others may write meanwhile.

    Raises NotReady, with pg_dump's words, where it cannot be read.
    """
    _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={file}")


def load(url: str, file: Path) -> None:
    """Fill an empty database from a file of `dump`, all or nothing.

    Raises BadInput for a database that holds tables or is of a server older than 17, NotReady
    with pg_restore's words where the file cannot be brought in.
    """
    target = make_url(url)
    with psycopg.connect(_plain(target).render_as_string(hide_password=False)) as connection:
        major = connection.info.server_version // 10_000
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchone()
    if major < _OLDEST:
        raise BadInput(
            f"the database's server is PostgreSQL {major}: restore into {_OLDEST} or newer"
        )
    if tables is not None and tables[0]:
        raise BadInput(
            f"the database {target.database} holds {tables[0]} tables: restore into an empty one"
        )
    _run(
        "pg_restore",
        url,
        *("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(file)),
    )


def _plain(url: URL) -> URL:
    """As libpq understands it."""
    return url.set(drivername="postgresql")


def _run(name: str, url: str, *arguments: str) -> None:
    target = _plain(make_url(url))
    # Not among the arguments, which every user of the machine can read.
    password = {"PGPASSWORD": str(target.password)} if target.password is not None else {}
    address = target.set(password=None).render_as_string(hide_password=False)
    done = subprocess.run(
        [str(program(name)), f"--dbname={address}", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C", **password},
    )
    if done.returncode:
        raise NotReady(f"{name} failed: {done.stderr.strip()[-500:]}")
