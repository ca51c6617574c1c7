"""The script at the root, as those who know it from elsewhere run and import it."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "clean_images.py"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", (200, 100), "red").save(folder / "wide.jpg")
    Image.new("RGBA", (50, 80), "blue").save(folder / "tall.png")
    (folder / "page.jpg").write_bytes(b"<html>not found</html>")
    return folder


def script() -> ModuleType:
    spec = spec_from_file_location("clean_images", SCRIPT)
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_folder_becomes_a_clean_folder(photos: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, photos, tmp_path / "clean", "--final-size", "64"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    cleaned = {path.name: Image.open(path) for path in (tmp_path / "clean").iterdir()}
    assert set(cleaned) == {"wide.jpg", "tall.jpg"}
    assert {(image.mode, image.size) for image in cleaned.values()} == {("RGB", (64, 64))}
    assert "page: photo_format" in done.stderr
    assert "1 could not be cleaned" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["none"], "no such folder"), (["images", "images"], "name another folder")],
)
def test_mistakes_are_named(photos: Path, arguments: list[str], said: str) -> None:
    before = {path: path.read_bytes() for path in photos.iterdir()}
    done = subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        cwd=photos.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in photos.iterdir()} == before


def test_its_function_takes_final_size_and_image() -> None:
    resized = script().resize_image(96, Image.new("L", (30, 60), 200))
    assert (resized.mode, resized.size) == ("RGB", (96, 96))
    assert resized.getpixel((0, 48)) == (0, 0, 0) and resized.getpixel((48, 48)) == (200, 200, 200)
