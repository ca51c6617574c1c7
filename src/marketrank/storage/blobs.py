"""Blobs: immutable bytes by their sha256, in a folder or an S3 bucket.

Both keep <ab>/<sha256>, so that one can be copied to the other with any tool.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from marketrank.durable import sync
from marketrank.errors import BadSettings, MissingExtra, NotReady
from marketrank.ports import BlobStore
from marketrank.types import BlobKey

_KEY = re.compile(r"[0-9a-f]{64}")
_INCOMING = "incoming"


def open_blobs(url: str) -> BlobStore:
    """The blobs at file:///folder (or a plain path) or s3://bucket/prefix.

    Credentials come from the environment alone. Raises BadSettings for another URL, MissingExtra
    where s3fs is not installed.
    """
    parts = urlsplit(url if "://" in url else "")
    if parts.scheme not in _SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES if scheme)
        raise BadSettings(
            f"photos_url: {parts.scheme}:// is not a place for photos; known are {known} and a path"
        )
    if "@" in parts.netloc:
        raise BadSettings(
            f"photos_url: {parts.scheme}://…@{parts.netloc.rpartition('@')[2]} holds credentials; "
            "give them in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
        )
    return _SCHEMES[parts.scheme](url)


class FolderBlobs:
    """Blobs as files. A file appears whole or not at all, also when the power fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> BlobKey:
        key = _key_of(data)
        path = self._folder / _path(key)
        if path.exists():
            return key
        try:
            _write_whole(path, data, self._folder / _INCOMING)
        except OSError as error:
            raise NotReady(
                f"photos cannot be written to {self._folder}: {error.strerror}; "
                "check its permissions and the space left, or set photos_url"
            ) from error
        return key

    def get(self, key: BlobKey) -> bytes:
        try:
            return (self._folder / _checked_path(key)).read_bytes()
        except FileNotFoundError:
            raise KeyError(key) from None

    def exists(self, key: BlobKey) -> bool:
        return _is_key(key) and (self._folder / _path(key)).exists()


def _write_whole(path: Path, data: bytes, incoming: Path) -> None:
    incoming.mkdir(parents=True, exist_ok=True)
    new_folder = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = incoming / secrets.token_hex(16)
    try:
        # Not tempfile: its files are readable by their owner only, and the API may be another.
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    # The listing that names the blob is committed next: the name must be on the disk by then.
    for folder in path.parents[: 2 if new_folder else 1]:
        sync(folder)


class BucketBlobs:
    """Blobs as objects of an S3 bucket, which must exist. `files` is an fsspec file system."""

    def __init__(self, files: Any, root: str) -> None:
        self._files = files
        self._root = root.strip("/")

    def put(self, data: bytes) -> BlobKey:
        # Without a look whether it is there: that takes as long, and the bytes are the same.
        key = _key_of(data)
        with self._named_errors("written to"):
            self._files.pipe_file(f"{self._root}/{_path(key)}", data)
        return key

    def get(self, key: BlobKey) -> bytes:
        path = f"{self._root}/{_checked_path(key)}"
        with self._named_errors("read from"):
            try:
                data: bytes = self._files.cat_file(path)
            except FileNotFoundError:
                raise KeyError(key) from None
            return data

    def exists(self, key: BlobKey) -> bool:
        if not _is_key(key):
            return False
        with self._named_errors("read from"):
            return bool(self._files.exists(f"{self._root}/{_path(key)}"))

    @contextmanager
    def _named_errors(self, done: str) -> Iterator[None]:
        from botocore.exceptions import (  # type: ignore[import-untyped]
            BotoCoreError,
            ClientError,
        )

        try:
            yield
        except (OSError, BotoCoreError, ClientError) as error:
            raise NotReady(
                f"photos cannot be {done} s3://{self._root} ({type(error).__name__}); check that "
                "the bucket exists, the network, and the credentials in the environment "
                "(AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE)"
            ) from error


def _key_of(data: bytes) -> BlobKey:
    return BlobKey(hashlib.sha256(data).hexdigest())


def _is_key(key: str) -> bool:
    return _KEY.fullmatch(key) is not None


def _path(key: BlobKey) -> str:
    """256 folders, each of 4,000 files at a million photos. A second level would make a folder for
    nearly every photo of a small shop, and a new folder costs three more syncs."""
    return f"{key[:2]}/{key}"


def _checked_path(key: BlobKey) -> str:
    """Raises KeyError for what cannot be a key: no blob has it, and it might be a way out."""
    if not _is_key(key):
        raise KeyError(key)
    return _path(key)


def _open_folder(url: str) -> BlobStore:
    if "://" not in url:
        return FolderBlobs(Path(url).expanduser().absolute())
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise BadSettings(f"photos_url: {url} names a host; a folder is file:///… or a plain path")
    return FolderBlobs(Path(unquote(parts.path)))


def _open_bucket(url: str) -> BlobStore:
    if not urlsplit(url).netloc:
        raise BadSettings(f"photos_url: {url} names no bucket; write s3://bucket/prefix")
    try:
        import fsspec

        # Listings are not cached: another process may have put what is asked for.
        files = fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        raise MissingExtra("photos_url s3://", "s3") from error
    return BucketBlobs(files, url.removeprefix("s3://"))


_SCHEMES: Mapping[str, Callable[[str], BlobStore]] = {
    "file": _open_folder,
    "": _open_folder,
    "s3": _open_bucket,
}
