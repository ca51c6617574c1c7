"""What publishing refuses. That it publishes: `test_train_models`; whom the gate lets pass:
`test_gate_of_models`."""

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

pytest.importorskip("torch")

from made_up_feed import AT, data_of, stock
from marketrank.errors import BadInput, NotReady
from marketrank.models.registry import Registry
from marketrank.pipelines import publishing
from marketrank.pipelines.gate import Contest, Limits
from marketrank.ports import BlobStore
from marketrank.types import Listing

KINDS = ("baselines", "text", "multimodal")


@pytest.fixture
def listings(tmp_path: Path) -> list[Listing]:
    return stock(tmp_path / "photos", 30)[0]


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return stock(tmp_path / "photos", 30)[1]


def write_run(home: Path, kind: str, listings: list[Listing], seed: int, day: int) -> Path:
    folder = home / "runs" / f"{kind}-202603{day:02}T120000"
    folder.mkdir(parents=True)
    data = data_of(listings, seed)
    config = {"data_hash": data.data_hash, "seed": seed}
    (folder / "config.json").write_bytes(orjson.dumps(config))
    return folder


def publish(home: Path, listings: list[Listing], blobs: BlobStore) -> Any:
    contest = Contest(data_of(listings), blobs, home, Registry(home / "models"), fail, "GBP", fail)
    return publishing.publish(contest, at=AT, limits=Limits())


def fail(*_: object) -> Any:
    raise AssertionError("nothing is to be encoded")


@pytest.mark.parametrize("missing", KINDS)
def test_a_run_that_is_missing_is_named_with_its_command(
    listings: list[Listing], blobs: BlobStore, tmp_path: Path, missing: str
) -> None:
    for kind in KINDS:
        if kind != missing:
            write_run(tmp_path, kind, listings, seed=1, day=14)
    write_run(tmp_path, missing, listings, seed=2, day=15)
    write_run(tmp_path, missing, listings[1:], seed=1, day=16)
    torn = write_run(tmp_path, missing, listings, seed=1, day=17)
    (torn / "config.json").write_bytes(b"{")
    with pytest.raises(NotReady, match=f"no finished run of {missing}.*train {missing} --seed 1"):
        publish(tmp_path, listings, blobs)
    assert not (tmp_path / "models").exists()


def test_the_newest_run_on_the_present_listings_is_taken(
    listings: list[Listing], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_run(tmp_path, "text", listings, seed=1, day=13)
    wanted = write_run(tmp_path, "text", listings, seed=1, day=14)
    torn = write_run(tmp_path, "text", listings, seed=1, day=15)
    (torn / "config.json").unlink()
    data = data_of(listings)
    assert publishing._find(tmp_path, "text", data) == wanted
    assert f"{torn / 'config.json'} cannot be read" in caplog.text


def test_samples_are_of_the_training_part_and_what_cannot_be_read_is_none(
    listings: list[Listing], blobs: BlobStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = data_of(listings)
    trained = [one for one in listings if one.id in data.split.train]
    first, second = (one.photos[0].blob for one in trained[:2])
    (tmp_path / "photos" / first[:2] / first).unlink()
    (tmp_path / "photos" / second[:2] / second).write_bytes(b"garbage")
    found = publishing._samples(data, blobs, 64)
    assert found.pixels.shape == (len(trained) - 2, 64, 64, 3)
    assert found.texts == tuple(one.text for one in trained)
    for key in (first, second):
        assert f"photo {key} is not a sample" in caplog.text
    shutil.rmtree(tmp_path / "photos")
    with pytest.raises(BadInput, match=f"none of {len(trained)} photos.*--images"):
        publishing._samples(data, blobs, 64)


def test_runs_of_other_labels_do_not_go_together(listings: list[Listing], tmp_path: Path) -> None:
    runs = {kind: write_run(tmp_path, kind, listings, seed=1, day=14) for kind in KINDS}
    for name in ("labels.json", "labels-second.json"):
        (runs["text"] / name).write_bytes(b"one")
        (runs["multimodal"] / name).write_bytes(b"other" if name == "labels.json" else b"one")
    with pytest.raises(BadInput, match="learned other labels; train both again"):
        publishing._load(runs)
