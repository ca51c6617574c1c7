"""The embedded server: shared, adopted, killed, and never losing a write."""

import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from embedded_homes import bare, furnish, query, started
from marketrank.errors import NotReady
from marketrank.storage import embedded

START = """
import sys
from pathlib import Path
from marketrank.storage import embedded
print(embedded.start(Path(sys.argv[1])), flush=True)
"""
STAY = START + "sys.stdin.read()\n"
WRITE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from marketrank.storage import database, embedded
from marketrank.storage.postgres import PostgresListings
from marketrank.types import Listing, ListingId
engine = database.connect(embedded.start(Path(sys.argv[1])))
database.migrate(engine)
store = PostgresListings(engine)
with open(sys.argv[2], "w") as notes:
    for n in range(1_000_000):
        batch = f"{sys.argv[2]} {n}"
        listings = [Listing(ListingId(f"{batch} {i}"), batch) for i in range(20)]
        store.apply(listings, at=datetime.now(UTC))
        print(batch, file=notes, flush=True)
"""


@pytest.fixture
def bare_home() -> Iterator[Path]:
    with bare() as home:
        yield home


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    with started() as home:
        yield home


@pytest.fixture
def home(bare_home: Path, made: Path) -> Path:
    """A home in which a server was once started."""
    return furnish(bare_home, made)


def python(code: str, home: Path, *more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, str(home), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise AssertionError(process.communicate()[1])
    return line


def finish(process: "subprocess.Popen[str]") -> tuple[str, str]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out, err


# --- starting and stopping --------------------------------------------------------------------


def test_it_starts_and_stops(home: Path) -> None:
    assert not embedded.status(home).running
    assert not embedded.stop(home)
    url = embedded.start(home)
    assert embedded.status(home).url == url
    assert query(url, "SELECT current_database()") == "marketrank"
    assert query(url, "SHOW server_encoding") == "UTF8"
    assert embedded.start(home) == url
    assert embedded.stop(home)
    assert not embedded.status(home).running
    assert not embedded.stop(home)
    assert embedded.start(home) == url  # what it holds outlives it


def test_what_is_acknowledged_is_on_the_disk(home: Path) -> None:
    url = embedded.start(home)
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        assert query(url, f"SHOW {setting}") == "on"


def test_nobody_else_can_reach_it(home: Path) -> None:
    """It trusts whoever reaches its socket."""
    url = embedded.start(home)
    assert query(url, "SHOW listen_addresses") == ""
    folder = Path(query(url, "SHOW unix_socket_directories"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_missing_home_is_made(bare_home: Path) -> None:
    inner = bare_home / "new" / "home"
    assert embedded.status(inner).running is False
    assert not inner.exists()  # asking makes nothing
    embedded.start(inner)
    assert embedded.stop(inner)
    embedded.leave(inner)


def test_starting_says_nothing_and_leaves_nothing_behind(home: Path) -> None:
    """With warnings as errors; the server ends with its only user."""
    out, err = finish(python(START, home))
    assert (len(out.splitlines()), err) == (1, "")
    assert not embedded.status(home).running


def test_settings_of_other_clients_do_not_leak_in(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGDATABASE", "nowhere")
    assert query(embedded.start(home), "SELECT current_database()") == "marketrank"


# --- shared -----------------------------------------------------------------------------------


def test_it_stays_for_the_last_user(home: Path) -> None:
    first, second = python(STAY, home), python(STAY, home)
    assert first_line(first) == first_line(second)
    server = embedded.status(home).pid
    finish(first)
    assert embedded.status(home).pid == server
    finish(second)
    assert not embedded.status(home).running


def test_several_that_start_at_once_share_one(bare_home: Path) -> None:
    processes = [python(STAY, bare_home) for _ in range(4)]
    assert len({first_line(process) for process in processes}) == 1
    data = str(bare_home.resolve() / "postgres" / "data")
    servers = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if data in (process.info["cmdline"] or [])
    ]
    assert len(servers) == 1
    for process in processes:
        finish(process)


def test_a_server_whose_users_were_killed_is_adopted(home: Path) -> None:
    killed = python(STAY, home)
    first_line(killed)
    server = embedded.status(home).pid
    killed.kill()
    killed.communicate()
    assert embedded.status(home).pid == server
    adopter = python(STAY, home)
    first_line(adopter)
    assert embedded.status(home).pid == server
    finish(adopter)  # the killed one does not keep it
    assert not embedded.status(home).running


def test_stop_ends_a_server_whose_users_were_killed(home: Path) -> None:
    killed = python(STAY, home)
    first_line(killed)
    killed.kill()
    killed.communicate()
    assert embedded.stop(home)
    assert not embedded.status(home).running


def test_stop_ends_it_under_its_users_who_can_start_again(home: Path) -> None:
    user = python(STAY, home)
    first_line(user)
    url = embedded.start(home)
    with psycopg.connect(url) as connection:
        assert embedded.stop(home)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert query(embedded.start(home), "SELECT 1") == "1"
    finish(user)
    assert embedded.status(home).running  # this process is the last user


# --- after accidents --------------------------------------------------------------------------


def test_a_half_made_folder_is_made_again(bare_home: Path) -> None:
    half = bare_home / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert query(embedded.start(bare_home), "SELECT 1") == "1"


def test_data_of_another_version_are_left_alone(bare_home: Path) -> None:
    data = bare_home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    with pytest.raises(NotReady, match="PostgreSQL 15"):
        embedded.start(bare_home)
    assert (data / "PG_VERSION").read_text() == "15\n"


def test_a_server_that_cannot_start_shows_its_log(home: Path) -> None:
    embedded.start(home)
    embedded.stop(home)
    with (home / "postgres" / "data" / "postgresql.conf").open("a") as settings:
        settings.write("\nshared_buffers = nonsense\n")
    with pytest.raises(NotReady, match="shared_buffers"):
        embedded.start(home)


def test_a_number_that_another_program_has_now_is_no_server(home: Path) -> None:
    """After a restart of a container, the file of the killed server names some other process."""
    url = embedded.start(home)
    server = embedded.status(home).pid
    assert server is not None
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    os.kill(server, signal.SIGKILL)
    owner = pid_file.stat()
    stranger = subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=owner.st_uid)
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert not embedded.status(home).running
        assert query(embedded.start(home), "SELECT 1") == "1"
        assert embedded.status(home).url == url
        assert embedded.stop(home)
        assert stranger.poll() is None
    finally:
        stranger.communicate()


def test_a_killed_server_is_started_again_with_what_it_held(home: Path) -> None:
    url = embedded.start(home)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE held AS SELECT generate_series(1, 1000) AS n")
        server = embedded.status(home).pid
        assert server is not None
        os.kill(server, signal.SIGKILL)
        # The connection is still open, so its process is alive: starting has to wait for it.
        assert query(embedded.start(home), "SELECT count(*) FROM held") == "1000"
    assert embedded.status(home).pid != server


@pytest.mark.parametrize("victim", ["writers", "server"])
def test_kill_9_loses_no_acknowledged_write(home: Path, victim: str) -> None:
    """Two writers note what `apply` acknowledged; they or the server die at random moments."""
    chance = random.Random(victim)
    notes = [home / f"notes-{n}" for n in range(4)]
    for pair in (notes[:2], notes[2:]):
        writers = [python(WRITE, home, str(note)) for note in pair]
        while not all(note.exists() and note.stat().st_size for note in pair):
            assert all(writer.poll() is None for writer in writers)
            time.sleep(0.01)
        time.sleep(chance.uniform(0.05, 0.5))
        if victim == "server":
            server = embedded.status(home).pid
            assert server is not None
            os.kill(server, signal.SIGKILL)
        else:
            for writer in writers:
                writer.kill()
        for writer in writers:
            writer.communicate(timeout=60)
            assert writer.returncode != 0
    acknowledged = {
        batch
        for note in notes
        for batch in note.read_text().rpartition("\n")[0].splitlines()  # the last may be torn
    }
    with psycopg.connect(embedded.start(home)) as connection:
        rows = connection.execute("SELECT title, key, seq FROM listings ORDER BY key").fetchall()
        last = connection.execute("SELECT value FROM counters WHERE name = 'seq'").fetchall()
    batches = Counter(title for title, _, _ in rows)
    assert len(acknowledged) > 20
    assert acknowledged <= batches.keys()
    assert set(batches.values()) == {20}  # a batch is whole or not there
    assert [(key, seq) for _, key, seq in rows] == [(n, n) for n in range(1, len(rows) + 1)]
    assert last == [(len(rows),)]
