"""Promotion and rollback on a real disk: never a broken model in use, no history lost."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from marketrank.config import load
from marketrank.errors import BadInput, Corrupt, NotReady
from marketrank.models import artefact, export, promotions
from marketrank.models.registry import Facts, Registry
from marketrank.types import ModelVersion
from marketrank.wiring import Marketplace
from small_model import AT, entries, fill, promote, publish_three, write_encoder


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "home" / "models")


@pytest.fixture
def three(registry: Registry) -> list[ModelVersion]:
    return publish_three(registry)


def test_promotions_and_rollbacks_are_kept_in_a_log(
    registry: Registry, three: list[ModelVersion]
) -> None:
    first, second, third = three
    assert registry.promote(first, at=AT, why="the first") is None
    assert registry.promote(second, at=AT, why="better\nby far") == first
    assert registry.promote(third, at=AT, why="") == second
    assert registry.current() == third
    assert Registry(registry.folder).rollback(at=AT, why="odd results") == second
    assert registry.rollback(at=AT, why="odder results") == first  # not third again
    with pytest.raises(NotReady, match=rf"to go back to from {first}.*models promote"):
        registry.rollback(at=AT, why="")
    assert registry.current() == first
    found = [json.loads(line) for line in (registry.folder / "promotions.jsonl").open("rb")]
    common = {"at": "2026-03-14T12:00:00+00:00", "rollback": False}
    assert found == [
        {**common, "version": first, "previous": None, "why": "the first"},
        {**common, "version": second, "previous": first, "why": "better\nby far"},
        {**common, "version": third, "previous": second, "why": ""},
        {
            **common,
            "version": second,
            "previous": third,
            "why": "odd results",
            "rollback": True,
        },
        {
            **common,
            "version": first,
            "previous": second,
            "why": "odder results",
            "rollback": True,
        },
    ]


def test_promoting_what_is_in_use_changes_nothing(
    registry: Registry, three: list[ModelVersion]
) -> None:
    promote(registry, three[0], three[1])
    assert registry.promote(three[1], at=AT, why="") == three[1]
    assert len(promotions.read(registry.folder)) == 2
    assert registry.rollback(at=AT, why="") == three[0]


def test_a_broken_version_is_never_promoted(
    registry: Registry, three: list[ModelVersion], caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = three
    promote(registry, *three)
    (registry.path(second) / "metrics.json").unlink()
    with pytest.raises(Corrupt, match=r"metrics\.json is missing"):
        registry.promote(second, at=AT, why="")
    assert registry.current() == third
    assert registry.rollback(at=AT, why="") == first
    assert f"not back to {second}" in caplog.text
    promote(registry, third)
    (registry.path(first) / "manifest.json").unlink()  # as good as deleted
    with pytest.raises(NotReady):
        registry.rollback(at=AT, why="")
    assert registry.current() == third


def test_before_any_promotion_there_is_no_going_back(registry: Registry) -> None:
    with pytest.raises(NotReady, match="promoted yet"):
        registry.rollback(at=AT, why="")
    assert not registry.folder.exists()


@pytest.mark.parametrize("full", ["fsync", "replace"])
def test_a_full_disk_leaves_what_is_in_use(
    registry: Registry, three: list[ModelVersion], monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    first, second, third = three
    promote(registry, first, second)
    before = (registry.folder / "promotions.jsonl").read_bytes()
    with monkeypatch.context() as patch:
        if full == "fsync":
            patch.setattr(os, "fsync", no_room)
        else:
            patch.setattr(Path, "replace", no_room)
        with pytest.raises(BadInput, match="No space left on device"):
            registry.promote(third, at=AT, why="")
        with pytest.raises(BadInput, match="No space left on device"):
            registry.rollback(at=AT, why="")
        assert registry.current() == second
    if full == "fsync":
        assert (registry.folder / "promotions.jsonl").read_bytes() == before
    assert entries(registry) == sorted([".lock", "CURRENT", "promotions.jsonl", *three])
    assert registry.rollback(at=AT, why="") == first  # what was not carried out is no history


def test_a_torn_line_costs_itself_alone(
    registry: Registry, three: list[ModelVersion], caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = three
    promote(registry, first, second)
    with (registry.folder / "promotions.jsonl").open("ab") as log:
        log.write(b'{"version": "vis')  # a writer was killed
    promote(registry, third)
    assert [line.version for line in promotions.read(registry.folder)] == three
    assert registry.rollback(at=AT, why="") == second
    assert registry.rollback(at=AT, why="") == first
    assert "line 3 is left out" in caplog.text


def test_those_who_promote_take_turns(registry: Registry) -> None:
    versions = [registry.publish(fill, at=AT + timedelta(seconds=n)) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda version: registry.promote(version, at=AT, why=""), versions * 3))
    log = promotions.read(registry.folder)
    assert [line.previous for line in log] == [None, *(line.version for line in log[:-1])]
    assert log[-1].version == registry.current()


def test_a_rollback_does_not_wait_for_a_publisher(
    registry: Registry, three: list[ModelVersion]
) -> None:
    promote(registry, *three)

    def fill_slowly(folder: Path) -> Facts:
        assert registry.rollback(at=AT, why="now") == three[1]
        return fill(folder)

    registry.publish(fill_slowly, at=AT + timedelta(days=1))
    assert registry.current() == three[1]


# In use


def test_new_embeddings_are_made_with_the_promoted_encoder(
    registry: Registry, three: list[ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    market = Marketplace(load(registry.folder.parent))
    encoder = artefact.write(registry.folder, write_encoder)
    assert market.encoder_folder() == registry.folder / encoder
    promote(registry, three[0], three[2])
    assert market.encoder_folder() == registry.folder / three[2] / "encoder"
    market.registry.rollback(at=AT, why="")
    assert market.encoder_folder() == registry.folder / three[0] / "encoder"
    (registry.folder / "CURRENT").write_text("gone\n")
    with pytest.raises(BadInput, match="'gone'; known are vision"):
        market.encoder_folder()
    (registry.folder / "CURRENT").unlink()
    (registry.folder / encoder / "encoder.json").unlink()
    monkeypatch.setattr(export, "export_default", lambda folder: "exported")
    assert market.encoder_folder() == registry.folder / "exported"
