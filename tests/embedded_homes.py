"""Homes in which an embedded server was once started, and a look into its database."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from marketrank.storage import embedded


@contextmanager
def bare() -> Iterator[Path]:
    """An empty home outside pytest's folders, which other runs close to the server's user."""
    folder = Path(tempfile.mkdtemp(prefix="marketrank-embedded-"))
    folder.chmod(0o755)
    yield folder
    embedded.stop(folder)
    embedded.leave(folder)
    shutil.rmtree(folder)


@contextmanager
def started() -> Iterator[Path]:
    """A home whose server was started and stopped, to copy: quicker than making each anew."""
    folder = Path(tempfile.mkdtemp(prefix="marketrank-embedded-made-"))
    embedded.start(folder)
    embedded.leave(folder)
    yield folder
    shutil.rmtree(folder)


def furnish(home: Path, made: Path) -> Path:
    home.mkdir(exist_ok=True, parents=True)
    subprocess.run(["cp", "-a", made / "postgres", home / "postgres"], check=True)
    return home


def query(url: str, statement: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return str(row[0])
