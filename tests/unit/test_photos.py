"""Photos of the made-up marketplace."""

import io
import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from marketrank.errors import BadInput
from marketrank.simulate import damage
from marketrank.simulate.mesh import Paint, box, join, refined
from marketrank.simulate.photos import LANDSCAPE, PORTRAIT, Subject, take_photos
from marketrank.simulate.render import Light, draw, framed
from marketrank.simulate.shapes import SHAPES, shape_named
from marketrank.simulate.shapes.style import Style

RED, BLUE, GREEN = (220.0, 20.0, 20.0), (20.0, 20.0, 220.0), (20.0, 200.0, 20.0)
SOFA = Subject("sofa", RED, GREEN, "fabric", "room")


def _pixels(photo: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"), dtype=float)


def test_the_same_seed_gives_the_same_bytes_whatever_was_drawn_before():
    first = take_photos(SOFA, shots=2, seed="a")
    take_photos(replace(SOFA, shape="lamp", place="table"), shots=1, seed="b")
    assert take_photos(SOFA, shots=2, seed="a") == first
    assert take_photos(SOFA, shots=2, seed="c") != first


def test_photos_of_one_thing_differ_and_have_a_phone_s_sizes():
    photos = take_photos(SOFA, shots=3, seed="a")
    assert len(set(photos)) == 3
    for photo in photos:
        image = Image.open(io.BytesIO(photo))
        assert image.format == "JPEG"
        assert image.size in (LANDSCAPE, PORTRAIT)
        assert np.asarray(image).std() > 12  # not a blank sheet


def test_a_thing_has_the_colour_asked_for():
    means = {}
    for name, colour in (("red", RED), ("blue", BLUE)):
        photo = take_photos(replace(SOFA, colour=colour), shots=1, seed="a")[0]
        pixels = _pixels(photo)
        h, w, _ = pixels.shape
        middle = pixels[h // 2 - 40 : h // 2 + 40, w // 2 - 40 : w // 2 + 40]
        means[name] = middle.mean(axis=(0, 1))
    assert means["red"][0] > means["red"][2] + 60
    assert means["blue"][2] > means["blue"][0] + 60


def test_a_banner_is_written_on_the_first_photo_only():
    plain = take_photos(SOFA, shots=2, seed="a")
    marked = take_photos(SOFA, shots=2, seed="a", banner="Sale now on")
    edges = np.abs(_pixels(marked[0]) - _pixels(plain[0])).mean(axis=(1, 2))
    assert max(edges[:20].mean(), edges[-20:].mean()) > 25
    assert np.abs(_pixels(marked[1]) - _pixels(plain[1])).mean() < 5


def test_an_unknown_shape_names_the_known_ones():
    with pytest.raises(BadInput, match=r"unicorn.*sofa"):
        take_photos(replace(SOFA, shape="unicorn"), shots=1, seed="a")


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_shape_is_a_solid_of_a_sensible_size_for_any_chance(name: str):
    for seed in range(3):
        style = Style(RED, BLUE, "plastic", random.Random(seed))
        model = refined(shape_named(name)(style))
        low, high = model.bounds()
        assert np.isfinite(model.cells).all()
        assert 0.01 < np.linalg.norm(high - low) < 8
        assert 20 < len(model.cells) + 40 * len(model.decals) < 20_000


@pytest.mark.parametrize("turn", [0, 40, 200])
def test_what_is_nearer_hides_what_is_behind(turn: int):
    near = box((-1, -2, 0), (1, -1.5, 2), Paint(RED, glow=1))
    far = box((-0.5, 1, 0), (0.5, 1.5, 1), Paint(BLUE, glow=1))
    model = refined(join(far, near) if turn else join(near, far))
    camera = framed(model, azimuth=turn, elevation=10, roll=0, fill=0.8, size=(160, 120), focal=1.0)
    light = Light(np.array([0.0, -0.6, 0.8]))
    pixels = np.asarray(draw(model, camera, light, Image.new("RGB", (160, 120), (0, 200, 0))))
    u, v = camera.project(np.array([0, 1 if turn == 200 else -2, 0.5])).round().astype(int)
    seen = pixels[v, u]
    assert (seen[2] > 200 and seen[0] < 40) if turn == 200 else (seen[0] > 200 and seen[2] < 40)


def test_broken_photos_are_broken_and_unusual_ones_can_be_read():
    photo, rng = take_photos(SOFA, shots=1, seed="a")[0], random.Random(1)
    for wrong in damage.BROKEN:
        data = wrong(photo, rng)
        try:
            image = Image.open(io.BytesIO(data))
        except (UnidentifiedImageError, Image.DecompressionBombError):
            continue
        if image.size == (1, 1) or getattr(image, "n_frames", 1) > 1:
            continue
        with pytest.raises(OSError, match="truncated"):
            image.load()
    for odd in damage.UNUSUAL:
        image = Image.open(io.BytesIO(odd(photo, rng)))
        image.load()
        assert min(image.size) >= 240
        assert (image.format, image.mode) != ("JPEG", "RGB") or image.getexif()[0x0112] == 6


def test_a_reworked_copy_is_nearly_the_same_photo():
    photo = take_photos(SOFA, shots=1, seed="a")[0]
    copy = damage.reworked(photo, random.Random(1))
    small = [Image.open(io.BytesIO(data)).convert("L").resize((16, 16)) for data in (photo, copy)]
    a, b = (np.asarray(image, dtype=float).ravel() for image in small)
    assert copy != photo
    assert np.corrcoef(a, b)[0, 1] > 0.98
