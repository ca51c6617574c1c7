"""Where a photo is taken: a floor or table top, a wall behind, and the light."""

import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from marketrank.simulate.mesh import RGB, Floats
from marketrank.simulate.render import Camera, Light
from marketrank.simulate.shapes.art import ink
from marketrank.simulate.shapes.style import shaded
from marketrank.simulate.surfaces import SURFACES, sheet

PLAIN = "plain"
"""A surface without texture: painted plaster, paper."""


@dataclass(frozen=True, slots=True)
class Backdrop:
    """Surfaces with their tints; `gap` is the room between object and wall in object sizes;
    `soft` blurs the wall as a near lens does; a wall of None is never seen."""

    floor: str
    floor_tint: RGB
    wall: str | None = PLAIN
    wall_tint: RGB = (255, 255, 255)
    gap: tuple[float, float] = (0.05, 0.5)
    soft: bool = False
    skirting: RGB | None = None
    outside: bool = False
    elevation: tuple[float, float] = (8, 28)


WALLS: tuple[tuple[str, RGB], ...] = (
    (PLAIN, (250, 247, 240)),
    (PLAIN, (255, 252, 246)),
    (PLAIN, (240, 228, 200)),
    (PLAIN, (214, 214, 212)),
    (PLAIN, (176, 190, 176)),
    (PLAIN, (92, 112, 130)),
    (PLAIN, (224, 208, 200)),
    (PLAIN, (196, 206, 216)),
    (PLAIN, (140, 148, 146)),
    ("stripes", (238, 232, 220)),
    ("wallpaper", (230, 226, 214)),
    ("wallpaper", (205, 214, 208)),
    ("kitchen tiles", (250, 250, 248)),
    (PLAIN, (232, 220, 160)),
    (PLAIN, (120, 84, 88)),
)
INDOOR_FLOORS: tuple[tuple[str, RGB], ...] = (
    ("planks", (205, 150, 95)),
    ("planks", (170, 112, 66)),
    ("laminate", (196, 172, 140)),
    ("laminate", (168, 158, 148)),
    ("boards", (150, 104, 64)),
    ("carpet", (196, 184, 165)),
    ("carpet", (150, 148, 148)),
    ("carpet", (112, 92, 78)),
    ("carpet", (164, 150, 130)),
    ("carpet", (88, 96, 116)),
    ("shag", (210, 204, 196)),
    ("tiles", (225, 218, 206)),
    ("tiles", (120, 116, 114)),
    ("carpet", (128, 60, 58)),
    ("laminate", (118, 84, 58)),
)
TOPS: tuple[tuple[str, RGB], ...] = (
    ("veneer", (214, 168, 112)),
    ("oak top", (190, 138, 84)),
    ("veneer", (120, 76, 48)),
    ("granite", (190, 190, 196)),
    ("granite", (104, 100, 100)),
    ("veneer", (238, 230, 216)),
    ("blanket", (226, 220, 208)),
    (PLAIN, (252, 252, 250)),
    ("sheet", (236, 236, 240)),
    ("oak top", (228, 190, 138)),
    ("carpet", (176, 166, 150)),
    ("blanket", (120, 130, 150)),
    ("veneer", (60, 52, 50)),
    ("planks", (196, 146, 96)),
)
SPREADS: tuple[tuple[str, RGB], ...] = (
    ("sheet", (240, 240, 244)),
    ("sheet", (206, 216, 226)),
    ("sheet", (226, 214, 204)),
    ("blanket", (150, 152, 160)),
    ("carpet", (190, 180, 164)),
    ("planks", (200, 150, 100)),
    ("laminate", (190, 176, 156)),
    ("shag", (214, 208, 200)),
    ("carpet", (120, 118, 120)),
    ("blanket", (196, 170, 140)),
    ("sheet", (96, 104, 122)),
    ("oak top", (200, 150, 98)),
)
OUTDOORS: tuple[Backdrop, ...] = (
    Backdrop("lawn", (230, 255, 190), "fence", (176, 122, 76), (0.8, 2.2), outside=True),
    Backdrop("lawn", (255, 250, 190), "leaves", (255, 255, 235), (0.8, 2.5), outside=True),
    Backdrop("slabs", (214, 204, 188), "fence", (150, 116, 84), (0.3, 1.2), outside=True),
    Backdrop("slabs", (196, 192, 186), "bricks", (196, 122, 96), (0.15, 0.8), outside=True),
    Backdrop("lawn", (215, 255, 180), "bricks", (188, 134, 104), (0.8, 1.8), outside=True),
    Backdrop("boards", (170, 140, 108), "fence", (110, 96, 84), (0.3, 1.0), outside=True),
)
DRIVES: tuple[Backdrop, ...] = (
    Backdrop("block paving", (206, 158, 136), "bricks", (190, 116, 88), (0.2, 1.0), outside=True),
    Backdrop("tarmac", (150, 150, 156), "garage door", (246, 246, 244), (0.2, 1.0), outside=True),
    Backdrop("concrete", (206, 204, 198), "bricks", (206, 150, 118), (0.1, 0.8), outside=True),
    Backdrop(
        "block paving", (176, 168, 164), "garage door", (150, 60, 56), (0.3, 1.0), outside=True
    ),
    Backdrop("tarmac", (134, 134, 138), "fence", (140, 104, 72), (0.3, 1.2), outside=True),
    Backdrop("slabs", (190, 186, 180), "leaves", (235, 255, 225), (0.3, 1.4), outside=True),
)
SHEDS: tuple[Backdrop, ...] = (
    Backdrop("concrete", (168, 164, 158), "breeze blocks", (190, 188, 184), (0.1, 0.7)),
    Backdrop("concrete", (140, 136, 130), "boards", (150, 116, 80), (0.1, 0.6)),
    Backdrop("concrete", (190, 186, 178), "bricks", (176, 118, 94), (0.1, 0.6)),
    Backdrop("tiles", (150, 148, 146), PLAIN, (236, 236, 232), (0.1, 0.6)),
)


def choose_backdrop(place: str, rng: random.Random) -> Backdrop:
    """One backdrop of a sort of place: room, table, spread, wall, garden, drive or shed."""
    if place == "garden":
        return rng.choice(OUTDOORS)
    if place == "drive":
        return rng.choice(DRIVES)
    if place == "shed":
        return rng.choice(SHEDS + DRIVES[2:3])
    wall, wall_tint = rng.choice(WALLS)
    if place == "table":
        floor, tint = rng.choice(TOPS)
        return Backdrop(floor, tint, wall, wall_tint, (0.4, 2.5), soft=True, elevation=(14, 42))
    if place == "spread":
        floor, tint = rng.choice(SPREADS)
        return Backdrop(floor, tint, None, elevation=(52, 84))
    floor, tint = rng.choice(INDOOR_FLOORS)
    skirting = rng.choice(((248, 248, 246), (240, 236, 226), (150, 104, 66), None))
    gap = (0.0, 0.02) if place == "wall" else (0.03, 0.45)
    return Backdrop(
        floor,
        tint,
        wall,
        wall_tint,
        gap,
        skirting=skirting,
        elevation=(-4, 12) if place == "wall" else (6, 30),
    )


def choose_light(backdrop: Backdrop, rng: random.Random) -> Light:
    """Daylight from the side, a ceiling lamp, a flash or, outside, sun or cloud."""
    kind = rng.random()
    side = rng.choice((-1, 1)) * rng.uniform(0.3, 1.1)
    texture = np.asarray(backdrop.floor_tint, dtype=float)
    bounce = (float(texture[0]), float(texture[1]), float(texture[2]))
    if backdrop.outside:
        sun = kind < 0.45
        towards, key, fill = (side, -rng.uniform(0.2, 0.9), 1.0), 0.62 if sun else 0.25, 0.62
        tint: RGB = (255, 246, 226) if sun else (248, 250, 255)
        shadow = 0.75 if sun else 0.42
    elif kind < 0.2:
        towards, key, fill, tint, shadow = (
            (side * 0.15, -1.0, 0.55),
            0.62,
            0.58,
            (255, 255, 255),
            0.55,
        )
    elif kind < 0.55:
        towards, key, fill = (side * 0.3, -0.3, 1.3), 0.5, 0.66
        tint, shadow = (255, 236, 206), 0.5
    else:
        towards, key, fill = (side * 1.3, -0.55, 0.8), 0.6, 0.64
        tint, shadow = (255, 252, 246), 0.5
    direction = np.asarray(towards) / np.linalg.norm(towards)
    return Light(direction, key, fill, tint, bounce, shadow)


def wall_behind(backdrop: Backdrop, *, reach: float, back: float, rng: random.Random) -> float:
    """The y of the wall behind an object of size `reach` whose rear is at y = `back`."""
    return back + reach * rng.uniform(*backdrop.gap) + 0.002


def background(
    backdrop: Backdrop,
    camera: Camera,
    light: Light,
    *,
    reach: float,
    far: float,
    rng: random.Random,
) -> tuple[Image.Image, Image.Image]:
    """The empty scene, floor at z = 0 and wall at y = `far`, and the light on it (an "L" picture
    of a quarter of its size). `reach` is the object's size in metres."""
    canvas = Image.new("RGB", camera.size, (214, 222, 230))
    span = max(reach * 5, 0.3)
    if backdrop.wall is not None:
        tint = _scaled(backdrop.wall_tint, 0.82 + 0.2 * abs(float(light.towards[1])))
        top = max(1.8, reach * 1.1) if backdrop.wall == "fence" and backdrop.outside else span
        wall = _Plane(np.array([0.0, far, 0.0]), np.array([0, 0, 1.0]), 0, top)
        _paint(canvas, camera, wall, surface=backdrop.wall, tint=tint, span=span)
        if backdrop.soft:
            near = canvas.reduce(4).filter(ImageFilter.GaussianBlur(3))
            canvas = near.resize(camera.size, Image.Resampling.BILINEAR)
    end = far if backdrop.wall is not None else span
    floor = _Plane(np.zeros(3), np.array([0, 1.0, 0]), -span, end)
    tint = _scaled(backdrop.floor_tint, 1.02)
    _paint(canvas, camera, floor, surface=backdrop.floor, tint=tint, span=span)
    shine = _glow((camera.size[0] // 4, camera.size[1] // 4), rng)
    if backdrop.wall is not None and not backdrop.soft:
        shine = ImageChops.multiply(shine, _corner(canvas, camera, backdrop, far, span))
    return canvas, shine


def _scaled(colour: RGB, by: float) -> RGB:
    return (colour[0] * by, colour[1] * by, colour[2] * by)


def _outline(camera: Camera, corners: Floats) -> list[tuple[float, float]]:
    """A polygon in pixels, cut off where it is behind the camera."""
    seen = camera.view(corners)
    near = 1e-3
    kept = []
    for a, b in zip(seen, np.roll(seen, -1, axis=0), strict=True):
        if a[2] > near:
            kept.append(a)
        if (a[2] > near) != (b[2] > near):
            kept.append(a + (b - a) * (near - a[2]) / (b[2] - a[2]))
    return [
        (
            float(np.clip(p[0] / p[2] * camera.focal + camera.centre[0], -9e4, 9e4)),
            float(np.clip(p[1] / p[2] * camera.focal + camera.centre[1], -9e4, 9e4)),
        )
        for p in kept
    ]


def _mask(size: tuple[int, int], outline: list[tuple[float, float]]) -> Image.Image:
    mask = Image.new("L", (size[0] * 2, size[1] * 2), 0)
    if len(outline) >= 3:
        ImageDraw.Draw(mask).polygon([(x * 2, y * 2) for x, y in outline], fill=255)
    return mask.reduce(2)


@dataclass(frozen=True, slots=True)
class _Plane:
    """A strip of a plane: origin + s·x + t·up for any s and t from `low` to `high`."""

    origin: Floats
    up: Floats
    low: float
    high: float


def _paint(
    canvas: Image.Image,
    camera: Camera,
    plane: _Plane,
    *,
    surface: str,
    tint: RGB,
    span: float,
) -> None:
    """Paint the part of the plane within `span` metres of the middle."""
    across = np.array([1.0, 0, 0])
    ends = ((-span, plane.low), (span, plane.low), (span, plane.high), (-span, plane.high))
    corners = np.stack([plane.origin + across * s + plane.up * t for s, t in ends])
    mask = _mask(camera.size, _outline(camera, corners))
    area = mask.getbbox()
    if area is None:
        return
    if surface == PLAIN:
        canvas.paste(ink(shaded(tint, 1)), None, mask)
        return
    # Small things are near: their surfaces are drawn finer than they are, not blurred.
    metres = min(SURFACES[surface].metres, max(SURFACES[surface].metres * 0.4, span * 0.6))
    repeats = int(np.clip(round(span * 1.1 / metres), 1, 12))
    texture = sheet(surface, repeats)
    scale, middle = texture.width / (repeats * metres), texture.width / 2
    (cx, cy), f = camera.centre, camera.focal
    lens = np.array([[f, 0, cx], [0, f, cy], [0, 0, 1]])
    axes = (across, plane.up, plane.origin - camera.eye)
    to_plane = np.linalg.inv(lens @ np.stack([camera.turn @ axis for axis in axes], axis=1))
    to_texture = np.array([[scale, 0, middle], [0, -scale, middle], [0, 0, 1]])
    offset = np.array([[1, 0, area[0]], [0, 1, area[1]], [0, 0, 1]], dtype=float)
    m = to_texture @ to_plane @ offset
    m /= m[2, 2] if abs(m[2, 2]) > 1e-9 else 1e-9
    warped = texture.transform(
        (area[2] - area[0], area[3] - area[1]),
        Image.Transform.PERSPECTIVE,
        [*m[0], *m[1], m[2, 0], m[2, 1]],
        Image.Resampling.BILINEAR,
        fillcolor=200 if texture.mode == "L" else (200, 200, 200),
    )
    tables = [[min(255, int(i * c / 255)) for i in range(256)] for c in tint]
    if warped.mode == "L":
        tinted = Image.merge("RGB", [warped.point(table) for table in tables])
    else:
        tinted = warped.point([value for table in tables for value in table])
    canvas.paste(tinted, area[:2], mask.crop(area))


def _corner(
    canvas: Image.Image, camera: Camera, backdrop: Backdrop, far: float, span: float
) -> Image.Image:
    """Paint the skirting board; return the light, dim where wall and floor meet."""
    height = 0.11 if backdrop.skirting else 0.0
    if backdrop.skirting:
        board = np.array(
            [(-span, far, 0), (span, far, 0), (span, far, height), (-span, far, height)]
        )
        canvas.paste(
            tuple(int(c * 0.9) for c in backdrop.skirting),
            None,
            _mask(camera.size, _outline(camera, board)),
        )
    dim = Image.new("L", (camera.size[0] // 4, camera.size[1] // 4), 255)
    depth = 0.05 * span / 3
    band = np.array(
        [
            (-span, far - depth, 0),
            (span, far - depth, 0),
            (span, far, depth / 2),
            (-span, far, depth / 2),
        ]
    )
    outline = _outline(camera, band)
    if len(outline) >= 3:
        ImageDraw.Draw(dim).polygon([(x / 4, y / 4) for x, y in outline], fill=175)
    return dim.filter(ImageFilter.GaussianBlur(4))


def _glow(size: tuple[int, int], rng: random.Random) -> Image.Image:
    """Uneven light over the picture: brightest at one spot."""
    w, h = 32, 24
    y, x = np.mgrid[0:h, 0:w] / np.array([h, w])[:, None, None]
    cx, cy, fall = rng.uniform(0, 1), rng.uniform(0, 0.7), rng.uniform(0.15, 0.5)
    tone = 1 - fall * ((x - cx) ** 2 + (y - cy) ** 2) / 1.2
    small = Image.fromarray((np.clip(tone, 0, 1) * 255).astype(np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)
