"""The same photos at every kind of location, and what each kind does with trouble."""

import errno
import gc
import os
import threading
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local_servers import s3_server, web_server
from marketrank.errors import BadInput, Corrupt, MissingExtra, NotReady
from marketrank.listings.photo_source import open_photos
from marketrank.types import ImageId

LIMIT = 1000
PHOTOS = {
    "one.jpg": b"1" * 300,
    "two.JPEG": b"2" * 10,
    "deep/er/three.png": b"3",
    "deep/four": b"4",
    "empty.jpg": b"",
    "long.jpg": b"x" * 5000,
    "deep/one.png": b"repeats the id of one.jpg, and comes before it",
}
LEFT_BEHIND = {
    ".DS_Store": b"",
    "deep/Thumbs.db": b"",
    "__MACOSX/._one.jpg": b"",
    ".git/five.jpg": b"",
}
KINDS = ["folder", "file", "zip", "s3", "s3-zip", "http"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("with a space") / "photos"
    for name, data in {**PHOTOS, **LEFT_BEHIND}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def archive(folder: Path) -> Path:
    path = folder.parent / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    return path


@pytest.fixture(scope="module")
def s3(folder: Path, archive: Path) -> Iterator[None]:
    with s3_server("feed") as client:
        for name, data in {**PHOTOS, **LEFT_BEHIND}.items():
            client.put_object(Bucket="feed", Key=f"photos/{name}", Body=data)
        client.put_object(Bucket="feed", Key="photos-of-others/six.jpg", Body=b"6")
        client.put_object(Bucket="feed", Key="photos.zip", Body=archive.read_bytes())
        yield


@pytest.fixture(scope="module")
def web(archive: Path) -> Iterator[str]:
    with web_server(archive.parent) as address:
        yield address


@pytest.fixture(scope="module", params=KINDS)
def location(request: pytest.FixtureRequest, folder: Path, archive: Path) -> str:
    kind = request.param
    if kind.startswith("s3"):
        request.getfixturevalue("s3")
    return {
        "folder": lambda: str(folder),
        "file": folder.as_uri,
        "zip": lambda: str(archive),
        "s3": lambda: "s3://feed/photos",
        "s3-zip": lambda: "s3://feed/photos.zip",
        "http": lambda: f"{request.getfixturevalue('web')}/photos.zip?signature=secret",
    }[kind]()


def test_ids_are_names_without_folder_and_extension(location: str) -> None:
    photos = open_photos(location)
    assert sorted(photos.ids()) == ["empty", "four", "long", "one", "three", "two"]


def test_photos_are_read(location: str) -> None:
    photos = open_photos(location)
    assert photos.read(ImageId("two"), LIMIT) == PHOTOS["two.JPEG"]
    assert photos.read(ImageId("four"), LIMIT) == PHOTOS["deep/four"]
    assert photos.read(ImageId("empty"), LIMIT) == b""


def test_no_more_is_read_than_the_limit(location: str) -> None:
    photos = open_photos(location)
    assert photos.read(ImageId("long"), LIMIT) == b"x" * LIMIT
    assert photos.read(ImageId("long"), 5000) == photos.read(ImageId("long"), 5001) == b"x" * 5000


def test_a_photo_that_is_not_there(location: str) -> None:
    photos = open_photos(location)
    for name in ("none", "", "../secret", "one.jpg", ".DS_Store"):
        assert photos.read(ImageId(name), LIMIT) is None


def test_the_first_path_of_a_repeated_id_counts(location: str) -> None:
    photos = open_photos(location)
    assert photos.read(ImageId("one"), LIMIT) == PHOTOS["deep/one.png"]
    assert photos.repeated == ("one.jpg",)


def test_many_threads_read_at_once(location: str) -> None:
    photos = open_photos(location)
    wrong: list[str] = []

    def read() -> None:
        for _ in range(5):
            if photos.read(ImageId("one"), LIMIT) != PHOTOS["deep/one.png"]:
                wrong.append("one")

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_shown_holds_no_secret(location: str) -> None:
    assert "secret" not in open_photos(location).location


# Folders


def test_listing_is_quick(tmp_path: Path) -> None:
    """100,000 files in a few seconds: 2,000 well within the share of that."""
    for n in range(2000):
        (tmp_path / f"{n}.jpg").touch()
    start = time.perf_counter()
    assert len(list(open_photos(str(tmp_path)).ids())) == 2000
    assert time.perf_counter() - start < 1


def test_a_pipe_and_a_loop_are_no_photos(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "photo.jpg").write_bytes(b"p")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "photo.jpg")
    photos = open_photos(str(tmp_path))
    assert sorted(photos.ids()) == ["link", "photo"]
    assert photos.read(ImageId("link"), LIMIT) == b"p"


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    try:
        Path(os.fsdecode(path)).write_bytes(b"c")
    except OSError as error:
        if error.errno != errno.EILSEQ:
            raise
        pytest.skip("this file system takes UTF-8 alone")
    photos = open_photos(str(tmp_path))
    (name,) = photos.ids()
    assert name.encode("utf-8") == b"caf?"
    assert photos.read(name, LIMIT) == b"c"


def test_a_photo_removed_after_listing(tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(b"1")
    photos = open_photos(str(tmp_path))
    (tmp_path / "one.jpg").unlink()
    assert photos.read(ImageId("one"), LIMIT) is None


def test_a_photo_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(b"1")
    photos = open_photos(str(tmp_path))
    (tmp_path / "one.jpg").unlink()
    (tmp_path / "one.jpg").mkdir()  # an error that root meets too
    with pytest.raises(BadInput, match=r"one\.jpg.*permissions"):
        photos.read(ImageId("one"), LIMIT)


def test_a_large_limit_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(b"1")
    photos = open_photos(str(tmp_path))
    tracemalloc.start()
    photos.read(ImageId("one"), 100_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


# Zip files


def test_names_that_try_to_leave(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../../up.jpg", "/etc/root.jpg", "..\\win\\dows.jpg", "C:\\disk.jpg"):
            archive.writestr(name, b"x")
    photos = open_photos(str(path))
    assert sorted(photos.ids()) == ["disk", "dows", "root", "up"]
    assert photos.read(ImageId("up"), LIMIT) == b"x"
    assert [p.name for p in tmp_path.rglob("*")] == ["photos.zip"]


def test_a_bomb_is_unpacked_to_the_limit_only(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.jpg", bytes(200_000_000))
    photos = open_photos(str(path))
    tracemalloc.start()
    data = photos.read(ImageId("bomb"), 100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data == bytes(100_000)
    assert peak < 2_000_000


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_without_bounds_are_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w", method) as archive:
        archive.writestr("one.jpg", b"1" * 100)
    photos = open_photos(str(tmp_path / "photos.zip"))
    with pytest.raises(Corrupt, match="deflate"):
        photos.read(ImageId("one"), LIMIT)


def test_a_damaged_member(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.jpg", b"1" * 100)
        archive.writestr("two.jpg", b"2" * 100)
    path.write_bytes(path.read_bytes().replace(b"1" * 100, b"1" * 99 + b"0"))
    photos = open_photos(str(path))
    with pytest.raises(Corrupt, match=r"one\.jpg.*make the zip again"):
        photos.read(ImageId("one"), LIMIT)
    assert photos.read(ImageId("two"), LIMIT) == b"2" * 100


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.jpg", b"1")
    data = bytearray(path.read_bytes())
    data[data.find(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt, match="encrypted"):
        open_photos(str(path)).read(ImageId("one"), LIMIT)


def test_a_zip_cut_short(tmp_path: Path, archive: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(BadInput, match="not a zip file, or cut short"):
        open_photos(str(tmp_path / "photos.zip"))


def test_a_source_closes_its_file(archive: Path) -> None:
    gc.collect()  # what other tests have left open is not said here
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        photos = open_photos(str(archive))
        del photos
        gc.collect()
    assert [str(one.message) for one in said if "photos.zip" in str(one.message)] == []


# Servers


def test_a_bucket_lists_its_prefix_alone(s3: None) -> None:
    assert "six" not in set(open_photos("s3://feed/photos").ids())
    assert set(open_photos("s3://feed/photos-of-others/").ids()) == {"six"}


def test_an_object_removed_after_listing(s3: None) -> None:
    client = boto3.client("s3")
    client.put_object(Bucket="feed", Key="short/seven.jpg", Body=b"7")
    photos = open_photos("s3://feed/short")
    client.delete_object(Bucket="feed", Key="short/seven.jpg")
    assert photos.read(ImageId("seven"), LIMIT) is None


@pytest.mark.parametrize("where", ["s3://feed/nothing", "s3://no-bucket/photos", "s3://"])
def test_nothing_at_s3(s3: None, where: str) -> None:
    with pytest.raises(BadInput, match=f"photos at {where}.*bucket|photos at {where}.*address"):
        open_photos(where)


def test_s3_without_credentials(s3: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(NotReady, match="credentials in the environment") as error:
        open_photos("s3://feed/photos")
    assert "of-the-test" not in str(error.value)


def test_s3_that_stops_answering(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key-of-the-test",
        "AWS_SECRET_ACCESS_KEY": "secret-of-the-test",
        "AWS_MAX_ATTEMPTS": "1",
        "NO_PROXY": host,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="leaving")
    client.put_object(Bucket="leaving", Key="photos/one.jpg", Body=b"1")
    photos = open_photos("s3://leaving/photos")
    server.stop()
    with pytest.raises(
        NotReady, match=r"photos at s3://leaving/photos .*check the network"
    ) as error:
        photos.read(ImageId("one"), LIMIT)
    assert "of-the-test" not in str(error.value)


def test_s3_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(protocol: str, **options: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.filesystem", missing)
    with pytest.raises(MissingExtra, match=r"marketrank\[s3\]"):
        open_photos("s3://feed/photos")


def test_nothing_on_the_web(web: str) -> None:
    with pytest.raises(BadInput, match="there is nothing") as error:
        open_photos(f"{web}/none.zip?signature=secret")
    assert "secret" not in str(error.value)


def test_no_server_on_the_web(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(NotReady, match="check the network") as error:
        open_photos("http://127.0.0.1:9/photos.zip?signature=secret")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("/no/such/folder", "no such folder"),
        ("ftp://example.com/photos.zip", "known are file://, s3://, https://, http:// and a path"),
        ("https://example.com/photos/", "zip"),
        ("https://key:secret@example.com/photos.zip", "environment"),
        ("s3://key:secret@feed/photos", "AWS_ACCESS_KEY_ID"),
    ],
)
def test_other_locations(where: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as error:
        open_photos(where)
    assert "secret" not in str(error.value)


def test_a_path_with_a_colon_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos:2022").mkdir()
    (tmp_path / "photos:2022" / "one.jpg").write_bytes(b"1")
    monkeypatch.chdir(tmp_path)
    assert list(open_photos("photos:2022").ids()) == ["one"]
