"""Where the embedded server puts its socket: the path of a Unix socket has a short limit."""

import hashlib
import os
import tempfile
from pathlib import Path

from marketrank.errors import NotReady

_LONGEST = 103  # bytes: sun_path holds 104 on macOS and 108 on Linux, with a closing zero
_NAME = ".s.PGSQL.5432"


def choose_socket_folder(folder: Path, uid: int, gid: int) -> Path:
    """`folder` itself where the socket's path fits, else a private folder for temporary files,
    owned by the server's user. Raises NotReady where somebody else has taken that.

    Whoever reaches the socket is trusted, so the folder lets in its owner alone.
    """
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    name = f"marketrank-{uid}-{digest}"
    for candidate in (folder, Path(tempfile.gettempdir()) / name, Path("/tmp") / name):
        # libpq reads a comma in a host as the start of another host
        if len(os.fsencode(candidate / _NAME)) <= _LONGEST and "," not in str(candidate):
            if candidate != folder:
                _make_private(candidate, uid, gid)
            return candidate
    raise NotReady(f"no folder for the database's socket: {folder} and TMPDIR are too long")


def _make_private(path: Path, uid: int, gid: int) -> None:
    try:
        path.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(path, uid, gid)
    except FileExistsError:
        pass
    found = path.lstat()
    if found.st_uid != uid or found.st_mode & 0o170077 != 0o040000:
        raise NotReady(f"{path} is not a private folder of user {uid}: remove it and try again")
