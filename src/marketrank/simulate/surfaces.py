"""Floors, walls and table tops as tiles that repeat without a seam.

A tile is drawn once per process, in its own neutral colours; scenes tint it. All tiles come from
fixed seeds, so that photos depend on nothing but their own seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from marketrank.simulate.mesh import Floats

TILE = 512
SHEET = 1024


@dataclass(frozen=True, slots=True)
class Surface:
    """A repeating tile that is `metres` wide."""

    metres: float
    make: Callable[[], Image.Image]


@lru_cache(maxsize=4)
def cloud(seed: int, slope: float, stretch: float = 1.0) -> Floats:
    """Seamless noise (TILE, TILE) of mean 0 and deviation 1 with a 1/f^slope spectrum;
    `stretch` above 1 draws it out along the first axis."""
    white = np.random.default_rng(seed).standard_normal((TILE, TILE))
    fy, fx = np.fft.fftfreq(TILE)[:, None] * stretch, np.fft.rfftfreq(TILE)[None, :]
    scale = np.hypot(fy, fx)
    scale[0, 0] = 1
    noise = np.fft.irfft2(np.fft.rfft2(white) / scale**slope * (scale < 1), s=(TILE, TILE))
    result: Floats = (noise - noise.mean()) / noise.std()
    return result


def _picture(tone: Floats) -> Image.Image:
    """ "L" from shape (n, m), "RGB" from (n, m, 3), of values in [0, 1]."""
    return Image.fromarray(np.clip(tone * 255, 0, 255).astype(np.uint8))


def _planks(rows: int, contrast: float, gap: float, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    tone = np.ones((TILE, TILE))
    edge = TILE // rows
    grain = cloud(seed, 1.1, 9.0)
    for row in range(rows):
        cut = int(rng.integers(0, TILE))
        for half in (0, 1):
            across = np.s_[:, row * edge : (row + 1) * edge]
            along = (np.arange(TILE) + cut + half * TILE // 2) % TILE < TILE // 2
            shift = int(rng.integers(0, TILE))
            shade = (
                0.8 + contrast * rng.uniform(-0.5, 0.5) + 0.05 * np.roll(grain, shift, 0)[across]
            )
            tone[across] = np.where(along[:, None], shade, tone[across])
        tone[(cut - 1) % TILE, row * edge : (row + 1) * edge] *= 1 - gap
        tone[:, row * edge : row * edge + 2] *= 1 - gap
    return _picture(tone)


def _carpet(rough: float, mottle: float, seed: int) -> Image.Image:
    tone = 0.82 + rough * cloud(seed, 0.35) + mottle * cloud(seed + 1, 1.4)
    return _picture(tone)


def _grid(
    columns: int, rows: int, joint: int, *, offset: bool, seed: int, contrast: float, grout: float
) -> Image.Image:
    rng = np.random.default_rng(seed)
    tone = np.full((TILE, TILE), grout)
    w, h = TILE // columns, TILE // rows
    texture = cloud(seed, 0.9)
    for row in range(rows):
        for column in range(columns):
            x = (column * w + (w // 2 if offset and row % 2 else 0)) % TILE
            shade = 0.8 + contrast * rng.uniform(-1, 1)
            cols = np.arange(x, x + w - joint) % TILE
            rowsel = np.arange(row * h, (row + 1) * h - joint)
            tone[np.ix_(rowsel, cols)] = shade
    return _picture(tone + 0.035 * texture)


def _lawn() -> Image.Image:
    blades = cloud(31, 0.25, 0.35) * 0.12 + cloud(32, 0.8) * 0.04
    red = 0.46 + blades * 0.9 + cloud(33, 1.2) * 0.03
    green = 0.56 + blades
    blue = 0.28 + blades * 0.6
    return _picture(np.stack([red, green, blue], axis=-1))


def _leaves() -> Image.Image:
    rng = np.random.default_rng(41)
    image = Image.new("RGB", (TILE, TILE), (34, 52, 28))
    pen = ImageDraw.Draw(image)
    for _ in range(2600):
        x, y, r = (float(rng.integers(*span)) for span in ((0, TILE), (0, TILE), (4, 11)))
        light = rng.uniform(0.45, 1.15)
        fill = (int(78 * light), int(112 * light), int(52 * light))
        pen.ellipse([x - r, y - r * 0.6, x + r, y + r * 0.6], fill=fill)
    return image.filter(ImageFilter.GaussianBlur(0.8))


def _speckle(base: float, strength: float, seed: int) -> Image.Image:
    tone = base + strength * cloud(seed, 0.1) + strength * 0.5 * cloud(seed + 1, 1.5)
    return _picture(tone)


def _granite() -> Image.Image:
    tone = (
        0.5 + 0.16 * np.sign(cloud(52, 0.5)) * np.abs(cloud(52, 0.5)) ** 0.6 + 0.06 * cloud(53, 0.2)
    )
    return _picture(tone)


def _folds(strength: float, weave: float, seed: int) -> Image.Image:
    height = cloud(seed, 2.3)
    slope = np.roll(height, 3, 0) - height + 0.6 * (np.roll(height, 3, 1) - height)
    tone = (
        0.84 + strength * slope / (slope.std() + 1e-9) * 0.05 + weave * cloud(seed + 1, 0.2) * 0.02
    )
    return _picture(tone)


def _veneer(contrast: float, seed: int) -> Image.Image:
    wave = cloud(seed, 1.7, 7.0)
    tone = 0.78 + contrast * np.sin(wave * 9) * 0.5 + contrast * 0.5 * cloud(seed + 1, 0.8, 14.0)
    return _picture(tone)


def _boards(columns: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    tone = 0.78 + 0.06 * cloud(seed, 1.1, 8.0)
    w = TILE // columns
    for column in range(columns):
        tone[:, column * w : (column + 1) * w] *= rng.uniform(0.85, 1.08)
        tone[:, column * w : column * w + 4] *= 0.45
    return _picture(tone)


def _stripes() -> Image.Image:
    tone = np.where((np.arange(TILE) // 32) % 2, 0.86, 0.79)[None, :] + 0.006 * cloud(62, 0.2)
    return _picture(tone)


def _motif() -> Image.Image:
    """Wallpaper: sprigs of leaves in staggered rows."""
    image = Image.new("L", (TILE, TILE), 216)
    pen = ImageDraw.Draw(image)
    for row in range(4):
        for column in range(4):
            x, y = column * 128 + 64 * (row % 2) + 30, row * 128 + 14
            pen.line([(x, y), (x + 6, y + 50), (x, y + 96)], fill=190, width=3)
            for step in range(4):
                top = y + 8 + step * 22
                pen.ellipse([x + 4, top, x + 30, top + 12], fill=196)
                pen.ellipse([x - 24, top + 9, x + 2, top + 21], fill=200)
    return image.filter(ImageFilter.GaussianBlur(1))


SURFACES: dict[str, Surface] = {
    "planks": Surface(1.1, lambda: _planks(8, 0.16, 0.35, 1)),
    "laminate": Surface(1.4, lambda: _planks(7, 0.07, 0.22, 2)),
    "boards": Surface(1.0, lambda: _planks(6, 0.3, 0.55, 3)),
    "carpet": Surface(0.7, lambda: _carpet(0.07, 0.012, 4)),
    "shag": Surface(0.5, lambda: _carpet(0.12, 0.05, 6)),
    "tiles": Surface(1.3, lambda: _grid(4, 4, 4, offset=False, seed=8, contrast=0.03, grout=0.6)),
    "kitchen tiles": Surface(
        0.6, lambda: _grid(4, 8, 3, offset=True, seed=9, contrast=0.02, grout=0.68)
    ),
    "slabs": Surface(1.8, lambda: _grid(4, 4, 6, offset=True, seed=10, contrast=0.1, grout=0.42)),
    "block paving": Surface(
        0.9, lambda: _grid(4, 8, 4, offset=True, seed=11, contrast=0.13, grout=0.4)
    ),
    "bricks": Surface(
        0.9, lambda: _grid(4, 12, 6, offset=True, seed=12, contrast=0.12, grout=0.86)
    ),
    "breeze blocks": Surface(
        1.8, lambda: _grid(4, 8, 4, offset=True, seed=13, contrast=0.05, grout=0.6)
    ),
    "lawn": Surface(1.0, _lawn),
    "leaves": Surface(1.2, _leaves),
    "tarmac": Surface(0.8, lambda: _speckle(0.62, 0.09, 51)),
    "concrete": Surface(2.2, lambda: _speckle(0.74, 0.035, 55)),
    "granite": Surface(0.5, _granite),
    "sheet": Surface(1.3, lambda: _folds(1.1, 0.6, 57)),
    "blanket": Surface(0.6, lambda: _folds(0.7, 2.4, 59)),
    "veneer": Surface(0.8, lambda: _veneer(0.06, 61)),
    "oak top": Surface(0.6, lambda: _veneer(0.11, 64)),
    "fence": Surface(1.2, lambda: _boards(8, 66)),
    "garage door": Surface(1.6, lambda: _boards(12, 67)),
    "stripes": Surface(0.9, _stripes),
    "wallpaper": Surface(1.1, _motif),
}


@lru_cache(maxsize=32)
def tile(name: str) -> Image.Image:
    """One seamless tile, TILE × TILE, grey ("L": three times as fast to warp) or RGB."""
    return SURFACES[name].make()


@lru_cache(maxsize=24)
def sheet(name: str, repeats: int) -> Image.Image:
    """`repeats` × `repeats` tiles in SHEET × SHEET pixels."""
    edge = SHEET // repeats
    one = tile(name).resize(
        (edge, edge), Image.Resampling.BOX if edge < TILE else Image.Resampling.BILINEAR
    )
    image = Image.new(one.mode, (edge * repeats, edge * repeats))
    for row in range(repeats):
        for column in range(repeats):
            image.paste(one, (column * edge, row * edge))
    return image
