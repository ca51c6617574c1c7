"""What tests share: one embedded PostgreSQL server for the whole run, a database for each test.

This file's place also puts its folder on the import path, so that rings share `small_market`.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, create_engine

from databases import sibling
from exported import exported_encoder
from marketrank.storage import database, embedded
from rings import place_in_run

_TEMPLATE = "migrated"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: of two workers, neither is left with one at the end."""
    items.sort(key=lambda item: place_in_run(item.path))


def _run_id(request: pytest.FixtureRequest) -> str:
    """Equal in all workers of one pytest-xdist run; this process's own without xdist."""
    worker = getattr(request.config, "workerinput", None)
    return str(worker["testrunuid"]) if worker else uuid.uuid4().hex


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a database that nobody may write to, on a server for this run alone.

    Beside it stands a migrated one to copy. The folder is not pytest's, which other runs close
    to the server's user.
    """
    home = Path(tempfile.gettempdir()) / f"marketrank-test-{_run_id(request)[:12]}"
    home.mkdir(exist_ok=True)
    with (home / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker makes the template, the others wait
        url = embedded.start(home)
        _make_template(url)
    yield url
    embedded.leave(home)
    if not embedded.status(home).running:  # the last worker
        shutil.rmtree(home, ignore_errors=True)


def _make_template(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE])
        if found.fetchone() is not None:
            return
        # Nobody needs these data after a power cut.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CREATE DATABASE unfinished TEMPLATE template0")
        engine = create_engine(sibling(url, "unfinished", driver="postgresql+psycopg"))
        database.migrate(engine)
        engine.dispose()
        connection.execute(f"ALTER DATABASE unfinished RENAME TO {_TEMPLATE}")


@pytest.fixture
def empty_database_url(database_server: str) -> Iterator[str]:
    """A database of the test's own without any table."""
    with _copy(database_server, "template0") as url:
        yield url


@pytest.fixture
def database_url(database_server: str) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    with _copy(database_server, _TEMPLATE) as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(database_server: str) -> Iterator[str]:
    """A migrated database for all tests of a module, which they leave as they like."""
    with _copy(database_server, _TEMPLATE) as url:
        yield url


@pytest.fixture
def database_engine(database_url: str) -> Iterator[Engine]:
    """Connections to `database_url`."""
    engine = database.connect(database_url)
    yield engine
    engine.dispose()


@contextlib.contextmanager
def _copy(server: str, template: str) -> Iterator[str]:
    name = f"test_{os.getpid()}_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        try:
            yield sibling(server, name)
        finally:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default encoder, exported once for all workers of a run. Nobody may write to it."""
    return exported_encoder(tmp_path_factory)
