"""What later versions added to the encoder folder changes nothing about those that lack it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from marketrank.errors import Corrupt
from marketrank.models import artefact
from marketrank.models.artefact import Description, FusionPart, ImagePart, Source, TextPart
from marketrank.models.embed import OnnxEncoder
from marketrank.models.embed_learned import LearnedEncoder

SOURCE = Source("made up", "0" * 64, "MIT")
PLAIN = Description(
    name="small",
    text=TextPart("text.onnx", "tokenizer.json", 2, 128, 0, SOURCE),
    image=ImagePart("image.onnx", 2, 224, "none", "none", SOURCE),
    fusion="concatenate",
    dim=4,
    absent_photo=(0.6, 0.8),
    files={},
)
LEARNED = replace(
    PLAIN, fusion="learned", absent_photo=(), learned=FusionPart("fusion.onnx", 2, 0.4)
)
CROPPED = replace(PLAIN, image=replace(PLAIN.image, crop=True))
Change = Callable[[Description], Description]


def write(parent: Path, described: Description) -> Path:
    names = ["text.onnx", "tokenizer.json", "image.onnx"]
    if described.learned is not None:
        names.append(described.learned.file)

    def fill(folder: Path) -> Description:
        for name in names:
            (folder / name).write_bytes(name.encode())
        return described

    return parent / artefact.write(parent, fill)


def test_a_folder_without_what_came_later_is_as_it_was_before(tmp_path: Path) -> None:
    """The numbers are of the version that knew neither a learned fusion nor cropping."""
    folder = write(tmp_path, PLAIN)
    assert folder.name == "small-b67a081f143a"
    assert artefact.sha256(folder / "encoder.json") == (
        "1cb9536d0814af94acfb9edd3584a4094e077eb34a81d7d35dc53509b7b04f47"
    )
    assert artefact.verify(folder).learned is None
    assert artefact.verify(folder).image.crop is False


@pytest.mark.parametrize("described", [PLAIN, LEARNED, CROPPED], ids=["plain", "learned", "crop"])
def test_what_was_written_is_read(tmp_path: Path, described: Description) -> None:
    folder = write(tmp_path, described)
    found = artefact.verify(folder)
    assert replace(found, files={}, version=described.version) == described
    assert found.version == folder.name
    assert set(found.files) == {path.name for path in folder.iterdir()} - {"encoder.json"}


def learn(**changes: object) -> Change:
    return lambda one: replace(one, learned=replace(one.learned, **changes))


@pytest.mark.parametrize(
    "change",
    [
        learn(share=0.5),
        learn(dim=3),
        lambda one: replace(one, learned=None, absent_photo=(0.6, 0.8)),
        lambda one: replace(one, image=replace(one.image, crop=True)),
    ],
    ids=["share", "dim", "none", "crop"],
)
def test_every_part_of_a_learned_fusion_decides_the_version(tmp_path: Path, change: Change) -> None:
    assert write(tmp_path, change(LEARNED)).name != write(tmp_path, LEARNED).name


@pytest.mark.parametrize("key", ["share", "file", "dim"])
def test_a_learned_fusion_that_was_changed_is_refused(tmp_path: Path, key: str) -> None:
    path = write(tmp_path, LEARNED) / "encoder.json"
    raw = orjson.loads(path.read_bytes())
    changed = {**raw["learned"], key: {"share": 0.9, "file": "text.onnx", "dim": 7}[key]}
    path.write_bytes(orjson.dumps({**raw, "learned": changed}))
    with pytest.raises(Corrupt, match="was changed"):
        artefact.verify(path.parent)


@pytest.mark.parametrize("learned", [{"file": "fusion.onnx"}, 3, {"unknown": 1}])
def test_a_torn_fusion_is_refused(tmp_path: Path, learned: object) -> None:
    path = write(tmp_path, LEARNED) / "encoder.json"
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), "learned": learned}))
    with pytest.raises(Corrupt, match=r"encoder\.json cannot be read"):
        artefact.verify(path.parent)


def test_the_fusion_graph_is_checked_like_the_others(tmp_path: Path) -> None:
    folder = write(tmp_path, LEARNED)
    (folder / "fusion.onnx").write_bytes(b"other")
    with pytest.raises(Corrupt, match=r"fusion\.onnx does not match"):
        artefact.verify(folder)


def test_only_a_learned_fusion_needs_no_vector_for_absent_photos(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match="absent_photo"):
        artefact.verify(write(tmp_path, replace(PLAIN, absent_photo=())))


def test_each_encoder_refuses_the_folder_of_the_other(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match="fuses by 'learned'"):
        OnnxEncoder(write(tmp_path, LEARNED), photo_weight=0.3, threads=1)
    for described in (PLAIN, replace(PLAIN, fusion="learned"), replace(LEARNED, fusion="mean")):
        with pytest.raises(Corrupt, match=f"fuses by '{described.fusion}'"):
            LearnedEncoder(write(tmp_path, described), threads=1)
