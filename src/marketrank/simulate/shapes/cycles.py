"""Bicycles, scooters, and machines that go nowhere."""

import numpy as np

from marketrank.simulate.mesh import (
    Model,
    Paint,
    Point,
    bar,
    box,
    cylinder,
    join,
    moved,
    ring,
    scaled,
    soft,
    tube,
    turned,
)
from marketrank.simulate.shapes.parts import basket, cloth, rolled, wheel
from marketrank.simulate.shapes.style import CHROME, DARK, PALE, RUBBER, STEEL, Style

# Where a bicycle's parts meet, (x, z) in metres; its hubs' x.
_CRANK, _SEAT = (-0.06, 0.29), (-0.2, 0.86)
_BACK, _FRONT = -0.5, 0.53


def bicycle(s: Style, size: float = 1.0) -> Model:
    """A bicycle seen from its side: road, mountain or town frame by chance."""
    kind = s.rng.choice(("road", "mountain", "town"))
    frame = Paint(s.colour, gloss=0.35)
    r = 0.34 * (1 if kind == "town" else s.rng.uniform(0.95, 1.03))
    width = {"road": 0.025, "mountain": 0.055, "town": 0.038}[kind]
    hub = CHROME if s.chance(0.7) else DARK
    spoked = rolled(wheel(r, width, spokes=14, hub=hub))
    leather = s.rng.choice((DARK, Paint((110, 66, 40))))
    parts = [
        _tubes(kind, frame, r),
        moved(spoked, _BACK, 0, r),
        moved(spoked, _FRONT, 0, r),
        moved(soft((0, 0, 0), (0.13, 0.07, 0.03), leather, square=0.8), -0.22, 0, 0.93),
        _handlebar(kind),
        _drive(s.rng.choice((STEEL, DARK)), r),
    ]
    if kind == "town":
        parts += [_guard(x, r, r + 0.03, frame) for x in (_BACK, _FRONT)]
        if s.chance(0.5):
            parts.append(basket(0.58, 0.82))
    return turned(scaled(join(*parts), size), s.rng.choice((0, 0, 180)))


def _tubes(kind: str, frame: Paint, r: float) -> Model:
    """The frame, fork, seat post and stem; hubs are at height r."""
    low = kind == "town"
    middle = [
        (_CRANK, _SEAT, 0.017, frame),
        (
            (-0.12, 0.55) if low else (-0.185, 0.8),
            (0.38, 0.62) if low else (0.36, 0.84),
            0.018,
            frame,
        ),
        (_CRANK, (0.4, 0.72), 0.021, frame),
        ((0.4, 0.72), (0.36, 0.88), 0.02, frame),
        (_SEAT, (-0.215, 0.92), 0.013, CHROME),
        ((0.36, 0.88), (0.365, 0.96), 0.015, STEEL),
    ]
    sides = [
        (_CRANK, (_BACK, r), 0.009),
        ((-0.185, 0.8), (_BACK, r), 0.008),
        ((0.405, 0.7), (_FRONT, r), 0.014),
    ]
    parts = [bar((a[0], 0, a[1]), (b[0], 0, b[1]), thick, p) for a, b, thick, p in middle]
    parts += [
        bar((a[0], y, a[1]), (b[0], y, b[1]), thick, frame)
        for a, b, thick in sides
        for y in (-0.04, 0.04)
    ]
    return join(*parts)


def _handlebar(kind: str) -> Model:
    if kind == "road":
        drop = [(0.36, -0.2, 0.93), (0.47, -0.21, 0.92), (0.5, -0.21, 0.84), (0.42, -0.21, 0.79)]
        hooks = [tube([(x, y * side, z) for x, y, z in drop], 0.013, DARK) for side in (-1, 1)]
        return join(*hooks, bar((0.37, -0.2, 0.93), (0.37, 0.2, 0.93), 0.012, DARK))
    sweep = -0.02 if kind == "mountain" else -0.16
    x = 0.36 + sweep
    rise: list[Point] = [(x, -0.3, 1.0), (0.37, -0.12, 0.98), (0.37, 0.12, 0.98), (x, 0.3, 1.0)]
    grips = [bar((x, y, 1.0), (x + sweep * 0.3, y * 1.3, 1.0), 0.016, DARK) for y in (-0.28, 0.28)]
    return join(tube(rise, 0.011, STEEL), *grips)


def _drive(paint: Paint, r: float) -> Model:
    """Chain wheel, sprocket, chain and a pedal."""
    x, z = _CRANK
    wheels = [
        moved(turned(ring(0.095, 0.006, paint, sides=4), 90, "x"), x, -0.05, z),
        moved(turned(ring(0.05, 0.008, paint, sides=4), 90, "x"), _BACK, -0.05, r),
    ]
    chain = [
        bar((x, -0.05, z + dz), (_BACK, -0.05, r + dz * 0.5), 0.004, DARK, sides=4)
        for dz in (-0.095, 0.095)
    ]
    pedal = box((x + 0.08, -0.16, z - 0.13), (x + 0.16, -0.08, z - 0.11), DARK)
    return join(
        *wheels, *chain, bar((x, -0.06, z), (x + 0.12, -0.07, z - 0.12), 0.01, STEEL), pedal
    )


def _guard(x: float, z: float, r: float, paint: Paint) -> Model:
    a = np.linspace(np.radians(20), np.radians(165), 12)
    rows = [[(x + r * np.cos(t), y, z + r * np.sin(t)) for t in a] for y in (-0.025, 0.025)]
    return cloth(rows, paint)


def childs_bike(s: Style) -> Model:
    return bicycle(s, s.rng.uniform(0.55, 0.7))


def exercise_bike(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.25)
    parts = [
        box((-0.5, -0.25, 0), (-0.42, 0.25, 0.06), DARK),
        box((0.42, -0.25, 0), (0.5, 0.25, 0.06), DARK),
        bar((-0.46, 0, 0.05), (0.46, 0, 0.05), 0.03, p),
        bar((-0.1, 0, 0.08), (-0.25, 0, 0.8), 0.03, p),
        bar((0.25, 0, 0.08), (0.4, 0, 1.05), 0.03, p),
        soft((-0.26, 0, 0.84), (0.15, 0.11, 0.04), DARK, square=0.8),
        moved(
            turned(
                join(
                    cylinder(0.24, 0.09, p, segments=30),
                    moved(cylinder(0.15, 0.1, Paint(s.accent, gloss=0.2)), z=-0.005),
                ),
                90,
                "x",
            ),
            0.15,
            0.045,
            0.36,
        ),
        tube(
            [
                (0.22, -0.22, 1.1),
                (0.38, -0.2, 1.12),
                (0.4, 0, 1.05),
                (0.38, 0.2, 1.12),
                (0.22, 0.22, 1.1),
            ],
            0.018,
            DARK,
        ),
        turned(box((0.38, -0.1, 1.05), (0.41, 0.1, 1.2), DARK), 0),
        bar((0.12, -0.1, 0.36), (0.12, -0.12, 0.18), 0.014, STEEL),
        box((0.06, -0.22, 0.16), (0.18, -0.1, 0.19), DARK),
    ]
    return turned(join(*parts), s.rng.choice((0, 180)))


def treadmill(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.25)
    return turned(
        join(
            box((-0.75, -0.36, 0.04), (0.75, 0.36, 0.14), p, cell=0.15),
            box((-0.72, -0.24, 0.14), (0.6, 0.24, 0.15), RUBBER, cell=0.12),
            box((0.45, -0.3, 0.14), (0.75, 0.3, 0.24), p, cell=0.15),
            *(bar((0.6, y, 0.14), (0.42, y, 1.15), 0.03, p) for y in (-0.33, 0.33)),
            moved(
                turned(box((-0.02, -0.38, 0), (0.05, 0.38, 0.26), DARK, cell=0.1), -30, "y"),
                0.4,
                0,
                1.1,
            ),
            *(bar((0.42, y, 1.08), (0.05, y, 0.98), 0.02, RUBBER) for y in (-0.33, 0.33)),
        ),
        s.rng.choice((-50, -120, 160)),
    )


def kick_scooter(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.35)
    parts = [
        soft((0, 0, 0.1), (0.28, 0.06, 0.025), p, square=0.4),
        bar((0.26, 0, 0.1), (0.36, 0, 0.12), 0.022, p),
        bar((0.37, 0, 0.08), (0.3, 0, 0.85), 0.017, CHROME),
        bar((0.3, -0.2, 0.85), (0.3, 0.2, 0.85), 0.014, DARK),
        *(bar((0.3, y, 0.85), (0.3, y * 1.7, 0.85), 0.02, Paint(s.accent)) for y in (-0.13, 0.13)),
    ]
    parts += [
        moved(rolled(wheel(0.07, 0.035, solid=True, hub=PALE)), x, 0, 0.07) for x in (-0.33, 0.39)
    ]
    return turned(join(*parts), s.rng.choice((0, 25, 160)))


def skateboard(s: Style) -> Model:
    deck = soft((0, 0, 0.09), (0.4, 0.1, 0.012), Paint(s.colour, gloss=0.3), square=0.45, detail=14)
    parts = [deck]
    for x in (-0.24, 0.24):
        parts += [
            moved(
                rolled(wheel(0.028, 0.035, Paint(s.accent, gloss=0.3), solid=True, hub=PALE)),
                x,
                y,
                0.028,
            )
            for y in (-0.08, 0.08)
        ]
        parts.append(box((x - 0.02, -0.07, 0.03), (x + 0.02, 0.07, 0.075), STEEL))
    return join(*parts)
