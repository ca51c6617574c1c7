"""Homes in which an embedded server was once started, and a look into its database."""

import subprocess
from pathlib import Path

import psycopg


def furnish(home: Path, made: Path) -> Path:
    home.mkdir(exist_ok=True, parents=True)
    subprocess.run(["cp", "-a", made / "postgres", home / "postgres"], check=True)
    return home


def query(url: str, statement: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return str(row[0])
