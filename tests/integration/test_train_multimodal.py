"""The multimodal training over a store: killed, with damaged photos, with none."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from safetensors.torch import load_file  # noqa: E402

from made_up_feed import AT, data_of, stock  # noqa: E402
from marketrank.errors import BadInput  # noqa: E402
from marketrank.models import multimodal_training  # noqa: E402
from marketrank.models.photo_votes import PhotoVotes, Rule  # noqa: E402
from marketrank.pipelines.heldout import HeldOut  # noqa: E402
from marketrank.pipelines.runs import Run, runs_of  # noqa: E402
from marketrank.pipelines.train_multimodal import train_multimodal  # noqa: E402
from marketrank.ports import BlobStore  # noqa: E402
from marketrank.types import BlobKey, Listing  # noqa: E402
from small_training import SCHEDULE, Killed, hashed_words, hastened, killing  # noqa: E402

HEADS = "heads on a part"
ON_A_PART, ON_ALL = (f"late blocks on {what}" for what in ("a part", "all listings"))


@dataclass(frozen=True)
class Stock:
    """Listings with photos, and a home in which a run was finished. Nobody may write to it."""

    listings: list[Listing]
    photos: Path
    blobs: BlobStore
    home: Path
    done: Run


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    photos, home = (tmp_path_factory.mktemp(name) for name in ("photos", "home"))
    listings, blobs = stock(photos, 48)
    with hastened() as patch:
        patch.setattr(multimodal_training, "encode_texts", hashed_words)
        yield Stock(listings, photos, blobs, home, run(listings, blobs, home))


def run(listings: list[Listing], blobs: BlobStore, home: Path, **changed: Any) -> Run:
    arguments: dict[str, Any] = {"at": AT, "threads": 1, "device": "cpu"} | changed
    return train_multimodal(data_of(listings), blobs, home, **arguments)


def test_a_run_that_is_killed_ends_with_the_same_numbers(held: Stock, tmp_path: Path) -> None:
    """Also where a photo is lost once it was looked at: what the networks saw is kept."""
    shutil.copytree(held.home / "cache", tmp_path / "cache")
    shutil.copytree(held.photos, tmp_path / "photos")
    split = json.loads((held.done.folder / "split.json").read_bytes())
    lost = next(one.photos[0].blob for one in held.listings if one.id == split["test"][0])
    (tmp_path / "photos" / lost[:2] / lost).unlink()
    blobs = type(held.blobs)(tmp_path / "photos")  # type: ignore[call-arg]
    for place in ((HEADS, 2), (ON_A_PART, 1), (ON_ALL, 0)):
        with pytest.raises(Killed):
            run(held.listings, blobs, tmp_path, progress=killing(*place))
        assert runs_of(tmp_path, "multimodal") == []
    said: list[tuple[str, int]] = []
    done = run(
        held.listings,
        blobs,
        tmp_path,
        progress=lambda stage, done, _: said.append((stage, done)),
    )
    assert not {(HEADS, 0), (HEADS, 3), (ON_A_PART, 0), (ON_A_PART, 1)} & {*said}
    assert done.metrics == held.done.metrics
    answers = [HeldOut.load(one.folder).test for one in (held.done, done)]
    for name, array in answers[0].items():
        np.testing.assert_array_equal(array, answers[1][name], err_msg=name)
    configs = [json.loads((one.folder / "config.json").read_bytes()) for one in (held.done, done)]
    assert configs[0] == configs[1]
    models = [(one.folder / configs[0]["model"]).read_bytes() for one in (held.done, done)]
    assert models[0] == models[1]


def test_what_is_kept_lies_between_where_the_late_blocks_began_and_ended(held: Stock) -> None:
    kept = held.done.folder / "kept"
    model, *epochs = (
        load_file(path) for path in (kept / "model.safetensors", *sorted(kept.glob("tower/epoch*")))
    )
    begun = load_file(sorted(kept.glob("heads/epoch*"))[-1])
    moved = 0
    for name, first in begun.items():
        last = epochs[-1][name]
        expected = torch.lerp(first, last, SCHEDULE.way)
        torch.testing.assert_close(model[name], expected)
        moved += int(not torch.equal(first, last))
    assert moved > 5


def test_the_photos_of_all_listings_vote_by_the_rule_that_held_out_ones_chose(held: Stock) -> None:
    config = json.loads((held.done.folder / "config.json").read_bytes())
    votes = PhotoVotes.load(held.done.folder / "kept", 3)
    assert votes is not None
    assert votes.rule == Rule(**config["votes"])
    assert len(votes.codes) == sum(len(one.photos) for one in held.listings)
    np.testing.assert_allclose(votes.keys.float().norm(dim=1).numpy(), 1, atol=1e-2)


def test_what_was_finished_is_used_again_where_that_is_asked(held: Stock) -> None:
    assert run(held.listings, held.blobs, held.home, reuse=True) == held.done


def test_held_out_answers_are_those_of_the_listings_of_the_split(held: Stock) -> None:
    folder = held.done.folder
    split = json.loads((folder / "split.json").read_bytes())
    (names,) = zip(*json.loads((folder / "labels.json").read_bytes())["names"], strict=True)
    roots = {one.id: names.index(one.category[0]) for one in held.listings}
    for part in ("validation", "test"):
        found = getattr(HeldOut.load(folder), part)
        true = np.array([roots[id] for id in split[part]])
        owner = found["owner"]
        assert len(found["space"]) == len(found["fused"]) == len(true)
        assert np.bincount(owner).tolist() == [2] * len(true)
        np.testing.assert_allclose(np.linalg.norm(found["photo_vectors"], axis=1), 1, rtol=1e-4)
        if part == "test":
            right = (found["photo_logs"].argmax(1) == true[owner]).mean()
            assert right == held.done.metrics["image"]["accuracy"]


def test_a_damaged_photo_and_a_class_of_one_cost_themselves_alone(
    held: Stock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    few = held.listings[:36]
    photos = tmp_path / "photos"
    shutil.copytree(held.photos, photos)
    spoilt, gone = few[4].photos[1].blob, few[5].photos[0].blob
    (photos / spoilt[:2] / spoilt).write_bytes(b"garbage")
    (photos / gone[:2] / gone).unlink()
    odd = [replace(few[0], category=("Boats", "Canoes")), *few[1:]]
    blobs = type(held.blobs)(photos)  # type: ignore[call-arg]
    done = run(odd, blobs, tmp_path / "home")
    for key in (spoilt, gone):
        assert f"photo {key} cannot be read: left out" in caplog.text
    assert caplog.text.count("cannot be read") == 2
    assert "Boats" in caplog.text
    split = json.loads((done.folder / "split.json").read_bytes())
    lost = sum(few[row].id in split["test"] for row in (4, 5))
    assert done.metrics["image"]["n"] == 2 * len(split["test"]) - lost


def test_without_photos_there_is_nothing_to_train(held: Stock, tmp_path: Path) -> None:
    bare = [replace(one, photos=()) for one in held.listings]
    with pytest.raises(BadInput, match=r"no listing has a photo.*--images, or .*train text"):
        run(bare, held.blobs, tmp_path)
    lost = [
        replace(one, photos=(replace(one.photos[0], blob=BlobKey(f"{row:064x}")),))
        for row, one in enumerate(held.listings)
    ]
    with pytest.raises(BadInput, match=r"none of the 48 photos can be read.*--images"):
        run(lost, held.blobs, tmp_path)
    assert runs_of(tmp_path, "multimodal") == []
