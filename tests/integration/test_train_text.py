"""Tuning the text tower over a store: killed, on a full disk, on odd listings. A tower of a few
thousand weights stands in for MPNet."""

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from made_up_feed import AT, data_of, stock  # noqa: E402
from marketrank.errors import BadInput, NotReady  # noqa: E402
from marketrank.models import text_layers  # noqa: E402
from marketrank.models.registry import Registry  # noqa: E402
from marketrank.pipelines.heldout import HeldOut  # noqa: E402
from marketrank.pipelines.runs import Run, runs_of  # noqa: E402
from marketrank.pipelines.train_text import train_text  # noqa: E402
from marketrank.types import Listing  # noqa: E402
from small_bert import small_bert  # noqa: E402
from small_model import publish_three  # noqa: E402
from small_training import Killed, killing  # noqa: E402

ON_A_PART, ON_ALL = (f"tune the text tower on {what}" for what in ("a part", "all listings"))


@pytest.fixture(autouse=True)
def small_tower(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Such small products lose by being shared out among threads."""
    monkeypatch.setitem(text_layers.TOWERS, "mpnet", small_bert)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def listings(tmp_path_factory: pytest.TempPathFactory) -> list[Listing]:
    return stock(tmp_path_factory.mktemp("photos"), 60)[0]


def run(found: list[Listing], home: Path, **changed: Any) -> Run:
    arguments: dict[str, Any] = {"at": AT, "epochs": 2, "device": "cpu"} | changed
    return train_text(data_of(found, arguments.pop("seed", 1)), home, **arguments)


def test_a_run_that_is_killed_ends_with_the_same_numbers(
    listings: list[Listing], tmp_path: Path
) -> None:
    whole = run(listings, tmp_path / "whole")
    for place in ((ON_A_PART, 1), (ON_ALL, 0), (ON_ALL, 1)):
        with pytest.raises(Killed):
            run(listings, tmp_path / "killed", progress=killing(*place))
        assert runs_of(tmp_path / "killed", "text") == []
    said: list[tuple[str, int]] = []
    killed = run(
        listings, tmp_path / "killed", progress=lambda stage, done, _: said.append((stage, done))
    )
    assert (ON_A_PART, 0) not in said  # nothing was done twice
    assert (ON_ALL, 0) not in said
    assert killed.metrics == whole.metrics
    held = [HeldOut.load(one.folder) for one in (whole, killed)]
    np.testing.assert_array_equal(held[0].test["tuned"], held[1].test["tuned"])
    configs = [json.loads((one.folder / "config.json").read_bytes()) for one in (whole, killed)]
    assert configs[0] == configs[1]
    models = [(one.folder / configs[0]["model"]).read_bytes() for one in (whole, killed)]
    assert models[0] == models[1]
    assert [path.name for path in (tmp_path / "killed" / "runs").iterdir()] == [killed.folder.name]


def test_what_was_finished_is_used_again_where_that_is_asked(
    listings: list[Listing], tmp_path: Path
) -> None:
    first = run(listings, tmp_path)
    later = AT.replace(day=15)
    assert run(listings, tmp_path, reuse=True, at=later) == first
    for change in ({"seed": 2}, {"epochs": 1}, {"reuse": False}):
        at = later.replace(minute=len(runs_of(tmp_path, "text")))
        assert run(listings, tmp_path, **{"reuse": True, "at": at, **change}).folder != first.folder
    fewer = run(listings[1:], tmp_path, reuse=True, at=later.replace(minute=30))
    assert fewer.folder != first.folder


def test_held_out_answers_are_those_of_the_listings_of_the_split(
    listings: list[Listing], tmp_path: Path
) -> None:
    done = run(listings, tmp_path)
    split = json.loads((done.folder / "split.json").read_bytes())
    logs = HeldOut.load(done.folder).test["tuned"]
    assert logs.shape == (len(split["test"]), 3)
    np.testing.assert_allclose(np.exp(logs).sum(1), 1, rtol=1e-4)
    roots = {one.id: one.category[0] for one in listings}
    names = [name for (name,) in json.loads((done.folder / "labels.json").read_bytes())["names"]]
    right = [names[row.argmax()] == roots[id] for row, id in zip(logs, split["test"], strict=True)]
    assert np.mean(right) == done.metrics["text"]["accuracy"]


def test_odd_listings_cost_themselves_alone(
    listings: list[Listing], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One of a class of its own, one without words, one without a category, none with a photo."""
    bare = [replace(one, photos=()) for one in listings]
    split = json.loads((run(bare, tmp_path / "plain").folder / "split.json").read_bytes())
    lonely, mute, without = split["test"][:3]
    changes = {
        lonely: {"category": ("Boats",)},
        mute: {"title": "!", "description": ""},
        without: {"category": ()},
    }
    odd = [replace(one, **changes.get(one.id, {})) for one in bare]  # type: ignore[arg-type]
    caplog.clear()
    done = run(odd, tmp_path / "odd")
    assert "Boats" in caplog.text
    assert done.metrics["text"]["n"] == len(split["test"]) - 1  # of no category, nothing to score
    names = json.loads((done.folder / "labels.json").read_bytes())["names"]
    assert names == [["Home"], ["Phones"], ["Sports"]]


def test_too_few_listings_are_refused(listings: list[Listing], tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="marketrank ingest"):
        run([], tmp_path)
    with pytest.raises(BadInput, match="part has no listing with a category"):
        run([replace(one, category=()) for one in listings], tmp_path)
    with pytest.raises(BadInput, match="a classifier needs two categories"):
        run([replace(one, category=("Home",)) for one in listings], tmp_path)
    assert not list(tmp_path.iterdir())


def no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("place", [(ON_A_PART, 0), (ON_A_PART, 1), (ON_ALL, 1), (ON_ALL, 2)])
def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(
    listings: list[Listing],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[str, int],
) -> None:
    registry = Registry(tmp_path / "models")
    versions = publish_three(registry)
    registry.promote(versions[1], at=AT, why="")
    before = files_in(registry.folder)
    with monkeypatch.context() as patch:

        def fills(stage: str, done: int, _: int | None) -> None:
            if (stage, done) == place:
                patch.setattr(os, "fsync", no_room)

        with pytest.raises(BadInput, match=r"No space left on device.*make room"):
            run(listings, tmp_path, progress=fills)
    assert files_in(registry.folder) == before
    assert registry.current() == versions[1]
    assert runs_of(tmp_path, "text") == []
    assert run(listings, tmp_path).metrics == run(listings, tmp_path / "whole").metrics


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
