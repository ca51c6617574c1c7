import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from marketrank.listings.photo_formats import (
    FORMATS,
    MOST_SCANS,
    SMALLEST_SIDE,
    PhotoProblem,
    open_verified,
)
from marketrank.types import Reason


def file_of(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def picture(width: int = 64, height: int = 48) -> Image.Image:
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


def check(data: bytes, max_bytes: int = 1_000_000, max_pixels: int = 1_000_000) -> Any:
    return open_verified(data, max_bytes=max_bytes, max_pixels=max_pixels)


def reason(data: bytes, **limits: int) -> Reason | None:
    outcome = check(data, **limits)
    return outcome.reason if isinstance(outcome, PhotoProblem) else None


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds one short row of zeros."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def webp_header(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("kind", FORMATS)
def test_a_good_photo_is_opened_not_decoded(kind: str) -> None:
    image = check(file_of(picture(), kind))
    assert image.size == (64, 48)
    assert image.format == kind


def test_the_size_in_bytes_is_checked_first() -> None:
    data = b"not a photo at all"
    assert reason(data, max_bytes=len(data) - 1) is Reason.PHOTO_TOO_LARGE
    assert reason(data, max_bytes=len(data)) is Reason.PHOTO_FORMAT


def test_no_bytes() -> None:
    assert reason(b"") is Reason.PHOTO_TRUNCATED


@pytest.mark.parametrize(
    "data",
    [
        b"<html><body>404 Not Found</body></html>",
        b"%PDF-1.7\n",
        b"\0\0\0\x20ftypheic\0\0\0\0mif1heic",
        b"II*\0\x08\0\0\0",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\xff\xd8",
    ],
)
def test_another_kind_of_file(data: bytes) -> None:
    problem = check(data)
    assert problem.reason is Reason.PHOTO_FORMAT
    assert "JPEG, PNG" in problem.detail and "convert" in problem.detail


@pytest.mark.parametrize(
    "data", [png_header(30_000, 30_000), webp_header(16_384, 16_384)], ids=["png", "webp"]
)
def test_too_many_pixels(data: bytes) -> None:
    assert reason(data, max_pixels=60_000_000) is Reason.PHOTO_TOO_LARGE


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("options", [{}, {"lossless": True}], ids=["plain", "lossless"])
def test_the_limit_of_pixels_is_exact(kind: str, options: dict[str, bool]) -> None:
    data = file_of(picture(40, 30), kind, **(options if kind == "WEBP" else {}))
    assert reason(data, max_pixels=1200) is None
    assert reason(data, max_pixels=1199) is Reason.PHOTO_TOO_LARGE


@pytest.mark.parametrize("size", [(1, 1), (SMALLEST_SIDE - 1, 500), (500, SMALLEST_SIDE - 1)])
def test_too_small(size: tuple[int, int]) -> None:
    assert reason(file_of(picture(*size), "PNG")) is Reason.PHOTO_TOO_SMALL


def test_the_smallest_side_is_enough() -> None:
    assert reason(file_of(picture(SMALLEST_SIDE, SMALLEST_SIDE), "PNG")) is None


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_more_than_one_picture(kind: str) -> None:
    frames = [picture(), picture().transpose(Image.Transpose.FLIP_TOP_BOTTOM)]
    data = file_of(frames[0], kind, save_all=True, append_images=frames[1:])
    assert reason(data) is Reason.PHOTO_ANIMATED


def test_a_phones_second_view_is_no_animation() -> None:
    data = file_of(picture(), "MPO", save_all=True, append_images=[picture()])
    assert reason(data) is None


def test_a_jpeg_of_too_many_scans() -> None:
    data = file_of(picture(), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    bomb = data[:-2] + data[last:-2] * MOST_SCANS + data[-2:]
    assert reason(data) is None
    assert reason(bomb) is Reason.PHOTO_TOO_LARGE


@pytest.mark.parametrize("kind", FORMATS)
def test_a_header_cut_short(kind: str) -> None:
    data = file_of(picture(), kind)
    assert reason(data[: 30 if kind == "JPEG" else 18]) is Reason.PHOTO_TRUNCATED


def test_a_corrupt_header() -> None:
    data = bytearray(file_of(picture(), "PNG"))
    data[24] = 77  # bits a channel
    assert reason(bytes(data)) is Reason.PHOTO_UNREADABLE
