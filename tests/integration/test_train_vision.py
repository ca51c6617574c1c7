"""Training on photos alone: each network writes a run, goes on after a kill, and says what it
needs."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("efficientnet_lite_pytorch")

from made_up_feed import AT, data_of, stock  # noqa: E402
from marketrank.errors import BadInput  # noqa: E402
from marketrank.models import multimodal_training  # noqa: E402
from marketrank.pipelines.runs import Run, runs_of  # noqa: E402
from marketrank.pipelines.train_vision import train_vision  # noqa: E402
from marketrank.ports import BlobStore  # noqa: E402
from marketrank.types import Listing  # noqa: E402
from small_training import SCHEDULE, Killed, hashed_words, hastened, killing  # noqa: E402

FILES = {"config.json", "metrics.json", "split.json", "labels.json", "measured"}
FILES |= {"confusion-image.png", "neighbours.png"}


@dataclass(frozen=True)
class Stock:
    listings: list[Listing]
    photos: Path
    blobs: BlobStore


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    photos = tmp_path_factory.mktemp("photos")
    listings, blobs = stock(photos, 48)
    with hastened() as patch:
        patch.setattr(multimodal_training, "encode_texts", hashed_words)
        yield Stock(listings, photos, blobs)


def run(held: Stock, home: Path, network: str, **changed: Any) -> Run:
    arguments: dict[str, Any] = {"at": AT, "threads": 1, "device": "cpu"} | changed
    data = data_of(arguments.pop("listings", held.listings), arguments.pop("seed", 1))
    return train_vision(data, held.blobs, home, network=network, **arguments)


def config(done: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((done.folder / "config.json").read_bytes())
    return found


def test_lite_tunes_the_towers_of_the_multimodal_model(held: Stock, tmp_path: Path) -> None:
    done = run(held, tmp_path, "lite", schedule=replace(SCHEDULE, head_epochs=12, tower_epochs=1))
    assert done.folder.name == "vision-lite-20260314T120000"
    assert {path.name for path in done.folder.iterdir()} == FILES
    assert set(done.metrics) == {"image", "similar"}
    split = json.loads((done.folder / "split.json").read_bytes())
    assert done.metrics["image"]["n"] == done.metrics["similar"]["n"] == 2 * len(split["test"])
    assert done.metrics["image"]["accuracy"] > 0.5  # of three kinds
    described = config(done)
    assert described["network"] == {"name": "lite", "towers": ["lite0", "lite2"]}
    assert (described["recipe"]["text_photo"], described["recipe"]["siblings"]) == (0, 0)
    assert described["schedule"]["tower_epochs"] == described["best"] == 1
    assert (done.folder / "measured" / "tower" / "epoch-0001.safetensors").exists()
    assert (done.folder / "measured" / "projector_config.pbtxt").exists()


def test_lite_learns_nothing_from_texts(held: Stock, tmp_path: Path) -> None:
    done = run(held, tmp_path, "lite", schedule=SCHEDULE)
    mute = [replace(one, title=f"{n}", description="") for n, one in enumerate(held.listings)]
    shutil.rmtree(done.folder)
    assert run(held, tmp_path, "lite", schedule=SCHEDULE, listings=mute).metrics == done.metrics


def test_a_network_that_is_killed_ends_with_the_same_numbers(held: Stock, tmp_path: Path) -> None:
    whole = run(held, tmp_path / "whole", "cnn", epochs=3)
    with pytest.raises(Killed):
        run(held, tmp_path / "killed", "cnn", epochs=3, progress=killing("train cnn", 2))
    assert runs_of(tmp_path / "killed", "vision-cnn") == []
    said: list[int] = []
    killed = run(
        held, tmp_path / "killed", "cnn", epochs=3, progress=lambda _, done, __: said.append(done)
    )
    assert said == [2, 3]
    assert killed.metrics == whole.metrics
    assert config(killed) == config(whole)
    assert {path.name for path in whole.folder.iterdir()} == FILES
    assert (whole.folder / "measured" / "epoch-0003.safetensors").exists()
    assert not list(whole.folder.rglob("resume.safetensors"))
    other = run(held, tmp_path / "other", "cnn", epochs=3, seed=2)
    assert other.metrics["image"] != whole.metrics["image"]


def test_pretrained_weights_are_part_of_what_a_run_is(held: Stock, tmp_path: Path) -> None:
    one, other = (resnet(tmp_path / str(seed), seed) for seed in (1, 2))
    done = run(held, tmp_path / "home", "resnet50", weights=one, epochs=1)
    assert done.folder.name.startswith("vision-resnet50-")
    described = config(done)
    assert described["network"]["source"]["name"] == one
    assert len(described["network"]["source"]["sha256"]) == 64
    later = AT.replace(minute=1)
    changed = run(held, tmp_path / "home", "resnet50", weights=other, epochs=1, at=later)
    assert config(changed)["identity"] != described["identity"]
    with pytest.raises(BadInput, match=r"'lite' .*cannot take"):
        run(held, tmp_path / "home", "lite", weights=one)
    with pytest.raises(BadInput, match=r"cannot take"):
        run(held, tmp_path / "home", "cnn", weights=one)


def resnet(folder: Path, seed: int) -> str:
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {"embedding_size": 4, "hidden_sizes": [4, 8], "depths": [1, 1]}
    described = transformers.ResNetConfig(layer_type="basic", **sizes)
    transformers.ResNetModel(described).save_pretrained(folder)
    return str(folder)


def test_damaged_photos_are_left_out(
    held: Stock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = run(held, tmp_path / "plain", "cnn", epochs=1)
    tested = json.loads((plain.folder / "split.json").read_bytes())["test"]
    by_id = {one.id: one for one in held.listings}
    keys = [by_id[tested[0]].photos[1].blob, by_id[tested[1]].photos[0].blob]
    photos = tmp_path / "photos"
    shutil.copytree(held.photos, photos)
    (photos / keys[0][:2] / keys[0]).write_bytes(b"garbage")
    (photos / keys[1][:2] / keys[1]).unlink()
    spoilt = replace(held, blobs=type(held.blobs)(photos))  # type: ignore[call-arg]
    done = run(spoilt, tmp_path / "home", "cnn", epochs=1)
    assert done.metrics["image"]["n"] == plain.metrics["image"]["n"] - 2
    assert done.metrics["similar"]["n"] == plain.metrics["similar"]["n"] - 4
    for key in keys:
        assert key in caplog.text


def test_photos_of_no_category_are_not_scored(held: Stock, tmp_path: Path) -> None:
    plain = run(held, tmp_path / "plain", "cnn", epochs=1)
    tested = json.loads((plain.folder / "split.json").read_bytes())["test"]
    listings = [replace(one, category=()) if one.id == tested[0] else one for one in held.listings]
    done = run(held, tmp_path / "home", "cnn", epochs=1, listings=listings)
    assert done.metrics["image"]["n"] == plain.metrics["image"]["n"] - 2
    assert done.metrics["similar"]["n"] == plain.metrics["similar"]["n"]


@pytest.mark.parametrize("network", ["lite", "cnn", "resnet50"])
def test_without_photos_there_is_nothing_to_train(
    held: Stock, tmp_path: Path, network: str
) -> None:
    bare = [replace(one, photos=()) for one in held.listings]
    with pytest.raises(BadInput, match=r"training part.*--images, or run `marketrank train text`"):
        run(held, tmp_path, network, listings=bare)
    assert not list(tmp_path.iterdir())


def test_an_unknown_network_is_named(held: Stock, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'vgg'.*\['cnn', 'lite', 'resnet50'\]"):
        run(held, tmp_path, "vgg")
