import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from marketrank.errors import BadInput
from marketrank.models.augment import Augment

SIDE = 256
WHOLE = Augment(smallest_area=1.0, mirror=0.0)

augments = st.builds(
    Augment,
    smallest_area=st.floats(0.01, 1.0),
    ratio=st.floats(1.0, 4.0),
    mirror=st.floats(0.0, 1.0),
)
sides = st.integers(1, 40)


def places() -> np.ndarray:
    """Red says in which column a pixel was, green in which row: a crop can be read back."""
    along = np.arange(SIDE, dtype=np.uint8)
    red, green = np.meshgrid(along, along)
    return np.stack([red, green, np.zeros_like(red)], axis=-1)


def noise(height: int, width: int, low: int, high: int, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.integers(low, high, (height, width, 3), dtype=np.uint8, endpoint=True)


def crop(augment: Augment, seed: int) -> tuple[float, float, bool]:
    """Width and height of a crop as shares of the side, and whether it is mirrored."""
    pixels = augment.apply(places(), SIDE, np.random.default_rng(seed)).astype(int)
    width = int(pixels[0, -1, 0] - pixels[0, 0, 0])
    height = int(pixels[-1, 0, 1] - pixels[0, 0, 1])
    return abs(width) / (SIDE - 1), height / (SIDE - 1), width < 0


@given(augments, sides, sides, st.integers(1, 48), st.integers(0, 2**32))
def test_any_picture_becomes_a_square_of_the_size(
    augment: Augment, height: int, width: int, size: int, seed: int
) -> None:
    picture = noise(height, width, 0, 255, seed)
    pixels = augment.apply(picture, size, np.random.default_rng(seed))
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable  # torch takes no other arrays


@given(augments, sides, st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**32))
def test_no_value_is_made_up(augment: Augment, side: int, one: int, other: int, seed: int) -> None:
    """Scaling blends pixels; nothing from outside the picture (black) comes in."""
    low, high = sorted((one, other))
    pixels = augment.apply(noise(side, side, low, high, seed), 16, np.random.default_rng(seed))
    assert low <= pixels.min() <= pixels.max() <= high


@given(augments, st.integers(0, 2**32))
def test_the_generator_decides_all(augment: Augment, seed: int) -> None:
    one, other = np.random.default_rng(seed), np.random.default_rng(seed)
    picture = Image.fromarray(places())
    first = augment.apply(picture, 32, one)
    assert (first == augment.apply(places(), 32, other)).all()
    assert one.random() == other.random()


def test_draws_differ() -> None:
    generator = np.random.default_rng(5)
    first = Augment().apply(places(), 32, generator)
    assert (first != Augment().apply(places(), 32, generator)).any()


@pytest.mark.parametrize("smallest_area, ratio", [(1.0, 4.0), (1.0, 4 / 3)])
@given(sides, st.integers(0, 2**32))
def test_the_whole_area_unmirrored_is_only_resized(
    smallest_area: float, ratio: float, side: int, seed: int
) -> None:
    augment = Augment(smallest_area, ratio, mirror=0.0)
    picture = noise(side, side, 0, 255, seed)
    assert (augment.apply(picture, side, np.random.default_rng(seed)) == picture).all()
    resized = np.asarray(Image.fromarray(picture).resize((24, 24), Image.Resampling.BILINEAR))
    assert (augment.apply(picture, 24, np.random.default_rng(seed)) == resized).all()


def test_crops_keep_to_area_and_ratio_and_use_their_range() -> None:
    found = np.array([crop(Augment(0.3, 2.0, 0.0), seed)[:2] for seed in range(300)])
    areas, ratios = found.prod(axis=1), found[:, 0] / found[:, 1]
    assert 0.28 < areas.min() < 0.34
    assert 0.9 < areas.max() <= 1.0
    assert 0.48 < ratios.min() < 0.65
    assert 1.55 < ratios.max() < 2.08
    assert abs(np.log(ratios).mean()) < 0.05  # as often narrow as wide


@pytest.mark.parametrize("mirror, low, high", [(0.0, 0, 0), (0.25, 15, 40), (1.0, 100, 100)])
def test_mirrors_as_often_as_asked(mirror: float, low: int, high: int) -> None:
    augment = Augment(mirror=mirror)
    assert low <= sum(crop(augment, seed)[2] for seed in range(100)) <= high


def test_a_wide_picture_gets_bars_and_is_not_stretched() -> None:
    pixels = WHOLE.apply(Image.new("RGB", (40, 20), (200, 100, 50)), 40, np.random.default_rng(0))
    assert pixels[:9].max() == 0
    assert (pixels[11:29] == (200, 100, 50)).all()
    assert pixels[31:].max() == 0


def test_decoding_is_as_large_as_the_smallest_crop_needs() -> None:
    assert WHOLE.source_size(224) == 224
    assert Augment(smallest_area=0.25).source_size(100) == 200
    assert Augment(smallest_area=0.4).source_size(100) == 159
    assert Augment(smallest_area=0.01).source_size(100) == 200


OUT_OF_RANGE = [
    ("smallest_area", 0.0),
    ("smallest_area", 1.1),
    ("ratio", 0.9),
    ("ratio", float("nan")),
    ("mirror", -0.1),
    ("mirror", 1.1),
]


@pytest.mark.parametrize("name, value", OUT_OF_RANGE)
def test_values_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(BadInput, match=f"{name}={value}.*out of range"):
        dataclasses.replace(Augment(), **{name: value})
