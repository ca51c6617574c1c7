"""The embedded server in awkward places, and run by all kinds of users."""

import os
import pwd
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from embedded_homes import bare, furnish, query, started
from marketrank.errors import NotReady
from marketrank.storage import embedded, socket_folder


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


@pytest.mark.parametrize(
    "name", ["d" * 150, "with 'space', comma & $HOME é", "e" * 200 + "/" + "f" * 200]
)
def test_awkward_homes(bare_home: Path, made: Path, name: str) -> None:
    inner = furnish(bare_home / name, made)
    url = embedded.start(inner)
    assert query(url, "SELECT 1") == "1"
    assert embedded.start(inner) == url
    sockets = Path(query(url, "SELECT current_setting('unix_socket_directories')").strip('"'))
    assert len(os.fsencode(sockets / ".s.PGSQL.5432")) <= 103
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert embedded.stop(inner)
    embedded.leave(inner)
    if sockets != inner.resolve() / "postgres":
        sockets.rmdir()


def test_a_socket_folder_that_is_not_private_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/tmp")
    long = tmp_path / ("d" * 150)
    made = socket_folder.choose_socket_folder(long, os.getuid(), os.getgid())
    try:
        assert socket_folder.choose_socket_folder(long, os.getuid(), os.getgid()) == made
        made.chmod(0o777)
        with pytest.raises(NotReady, match="not a private folder"):
            socket_folder.choose_socket_folder(long, os.getuid(), os.getgid())
    finally:
        made.rmdir()
    made.symlink_to(tmp_path)
    try:
        with pytest.raises(NotReady, match="not a private folder"):
            socket_folder.choose_socket_folder(long, os.getuid(), os.getgid())
    finally:
        made.unlink()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@contextmanager
def as_nobody(action: Callable[[], str]) -> Iterator[str]:
    """What `action` returned, or the error it raised, in a child of another user, which lives on
    until the block ends. Forked: the other user may not be allowed to run this Python."""
    results, keep = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.close(keep[1])
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        try:
            answer = action()
        except BaseException as error:
            answer = repr(error)
        os.write(results[1], answer.encode())
        os.close(results[1])
        os.read(keep[0], 1)
        embedded._leave_all()
        os._exit(0)
    os.close(results[1])
    os.close(keep[0])
    with os.fdopen(results[0]) as answers:
        yield answers.read()
    os.close(keep[1])
    os.waitpid(child, 0)


@as_root
def test_an_ordinary_user_runs_it_too(bare_home: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    os.chown(bare_home, nobody, -1)
    with as_nobody(lambda: embedded.start(bare_home)) as url:
        assert query(url, "SELECT current_database()") == "marketrank"
        pid = embedded.status(bare_home).pid  # root may look
        assert psutil.Process(pid).uids().real == nobody
        assert embedded.start(bare_home) == url  # and join
    assert embedded.status(bare_home).pid == pid
    embedded.leave(bare_home)
    with as_nobody(lambda: embedded.start(bare_home)) as url:
        assert query(url, "SELECT 1") == "1"
    assert not embedded.status(bare_home).running


@as_root
@pytest.mark.parametrize("action", [embedded.start, embedded.stop, embedded.status])
def test_a_home_of_another_user_is_refused(home: Path, action: Callable[[Path], object]) -> None:
    with as_nobody(lambda: str(action(home))) as answer:
        assert answer.startswith("NotReady")
        assert "run as its owner" in answer


@as_root
def test_a_home_that_cannot_be_written_is_refused(bare_home: Path) -> None:
    with as_nobody(lambda: embedded.start(bare_home / "inner")) as answer:
        assert answer.startswith("NotReady")
        assert str(bare_home) in answer


@as_root
def test_root_gives_its_rights_away_and_opens_no_more_than_a_way_through(
    bare_home: Path, made: Path
) -> None:
    closed = bare_home / "closed"
    closed.mkdir(mode=0o700)
    embedded.start(furnish(closed / "home", made))
    server = psutil.Process(embedded.status(closed / "home").pid)
    assert 0 not in (*server.uids(), *server.gids())
    groups = Path(f"/proc/{server.pid}/status")
    if groups.exists():
        (line,) = (row for row in groups.read_text().splitlines() if row.startswith("Groups:"))
        assert "0" not in line.split()[1:]
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701
    assert embedded.stop(closed / "home")
    embedded.leave(closed / "home")
