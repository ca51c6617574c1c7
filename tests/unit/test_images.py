from io import BytesIO
from typing import Any

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw, ImageOps, PngImagePlugin

from marketrank.listings.images import (
    CleanedPhoto,
    PhotoProblem,
    clean_image,
    clean_photo,
    smaller_photo,
)
from marketrank.types import Reason

ORIENTATION, MAKER, GPS = 0x0112, 0x010F, 0x8825


def scene(width: int = 320, height: int = 240, seed: int = 7) -> Image.Image:
    """A picture with shapes, all brighter than a letterbox bar."""
    draw = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), (90, 120, 150))
    pen = ImageDraw.Draw(image)
    for _ in range(9):
        left, top = draw.uniform(0, 0.8, 2) * (width, height)
        right, bottom = (left, top) + draw.uniform(0.1, 0.5, 2) * (width, height)
        pen.ellipse((left, top, right, bottom), fill=tuple(draw.integers(40, 255, 3).tolist()))
    return image


def file_of(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def clean(data: bytes, final_size: int = 96, max_pixels: int = 2_000_000) -> Any:
    return clean_photo(data, final_size=final_size, max_bytes=2_000_000, max_pixels=max_pixels)


def pixels(photo: CleanedPhoto) -> Image.Image:
    return Image.open(BytesIO(photo.jpeg))


def near(one: Image.Image, other: Image.Image, levels: float) -> bool:
    """Whether two pictures differ by less than so many grey levels on average."""
    difference = np.asarray(one, np.float32) - np.asarray(other, np.float32)
    return bool(np.abs(difference).mean() < levels)


def distance(one: int, other: int) -> int:
    return ((one ^ other) & (2**64 - 1)).bit_count()


# clean_image


@pytest.mark.parametrize(
    ("size", "bars"),
    [
        ((400, 300), (0, 11, 90, 79)),
        ((300, 400), (11, 0, 79, 90)),
        ((45, 30), (0, 15, 90, 75)),
        ((90, 90), (0, 0, 90, 90)),
        ((3000, 20), (0, 44, 90, 45)),
    ],
)
def test_the_whole_picture_in_a_square(
    size: tuple[int, int], bars: tuple[int, int, int, int]
) -> None:
    cleaned = clean_image(Image.new("RGB", size, "red"), final_size=90)
    assert cleaned.mode == "RGB" and cleaned.size == (90, 90)
    assert cleaned.getbbox() == pytest.approx(bars, abs=1)
    assert cleaned.getpixel((45, 45 if size[1] > 20 else 44)) == (255, 0, 0)


GREY = {  # a mode, and a value of it that is a middle grey
    "1": 1,
    "L": 128,
    "P": 128,
    "RGB": (128, 128, 128),
    "RGBA": (128, 128, 128, 255),
    "RGBX": (128, 128, 128, 0),
    "RGBa": (128, 128, 128, 255),
    "LA": (128, 255),
    "La": (128, 255),
    "PA": (128, 255),
    "CMYK": (0, 0, 0, 127),
    "YCbCr": (128, 128, 128),
    "LAB": (137, 128, 128),
    "HSV": (0, 0, 128),
    "I": 32896,
    "I;16": 32896,
    "I;16L": 32896,
    "I;16B": 32896,
    "I;16N": 32896,
    "F": 0.5,
}


@pytest.mark.parametrize("side", [40, 400], ids=["enlarged", "reduced"])
@pytest.mark.parametrize("mode", GREY)
def test_every_mode_becomes_rgb(mode: str, side: int) -> None:
    image = Image.new(mode, (side, side))
    if mode in ("P", "PA"):
        image.putpalette([level for level in range(256) for _ in "RGB"])
    image.paste(GREY[mode], (0, 0, side, side))
    cleaned = clean_image(image, final_size=64)
    expected = 255 if mode == "1" else 128
    assert cleaned.mode == "RGB"
    assert cleaned.getpixel((32, 32)) == pytest.approx((expected,) * 3, abs=3)


def test_every_mode_of_pillow_is_tried() -> None:
    from PIL.Image import MODES

    assert set(MODES) <= set(GREY)


@pytest.mark.parametrize("side", [40, 400], ids=["enlarged", "reduced"])
def test_transparent_becomes_white(side: int) -> None:
    half = Image.new("RGBA", (side, side), (200, 0, 0, 255))
    half.paste((0, 0, 0, 0), (0, 0, side // 2, side))
    indexed = half.quantize(8)
    keyed = half.convert("RGB")
    keyed.info["transparency"] = (0, 0, 0)
    for image in (half, half.convert("RGBa"), indexed, keyed):
        cleaned = clean_image(image, final_size=64)
        assert cleaned.getpixel((10, 32)) == pytest.approx((255, 255, 255), abs=2), image.mode
        assert cleaned.getpixel((54, 32)) == pytest.approx((200, 0, 0), abs=4), image.mode


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16)[None, :].repeat(256, axis=0)
    cleaned = clean_image(Image.fromarray(ramp), final_size=256)
    assert np.asarray(cleaned)[128, :, 0] == pytest.approx(np.arange(256), abs=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    upright = scene(320, 240)
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    exif = Image.Exif()
    exif[ORIENTATION] = inverse
    stored = upright.copy()
    stored.info["exif"] = exif.tobytes()
    stored = ImageOps.exif_transpose(stored)
    exif[ORIENTATION] = orientation
    for kind in ("JPEG", "PNG", "WEBP"):
        cleaned = clean(file_of(stored, kind, exif=exif))
        assert near(pixels(cleaned), clean_image(upright, final_size=96), 4), kind
        assert (cleaned.width, cleaned.height) == (320, 240), kind


def test_bands_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = clean_image(scene(700, 500), final_size=64)
    monkeypatch.setattr("marketrank.listings.images._BAND_PIXELS", 5000)
    assert near(clean_image(scene(700, 500), final_size=64), whole, 0.01)


def test_colours_go_through_the_profile() -> None:
    """In a profile whose red and blue are exchanged, red is blue."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = plain.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    swapped = swapped.replace(b"s\0R\0G\0B", b"o\0t\0h\0r")
    red = Image.new("RGB", (64, 64), (255, 0, 0))
    for profile, expected in ((plain, (255, 0, 0)), (swapped, (0, 0, 255)), (b"x", (255, 0, 0))):
        photo = clean(file_of(red, "PNG", icc_profile=profile))
        assert pixels(photo).getpixel((48, 48)) == pytest.approx(expected, abs=6)


# clean_photo


def test_a_cleaned_photo() -> None:
    data = file_of(scene(320, 240), "JPEG")
    photo = clean(data)
    assert (photo.width, photo.height) == (320, 240)
    assert pixels(photo).size == (96, 96) and pixels(photo).mode == "RGB"
    assert near(pixels(photo), clean_image(scene(320, 240), final_size=96), 4)
    assert photo == clean(data)
    assert photo.source_sha256 != clean(data + b"\0").source_sha256


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP"])
def test_the_content_decides_the_format(kind: str) -> None:
    # There is no name to be wrong: only bytes are read.
    photo = clean(file_of(scene(), kind))
    assert near(pixels(photo), clean_image(scene(), final_size=96), 8)


def test_a_cmyk_jpeg() -> None:
    photo = clean(file_of(scene().convert("CMYK"), "JPEG"))
    assert near(pixels(photo), clean_image(scene(), final_size=96), 6)


def test_a_palette_with_transparency() -> None:
    cut_out = scene().convert("RGBA")
    cut_out.paste((0, 0, 0, 0), (0, 0, 160, 240))
    photo = clean(file_of(cut_out.quantize(64), "PNG"))
    assert pixels(photo).getpixel((20, 48)) == pytest.approx((255, 255, 255), abs=4)


def test_a_sixteen_bit_png() -> None:
    grey = np.asarray(scene().convert("L"), np.uint16) * 257
    photo = clean(file_of(Image.fromarray(grey), "PNG"))
    expected = clean_image(scene().convert("L"), final_size=96)
    assert near(pixels(photo), expected, 4)


def test_a_large_jpeg_is_decoded_small() -> None:
    """Same picture, and far less memory than its pixels would take."""
    photo = clean(file_of(scene(1600, 1200), "JPEG"))
    assert (photo.width, photo.height) == (1600, 1200)
    assert near(pixels(photo), clean_image(scene(1600, 1200), final_size=96), 4)


def test_metadata_is_stripped() -> None:
    exif = Image.Exif()
    exif[MAKER] = "Camera of example.com"
    exif.get_ifd(GPS)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "written by example.com")
    files = [
        file_of(scene(), "JPEG", exif=exif, comment=b"written by example.com", icc_profile=profile),
        file_of(scene(), "PNG", exif=exif, pnginfo=text, icc_profile=profile),
    ]
    for data in files:
        assert b"example.com" in data
        photo = clean(data)
        assert b"example.com" not in photo.jpeg
        assert set(pixels(photo).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_photo(kind: str, share: float) -> None:
    data = file_of(scene(), kind)
    outcome = clean(data[: int(len(data) * share)])
    assert isinstance(outcome, PhotoProblem), f"{kind} cut at {share} was accepted"
    assert outcome.reason is Reason.PHOTO_TRUNCATED


def test_a_corrupt_png() -> None:
    data = bytearray(file_of(scene(), "PNG"))
    data[len(data) // 2] ^= 1
    assert clean(bytes(data)).reason is Reason.PHOTO_UNREADABLE


def test_a_corrupt_webp() -> None:
    data = bytearray(file_of(scene(), "WEBP"))
    data[20:60] = b"\xff" * 40
    assert clean(bytes(data)).reason is Reason.PHOTO_UNREADABLE


def test_a_corrupt_jpeg() -> None:
    data = file_of(scene(), "JPEG")
    start = data.find(b"\xff\xc4")  # the first table of codes
    assert clean(data[:start] + b"\xff\xc4\0\x03\xff" + data[start:]).reason is (
        Reason.PHOTO_UNREADABLE
    )


def test_corrupt_exif_is_no_reason_to_lose_a_photo() -> None:
    data = file_of(scene(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xff" * 40)
    assert isinstance(clean(data), CleanedPhoto)


@given(st.binary(max_size=300))
def test_random_bytes_have_an_outcome(data: bytes) -> None:
    assert isinstance(clean(data), PhotoProblem)


SEEDS = [
    file_of(scene(48, 32), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
    file_of(scene(48, 32), "JPEG", progressive=True),
    file_of(scene(48, 32).convert("CMYK"), "JPEG"),
    file_of(scene(48, 32), "PNG"),
    file_of(scene(48, 32).quantize(16), "PNG", transparency=3),
    file_of(scene(48, 32), "WEBP"),
    file_of(scene(48, 32), "WEBP", lossless=True),
    file_of(scene(48, 32), "GIF"),
    file_of(scene(48, 32), "BMP"),
]
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), min_size=1, max_size=6
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), EDITS, st.floats(0.5, 1))
def test_damaged_photos_have_an_outcome(
    seed: bytes, edits: list[tuple[float, bytes]], share: float
) -> None:
    data = bytearray(seed)
    for where, what in edits:
        at = int(where * (len(data) - 1))
        data[at : at + len(what)] = what
    outcome = clean(bytes(data[: int(len(data) * share) + 1]), final_size=32, max_pixels=100_000)
    if isinstance(outcome, CleanedPhoto):
        assert pixels(outcome).size == (32, 32)
    else:
        assert outcome.reason.startswith("photo_") and outcome.detail


# The perceptual hash


def test_copies_have_the_hash_of_the_original() -> None:
    original = scene(640, 480)
    letterboxed = ImageOps.pad(original, (224, 224), color="black")
    sideways = original.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    copies = {
        "smaller": file_of(original.resize((200, 150)), "JPEG"),
        "worse": file_of(original, "JPEG", quality=40),
        "other format": file_of(original, "WEBP"),
        "letterboxed": file_of(letterboxed, "JPEG"),
        "sideways": file_of(sideways, "JPEG", exif=exif),
    }
    own = clean(file_of(original, "PNG"), final_size=448).phash
    for name, data in copies.items():
        assert distance(clean(data, final_size=448).phash, own) <= 4, name


def test_other_pictures_have_other_hashes() -> None:
    hashes = [clean(file_of(scene(seed=seed), "JPEG")).phash for seed in range(12)]
    apart = [distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(apart) >= 10


def test_the_hash_is_that_of_imagehash() -> None:
    own = clean(file_of(scene(), "PNG"), final_size=320).phash
    theirs = int(str(imagehash.phash(scene())), 16)
    assert distance(own, theirs) <= 4


def test_the_hash_fits_a_signed_bigint() -> None:
    hashes = [clean(file_of(scene(64, 64, seed), "PNG")).phash for seed in range(20)]
    assert all(-(2**63) <= h < 2**63 for h in hashes)
    assert any(h < 0 for h in hashes)


def test_a_black_photo_has_a_hash() -> None:
    assert isinstance(clean(file_of(Image.new("RGB", (64, 64)), "PNG")).phash, int)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((2000, 1000), (1024, 512)), ((300, 200), (300, 200)), ((4000, 800), (2400, 480))],
)
def test_a_smaller_photo_is_whole_and_upright(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    image = scene(*size)
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = 6, "a camera"
    data = file_of(image, "JPEG", exif=exif)
    found = smaller_photo(
        data, longest=1024, shortest=480, max_bytes=9_000_000, max_pixels=9_000_000
    )
    assert isinstance(found, bytes)
    shown = Image.open(BytesIO(found))
    assert shown.size == wanted[::-1]
    assert not shown.getexif()


def test_no_photo_is_a_problem_not_an_error() -> None:
    limits = {"longest": 9, "shortest": 9, "max_bytes": 9_000, "max_pixels": 9_000}
    assert isinstance(smaller_photo(b"nonsense", **limits), PhotoProblem)
    huge = smaller_photo(file_of(scene(), "JPEG"), **limits)
    assert isinstance(huge, PhotoProblem)
