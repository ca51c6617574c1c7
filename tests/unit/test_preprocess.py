import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from marketrank.errors import BadInput
from marketrank.models.preprocess import decode, grey_pixels, to_pixels, without_bars


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


# Without bars

Bars = tuple[int, int, int, int]
bars = st.tuples(*[st.integers(0, 70)] * 4)
sides = st.integers(32, 90)


def letterboxed(picture: Image.Image, around: Bars, dark: int = 0, seed: int = 0) -> Image.Image:
    """With bars left, above, right and below, of values up to `dark`."""
    left, top, right, bottom = around
    size = (picture.height + top + bottom, picture.width + left + right, 3)
    noise = np.random.default_rng(seed).integers(0, dark, size, dtype=np.uint8, endpoint=True)
    framed = Image.fromarray(noise)
    framed.paste(picture, (left, top))
    return framed


@given(sides, sides, bars, st.integers(0, 24), st.integers(0, 2**32))
def test_bars_are_cut_wherever_they_lie(
    width: int, height: int, around: Bars, dark: int, seed: int
) -> None:
    """Bright is what one channel shows."""
    picture = np.random.default_rng(seed).integers(0, 25, (height, width, 3), dtype=np.uint8)
    picture[..., seed % 3] = 25
    found = without_bars(letterboxed(Image.fromarray(picture), around, dark, seed))
    assert (np.asarray(found) == picture).all()


@given(sides, sides, bars)
def test_cutting_bars_again_changes_nothing(width: int, height: int, around: Bars) -> None:
    once = without_bars(letterboxed(Image.new("RGB", (width, height), (90, 0, 40)), around))
    assert without_bars(once).size == once.size


@pytest.mark.parametrize("size", [(20, 90), (90, 20), (1, 1), (20, 20)])
def test_a_photo_that_is_dark_almost_everywhere_is_kept_whole(size: tuple[int, int]) -> None:
    lamp = Image.new("RGB", size, (250, 240, 90))
    night = letterboxed(lamp, (60, 60, 60, 60), dark=20)
    assert without_bars(night).size == night.size
    black = Image.new("RGB", (64, 48))
    assert without_bars(black).size == (64, 48)


def test_a_dark_thing_inside_a_photo_stays() -> None:
    picture = Image.new("RGB", (90, 60), (200, 200, 200))
    picture.paste((0, 0, 0), (0, 25, 90, 35))
    assert without_bars(letterboxed(picture, (0, 40, 0, 40))).size == (90, 60)


def test_specks_in_a_bar_are_no_picture() -> None:
    framed = letterboxed(Image.new("RGB", (100, 60), (200, 200, 200)), (0, 20, 0, 20))
    framed.putpixel((50, 3), (255, 255, 255))
    assert without_bars(framed).size == (100, 60)


@pytest.mark.parametrize("around", [(0, 0, 0, 0), (0, 64, 0, 32), (96, 0, 32, 0), (16, 16, 48, 80)])
@pytest.mark.parametrize("size", [32, 224])
def test_with_crop_a_photo_loses_its_bars_and_is_stretched(around: Bars, size: int) -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    wide = Image.fromarray(colours.repeat(64, axis=0).repeat(128, axis=1))
    pixels = to_pixels(file_of(letterboxed(wide, around)), size, crop=True)
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        for shift in (size // 16, size * 7 // 16):  # near the edge, and near the middle
            y, x = (place * size // 2 + shift for place in (row, column))
            assert np.abs(pixels[y, x].astype(int) - colours[row, column]).max() < 24


def test_without_crop_bars_stay() -> None:
    framed = file_of(letterboxed(Image.new("RGB", (96, 48), (200, 100, 50)), (0, 24, 0, 24)))
    assert to_pixels(framed, 96)[:20].max() < 12
    assert to_pixels(framed, 96, crop=True)[:20].min() > 30


@pytest.mark.parametrize(("size", "side"), [(None, 512), (100, 128), (64, 64), (600, 512)])
def test_a_photo_is_decoded_no_larger_than_it_must(size: int | None, side: int) -> None:
    assert decode(file_of(quarters(512)), size).size == (side, side)


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
    for crop in (False, True):
        with pytest.raises(BadInput, match=f"{len(data)} bytes"):
            to_pixels(data, 32, crop=crop)


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
    for crop in (False, True):
        try:
            pixels = to_pixels(data, 32, crop=crop)
        except BadInput:
            continue
        assert pixels.shape == (32, 32, 3)
