"""Publishing and reading models on a real disk: whole or not at all."""

import errno
import multiprocessing
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from marketrank.errors import BadInput, Corrupt
from marketrank.models import artefact
from marketrank.models.registry import PARITY, Facts, Registry
from marketrank.types import ModelVersion
from small_model import (
    AT,
    FACTS,
    OTHERS,
    die,
    entries,
    fill,
    filling,
    publish,
    publish_three,
    write_encoder,
)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "home" / "models")


# Publishing


def test_what_was_published_is_read_back(registry: Registry) -> None:
    assert registry.versions() == []
    version = registry.publish(fill, at=AT.astimezone(timezone(timedelta(hours=5))))
    assert re.fullmatch(r"vision-20260314T120000-[0-9a-f]{12}", version)
    manifest = registry.read(version, verify=True)
    facts = {name: getattr(manifest, name) for name in Facts.__dataclass_fields__}
    assert Facts(**facts) == FACTS
    assert (manifest.version, manifest.created_at, manifest.format) == (version, AT, 1)
    folder = registry.path(version)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(manifest.files) == found - {"manifest.json"} > set(OTHERS)
    assert (folder / "classifiers/deep/labels.npz").read_bytes() == b"labels"
    artefact.verify(folder / "encoder")
    assert entries(registry) == [".lock", version]
    assert registry.current() is None


def test_versions_are_listed_newest_first(registry: Registry) -> None:
    three = publish_three(registry)
    assert [manifest.version for manifest in registry.versions()] == three[::-1]


def test_equal_content_is_one_version_and_any_difference_another(registry: Registry) -> None:
    version = registry.publish(fill, at=AT)
    before = (registry.path(version) / "manifest.json").stat().st_mtime_ns
    assert registry.publish(fill, at=AT) == version
    assert (registry.path(version) / "manifest.json").stat().st_mtime_ns == before
    others = [
        registry.publish(filling(lambda f: (f / "int8/text.onnx").write_bytes(b"!")), at=AT),
        registry.publish(lambda f: replace(fill(f), seed=8), at=AT),
    ]
    assert len({version, *others}) == 3


def test_a_damaged_version_is_not_taken_for_what_is_published_again(registry: Registry) -> None:
    version = registry.publish(fill, at=AT)
    (registry.path(version) / "int8/text.onnx").write_bytes(b"!")
    with pytest.raises(Corrupt, match=r"int8/text\.onnx"):
        registry.publish(fill, at=AT)


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("encoder/encoder.json", "encoder/encoder.json"),
        ("int8/text.onnx", "int8/*.onnx"),
        ("weights/towers.safetensors", "weights/*.safetensors"),
        ("classifiers/manifest.json", "classifiers/manifest.json"),
        ("metrics.json", "metrics.json"),
    ],
)
def test_an_incomplete_model_is_refused(registry: Registry, file: str, pattern: str) -> None:
    with pytest.raises(BadInput, match=rf"lacks {re.escape(pattern)};"):
        registry.publish(filling(lambda folder: (folder / file).unlink()), at=AT)
    assert entries(registry) == [".lock"]


@pytest.mark.parametrize("suffix", ["pkl", "pt", "pth", "bin", "joblib", "PT", "pt.gz"])
def test_files_that_run_code_when_loaded_are_refused(registry: Registry, suffix: str) -> None:
    name = f"classifiers/model.{suffix}"
    with pytest.raises(BadInput, match=rf"{re.escape(name)} may hold pickles"):
        registry.publish(filling(lambda folder: (folder / name).touch()), at=AT)
    assert entries(registry) == [".lock"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: (f / "weights/more").symlink_to(f.parent), "weights/more is a link"),
        (lambda f: (f / "manifest.json").touch(), r"manifest\.json is the registry's"),
        (lambda f: (f / "encoder/text.onnx").write_bytes(b"!"), r"encoder/ is not as .*write"),
        (lambda f: (f / "metrics.json").write_bytes(b'{"a": NaN}'), r"metrics\.json is not JSON"),
        (
            lambda f: (f / "metrics.json").write_bytes(b'{"a": [{"b": null}]}'),
            r"metrics\.json a 0 b is not a finite",
        ),
    ],
)
def test_other_unfit_files_are_refused(
    registry: Registry, change: Callable[[Path], object], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        registry.publish(filling(change), at=AT)
    assert entries(registry) == [".lock"]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"metrics": {"image": {"accuracy": float("nan")}}}, "metrics image accuracy is not"),
        ({"metrics": {"price": {"log_r2": np.float32("-inf")}}}, "metrics price log_r2 is not"),
        ({"parity": {"text.fp32": float("nan")}}, r"parity text\.fp32 is not a finite"),
        ({"parity": {"text.fp32": 0.00101}}, r"text\.fp32 differs from torch by 0\.00101"),
        ({"parity": {"text.fp32": -0.1}}, r"text\.fp32 differs"),
        ({"parity": {"a.int8": 0.99, "b.int8": 0.949}}, r"b\.int8 has cosine 0\.9490"),
        ({"parity": {"text.fp16": 0.0}}, r"'text\.fp16'.* fp32, int8"),
        ({"kind": "../vision"}, r"kind '\.\./vision'"),
        ({"kind": "Vision"}, "kind 'Vision'"),
        ({"kind": "vision/1"}, "kind 'vision/1'"),
        ({"runs": {"towers": Path("/runs")}}, "not JSON"),
    ],
)
def test_unfit_facts_are_refused(registry: Registry, facts: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        registry.publish(lambda folder: replace(fill(folder), **facts), at=AT)
    assert entries(registry) == [".lock"]


def test_numbers_of_numpy_are_kept_as_plain_ones(registry: Registry) -> None:
    metrics = {"image": {"accuracy": np.float32(0.1), "n": np.int64(900)}}
    version = registry.publish(lambda folder: replace(fill(folder), metrics=metrics), at=AT)
    found = registry.read(version, verify=True).metrics
    assert found == {"image": {"accuracy": 0.1, "n": 900}}
    assert PARITY == {"fp32": 1e-3, "int8": 0.95}


def test_a_publisher_that_fails_leaves_nothing(registry: Registry) -> None:
    def fail(folder: Path) -> Facts:
        fill(folder)
        raise Corrupt("no")

    with pytest.raises(Corrupt, match="no"):
        registry.publish(fail, at=AT)
    assert entries(registry) == [".lock"]


@pytest.mark.parametrize("full", ["write", "sync"])
def test_a_full_disk_leaves_nothing(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    write, fsync = Path.write_bytes, os.fsync

    def no_room(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write_some(path: Path, data: bytes) -> int:
        return no_room() if path.name == "manifest.json" else write(path, data)

    with monkeypatch.context() as patch:
        if full == "write":
            patch.setattr(Path, "write_bytes", write_some)
        # The encoder within the draft has been written by then.
        late = filling(lambda folder: full == "sync" and patch.setattr(os, "fsync", no_room))
        with pytest.raises(BadInput, match="No space left on device"):
            registry.publish(late, at=AT)
        assert entries(registry) == [".lock"]
    assert os.fsync is fsync
    assert registry.publish(fill, at=AT) in entries(registry)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").touch()
    with pytest.raises(BadInput, match=str(tmp_path / "models")):
        Registry(tmp_path / "models").publish(fill, at=AT)


def test_a_publisher_that_is_killed_leaves_nothing_that_looks_whole(registry: Registry) -> None:
    process = multiprocessing.get_context("spawn").Process(target=die, args=(registry.folder,))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert len(entries(registry)) == 2  # its lock and its litter
    assert registry.versions() == []
    version = registry.publish(fill, at=AT)
    assert entries(registry) == [".lock", version]


def test_publishers_take_turns(registry: Registry) -> None:
    spawn = multiprocessing.get_context("spawn")
    publishers = [spawn.Process(target=publish, args=(registry.folder,)) for _ in range(3)]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join(60)
    assert [publisher.exitcode for publisher in publishers] == [0, 0, 0]
    (manifest,) = registry.versions()
    registry.read(manifest.version, verify=True)


def test_no_two_publishers_write_at_the_same_time(registry: Registry) -> None:
    inside: list[int] = []

    def fill_alone(number: int) -> Callable[[Path], Facts]:
        def fill_numbered(folder: Path) -> Facts:
            inside.append(number)
            facts = fill(folder)
            inside.append(number)
            return replace(facts, seed=number)

        return fill_numbered

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: registry.publish(fill_alone(n), at=AT), range(8)))
    assert inside[::2] == inside[1::2]
    assert len(registry.versions()) == 8


# Reading


@pytest.mark.parametrize("harm", ["differs", "is missing", "is no file", "manifest", "renamed"])
def test_a_damaged_version_is_named(
    registry: Registry, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    version = registry.publish(fill, at=AT)
    whole = registry.publish(fill, at=AT + timedelta(days=1))
    path = registry.path(version) / "int8/text.onnx"
    manifest = registry.path(version) / "manifest.json"
    said = {"is missing": r"int8/text\.onnx is missing", "is no file": "cannot be read"}
    listed = [whole, version]
    if harm == "differs":
        path.write_bytes(b"smalL")
    elif harm == "manifest":
        raw = orjson.loads(manifest.read_bytes())
        manifest.write_bytes(orjson.dumps({**raw, "trained_on": 9999}))
        listed = [whole]
    elif harm == "renamed":
        registry.path(version).rename(registry.folder / "vision-1")
        version, listed = ModelVersion("vision-1"), [whole]
    else:
        path.unlink()
        if harm == "is no file":
            path.mkdir()
    default = (
        r"int8/text\.onnx does not match" if harm == "differs" else r"manifest\.json was chang"
    )
    with pytest.raises(Corrupt, match=said.get(harm, default)):
        registry.read(version, verify=True)
    assert [one.version for one in registry.versions()] == listed
    assert (version in caplog.text) == (version not in listed)
    with pytest.raises(Corrupt):
        registry.promote(version, at=AT, why="")
    assert registry.current() is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        *((data, "cannot be read") for data in (b"", b"{", b"[]", b"{}", b'{"format": 1}')),
        (b'{"format": 2}', "has format 2; this version reads 1"),
    ],
)
def test_a_manifest_that_is_none_is_warned_of_and_left(
    registry: Registry, data: bytes, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    version = registry.publish(fill, at=AT)
    (registry.folder / "odd").mkdir()
    (registry.folder / "odd" / "manifest.json").write_bytes(data)
    assert [one.version for one in registry.versions()] == [version]
    assert f"odd/manifest.json {said}" in caplog.text


@pytest.mark.parametrize("name", ["vision-2", "", ".", "..", "../models", ".publishing"])
def test_an_unknown_version_lists_the_known_ones(registry: Registry, name: str) -> None:
    with pytest.raises(BadInput, match="none was published"):
        registry.read(name)
    version = registry.publish(fill, at=AT)
    (registry.folder / ".publishing").mkdir()
    (registry.folder / ".publishing" / "manifest.json").touch()
    for use in (
        registry.read,
        registry.path,
        lambda name: registry.promote(name, at=AT, why=""),
    ):
        with pytest.raises(BadInput, match=f"{re.escape(repr(name))}; known are {version}$"):
            use(name)


def test_plain_encoder_folders_are_no_versions_and_stay(registry: Registry) -> None:
    encoder = artefact.write(registry.folder, write_encoder)
    version = registry.publish(fill, at=AT)
    assert [one.version for one in registry.versions()] == [version]
    with pytest.raises(BadInput, match=f"known are {version}$"):
        registry.path(encoder)
    assert artefact.write(registry.folder, write_encoder) == encoder
    assert entries(registry) == sorted([".lock", encoder, version])
