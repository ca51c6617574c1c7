"""Photos that are not what they should be, and photos that are merely unusual."""

import io
import random
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

Damage = Callable[[bytes, random.Random], bytes]


def _truncated(photo: bytes, rng: random.Random) -> bytes:
    return photo[: int(len(photo) * rng.uniform(0.2, 0.7))]


def _not_a_photo(photo: bytes, rng: random.Random) -> bytes:
    return b"Sorry, this photo is no longer available.\n"


def _one_pixel(photo: bytes, rng: random.Random) -> bytes:
    return _saved(Image.new("RGB", (1, 1), (128, 128, 128)), "JPEG")


def _animated(photo: bytes, rng: random.Random) -> bytes:
    first = Image.open(io.BytesIO(photo)).convert("RGB").resize((160, 120))
    frames = [first.rotate(angle) for angle in (0, 4, 8)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=200, loop=0)
    return out.getvalue()


def _huge(photo: bytes, rng: random.Random) -> bytes:
    """A PNG of 20,000 × 20,000 pixels in some 50 kB, written row by row."""
    side = 20_000
    packer = zlib.compressobj(1)
    rows = b"\0" * (side // 8 + 1) * 100
    data = b"".join(packer.compress(rows) for _ in range(side // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def _empty(photo: bytes, rng: random.Random) -> bytes:
    return b""


def _turned(photo: bytes, rng: random.Random) -> bytes:
    """Stored on its side, with the EXIF orientation that says so."""
    image = Image.open(io.BytesIO(photo)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85, exif=exif)
    return out.getvalue()


def _cmyk(photo: bytes, rng: random.Random) -> bytes:
    return _saved(Image.open(io.BytesIO(photo)).convert("CMYK"), "JPEG")


def _transparent(photo: bytes, rng: random.Random) -> bytes:
    image = Image.open(io.BytesIO(photo)).convert("RGB").resize((320, 240))
    image.putalpha(Image.linear_gradient("L").resize((320, 240)))
    return _saved(image, "PNG")


def _palette(photo: bytes, rng: random.Random) -> bytes:
    return _saved(Image.open(io.BytesIO(photo)).convert("P"), "GIF")


def _sixteen_bit(photo: bytes, rng: random.Random) -> bytes:
    grey = np.asarray(Image.open(io.BytesIO(photo)).convert("L").resize((320, 240)))
    return _saved(Image.fromarray(grey.astype(np.uint16) * 257), "PNG")


def _webp(photo: bytes, rng: random.Random) -> bytes:
    return _saved(Image.open(io.BytesIO(photo)), "WEBP")


BROKEN: tuple[Damage, ...] = (_truncated, _not_a_photo, _one_pixel, _animated, _huge, _empty)
"""What cleaning must reject."""
UNUSUAL: tuple[Damage, ...] = (_turned, _turned, _cmyk, _transparent, _palette, _sixteen_bit, _webp)
"""What cleaning must read, all under the name of a JPEG."""


def reworked(photo: bytes, rng: random.Random) -> bytes:
    """A copy a little cropped, resized and compressed again: nearly the same photo."""
    image = Image.open(io.BytesIO(photo)).convert("RGB")
    edge = rng.randint(2, 8)
    image = image.crop((edge, edge, image.width - edge, image.height - edge))
    scale = rng.uniform(0.7, 0.95)
    image = image.resize(
        (int(image.width * scale), int(image.height * scale)), Image.Resampling.BICUBIC
    )
    out = io.BytesIO()
    image.save(out, "JPEG", quality=rng.randint(60, 78))
    return out.getvalue()


def _saved(image: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()
