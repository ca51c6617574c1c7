"""May these bytes be decoded? Decided from the size, the first bytes and the header alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)
from PIL.ImageFile import ImageFile

from marketrank.types import Reason

SMALLEST_SIDE = 16
"""Pixels. What is smaller is a tracking pixel or an icon, not a photo of a thing for sale."""
MOST_SCANS = 100
"""libjpeg-turbo decodes every scan of a progressive JPEG over the whole picture, so a small file
of thousands of scans takes minutes; encoders write about 10."""


@dataclass(frozen=True, slots=True)
class PhotoProblem:
    """Why a photo was not cleaned, for a machine and for a person."""

    reason: Reason
    detail: str


def open_verified(data: bytes, *, max_bytes: int, max_pixels: int) -> ImageFile | PhotoProblem:
    """A photo with its header read and nothing decoded, or why it must not be decoded.

    The content decides the format, never a name. No memory in proportion to the picture is
    allocated. Never raises.
    """
    if not data:
        return PhotoProblem(Reason.PHOTO_TRUNCATED, "the file is empty")
    if len(data) > max_bytes:
        return PhotoProblem(
            Reason.PHOTO_TOO_LARGE,
            f"the file has more than {max_bytes} bytes; send a smaller one, or raise "
            "photo_max_bytes",
        )
    name = next((name for name, kind in FORMATS.items() if kind.begins(data)), None)
    if name is None:
        return PhotoProblem(
            Reason.PHOTO_FORMAT,
            f"the content is none of {', '.join(FORMATS)} (it begins with "
            f"{data[:8].hex(' ')}); convert it to JPEG",
        )
    if name == "WEBP" and (problem := _check_size(_webp_size(data), max_pixels)):
        return problem
    try:
        image = FORMATS[name].open(BytesIO(data))
        return _check_header(data, name, image, max_pixels) or image
    except Exception as error:  # what Pillow raises on a hostile header is open-ended
        return decode_problem(data, error)


def decode_problem(data: bytes, error: Exception) -> PhotoProblem:
    """What an error of the decoder means: the file was cut short, is too much for the memory, or
    is corrupt."""
    if isinstance(error, MemoryError):
        return PhotoProblem(Reason.PHOTO_TOO_LARGE, "there is not enough memory to decode it")
    said = str(error) or type(error).__name__
    kind = next((kind for kind in FORMATS.values() if kind.begins(data)), None)
    if "truncated" in said.lower() or (kind and not kind.is_whole(data)):
        return PhotoProblem(
            Reason.PHOTO_TRUNCATED, f"the file is cut short ({said[:200]}); copy it again"
        )
    return PhotoProblem(Reason.PHOTO_UNREADABLE, f"the file is corrupt: {said[:200]}")


def _check_header(data: bytes, name: str, image: ImageFile, max_pixels: int) -> PhotoProblem | None:
    if problem := _check_size(image.size, max_pixels):
        return problem
    # Not for JPEG: phones append a depth map or a second view to the photo (MPO).
    if name != "JPEG" and getattr(image, "is_animated", False):
        return PhotoProblem(
            Reason.PHOTO_ANIMATED, f"the {name} holds more than one picture; send one of them"
        )
    if name == "PNG":
        FORMATS[name].open(BytesIO(data)).verify()  # decoding does not look at the checksums
    if name == "JPEG" and (scans := data.count(b"\xff\xda")) > MOST_SCANS:
        return PhotoProblem(
            Reason.PHOTO_TOO_LARGE, f"the JPEG has {scans} scans; at most {MOST_SCANS} are decoded"
        )
    return None


def _check_size(size: tuple[int, int] | None, max_pixels: int) -> PhotoProblem | None:
    if size is None:
        return None
    width, height = size
    shown = f"the photo is {width} × {height} pixels"
    if width * height > max_pixels:
        return PhotoProblem(
            Reason.PHOTO_TOO_LARGE,
            f"{shown}, more than {max_pixels}; send a smaller one, or raise photo_max_pixels",
        )
    if min(width, height) < SMALLEST_SIDE:
        return PhotoProblem(
            Reason.PHOTO_TOO_SMALL, f"{shown}; each side must have at least {SMALLEST_SIDE}"
        )
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Of the header (RFC 9649, section 2); None where there is none. Pillow's WebP decoder
    allocates two canvases as soon as it is opened, so the size must be known before."""
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if chunk == b"VP8X":
        return _number(body[4:7]) + 1, _number(body[7:10]) + 1
    if chunk == b"VP8L" and body[0] == 0x2F:
        bits = _number(body[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return _number(body[6:8]) & 0x3FFF, _number(body[8:10]) & 0x3FFF
    return None


def _number(little_endian: bytes) -> int:
    return int.from_bytes(little_endian, "little")


@dataclass(frozen=True, slots=True)
class Format:
    """A format that is decoded. `is_whole` sees from the file's end, or from the length that its
    header states, whether all of it is there."""

    begins: Callable[[bytes], bool]
    open: Callable[[IO[bytes]], ImageFile]
    is_whole: Callable[[bytes], bool]


def _begins(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(starts)


# The plugins are called directly: Image.open() tries others, by name of the file too, and has a
# pixel limit of its own that is global to the process.
FORMATS: Mapping[str, Format] = {
    "JPEG": Format(
        _begins(b"\xff\xd8\xff"),
        JpegImagePlugin.jpeg_factory,
        # The last end marker follows the last scan; an EXIF thumbnail has its own before.
        lambda data: data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda"),
    ),
    "PNG": Format(
        _begins(b"\x89PNG\r\n\x1a\n"),
        PngImagePlugin.PngImageFile,
        lambda data: b"IEND" in data[-64:],
    ),
    "WEBP": Format(
        lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP",
        WebPImagePlugin.WebPImageFile,
        lambda data: len(data) >= 8 + _number(data[4:8]),
    ),
    "GIF": Format(
        _begins(b"GIF87a", b"GIF89a"),
        GifImagePlugin.GifImageFile,
        lambda data: data.rstrip(b"\0").endswith(b";"),
    ),
    "BMP": Format(
        _begins(b"BM"),
        BmpImagePlugin.BmpImageFile,
        lambda data: len(data) >= _number(data[2:6]),
    ),
}
"""Every format that a photo may have, by Pillow's name. TIFF, AVIF and HEIC are left out: see
docs/adr/0020."""
