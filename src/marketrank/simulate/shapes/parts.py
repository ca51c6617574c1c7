"""Pieces that many shapes share: discs, panes, bottles, wheels, boxes with a printed front."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from marketrank.simulate.mesh import (
    Model,
    Paint,
    Point,
    bar,
    box,
    cells,
    cylinder,
    flat,
    join,
    lathe,
    loft,
    moved,
    patch,
    picture,
    ring,
    turned,
)
from marketrank.simulate.shapes import art
from marketrank.simulate.shapes.style import CHROME, RUBBER, Style, shaded


def disc(radius: float, paint: Paint, *, lift: float = 0.05, n: int = 22) -> Model:
    """A disc in the plane y = 0, facing −y, centred on the origin."""
    a = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return flat([(radius * np.cos(t), 0.0, radius * np.sin(t)) for t in a], paint, lift=lift)


def pane(  # noqa: PLR0917 - two corners, as in a drawing
    x0: float, z0: float, x1: float, z1: float, y: float, paint: Paint, *, lift: float = 0.05
) -> Model:
    """A rectangle on a face that looks towards −y."""
    across, up = np.array([x1 - x0, 0, 0]), np.array([0, 0, z1 - z0])
    return cells(patch((x0, y, z0), across, up, 3, 3), paint, lift=lift)


def tab(  # noqa: PLR0917 - two corners, as in a drawing
    x0: float, y0: float, x1: float, y1: float, z: float, paint: Paint, *, lift: float = 0.06
) -> Model:
    """A rectangle lying face up at height z: a key, a label."""
    return flat([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)], paint, lift=lift)


def hung(
    image: Image.Image,
    w: float,
    h: float,
    *,
    y: float = 0.0,
    gloss: float = 0.05,
    lift: float = 0.04,
) -> Model:
    """A picture w × h in the plane y, its bottom middle at the origin."""
    corners: list[Point] = [(-w / 2, y, h), (w / 2, y, h), (w / 2, y, 0), (-w / 2, y, 0)]
    return picture(corners, image, gloss=gloss, lift=lift)


def laid(
    image: Image.Image,
    w: float,
    d: float,
    *,
    z: float = 0.0,
    gloss: float = 0.05,
    lift: float = 0.04,
) -> Model:
    """A picture w × d lying face up at height z, centred."""
    corners: list[Point] = [
        (-w / 2, d / 2, z),
        (w / 2, d / 2, z),
        (w / 2, -d / 2, z),
        (-w / 2, -d / 2, z),
    ]
    return picture(corners, image, gloss=gloss, lift=lift)


def facing(model: Model) -> Model:
    """Something made about the z axis, turned so that its top looks towards −y."""
    return turned(model, 90, "x")


def wheel(
    radius: float,
    width: float,
    tyre: Paint = RUBBER,
    *,
    spokes: int = 0,
    hub: Paint = CHROME,
    solid: bool = False,
) -> Model:
    """A wheel in the plane x = 0, its axle along x, centred on the origin."""
    parts = [ring(radius - width / 2, width / 2, tyre, segments=30, sides=6)]
    if spokes:
        parts.append(ring(radius - width * 1.1, width * 0.22, hub, segments=30, sides=4))
        for i in range(spokes):
            a = 2 * np.pi * i / spokes
            end = ((radius - width) * np.cos(a), (radius - width) * np.sin(a), 0.0)
            parts.append(bar((0, 0, 0), end, radius * 0.006 + 0.0008, hub, sides=3))
    if solid:
        rim = radius - width * 0.7
        parts.append(
            lathe(
                [(0, -width * 0.3), (rim, -width * 0.25), (rim, width * 0.25), (0, width * 0.3)],
                hub,
            )
        )
    parts.append(
        lathe(
            [
                (0, -width * 0.7),
                (radius * 0.1, -width * 0.7),
                (radius * 0.1, width * 0.7),
                (0, width * 0.7),
            ],
            hub,
            segments=10,
        )
    )
    return turned(join(*parts), 90, "y")


def bottle(r: float, h: float, paint: Paint, cap: Paint, *, neck: float = 0.4) -> Model:
    body = lathe(
        [
            (0, 0),
            (r * 0.95, 0),
            (r, h * 0.03),
            (r, h * 0.35),
            (r, h * 0.62),
            (r * 0.85, h * 0.7),
            (r * neck, h * 0.76),
            (r * neck, h * 0.84),
        ],
        paint,
    )
    top = lathe(
        [(r * neck * 1.25, h * 0.83), (r * neck * 1.25, h * 0.98), (r * neck, h), (0, h)],
        cap,
        segments=16,
    )
    return join(body, top)


def carton(w: float, d: float, h: float, front: Image.Image, paint: Paint) -> Model:
    """A cardboard box with a printed front and lid, standing on z = 0."""
    return join(
        box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), paint),
        *[
            m
            for m in (
                turned_front(front, w, d, h),
                laid(front, w * 0.96, d * 0.9, z=h + 0.0004) if d > h * 0.6 else None,
            )
            if m
        ],
    )


def turned_front(front: Image.Image, w: float, d: float, h: float) -> Model:
    y = -d / 2 - 0.0004
    return picture([(-w / 2, y, h), (w / 2, y, h), (w / 2, y, 0), (-w / 2, y, 0)], front)


def cloth(points: Sequence[Sequence[Point]], paint: Paint) -> Model:
    """A thin skin over rows of points: canvas, a hood, a shade."""
    return loft(
        [np.asarray(row, dtype=float) for row in points],
        Paint(paint.colour, paint.gloss, weave=paint.weave, thin=True),
        closed=False,
    )


def knob(radius: float, depth: float, paint: Paint) -> Model:
    """A turning knob on a face that looks towards −y, at the origin."""
    return facing(cylinder(radius, depth, paint, segments=14))


def darker(paint: Paint, by: float = 0.75) -> Paint:
    return Paint(
        shaded(paint.colour, by), paint.gloss, paint.metal, paint.glow, paint.grain, paint.weave
    )


def display(s: Style, w: float, h: float, y: float, z: float, *, lift: float = 0.04) -> Model:
    image = art.screen(s.rng, (int(240 * w / max(w, h)), int(240 * h / max(w, h))))
    return picture(
        [(-w / 2, y, z + h), (w / 2, y, z + h), (w / 2, y, z), (-w / 2, y, z)],
        image,
        gloss=0.3,
        glow=0.7,
        lift=lift,
    )


def rolled(w: Model) -> Model:
    """A wheel turned so that it rolls along x."""
    return turned(w, 90)


def basket(x: float, z: float) -> Model:
    p = Paint((176, 128, 76), weave=2.2, gloss=0, thin=True)
    return moved(
        lathe([(0.1, 0), (0.12, 0.06), (0.13, 0.12), (0.14, 0.2)], p, segments=14), x, 0, z
    )
