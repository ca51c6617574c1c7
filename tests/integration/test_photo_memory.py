"""Hostile photos in a process of their own, whose peak memory is then read."""

import os
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

PROGRAM = """
import sys
from pathlib import Path
from marketrank.listings.images import CleanedPhoto, clean_photo

def peak():
    # Not getrusage: its peak is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024

clean_photo(Path(sys.argv[1]).read_bytes(), final_size=448, max_bytes=10**8, max_pixels=10**6)
data = Path(sys.argv[2]).read_bytes()
before = peak()
outcome = clean_photo(data, final_size=448, max_bytes=10**8, max_pixels=int(sys.argv[3]))
print("cleaned" if isinstance(outcome, CleanedPhoto) else outcome.reason, peak() - before)
"""
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads the peak memory from Linux's /proc"
)


def outcome_of(data: bytes, folder: Path, max_pixels: int = 60_000_000) -> tuple[str, int]:
    """What became of a photo, and by how many MB the process grew."""
    first, file = folder / "first.png", folder / "photo"
    Image.new("RGB", (600, 500), "red").save(first)
    file.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, first, file, str(max_pixels)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
        timeout=60,
    )
    reason, grown = done.stdout.split()
    return reason, int(grown)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def zeros(count: int) -> bytes:
    """A zlib stream of so many zeros, without holding them."""
    packer, part = zlib.compressobj(9), bytes(1 << 20)
    body = [packer.compress(part) for _ in range(count >> 20)]
    return b"".join([*body, packer.compress(bytes(count & 0xFFFFF)), packer.flush()])


def png(width: int, height: int, bits: int, colour: int, *before: bytes) -> bytes:
    """A whole and valid black PNG."""
    row = 1 + (width * bits * {0: 1, 2: 3, 6: 4}[colour] + 7) // 8
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *before, chunk(b"IDAT", zeros(row * height))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    """A small JPEG that claims another size."""
    out = BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "JPEG")
    data = bytearray(out.getvalue())
    at = data.find(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def gif_of(width: int, height: int) -> bytes:
    screen = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, width, height) + b"\0\x02\x02\x44\x01\0"
    return screen + frame + b";"


def bmp_of(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


def webp_of(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


BOMBS = {
    "png": lambda: png(30_000, 30_000, 1, 0),
    "jpeg": lambda: jpeg_of(30_000, 30_000),
    "gif": lambda: gif_of(30_000, 30_000),
    "bmp": lambda: bmp_of(30_000, 30_000),
    "webp": lambda: webp_of(16_384, 16_384),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_without_memory(kind: str, tmp_path: Path) -> None:
    reason, grown = outcome_of(BOMBS[kind](), tmp_path)
    assert reason == "photo_too_large"
    assert grown < 10


@pytest.mark.parametrize(
    ("width", "height", "bits", "colour"),
    [(6000, 4000, 8, 6), (4000, 6000, 8, 2), (6000, 4000, 16, 0), (24_000, 1000, 8, 6)],
    ids=["rgba", "rgb", "16 bits", "wide"],
)
def test_a_large_png_takes_four_bytes_a_pixel(
    width: int, height: int, bits: int, colour: int, tmp_path: Path
) -> None:
    reason, grown = outcome_of(png(width, height, bits, colour), tmp_path)
    assert reason == "cleaned"
    assert grown < 4 * 24 + 64


def test_a_large_jpeg_takes_less_than_its_pixels(tmp_path: Path) -> None:
    out = BytesIO()
    Image.linear_gradient("L").resize((6000, 4000)).convert("RGB").save(out, "JPEG")
    reason, grown = outcome_of(out.getvalue(), tmp_path)
    assert reason == "cleaned"
    assert grown < 24


@pytest.mark.parametrize(
    "bomb", [chunk(b"zTXt", b"t\0\0" + zeros(1 << 29)), chunk(b"iCCP", b"p\0\0" + zeros(1 << 29))]
)
def test_a_bomb_in_the_metadata(bomb: bytes, tmp_path: Path) -> None:
    reason, grown = outcome_of(png(64, 64, 8, 2, bomb), tmp_path)
    assert reason in ("cleaned", "photo_unreadable")
    assert grown < 100
