"""Photos: any picture becomes an upright RGB square of one size, without metadata."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import imagehash
import numpy as np
from PIL import Image, ImageCms
from PIL.ExifTags import Base as Tag

from marketrank.listings.photo_formats import PhotoProblem, decode_problem, open_verified

__all__ = ["CleanedPhoto", "PhotoProblem", "clean_image", "clean_photo", "smaller_photo"]

JPEG_QUALITY = 88
_BICUBIC = Image.Resampling.BICUBIC
_BLACK_BELOW = 20
"""Grey levels below this are a letterbox bar: JPEG leaves bars at 0 to about 10."""
_IS_PICTURE = [255 * (level >= _BLACK_BELOW) for level in range(256)]
_BAND_PIXELS = 4_000_000
_LARGEST_PROFILE = 4_000_000
"""Bytes. Profiles of printing inks have up to two million."""
_HASH_SIDE = 32
"""What imagehash.phash resizes to: 8 frequencies × 4."""


@dataclass(frozen=True, slots=True)
class CleanedPhoto:
    """A clean photo. `jpeg` is a square of `final_size` without metadata, the same bytes for the
    same source and Pillow version; `width` and `height` are the original's pixels as shown;
    `phash` is the perceptual hash of the picture without black bars, 64 bits as a signed integer;
    `source_sha256` is that of the bytes given."""

    jpeg: bytes
    width: int
    height: int
    phash: int
    source_sha256: str


def clean_image(image: Image.Image, *, final_size: int) -> Image.Image:
    """An upright RGB square of `final_size` pixels with the whole picture in it, its longest side
    scaled (up too) to `final_size`, black bars around it and no metadata.

    Transparent parts become white; 16-bit grey is scaled to 8 bits; other colour spaces become
    sRGB by the picture's own profile. Raises what Pillow raises where the picture cannot be
    decoded.
    """
    return _letterbox(_fit(image, final_size), final_size)


def clean_photo(
    data: bytes, *, final_size: int, max_bytes: int, max_pixels: int
) -> CleanedPhoto | PhotoProblem:
    """Verify, decode and clean a photo file. Never raises on bad data.

    Bytes, format, pixels and frames are checked before anything is decoded. Memory: the decoded
    picture (at most 4 bytes a pixel; a progressive JPEG another 6) and about 50 MB.
    """
    image = open_verified(data, max_bytes=max_bytes, max_pixels=max_pixels)
    if isinstance(image, PhotoProblem):
        return image
    try:
        width, height = image.size
        # JPEG decodes at 1/2, 1/4 or 1/8 of its size: a 12-megapixel photo in 22 ms, not 129.
        image.draft(None, _scaled(image.size, final_size))
        image.load()
        if _orientation(image) in _SIDEWAYS:
            width, height = height, width
        picture = _fit(image, final_size)
    except Exception as error:  # decoders raise anything on hostile bytes
        return decode_problem(data, error)
    encoded = BytesIO()
    _letterbox(picture, final_size).save(encoded, "JPEG", quality=JPEG_QUALITY)
    return CleanedPhoto(
        jpeg=encoded.getvalue(),
        width=width,
        height=height,
        phash=_perceptual_hash(picture),
        source_sha256=hashlib.sha256(data).hexdigest(),
    )


def smaller_photo(
    data: bytes, *, longest: int, shortest: int, max_bytes: int, max_pixels: int
) -> bytes | PhotoProblem:
    """An upright RGB JPEG of the whole picture, without bars and metadata: its longer side
    `longest` pixels, or its shorter one `shortest` where that is more; never larger than it was.
    Never raises on bad data."""
    image = open_verified(data, max_bytes=max_bytes, max_pixels=max_pixels)
    if isinstance(image, PhotoProblem):
        return image
    try:
        high, low = max(image.size), min(image.size)
        side = min(high, max(longest, round(high * shortest / low)))
        image.draft(None, _scaled(image.size, side))
        picture = _fit(image, side)
    except Exception as error:  # decoders raise anything on hostile bytes
        return decode_problem(data, error)
    encoded = BytesIO()
    picture.save(encoded, "JPEG", quality=JPEG_QUALITY)
    return encoded.getvalue()


def _fit(image: Image.Image, final_size: int) -> Image.Image:
    """The picture upright, in RGB, its longest side `final_size`."""
    image.load()
    # The box filter of reduce() is cheap and keeps two to three times the final size for the
    # bicubic filter, which then cannot be told from one over the full picture.
    small = _reduced(image, max(1, max(image.size) // (2 * final_size)))
    resized = small.resize(_scaled(image.size, final_size), _BICUBIC)
    turn = _UPRIGHT.get(_orientation(image))
    coloured = _srgb(resized, image.info.get("icc_profile"))
    return coloured if turn is None else coloured.transpose(turn)


def _scaled(size: tuple[int, int], final_size: int) -> tuple[int, int]:
    longest = max(size)
    width, height = (max(1, round(side * final_size / longest)) for side in size)
    return width, height


def _letterbox(picture: Image.Image, final_size: int) -> Image.Image:
    square = Image.new("RGB", (final_size, final_size))
    width, height = picture.size
    square.paste(picture, ((final_size - width) // 2, (final_size - height) // 2))
    return square


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    """The picture at 1/factor of its size in mode L, RGB or CMYK. It goes band by band, so that a
    conversion never holds a second full-size picture."""
    if factor == 1:
        return _plain(image)
    width, height = image.size
    rows = max(1, _BAND_PIXELS // (width * factor)) * factor
    bands = [
        _plain(image.crop((0, top, width, min(top + rows, height)))).reduce(factor)
        for top in range(0, height, rows)
    ]
    whole = Image.new(bands[0].mode, (bands[0].width, sum(band.height for band in bands)))
    top = 0
    for band in bands:
        whole.paste(band, (0, top))
        top += band.height
    return whole


def _plain(image: Image.Image) -> Image.Image:
    """The picture in mode L, RGB or CMYK, at the same size."""
    convert = _PLAIN.get(image.mode)
    if convert:
        return convert(image)
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _on_white(image: Image.Image) -> Image.Image:
    # White as shops' pages are: cut-out things are made to stand on it, and dark ones would
    # vanish on the letterbox's black.
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return white.convert("RGB")


def _from_levels(scale: float) -> Callable[[Image.Image], Image.Image]:
    """Grey whose white is 255 / scale. Pillow's own conversion would clip at 255."""

    def narrow(image: Image.Image) -> Image.Image:
        levels = np.nan_to_num(np.asarray(image, dtype=np.float32)) * np.float32(scale)
        return Image.fromarray(levels.clip(0, 255).round().astype(np.uint8))

    return narrow


def _from_lab(image: Image.Image) -> Image.Image:
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # only with inPlace=True
    return converted


_SIXTEEN_BITS = _from_levels(255 / 65535)
# By mode: grey with a declared white (of 32-bit integers only 16 bits are used by any photo; float
# pictures go from 0 to 1), and what Pillow's convert() cannot do.
_PLAIN: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "I;16": _SIXTEEN_BITS,
    "I;16L": _SIXTEEN_BITS,
    "I;16B": _SIXTEEN_BITS,
    "I;16N": _SIXTEEN_BITS,
    "I": _SIXTEEN_BITS,
    "F": _from_levels(255),
    "LAB": _from_lab,
    "La": lambda image: _on_white(image.convert("LA").convert("RGBA")),
}


def _srgb(image: Image.Image, profile: object) -> Image.Image:
    """RGB as a screen shows it. Phones write Display P3 and shops CMYK: without their profile,
    which is metadata and goes, the colours would be others."""
    transform = None
    if isinstance(profile, bytes) and len(profile) <= _LARGEST_PROFILE:
        transform = _transform(profile, image.mode)
    if transform is None:
        return image.convert("RGB")
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # only with inPlace=True
    return converted


@lru_cache(maxsize=4)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """None where the profile is sRGB already, is for another mode, or is corrupt."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        about = source.profile.profile_description or ""
        if mode not in ("RGB", "CMYK") or source.profile.xcolor_space.strip() != mode:
            return None
        if mode == "RGB" and "srgb" in about.lower():
            return None
        return ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            flags=ImageCms.Flags.NOCACHE,  # its cache is not safe between threads
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By EXIF orientation: what turns the stored picture upright."""
_SIDEWAYS = {5, 6, 7, 8}


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(Tag.Orientation, 1))
    except Exception:  # EXIF is written by anything; a photo is good without it
        return 1


def _perceptual_hash(picture: Image.Image) -> int:
    """pHash of what is inside the black borders, so that a letterboxed copy has the hash of its
    original."""
    grey = picture.convert("L")
    box = grey.point(_IS_PICTURE).getbbox()
    # Reducing first is eight times faster than one Lanczos pass from the full size.
    small = grey.resize(
        (_HASH_SIDE, _HASH_SIDE), Image.Resampling.LANCZOS, box=box, reducing_gap=2.0
    )
    bits = int(str(imagehash.phash(small)), 16)
    return bits - (1 << 64) if bits >> 63 else bits
