"""Where a feed's photos are read from: a folder, a zip file, S3 or the web."""

import os
import shutil
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from marketrank.errors import BadInput, Corrupt, MissingExtra, NotReady
from marketrank.types import ImageId

Fetch = Callable[[str, int], bytes | None]
_COPY_BYTES = 1 << 20
_LEFT_BEHIND = {"Thumbs.db", "desktop.ini", "__MACOSX"}
"""Files and folders, beside hidden ones, that systems leave among photos."""
_ZIP_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Methods that zipfile unpacks in bounded steps; it unpacks bzip2 and LZMA whole."""
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class PhotoSource:
    """Photos by id: the file's name without folder and extension. May be read by many threads.

    `files` is the path of each photo inside `location`; `repeated` are paths whose id an earlier
    path (in order of their text) has already, and which are not read.
    """

    location: str
    files: Mapping[ImageId, str]
    repeated: tuple[str, ...]
    fetch: Fetch

    def ids(self) -> Iterable[ImageId]:
        return self.files.keys()

    def read(self, image: ImageId, limit: int) -> bytes | None:
        """At most the first `limit` bytes of a photo, so that no file is too large to be held;
        None where there is none.

        Raises BadInput or Corrupt where this one photo cannot be read, NotReady where the whole
        source has stopped answering.
        """
        path = self.files.get(image)
        return None if path is None else self.fetch(path, limit)


def open_photos(location: str) -> PhotoSource:
    """The photos at a folder, a zip file, s3://bucket/prefix, s3://bucket/photos.zip or
    https://host/photos.zip.

    Credentials come from the environment alone. Raises BadInput where nothing is there, NotReady
    where a server does not answer, MissingExtra where s3fs is not installed.
    """
    parts = urlsplit(location if "://" in location else "")
    if parts.scheme not in _SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES if scheme)
        raise BadInput(
            f"photos at {_shown(location)}: {parts.scheme}:// is not known; "
            f"known are {known} and a path"
        )
    if "@" in parts.netloc:
        raise BadInput(
            f"photos at {_shown(location)}: the address holds credentials; give them in the "
            "environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3, NETRC for the web)"
        )
    return _SCHEMES[parts.scheme](location)


def _shown(location: str) -> str:
    """The location without what may be secret: a password, the signature in a query."""
    if "://" not in location:
        return location
    parts = urlsplit(location)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _source(location: str, paths: Iterable[str], fetch: Fetch) -> PhotoSource:
    files: dict[ImageId, str] = {}
    repeated = []
    for path in sorted(paths):
        parts = PurePosixPath(path.replace("\\", "/")).parts  # some zips are made on Windows
        if any(_is_left_behind(part) for part in parts):
            continue
        # A name that is not UTF-8 could not be stored.
        stem = PurePosixPath(parts[-1]).stem.encode("utf-8", "replace").decode("utf-8")
        if files.setdefault(ImageId(stem), path) != path:
            repeated.append(path)
    return PhotoSource(_shown(location), files, tuple(repeated), fetch)


def _is_left_behind(name: str) -> bool:
    return name in _LEFT_BEHIND or (name.startswith(".") and name not in (".", ".."))


# A folder


def _open_local(location: str) -> PhotoSource:
    if "://" in location:
        path = Path(unquote(urlsplit(location).path))
    else:
        path = Path(location).expanduser()
    if path.is_dir():
        return _open_folder(location, path)
    if path.is_file():
        return _open_zip(location, path.open("rb"))
    raise BadInput(f"photos at {location}: there is no such folder or zip file; check the path")


def _open_folder(location: str, folder: Path) -> PhotoSource:
    def fetch(path: str, limit: int) -> bytes | None:
        try:
            with (folder / path).open("rb", buffering=0) as file:
                return file.read(min(limit, os.fstat(file.fileno()).st_size))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadInput(
                f"{path} in {location} cannot be read: {error.strerror}; check its permissions"
            ) from error

    start = len(str(folder)) + 1
    try:
        paths = [entry.path[start:] for entry in _walk(str(folder))]
    except OSError as error:
        raise BadInput(
            f"photos at {location}: {error.filename} cannot be listed: {error.strerror}; "
            "check its permissions"
        ) from error
    return _source(location, paths, fetch)


def _walk(folder: str) -> Iterator[os.DirEntry[str]]:
    """Regular files at any depth: a pipe would be waited for, a link to a folder may be a loop."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)
            elif entry.is_file():
                yield entry


# A zip file


def _open_zip(location: str, file: IO[bytes]) -> PhotoSource:
    """Members are unpacked one by one into memory when they are read; no name of the zip ever
    becomes a path."""
    try:
        # It gets a file, not a path, and so never closes it between two threads' reads.
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        file.close()
        raise BadInput(
            f"photos at {_shown(location)}: not a zip file, or cut short ({error}); copy it again"
        ) from error
    weakref.finalize(archive, file.close)
    members = {one.filename: one for one in archive.infolist() if not one.is_dir()}

    def fetch(path: str, limit: int) -> bytes | None:
        member = members[path]
        if member.flag_bits & _ENCRYPTED or member.compress_type not in _ZIP_METHODS:
            raise Corrupt(
                f"{path!r} in {_shown(location)} is encrypted or packed by a method other than "
                "deflate; make the zip again without"
            )
        try:
            with archive.open(member) as opened:
                return opened.read(limit)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            ValueError,
            RuntimeError,
        ) as error:
            raise Corrupt(
                f"{path!r} in {_shown(location)} cannot be unpacked ({error}); make the zip again"
            ) from error

    return _source(location, members, fetch)


# S3 and the web


def _open_s3(location: str) -> PhotoSource:
    path = location.removeprefix("s3://").strip("/")
    if not path:
        raise BadInput(f"photos at {location}: names no bucket; write s3://bucket/prefix")
    files = _s3_files()
    with _named_errors(location):
        if path.endswith(".zip"):
            with files.open(path, "rb") as remote:
                return _open_zip(
                    location,
                    _downloaded(lambda local: shutil.copyfileobj(remote, local, _COPY_BYTES)),
                )
        sizes = {
            name: int(about["size"])
            for name, about in files.find(path, detail=True).items()
            if about["type"] == "file" and name.startswith(f"{path}/")
        }
    if not sizes:
        raise BadInput(f"photos at {location}: there is nothing; check the bucket and the prefix")

    def fetch(name: str, limit: int) -> bytes | None:
        if not sizes[f"{path}/{name}"]:
            return b""  # a range of an empty object is an error
        with _named_errors(location):
            try:
                data: bytes = files.cat_file(f"{path}/{name}", start=0, end=limit)
            except FileNotFoundError:
                return None
            return data

    return _source(location, (name.removeprefix(f"{path}/") for name in sizes), fetch)


def _s3_files() -> Any:
    try:
        import fsspec

        return fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        raise MissingExtra("photos at s3://", "s3") from error


def _open_web(location: str) -> PhotoSource:
    import fsspec
    from aiohttp import ClientTimeout

    if not urlsplit(location).path.endswith(".zip"):
        raise BadInput(
            f"photos at {_shown(location)}: the web has no folders; give the address of a .zip file"
        )
    files = fsspec.filesystem(
        "http",
        skip_instance_cache=True,
        client_kwargs={
            "trust_env": True,  # proxies and NETRC
            "timeout": ClientTimeout(total=None, sock_connect=30, sock_read=60),
        },
    )
    with _named_errors(location):
        return _open_zip(location, _downloaded(lambda local: files.get_file(location, local)))


def _downloaded(copy_to: Callable[[IO[bytes]], Any]) -> IO[bytes]:
    """A nameless temporary file with the content of a remote one.

    Listings ask for photos in their own order: ranges read over the network one by one would
    take hours where one pass takes minutes.
    """
    local = tempfile.TemporaryFile()  # noqa: SIM115 - the zip reader closes it
    try:
        copy_to(local)
    except BaseException:
        local.close()
        raise
    return local


@contextmanager
def _named_errors(location: str) -> Iterator[None]:
    """Errors of a server as ours, by their kind alone: their text may hold a signed address."""
    try:
        yield
    except FileNotFoundError:
        raise BadInput(
            f"photos at {_shown(location)}: there is nothing; check the address"
        ) from None
    except _remote_errors() as error:
        code = error.errno if isinstance(error, OSError) else None
        kind = os.strerror(code) if code else type(error).__name__
        raise NotReady(
            f"photos at {_shown(location)} cannot be read ({kind}); check the network, the "
            "credentials in the environment and, for a zip file, the space left for temporary "
            "files, then run it again"
        ) from None


def _remote_errors() -> tuple[type[Exception], ...]:
    from aiohttp import ClientError

    try:
        from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]
    except ImportError:
        return (OSError, TimeoutError, ClientError)
    return (OSError, TimeoutError, ClientError, BotoCoreError)


_SCHEMES: Mapping[str, Callable[[str], PhotoSource]] = {
    "": _open_local,
    "file": _open_local,
    "s3": _open_s3,
    "https": _open_web,
    "http": _open_web,
}
