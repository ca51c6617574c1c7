"""Prams, wheelchairs, mowers, barrows."""

import numpy as np

from marketrank.simulate.mesh import (
    Model,
    Paint,
    Point,
    bar,
    box,
    cells,
    cylinder,
    join,
    moved,
    patch,
    soft,
    standing,
    tube,
    turned,
)
from marketrank.simulate.shapes.parts import basket, cloth, disc, pane, rolled, wheel
from marketrank.simulate.shapes.style import CHROME, DARK, PALE, STEEL, Style, shaded


def pram(s: Style) -> Model:
    """A pram with carrycot and hood, or a pushchair with a seat."""
    cover = Paint(s.colour, weave=0.3, gloss=0.02)
    if s.chance(0.5):
        inside = join(
            soft((0.02, 0, 0.64), (0.4, 0.22, 0.13), cover, square=0.3, detail=12),
            soft((0.16, 0, 0.75), (0.24, 0.215, 0.045), cover, square=0.4),
        )
        hood = (-0.16, 0.74, 0.27)
    else:
        back = turned(soft((0, 0, 0.3), (0.06, 0.2, 0.32), cover, square=0.35), -32, "y")
        rail: list[Point] = [
            (0.02, -0.21, 0.72),
            (0.34, -0.2, 0.74),
            (0.36, 0, 0.74),
            (0.34, 0.2, 0.74),
            (0.02, 0.21, 0.72),
        ]
        inside = join(
            moved(back, 0.02, 0, 0.52),
            soft((0.18, 0, 0.56), (0.18, 0.2, 0.06), cover, square=0.35),
            bar((0.36, -0.18, 0.45), (0.36, 0.18, 0.45), 0.02, DARK),
            tube(rail, 0.014, DARK),
        )
        hood = (-0.12, 0.86, 0.29)
    canopy = Paint(s.accent if s.chance(0.4) else s.colour, weave=0.2)
    chassis = _chassis(s.rng.choice((STEEL, DARK)))
    return turned(join(chassis, inside, _hood(hood, canopy, cover)), s.rng.choice((-35, 30, 150)))


def _chassis(frame: Paint) -> Model:
    """A pram's wheels, legs, handle and shopping tray."""
    hub = Paint((150, 150, 152), gloss=0.3)
    parts = [
        bar((-0.6, -0.22, 1.02), (-0.6, 0.22, 1.02), 0.018, DARK),
        bar((-0.32, -0.24, 0.14), (-0.32, 0.24, 0.14), 0.012, frame),
        soft((0, 0, 0.22), (0.26, 0.19, 0.06), Paint((52, 52, 56), weave=0.4), square=0.3),
    ]
    for x, r in ((-0.32, 0.14), (0.34, 0.11)):
        one = rolled(wheel(r, 0.045, solid=True, hub=hub))
        parts += [moved(one, x, y, r) for y in (-0.24, 0.24)]
    for y in (-0.22, 0.22):
        parts += [
            bar((-0.32, y, 0.14), (0.2, y, 0.55), 0.014, frame),
            bar((0.34, y, 0.11), (-0.2, y, 0.55), 0.014, frame),
            tube([(-0.1, y, 0.5), (-0.45, y, 0.85), (-0.6, y, 1.02)], 0.014, frame),
        ]
    return join(*parts)


def _hood(at: tuple[float, float, float], canopy: Paint, sides: Paint) -> Model:
    """A folding hood of radius r about (x, z); `at` is (x, z, r)."""
    x, z, r = at
    a = np.linspace(np.radians(65), np.radians(185), 8)

    def arc(y: float) -> list[Point]:
        return [(float(x + r * np.cos(t)), y, float(z + r * np.sin(t))) for t in a]

    ends = [cloth([[(x, y, z)] * 8, arc(y)], sides) for y in (-0.22, 0.22)]
    return join(cloth([arc(float(y)) for y in np.linspace(-0.22, 0.22, 6)], canopy), *ends)


def wheelchair(s: Style) -> Model:
    cover = Paint(s.colour, weave=0.2)
    parts = [
        soft((0, 0, 0.5), (0.21, 0.21, 0.03), cover, square=0.3),
        soft((-0.22, 0, 0.72), (0.025, 0.21, 0.22), cover, square=0.3),
    ]
    for y in (-0.25, 0.25):
        parts += [
            moved(rolled(wheel(0.3, 0.03, spokes=12)), -0.12, y * 1.15, 0.3),
            moved(rolled(wheel(0.09, 0.03, solid=True, hub=PALE)), 0.3, y * 0.85, 0.09),
            bar((-0.22, y * 0.9, 0.2), (-0.22, y * 0.9, 0.95), 0.013, CHROME),
            bar((-0.22, y * 0.9, 0.95), (-0.34, y * 0.9, 0.96), 0.016, DARK),
            bar((-0.22, y * 0.9, 0.72), (0.16, y * 0.9, 0.72), 0.013, CHROME),
            soft((0.0, y * 0.9, 0.74), (0.16, 0.03, 0.018), DARK, square=0.4),
            tube(
                [(0.2, y * 0.9, 0.72), (0.22, y * 0.9, 0.45), (0.4, y * 0.7, 0.15)], 0.013, CHROME
            ),
            box((0.36, y * 0.7 - 0.07, 0.12), (0.52, y * 0.7 + 0.07, 0.14), DARK),
        ]
    return turned(join(*parts), s.rng.choice((-40, 35, -140)))


def mobility_scooter(s: Style) -> Model:
    p, seat = Paint(s.colour, gloss=0.4), Paint((44, 44, 48), gloss=0.15)
    parts = [
        soft((-0.3, 0, 0.32), (0.3, 0.26, 0.15), p, square=0.5),
        soft((0.15, 0, 0.2), (0.35, 0.24, 0.05), Paint((70, 70, 74)), square=0.3),
        soft((0.48, 0, 0.3), (0.14, 0.22, 0.16), p, square=0.6),
        tube([(0.5, 0, 0.35), (0.42, 0, 0.7), (0.36, 0, 0.95)], [0.07, 0.05, 0.06], p, sides=10),
        tube(
            [(0.28, -0.28, 0.92), (0.38, -0.1, 0.96), (0.38, 0.1, 0.96), (0.28, 0.28, 0.92)],
            0.017,
            DARK,
        ),
        moved(turned(disc(0.05, Paint((250, 246, 220), glow=0.4)), 90), 0.47, 0, 0.8),
        soft((-0.3, 0, 0.62), (0.23, 0.24, 0.06), seat, square=0.4),
        soft((-0.5, 0, 0.88), (0.05, 0.23, 0.26), seat, square=0.45),
        moved(cylinder(0.05, 0.2, DARK), -0.3, 0, 0.4),
        *(soft((-0.28, y, 0.78), (0.15, 0.03, 0.02), seat, square=0.4) for y in (-0.28, 0.28)),
    ]
    for x in (-0.42, 0.48):
        parts += [
            moved(rolled(wheel(0.15, 0.09, solid=True, hub=STEEL)), x, y, 0.15)
            for y in (-0.27, 0.27)
        ]
    if s.chance(0.5):
        parts.append(moved(basket(0, 0), 0.55, 0, 0.62))
    return turned(join(*parts), s.rng.choice((-35, 30, -150)))


def rollator(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.35)
    parts = [soft((0, 0, 0.55), (0.12, 0.2, 0.015), DARK, square=0.3)]
    for y in (-0.26, 0.26):
        parts += [
            bar((-0.2, y, 0.1), (0.12, y, 0.6), 0.014, p),
            bar((0.28, y, 0.1), (0.02, y, 0.88), 0.014, p),
            bar((0.02, y, 0.88), (-0.12, y, 0.9), 0.019, DARK),
            tube([(-0.1, y, 0.88), (-0.02, y, 0.8), (0.05, y, 0.78)], 0.006, STEEL),
        ]
        parts += [
            moved(rolled(wheel(0.1, 0.035, solid=True, hub=PALE)), x, y, 0.1) for x in (-0.2, 0.3)
        ]
    parts += [bar((0.1, -0.26, 0.6), (0.1, 0.26, 0.6), 0.012, p), _shift(basket(0.16, 0.28))]
    return turned(join(*parts), s.rng.choice((-40, 40, -130)))


def _shift(model: Model) -> Model:
    return standing(model) if model.bounds()[0][2] < 0 else model


def lawn_mower(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.35)
    parts = [
        soft((0, 0, 0.17), (0.3, 0.22, 0.09), p, square=0.35),
        soft((0.02, 0, 0.3), (0.14, 0.13, 0.08), DARK, square=0.5),
        moved(cylinder(0.06, 0.05, p), 0.02, 0, 0.36),
        soft((-0.42, 0, 0.27), (0.17, 0.2, 0.15), Paint((62, 62, 64), weave=0.6), square=0.45),
    ]
    for x, r in ((-0.24, 0.11), (0.25, 0.09)):
        parts += [
            moved(rolled(wheel(r, 0.05, solid=True, hub=PALE)), x, y, r) for y in (-0.24, 0.24)
        ]
    for y in (-0.19, 0.19):
        parts.append(
            tube(
                [(-0.2, y, 0.22), (-0.55, y, 0.65), (-0.8, y, 0.98)],
                0.013,
                s.rng.choice((DARK, DARK, STEEL)),
            )
        )
    parts.append(bar((-0.8, -0.2, 0.98), (-0.8, 0.2, 0.98), 0.02, DARK))
    return turned(join(*parts), s.rng.choice((-30, -60, 35, 150)))


def wheelbarrow(s: Style) -> Model:
    tray = [
        [(-0.3, -0.3, 0.62), (0.45, -0.28, 0.62)],
        [(-0.25, -0.2, 0.36), (0.2, -0.18, 0.32)],
        [(-0.25, 0.2, 0.36), (0.2, 0.18, 0.32)],
        [(-0.3, 0.3, 0.62), (0.45, 0.28, 0.62)],
    ]
    p = Paint(s.colour, gloss=0.2, metal=0.15)
    back = cells(
        patch((-0.3, -0.3, 0.6), np.array([0.05, 0.1, -0.24]), np.array([0.0, 0.4, 0.0]), 3, 5),
        Paint(shaded(s.colour, 0.9), thin=True),
    )
    front = cells(
        patch((0.45, -0.28, 0.62), np.array([-0.25, 0.1, -0.3]), np.array([0.0, 0.36, 0.0]), 3, 5),
        Paint(shaded(s.colour, 0.95), thin=True),
    )
    rows = [
        [
            (float(x0 + (x1 - x0) * t), float(y0 + (y1 - y0) * t), float(z0 + (z1 - z0) * t))
            for t in np.linspace(0, 1, 6)
        ]
        for (x0, y0, z0), (x1, y1, z1) in tray
    ]
    parts = [
        cloth(rows, p),
        back,
        front,
        moved(rolled(wheel(0.19, 0.08, solid=True, hub=STEEL)), 0.55, 0, 0.19),
    ]
    for y in (-1, 1):
        parts += [
            tube(
                [(0.55, y * 0.07, 0.19), (0.1, y * 0.2, 0.33), (-0.9, y * 0.28, 0.6)], 0.015, DARK
            ),
            bar((-0.28, y * 0.22, 0), (-0.2, y * 0.22, 0.4), 0.014, DARK),
        ]
    return turned(join(*parts), s.rng.choice((-30, 30, 150)))


def toy_car(s: Style) -> Model:
    """A ride-on or model car."""
    p = Paint(s.colour, gloss=0.5)
    parts = [
        soft((0, 0, 0.16), (0.42, 0.2, 0.085), p, square=0.42, detail=14),
        soft((-0.05, 0, 0.27), (0.22, 0.16, 0.085), Paint((52, 60, 68), gloss=0.7), square=0.55),
        soft((-0.05, 0, 0.335), (0.17, 0.145, 0.03), p, square=0.5),
    ]
    for x in (-0.25, 0.26):
        parts += [
            moved(rolled(wheel(0.09, 0.07, solid=True, hub=CHROME)), x, y, 0.09)
            for y in (-0.18, 0.18)
        ]
    parts += [
        moved(turned(disc(0.03, Paint((250, 246, 220), gloss=0.5)), 90), 0.425, y, 0.17)
        for y in (-0.12, 0.12)
    ]
    parts.append(moved(turned(pane(-0.08, -0.02, 0.08, 0.02, 0, CHROME), 90), 0.425, 0, 0.13))
    return turned(join(*parts), s.rng.choice((-35, -60, 25)))
