"""Advice about photos, on drawn ones."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from marketrank.listings.photo_advice import SMALL_SIDE, advise


def scene(light: float = 1.0, blur: float = 0.0, width: int = 448, height: int = 448) -> bytes:
    """Tiles of random grey, letterboxed into a square."""
    tiles = np.random.default_rng(1).integers(40, 220, (24, 24), dtype=np.uint8)
    picture = (
        Image.fromarray(tiles).convert("RGB").resize((width, height), Image.Resampling.NEAREST)
    )
    picture = ImageEnhance.Brightness(picture).enhance(light)
    picture = picture.filter(ImageFilter.GaussianBlur(blur))
    square = Image.new("RGB", (448, 448))
    square.paste(picture, ((448 - width) // 2, (448 - height) // 2))
    out = io.BytesIO()
    square.save(out, "JPEG", quality=88)
    return out.getvalue()


def codes(jpeg: bytes, width: int = 1600, height: int = 1200) -> list[str]:
    return [one.code for one in advise(jpeg, width, height)]


def test_a_good_photo() -> None:
    assert codes(scene()) == []
    assert codes(scene(height=252)) == []


@pytest.mark.parametrize(
    ("jpeg", "expected"),
    [
        (scene(light=0.3), ["dark"]),
        (scene(light=4.0, blur=1), ["bright"]),
        (scene(blur=12), ["blurred"]),
        (scene(blur=12, height=252), ["blurred"]),  # the bars' edges are sharp
    ],
)
def test_dark_bright_and_blurred(jpeg: bytes, expected: list[str]) -> None:
    assert codes(jpeg) == expected


def test_small_by_the_shorter_side() -> None:
    assert codes(scene(), 1600, SMALL_SIDE - 1) == ["too_small"]
    assert codes(scene(), SMALL_SIDE, SMALL_SIDE) == []


def test_black_all_over() -> None:
    assert codes(scene(light=0.0)) == ["dark"]
