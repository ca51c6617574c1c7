"""What every BlobStore does, on a folder and on an S3 server."""

import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_servers import s3_server
from marketrank.errors import BadSettings, NotReady
from marketrank.ports import BlobStore
from marketrank.storage.blobs import open_blobs
from marketrank.types import BlobKey

MISSING = BlobKey("0" * 64)


@pytest.fixture(scope="module")
def s3() -> Iterator[None]:
    with s3_server("blobs"):
        yield


@pytest.fixture(scope="module", params=["file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "file":
        return (tmp_path_factory.mktemp("with a space") / "photos").as_uri()
    request.getfixturevalue("s3")
    return "s3://blobs/photos"


@pytest.fixture(scope="module")
def blobs(url: str) -> BlobStore:
    return open_blobs(url)


@settings(max_examples=25, deadline=None)
@given(data=st.binary(max_size=2000))
def test_what_is_put_is_got(blobs: BlobStore, data: bytes) -> None:
    key = blobs.put(data)
    assert key == hashlib.sha256(data).hexdigest()
    assert blobs.get(key) == data
    assert blobs.exists(key)


def test_putting_again_changes_nothing(blobs: BlobStore) -> None:
    assert blobs.put(b"twice") == blobs.put(b"twice")
    assert blobs.get(blobs.put(b"twice")) == b"twice"


def test_a_missing_blob(blobs: BlobStore) -> None:
    assert not blobs.exists(MISSING)
    with pytest.raises(KeyError):
        blobs.get(MISSING)


def test_another_store_on_the_same_url_sees_it(blobs: BlobStore, url: str) -> None:
    other = open_blobs(url)
    assert not other.exists(BlobKey(hashlib.sha256(b"seen").hexdigest()))
    key = blobs.put(b"seen")
    assert other.exists(key) and other.get(key) == b"seen"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../../secret",
        "/etc/hostname",
        "a" * 63,
        "A" * 64,
        "a" * 64 + "\n",
        "a" * 64 + "/../x",
        "٠" * 64,
        "ab/" + "a" * 64,
    ],
)
def test_what_is_no_key_is_never_looked_up(blobs: BlobStore, url: str, name: str) -> None:
    if url.startswith("file"):
        outside = open_blobs(url + "/../..")._folder  # type: ignore[attr-defined]
        (outside.resolve() / "secret").write_bytes(b"secret")
    assert not blobs.exists(BlobKey(name))
    with pytest.raises(KeyError):
        blobs.get(BlobKey(name))


def test_many_threads_put_at_once(blobs: BlobStore) -> None:
    photos = [b"photo %d" % (n % 20) for n in range(60)]
    keys: set[BlobKey] = set()

    def put(part: list[bytes]) -> None:
        keys.update(blobs.put(data) for data in part)

    threads = [threading.Thread(target=put, args=(photos[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(blobs.get(key) for key in keys) == sorted(set(photos))


# A folder


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_plain_path_is_a_folder(tmp_path: Path) -> None:
    key = open_blobs(str(tmp_path)).put(b"x")
    assert files(tmp_path) == [f"{key[:2]}/{key}"]
    assert open_blobs(tmp_path.as_uri()).get(key) == b"x"


def test_a_blob_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    blobs = open_blobs(str(tmp_path))
    blobs.put(b"once")
    path = tmp_path / files(tmp_path)[0]
    before = path.stat()
    blobs.put(b"once")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    blobs = open_blobs(str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(NotReady, match="No space left"):
            blobs.put(b"too much")
    assert files(tmp_path) == []
    assert blobs.get(blobs.put(b"too much")) == b"too much"


def test_a_blob_is_on_the_disk_before_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_sync(handle: int) -> None:
        done.append("sync folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "sync file")
        fsync(handle)

    def note_replace(self: Path, target: Path) -> Path:
        done.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_replace)
    open_blobs(str(tmp_path)).put(b"x")
    assert done[:2] == ["sync file", "name"]
    assert done[2:] == ["sync folder"] * 2


def test_another_user_may_read(tmp_path: Path) -> None:
    open_blobs(str(tmp_path)).put(b"x")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / files(tmp_path)[0]).stat().st_mode & 0o777 == 0o666 & ~umask


# URLs and credentials


def test_errors_of_a_bucket_name_it_and_no_credential(
    s3: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotReady, match="s3://not-there/photos") as missing:
        open_blobs("s3://not-there/photos").put(b"x")
    assert "AWS_ACCESS_KEY_ID" in str(missing.value)
    assert "of-the-test" not in str(missing.value)


def test_a_bucket_without_credentials(s3: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(NotReady, match="NoCredentialsError"):
        open_blobs("s3://blobs/photos").put(b"x")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.com/photos", "known are file://, s3:// and a path"),
        ("s3://key:secret@bucket/photos", "AWS_ACCESS_KEY_ID"),
        ("s3://", "bucket"),
        ("file://photos", "file:///"),
    ],
)
def test_other_urls(url: str, said: str) -> None:
    with pytest.raises(BadSettings, match=said) as error:
        open_blobs(url)
    assert "secret@" not in str(error.value) and "key:" not in str(error.value)
