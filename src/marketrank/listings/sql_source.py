"""A foreign PostgreSQL database as a feed. It is only read, in one read-only transaction."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, MetaData, Table, create_engine, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from marketrank.errors import BadInput
from marketrank.listings.addresses import shown

_CHUNK = 2_000  # rows that the server sends at a time


@dataclass(frozen=True, slots=True)
class SqlTable:
    """A table being read: its columns, and its rows by column name, once."""

    columns: tuple[str, ...]
    rows: Iterator[Mapping[str, Any]]


@contextmanager
def open_table(url: str, table: str) -> Iterator[SqlTable]:
    """Read a table or view. Rows come through a server-side cursor, so any size will do.

    Raises BadInput, which never shows the password, for a malformed URL, a server that does not
    answer and a table that is not there.
    """
    try:
        target = make_url(url).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise BadInput(
            "the database URL is malformed; it looks like postgresql://user@host:5432/database, "
            "with the password in PGPASSWORD or ~/.pgpass"
        ) from None
    engine = create_engine(target, connect_args={"connect_timeout": 10})
    try:
        with engine.connect().execution_options(postgresql_readonly=True) as connection:
            found = _reflect(connection, table, url)
            options = {"yield_per": _CHUNK}
            result = connection.execution_options(**options).execute(select(found))
            yield SqlTable(tuple(found.columns.keys()), (dict(row) for row in result.mappings()))
    except SQLAlchemyError as error:
        raise BadInput(
            f"cannot read table {table!r} of {shown(url)}: {_reason(error, target)}; check that "
            "the server runs and that the URL names it"
        ) from None
    finally:
        engine.dispose()


def _reflect(connection: Connection, name: str, url: str) -> Table:
    inspector = inspect(connection)
    names = inspector.get_table_names() + inspector.get_view_names()
    if name not in names:
        known = ", ".join(sorted(names)) or "none"
        raise BadInput(
            f"database {shown(url)} has no table {name!r}: found {known}; expected products "
            "and images"
        )
    return Table(name, MetaData(), autoload_with=connection)


def _reason(error: SQLAlchemyError, target: URL) -> str:
    """What the server said, on one line, without the password."""
    said = " ".join(str(getattr(error, "orig", None) or error).split())
    for secret in (target.password, target.query.get("password")):
        if secret:
            said = said.replace(str(secret), "***")
    return said
