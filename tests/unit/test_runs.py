"""Run folders appear whole, are found again by what made them, and go on where they were left."""

import errno
import os
from pathlib import Path

import orjson
import pytest

from made_up_feed import AT
from marketrank.errors import BadInput
from marketrank.pipelines.runs import (
    Run,
    finish_run,
    finished_run,
    identify,
    open_run,
    runs_of,
    write_run,
)


def finish(home: Path, identity: str, *, day: int, kind: str = "text") -> Path:
    folder = open_run(home, kind, identity)
    (folder / "config.json").write_bytes(orjson.dumps({"identity": identity}))
    (folder / "metrics.json").write_bytes(orjson.dumps({"text": {"n": day}}))
    return finish_run(folder, home, kind, at=AT.replace(day=day))


def test_an_identity_is_what_was_given_and_not_in_which_order() -> None:
    one = identify(data="d", seed=7, recipe={"rate": 0.1, "batch": 16})
    assert one == identify(recipe={"batch": 16, "rate": 0.1}, seed=7, data="d")
    others = [
        identify(data="e", seed=7, recipe={"rate": 0.1, "batch": 16}),
        identify(data="d", seed=8, recipe={"rate": 0.1, "batch": 16}),
        identify(data="d", seed=7, recipe={"rate": 0.1, "batch": 17}),
    ]
    assert len({one, *others}) == 4
    assert len(one) == 12


def test_a_killed_run_is_opened_again_and_others_get_their_own(tmp_path: Path) -> None:
    folder = open_run(tmp_path, "text", "abc")
    (folder / "half").write_bytes(b"done")
    assert (open_run(tmp_path, "text", "abc") / "half").read_bytes() == b"done"
    for kind, identity in (("text", "abd"), ("vision-cnn", "abc")):
        assert not list(open_run(tmp_path, kind, identity).iterdir())
    assert runs_of(tmp_path, "text") == []


def test_a_finished_run_has_its_name_and_leaves_nothing_unfinished(tmp_path: Path) -> None:
    final = finish(tmp_path, "abc", day=14)
    assert final == tmp_path / "runs" / "text-20260314T120000"
    assert (final / "config.json").exists()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [final.name]


def test_a_run_of_the_same_second_is_not_overwritten(tmp_path: Path) -> None:
    first = finish(tmp_path, "abc", day=14)
    before = (first / "config.json").read_bytes()
    with pytest.raises(BadInput, match=r"text-20260314T120000 is there already"):
        finish(tmp_path, "abd", day=14)
    assert (first / "config.json").read_bytes() == before
    assert (open_run(tmp_path, "text", "abd") / "config.json").exists()  # it can be finished later


def test_all_is_on_the_disk_before_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file and folder is synced before the rename, and the runs' folder after it."""
    folder = open_run(tmp_path, "text", "abc")
    (folder / "kept").mkdir()
    (folder / "kept" / "epoch").write_bytes(b"weights")
    paths = {"kept": folder / "kept", "epoch": folder / "kept" / "epoch", "own": folder}
    known = {path.stat().st_ino: name for name, path in paths.items()}
    known[(tmp_path / "runs").stat().st_ino] = "runs"
    seen: list[str] = []
    rename, fsync = Path.rename, os.fsync

    def spy_fsync(handle: int) -> None:
        seen.append(known[os.fstat(handle).st_ino])
        fsync(handle)

    def spy_rename(self: Path, target: Path) -> Path:
        seen.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(Path, "rename", spy_rename)
    finish_run(folder, tmp_path, "text", at=AT)
    assert set(seen[:3]) == {"kept", "epoch", "own"}
    assert seen[3:] == ["rename", "runs"]


def test_a_finished_run_is_found_by_its_identity(tmp_path: Path) -> None:
    assert finished_run(tmp_path, "text", "abc") is None
    finish(tmp_path, "abc", day=11)
    newest = finish(tmp_path, "abc", day=13)
    finish(tmp_path, "abd", day=14)
    finish(tmp_path, "abc", day=15, kind="vision-cnn")
    open_run(tmp_path, "text", "unfinished")
    assert finished_run(tmp_path, "text", "abc") == Run(newest, {"text": {"n": 13}})
    assert finished_run(tmp_path, "text", "unfinished") is None


@pytest.mark.parametrize("name", ["config.json", "metrics.json"])
def test_a_damaged_run_is_passed_over(tmp_path: Path, name: str) -> None:
    older = finish(tmp_path, "abc", day=11)
    damaged = finish(tmp_path, "abc", day=13)
    (damaged / name).write_bytes(b"{")
    found = finished_run(tmp_path, "text", "abc")
    assert found is not None
    assert found.folder == older
    (damaged / name).unlink()
    assert finished_run(tmp_path, "text", "abc") == found


def test_a_disk_that_fills_while_a_run_is_finished_leaves_it_to_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_room)
        with pytest.raises(BadInput, match=r"No space left on device.*make room"):
            finish(tmp_path, "abc", day=14)
    assert runs_of(tmp_path, "text") == []
    assert finish(tmp_path, "abc", day=14).exists()


def test_a_run_that_is_written_at_once_is_found_too(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "config.json").write_bytes(b'{"identity": "abc"}')
        (folder / "metrics.json").write_bytes(b"{}")

    folder = write_run(tmp_path, "baselines", at=AT, fill=fill)
    assert finished_run(tmp_path, "baselines", "abc") == Run(folder, {})
