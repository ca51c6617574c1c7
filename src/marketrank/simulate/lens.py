"""What a phone's camera adds: colour cast, contrast, soft focus, vignette, noise, JPEG."""

import io
import random
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageFilter


@lru_cache(maxsize=8)
def _grain(coarse: bool) -> Image.Image:
    """Noise around 128, larger than any photo, to be cut from at random."""
    rng = np.random.default_rng(97 if coarse else 96)
    side = 512 if coarse else 1024
    noise = 128 + rng.normal(0, 3, (side, side, 3)) + rng.normal(0, 4, (side, side, 1))
    image = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
    return image.resize((1024, 1024), Image.Resampling.BILINEAR) if coarse else image


@lru_cache(maxsize=16)
def _vignette(size: tuple[int, int], tenths: int) -> Image.Image:
    y, x = np.mgrid[0 : size[1], 0 : size[0]] / np.array([size[1], size[0]])[:, None, None] - 0.5
    tone = 1 - tenths / 10 * (x**2 + y**2) * 1.6
    image = Image.fromarray((np.clip(tone, 0, 1) * 255).astype(np.uint8))
    return Image.merge("RGB", [image] * 3)


def photographed(scene: Image.Image, rng: random.Random) -> Image.Image:
    """The scene as a phone would have it; some are blurred, dim, washed out or off in colour."""
    image = ImageChops.multiply(scene, _vignette(scene.size, rng.choice((0, 1, 2, 3, 4))))
    blur = rng.choices((0, 0.7, 1.4, 2.4), (70, 20, 7, 3))[0]
    if blur:
        image = image.filter(ImageFilter.BoxBlur(blur))
    image = image.point(_curve(rng))
    for coarse in rng.choice(((), (False,), (False,), (True,))):
        grain = _grain(coarse)
        x, y = rng.randrange(1024 - scene.width), rng.randrange(1024 - scene.height)
        cut = grain.crop((x, y, x + scene.width, y + scene.height))
        image = ImageChops.add(image, cut, 1.0, -128)
    return image


def _curve(rng: random.Random) -> list[int]:
    gain = rng.uniform(1.08, 1.34)
    gamma = rng.uniform(0.82, 1.12)
    lift = rng.uniform(0, 9)
    warm = rng.gauss(0.0, 0.032)
    green = rng.gauss(0.0, 0.015)
    table = []
    for cast in (1 + warm, 1 + green, 1 - warm):
        ramp = (np.arange(256) / 255) ** gamma * gain * cast
        ramp = np.where(ramp > 0.7, 0.7 + 0.28 * np.tanh((ramp - 0.7) / 0.34), ramp)
        table += np.clip(lift + ramp * (255 - lift), 0, 255).astype(int).tolist()
    return table


def jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
