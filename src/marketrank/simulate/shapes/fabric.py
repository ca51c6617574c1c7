"""Drawing cloth: outlines of clothes, folds, patterns."""

import random
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from marketrank.simulate.mesh import (
    RGB,
)
from marketrank.simulate.shapes.art import ink
from marketrank.simulate.shapes.style import (
    Style,
    shaded,
)

Outline = Sequence[tuple[float, float]]


DRESS: Outline = (
    (0.12, 0.02),
    (0.2, 0.02),
    (0.24, 0.03),
    (0.3, 0.16),
    (0.26, 0.3),
    (0.24, 0.38),
    (0.32, 0.48),
    (0.46, 0.75),
    (0.56, 0.97),
    (0, 0.99),
)


STRAIGHT: Outline = (
    (0.13, 0.02),
    (0.28, 0.03),
    (0.44, 0.2),
    (0.36, 0.25),
    (0.29, 0.2),
    (0.27, 0.36),
    (0.33, 0.52),
    (0.34, 0.97),
    (0, 0.98),
)


GOWN: Outline = (
    (0.16, 0.05),
    (0.2, 0.06),
    (0.24, 0.16),
    (0.19, 0.32),
    (0.24, 0.42),
    (0.5, 0.7),
    (0.92, 0.96),
    (0.5, 0.99),
    (0, 1.0),
)


TEE: Outline = (
    (0.15, 0.04),
    (0.34, 0.06),
    (0.88, 0.32),
    (0.74, 0.48),
    (0.5, 0.36),
    (0.5, 0.95),
    (0, 0.97),
)


JUMPER: Outline = (
    (0.16, 0.04),
    (0.36, 0.07),
    (0.62, 0.3),
    (0.95, 0.84),
    (0.8, 0.92),
    (0.52, 0.5),
    (0.52, 0.95),
    (0, 0.96),
)


COAT: Outline = (
    (0.14, 0.03),
    (0.34, 0.05),
    (0.5, 0.18),
    (0.82, 0.66),
    (0.68, 0.74),
    (0.46, 0.42),
    (0.52, 0.97),
    (0, 0.98),
)


JEANS: Outline = (
    (0.36, 0.02),
    (0.4, 0.1),
    (0.47, 0.4),
    (0.46, 0.98),
    (0.14, 0.99),
    (0.06, 0.36),
    (0, 0.32),
)


ROMPER: Outline = (
    (0.16, 0.05),
    (0.36, 0.07),
    (0.75, 0.3),
    (0.62, 0.42),
    (0.42, 0.34),
    (0.42, 0.72),
    (0.2, 0.97),
    (0.1, 0.9),
    (0, 0.9),
)


def _mirrored(half: Outline, w: int, h: int, rng: random.Random) -> list[tuple[float, float]]:
    right = [(w / 2 + x * w / 2, y * h) for x, y in half]
    left = [(w / 2 - x * w / 2, y * h) for x, y in half]
    wobble = 0.012 * w
    return [(x + rng.gauss(0, wobble), y + rng.gauss(0, wobble)) for x, y in (*right, *left[::-1])]


def _folds(mask: Image.Image, rng: random.Random, strength: float, n: int) -> Image.Image:
    """Light and shade of hanging or crumpled cloth, "L", 128 where neither."""
    w, h = mask.size
    layer = Image.new("L", (w // 2, h // 2), 128)
    pen = ImageDraw.Draw(layer)
    for _ in range(n):
        x, y = rng.uniform(0.1, 0.9) * w / 2, rng.uniform(0.0, 0.7) * h / 2
        end = (x + rng.gauss(0, 0.08) * w, y + rng.uniform(0.12, 0.4) * h)
        tone = 128 + int(rng.choice((-1, 1)) * strength * rng.uniform(20, 60))
        pen.line(
            [(x, y), ((x + end[0]) / 2 + rng.gauss(0, 5), (y + end[1]) / 2), end],
            fill=tone,
            width=rng.randint(3, 12),
        )
    layer = layer.filter(ImageFilter.GaussianBlur(w / 90)).resize((w, h), Image.Resampling.BILINEAR)
    inner = mask.filter(ImageFilter.GaussianBlur(w / 26)).point(
        [int(70 + i * 58 / 255) for i in range(256)]
    )
    return ImageChops.add(layer, inner, 1, -128)


def patterned(
    size: tuple[int, int], colour: RGB, accent: RGB, rng: random.Random, pattern: str
) -> Image.Image:
    w, h = size
    image = Image.new("RGB", size, ink(colour))
    pen = ImageDraw.Draw(image)
    if pattern == "stripes":
        step = rng.randint(14, 34)
        for y in range(0, h, step):
            pen.rectangle([0, y, w, y + step * 0.45], fill=ink(accent))
    elif pattern == "dots":
        step = rng.randint(20, 36)
        for row, y in enumerate(range(0, h, step)):
            for x in range((row % 2) * step // 2, w, step):
                pen.ellipse([x, y, x + step * 0.4, y + step * 0.4], fill=ink(accent))
    elif pattern == "flowers":
        for _ in range(90):
            left, top, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(5, 14)
            tone = rng.choice((accent, (244, 240, 230), (96, 130, 84)))
            for k in range(5):
                dx = left + r * 0.7 * float(np.cos(k * 1.26))
                dy = top + r * 0.7 * float(np.sin(k * 1.26))
                pen.ellipse([dx - r / 2, dy - r / 2, dx + r / 2, dy + r / 2], fill=ink(tone))
    elif pattern == "check":
        step = rng.randint(24, 48)
        for x in range(0, w, step):
            pen.rectangle([x, 0, x + step * 0.3, h], fill=ink(shaded(accent, 0.9)))
        for y in range(0, h, step):
            pen.rectangle([0, y, w, y + step * 0.3], fill=ink(accent))
    return image


def garment(
    s: Style,
    half: Outline,
    size: tuple[int, int],
    pattern: str,
    *,
    folds: int = 26,
    strength: float = 1.0,
) -> Image.Image:
    w, h = size
    outline = _mirrored(half, w, h, s.rng)
    mask = Image.new("L", (w, h), 0)
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(w / 100)).point(
        [min(255, max(0, (i - 96) * 4)) for i in range(256)]
    )
    cloth = patterned(size, s.colour, s.accent, s.rng, pattern)
    light = _folds(mask, s.rng, strength, folds).point(
        [min(255, int(i * 1.55)) for i in range(256)]
    )
    lit = ImageChops.multiply(cloth, Image.merge("RGB", [light] * 3))
    halo = mask.filter(ImageFilter.BoxBlur(w // 40)).point([int(i * 0.45) for i in range(256)])
    whole = Image.new("RGB", size, (12, 12, 14))
    whole.paste(Image.blend(lit, cloth, 0.25), None, mask)
    whole.putalpha(ImageChops.lighter(mask, halo))
    return whole


def neckline(image: Image.Image, depth: float, wide: float, colour: RGB) -> None:
    w, h = image.size
    pen = ImageDraw.Draw(image)
    pen.ellipse(
        [w * (0.5 - wide), -h * depth, w * (0.5 + wide), h * depth],
        fill=(*ink(shaded(colour, 0.45)), 255),
    )
