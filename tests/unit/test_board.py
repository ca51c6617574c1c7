import logging
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from marketrank.errors import BadInput
from marketrank.models import board
from marketrank.models.board import MOST_ROWS, write_projector


def vectors(n: int, dim: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, dim)).astype(np.float32)


def thumbnails(n: int, side: int = 8) -> np.ndarray:
    """Each of one grey, darker than the next."""
    shades = np.linspace(10, 250, n).astype(np.uint8)
    return np.broadcast_to(shades[:, None, None, None], (n, side, side, 3)).copy()


def one(folder: Path, name: str) -> Path:
    (found,) = folder.rglob(name)
    return found


def test_vectors_and_labels_are_written_row_by_row(tmp_path: Path) -> None:
    given = vectors(4)
    write_projector(tmp_path, given, ["Bikes", "Cars", "Żółw", "Bikes"])
    rows = [line.split("\t") for line in one(tmp_path, "tensors.tsv").read_text().splitlines()]
    assert np.allclose(np.array(rows, np.float32), given)
    labels = one(tmp_path, "metadata.tsv").read_text(encoding="utf-8")
    assert labels == "Bikes\nCars\nŻółw\nBikes\n"
    assert not list(tmp_path.rglob("sprite.png"))


def test_the_configuration_names_files_that_are_there(tmp_path: Path) -> None:
    write_projector(tmp_path, vectors(4), list("abcd"), thumbnails(4))
    config = (tmp_path / "projector_config.pbtxt").read_text()
    named = [part for part in config.split('"')[1::2] if "." in part]
    assert len(named) == 3
    assert all((tmp_path / name).is_file() for name in named)
    assert config.count("single_image_dim: 8") == 2


def test_photos_lie_in_rows_of_one_picture(tmp_path: Path) -> None:
    given = thumbnails(5)
    given[:, :3, :2] = (250, 130, 10)  # a corner that shows any turn or swapped channel
    write_projector(tmp_path, vectors(5), list("abcde"), given)
    with Image.open(one(tmp_path, "sprite.png")) as image:
        sprite = np.asarray(image).astype(int)
    assert sprite.shape == (24, 24, 3)
    for row in range(5):
        y, x = row // 3 * 8, row % 3 * 8
        assert np.abs(sprite[y : y + 8, x : x + 8] - given[row]).max() <= 1


def test_labels_cannot_shift_each_other(tmp_path: Path) -> None:
    write_projector(tmp_path, vectors(4), ["a\tb", "", "c\nd\r\n", "  "])
    assert one(tmp_path, "metadata.tsv").read_text() == "a b\n(none)\nc d\n(none)\n"


def test_of_too_many_rows_some_from_all_over_are_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    n = 2 * MOST_ROWS + 1
    numbered = np.arange(n, dtype=np.float32)[:, None]
    with caplog.at_level(logging.INFO):
        write_projector(tmp_path, numbered, [str(row) for row in range(n)])
    shown = one(tmp_path, "tensors.tsv").read_text().split()
    assert len(shown) == len(set(shown)) == MOST_ROWS
    assert (float(shown[0]), float(shown[-1])) == (0, n - 1)
    labels = one(tmp_path, "metadata.tsv").read_text().split()
    assert [float(label) for label in labels] == [float(value) for value in shown]
    assert f"{MOST_ROWS} of {n}" in caplog.text


def test_photos_shrink_to_fit_one_texture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "_LARGEST_SPRITE", 20)
    write_projector(tmp_path, vectors(9), list("abcdefghi"), thumbnails(9))
    with Image.open(one(tmp_path, "sprite.png")) as image:
        assert image.size == (18, 18)
    assert "single_image_dim: 6" in (tmp_path / "projector_config.pbtxt").read_text()


def test_writing_again_replaces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_projector(tmp_path, vectors(4), list("abcd"), thumbnails(4))
    write_projector(tmp_path, vectors(2), list("xy"))
    assert one(tmp_path, "metadata.tsv").read_text() == "x\ny\n"
    assert not list(tmp_path.rglob("sprite.png"))
    assert capsys.readouterr().out == ""


def test_no_pickle_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dump", "dumps", "Pickler"):
        monkeypatch.setattr(pickle, name, lambda *_, **__: pytest.fail("a pickle was written"))
    write_projector(tmp_path, vectors(4), list("abcd"), thumbnails(4))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    known = {".tsv", ".png", ".pbtxt"}
    assert all(p.suffix in known or p.name.startswith("events.out.tfevents") for p in files)
    assert len(files) == 5
    assert not any(path.read_bytes().startswith((b"\x80", b"PK")) for path in files)


def test_without_tensorboard_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with caplog.at_level(logging.INFO):
        write_projector(tmp_path, vectors(4), list("abcd"))
    assert list(tmp_path.iterdir()) == []
    assert "pip install tensorboard" in caplog.text


@pytest.mark.parametrize("n, labels, photos", [(3, 2, None), (3, 3, 2), (0, 0, None)])
def test_numbers_of_rows_must_agree(
    tmp_path: Path, n: int, labels: int, photos: int | None
) -> None:
    pictures = None if photos is None else thumbnails(photos)
    with pytest.raises(BadInput, match=rf"\({n}, 3\) came with {labels} labels"):
        write_projector(tmp_path, vectors(n), ["a"] * labels, pictures)
