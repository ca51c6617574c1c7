"""Releases appear whole or not at all."""

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from marketrank.errors import Corrupt
from marketrank.retrieval import release as releases
from marketrank.types import ModelVersion, ReleaseId, Seq

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def publish(folder: Path, encoder: Path, n: int, *, at: datetime = NOW) -> ReleaseId:
    def build(index: Path) -> None:
        index.mkdir()
        (index / "data").write_bytes(np.full(200_000, n, np.uint8).tobytes())

    return releases.publish(
        folder,
        encoder=encoder,
        build_index=build,
        model_version=ModelVersion("m"),
        count=n,
        vector_seq=Seq(n),
        listing_seq=Seq(n),
        at=at,
        check=lambda path: None,
    )


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "m"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "text.onnx").write_bytes(b"x" * 1000)
    return folder


def test_what_was_published_is_read_back(tmp_path: Path, encoder: Path) -> None:
    folder = tmp_path / "releases"
    assert releases.current(folder) is None
    name = publish(folder, encoder, 3)
    assert releases.current(folder) == name
    manifest = releases.read_manifest(folder, name)
    assert (manifest.count, manifest.vector_seq, manifest.created_at) == (3, 3, NOW)
    assert set(manifest.files) == {"encoder/deep/text.onnx", "index/data"}
    assert (folder / name / "encoder/deep/text.onnx").read_bytes() == b"x" * 1000


@pytest.mark.parametrize("harm", ["change", "remove"])
def test_a_harmed_file_is_named(tmp_path: Path, encoder: Path, harm: str) -> None:
    folder = tmp_path / "releases"
    name = publish(folder, encoder, 3)
    path = folder / name / "index" / "data"
    if harm == "change":
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    else:
        path.unlink()
    with pytest.raises(Corrupt, match=r"index/data.*index --rebuild"):
        releases.read_manifest(folder, name)
    assert releases.read_manifest(folder, name, verify=False).count == 3


def test_a_refused_release_changes_nothing(tmp_path: Path, encoder: Path) -> None:
    folder = tmp_path / "releases"
    name = publish(folder, encoder, 3)

    def refuse(path: Path) -> None:
        raise Corrupt("not good enough")

    with pytest.raises(Corrupt, match="not good enough"):
        releases.publish(
            folder,
            encoder=encoder,
            build_index=lambda path: path.mkdir(),
            model_version=ModelVersion("m"),
            count=0,
            vector_seq=Seq(9),
            listing_seq=Seq(9),
            at=NOW,
            check=refuse,
        )
    assert releases.current(folder) == name
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == {"CURRENT", name}


def test_old_releases_go_but_the_last_stays_for_its_readers(tmp_path: Path, encoder: Path) -> None:
    folder = tmp_path / "releases"
    names = [publish(folder, encoder, n, at=NOW.replace(minute=n)) for n in range(4)]
    kept = {path.name for path in folder.iterdir() if path.is_dir()}
    assert kept == {names[2], names[3]}
    assert (encoder / "deep" / "text.onnx").exists()


_PUBLISHER = """
import sys
from datetime import timedelta
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_release import NOW, publish
folder, encoder = Path({folder!r}), Path({encoder!r})
for n in range({first}, {first} + 10_000):
    print(n, publish(folder, encoder, n % 200, at=NOW + timedelta(seconds=n)), flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_current_release(tmp_path: Path, encoder: Path) -> None:
    folder = tmp_path / "releases"
    rng = np.random.default_rng(7)
    for life in range(8):
        code = _PUBLISHER.format(
            tests=str(Path(__file__).parent),
            folder=str(folder),
            encoder=str(encoder),
            first=life * 10_000,
        )
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        time.sleep(float(rng.uniform(0, 0.05)))
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        process.wait()
        whole = [line for line in lines if line.endswith("\n")]
        acknowledged = whole[-1].split()[1]
        name = releases.current(folder)
        assert name is not None
        releases.read_manifest(folder, name)  # every byte as it was published
        assert name >= acknowledged  # names sort by time
