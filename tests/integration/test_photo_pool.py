"""Photos through real processes, some of which die."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from marketrank.errors import BadInput, Corrupt, NotReady
from marketrank.listings.images import CleanedPhoto, PhotoProblem, clean_photo
from marketrank.listings.photo_pool import Outcome, PhotoPool, Unchanged
from marketrank.types import ImageId, Reason

SETTINGS: dict[str, int] = {"final_size": 64, "max_bytes": 9_000_000, "max_pixels": 1_000_000}


def photo(shade: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (40, 30), (shade, 80, 80)).save(out, "PNG")
    return out.getvalue()


def dangerous_clean(data: bytes, **settings: int) -> CleanedPhoto | PhotoProblem:
    """Cleans, but some bytes kill its process or never end."""
    if data == b"kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if data == b"hang":
        time.sleep(600)
    if data == b"slow":
        time.sleep(0.2)
    return clean_photo(data if len(data) > 9 else photo(1), **settings)


@pytest.fixture(scope="module")
def pool() -> Iterator[PhotoPool]:
    with PhotoPool(processes=2, seconds=2, clean=dangerous_clean, **SETTINGS) as pool:
        yield pool


def run(
    pool: PhotoPool, files: dict[str, bytes], known: dict[str, str] | None = None
) -> list[tuple[str, Outcome]]:
    def read(image: ImageId, limit: int) -> bytes | None:
        return files[image][:limit]

    past = {ImageId(image): sha for image, sha in (known or {}).items()}
    return list(pool.clean([ImageId(image) for image in files], read, known=past))


def test_outcomes_are_those_of_one_process_in_order(pool: PhotoPool) -> None:
    files = {f"{n}": photo(n) if n % 7 else b"not a photo at all" for n in range(60)}
    expected = [(image, clean_photo(data, **SETTINGS)) for image, data in files.items()]
    assert run(pool, files) == expected
    assert isinstance(expected[0][1], PhotoProblem) and isinstance(expected[1][1], CleanedPhoto)


def test_no_photos(pool: PhotoPool) -> None:
    assert run(pool, {}) == []


def test_the_same_bytes_are_not_cleaned_again(pool: PhotoPool) -> None:
    files = {"same": photo(1), "other": photo(2), "new": photo(3)}
    past = {image: outcome.source_sha256 for image, outcome in run(pool, files)}  # type: ignore[union-attr]
    del past["new"]
    files["other"] = photo(4)
    kinds = {image: type(outcome) for image, outcome in run(pool, files, past)}
    assert kinds == {"same": Unchanged, "other": CleanedPhoto, "new": CleanedPhoto}


def test_a_photo_without_a_file(pool: PhotoPool) -> None:
    ((_, outcome),) = pool.clean([ImageId("gone")], lambda image, limit: None, known={})
    assert isinstance(outcome, PhotoProblem)
    assert outcome.reason is Reason.PHOTO_MISSING and "'gone'" in outcome.detail


@pytest.mark.parametrize("error", [BadInput("no permission"), Corrupt("bad checksum")])
def test_a_photo_that_cannot_be_read(pool: PhotoPool, error: Exception) -> None:
    def read(image: ImageId, limit: int) -> bytes:
        if image == "bad":
            raise error
        return photo(1)

    outcomes = dict(pool.clean([ImageId("bad"), ImageId("good")], read, known={}))
    assert outcomes[ImageId("bad")] == PhotoProblem(Reason.PHOTO_UNREADABLE, str(error))
    assert isinstance(outcomes[ImageId("good")], CleanedPhoto)


def test_a_source_that_stops_answering_ends_the_run(pool: PhotoPool) -> None:
    def read(image: ImageId, limit: int) -> bytes:
        if int(image) >= 5:
            raise NotReady("the server is gone")
        return photo(1)

    done = []
    with pytest.raises(NotReady, match="the server is gone"):
        done.extend(pool.clean([ImageId(str(n)) for n in range(90)], read, known={}))
    assert all(isinstance(outcome, CleanedPhoto) for _, outcome in run(pool, {"1": photo(1)}))


def test_only_the_limit_and_one_byte_is_read(pool: PhotoPool) -> None:
    limits = set()

    def read(image: ImageId, limit: int) -> bytes:
        limits.add(limit)
        return bytes(limit)

    ((_, outcome),) = pool.clean([ImageId("large")], read, known={})
    assert limits == {SETTINGS["max_bytes"] + 1}
    assert isinstance(outcome, PhotoProblem) and outcome.reason is Reason.PHOTO_TOO_LARGE


@pytest.mark.parametrize(("size", "most"), [(100, 16 + 2 * 8), (8_000_000, 8 + 8)])
def test_little_is_read_ahead(pool: PhotoPool, size: int, most: int) -> None:
    """By count, and by bytes: 64 MB, and what 8 threads have begun by then."""
    begun = [0]

    def read(image: ImageId, limit: int) -> bytes:
        begun[0] += 1
        return bytes(size)

    ahead = []
    for done, _ in enumerate(pool.clean([ImageId(str(n)) for n in range(60)], read, known={})):
        time.sleep(0.02)
        ahead.append(begun[0] - done - 1)
    assert 1 < max(ahead) <= most


def test_a_reader_that_stops_early_leaves_a_good_pool(pool: PhotoPool) -> None:
    outcomes = pool.clean(
        [ImageId(str(n)) for n in range(90)], lambda image, limit: photo(1), known={}
    )
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert isinstance(run(pool, {"1": photo(1)})[0][1], CleanedPhoto)


@pytest.mark.parametrize("danger", [b"kill", b"hang"])
def test_a_photo_that_ends_its_process_is_a_problem(pool: PhotoPool, danger: bytes) -> None:
    files = {f"{n}": photo(n) for n in range(20)} | {"danger": danger}
    files |= {f"{n}": photo(n) for n in range(20, 50)}
    outcomes = dict(run(pool, files))
    bad = outcomes.pop("danger")
    assert isinstance(bad, PhotoProblem) and bad.reason is Reason.PHOTO_UNREADABLE
    assert "died or took more than 2 seconds" in bad.detail
    assert list(outcomes) == [f"{n}" for n in range(50)]
    assert all(isinstance(outcome, CleanedPhoto) for outcome in outcomes.values())


def test_a_process_killed_from_outside_loses_nothing(pool: PhotoPool) -> None:
    files = {f"{n}": b"slow" for n in range(6)}
    outcomes = pool.clean(
        [ImageId(image) for image in files], lambda image, limit: files[image], known={}
    )
    done = [next(outcomes)]
    for child in multiprocessing.active_children():
        child.kill()
    done += outcomes
    assert [image for image, _ in done] == list(files)
    assert all(isinstance(outcome, CleanedPhoto) for _, outcome in done)


def script(folder: Path, body: str, **options: Any) -> subprocess.Popen[str]:
    (folder / "script.py").write_text(
        "from marketrank.listings.photo_pool import PhotoPool\n"
        f"pool = PhotoPool(processes=1, **{SETTINGS})\n"
        "outcomes = pool.clean('abc', lambda image, limit: b'x', known={})\n" + body
    )
    command = [sys.executable, str(folder / "script.py")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    body = """
if __name__ == "__main__":
    import multiprocessing, time
    next(outcomes)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    time.sleep(60)
"""
    with script(tmp_path, body) as parent:
        assert parent.stdout
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert children
        parent.kill()
    deadline = time.monotonic() + 10
    while any(map(alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, children))


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has waited for does not."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    return "State:\tZ" not in status


def test_processes_that_cannot_start_are_an_error_not_a_lost_feed(tmp_path: Path) -> None:
    body = """
from marketrank.errors import NotReady
try:
    print(list(outcomes))
except NotReady as error:
    print(error)
"""
    with script(tmp_path, body, stderr=subprocess.DEVNULL) as parent:
        said, _ = parent.communicate(timeout=60)
    assert "die as they start" in said and "__main__" in said
