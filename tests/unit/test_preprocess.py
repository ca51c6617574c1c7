import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from marketrank.errors import BadInput
from marketrank.models.preprocess import grey_pixels, to_pixels


def file_of(image: Image.Image, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return out.getvalue()


def quarters(side: int) -> Image.Image:
    """Red and green above blue and white: any flip or swapped channel shows."""
    colours = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    return Image.fromarray(colours.repeat(side // 2, axis=0).repeat(side // 2, axis=1))


JPEG = file_of(quarters(64))


@pytest.mark.parametrize("side", [64, 224, 448, 900])
@pytest.mark.parametrize("size", [32, 224])
def test_any_square_photo_keeps_its_colours_in_their_places(side: int, size: int) -> None:
    pixels = to_pixels(file_of(quarters(side)), size)
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8
    q = size // 4
    for row, column, colour in (
        (q, q, (255, 0, 0)),
        (q, 3 * q, (0, 255, 0)),
        (3 * q, q, (0, 0, 255)),
        (3 * q, 3 * q, (255, 255, 255)),
    ):
        assert np.abs(pixels[row, column].astype(int) - colour).max() < 12


def test_decoding_at_a_reduced_scale_is_close_to_decoding_in_full() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    smooth = Image.fromarray(noise).resize((448, 448), Image.Resampling.BICUBIC)
    data = file_of(smooth)
    full = Image.open(io.BytesIO(data)).resize((224, 224), Image.Resampling.BOX)
    assert np.abs(to_pixels(data, 224).astype(int) - np.asarray(full).astype(int)).mean() < 2


def test_a_wide_photo_gets_bars_and_is_not_stretched() -> None:
    pixels = to_pixels(file_of(Image.new("RGB", (400, 200), (200, 100, 50))), 100)
    assert pixels[:24].max() < 12
    assert pixels[76:].max() < 12
    assert np.abs(pixels[27:73].astype(int) - (200, 100, 50)).max() < 12


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_colour_modes_become_rgb(mode: str) -> None:
    pixels = to_pixels(file_of(quarters(64).convert(mode)), 32)
    assert pixels.shape == (32, 32, 3)
    assert pixels[24, 24].min() > 240  # white stays white


@pytest.mark.parametrize("size", [32, 224])
def test_the_grey_picture_is_zero_after_the_tower_scaled_it(size: int) -> None:
    pixels = grey_pixels(size)
    assert pixels.shape == (size, size, 3)
    assert ((pixels.astype(np.float32) - 127) / 128 == 0).all()


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", file_of(quarters(64), "PNG"), JPEG[:-200]])
def test_what_is_not_a_whole_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match=f"{len(data)} bytes"):
        to_pixels(data, 32)


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_pixels_or_bad_input(data: bytes, begin_like_a_jpeg: bool) -> None:
    decodes_or_refuses(JPEG[:400] + data if begin_like_a_jpeg else data)


@given(
    st.lists(st.tuples(st.integers(0, len(JPEG) - 1), st.integers(0, 255)), max_size=8),
    st.integers(0, len(JPEG)),
)
def test_a_damaged_photo_is_pixels_or_bad_input(changes: list[tuple[int, int]], kept: int) -> None:
    data = bytearray(JPEG)
    for position, value in changes:
        data[position] = value
    decodes_or_refuses(bytes(data[:kept]))


def decodes_or_refuses(data: bytes) -> None:
    try:
        pixels = to_pixels(data, 32)
    except BadInput:
        return
    assert pixels.shape == (32, 32, 3)
