"""What stands in a garden."""

import numpy as np

from marketrank.simulate.mesh import (
    Model,
    Paint,
    bar,
    box,
    cells,
    cylinder,
    frame,
    join,
    lathe,
    moved,
    patch,
    ring,
    scaled,
    soft,
    standing,
    tube,
    turned,
)
from marketrank.simulate.shapes.parts import cloth, knob, wheel
from marketrank.simulate.shapes.style import CHROME, DARK, HANDLE, PALE, STEEL, Style, shaded


def parasol(s: Style) -> Model:
    p, n = Paint(s.colour, weave=0.2, gloss=0), 8
    rows = []
    for i in range(n + 1):
        a = 2 * np.pi * i / n
        rows.append(
            [
                (r * np.cos(a), r * np.sin(a), 2.3 - 0.42 * (r / 1.25) ** 1.2)
                for r in np.linspace(0.02, 1.25, 6)
            ]
        )
    striped = s.chance(0.35)
    panels = [
        cloth([rows[i], rows[i + 1]], Paint(s.accent, gloss=0) if striped and i % 2 else p)
        for i in range(n)
    ]
    fringe = [
        cloth(
            [
                [(q[0], q[1], q[2]), (q[0], q[1], q[2] - 0.12)]
                for q in (rows[i][-1], rows[i + 1][-1])
            ],
            p,
        )
        for i in range(n)
    ]
    pole = s.rng.choice((HANDLE, PALE))
    return join(
        *panels,
        *fringe,
        bar((0, 0, 0), (0, 0, 2.32), 0.022, pole),
        lathe(
            [(0, 0), (0.24, 0), (0.22, 0.07), (0.05, 0.1), (0.04, 0.35)],
            Paint((120, 120, 118), weave=0.4),
        ),
    )


def barbecue(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.4)
    if s.chance(0.5):
        bowl = lathe(
            [
                (0.02, 0.5),
                (0.18, 0.53),
                (0.27, 0.65),
                (0.285, 0.72),
                (0.27, 0.8),
                (0.18, 0.93),
                (0.02, 0.96),
            ],
            p,
            segments=30,
        )
        legs = [
            bar(
                (0.18 * np.cos(a), 0.18 * np.sin(a), 0.56),
                (0.3 * np.cos(a), 0.3 * np.sin(a), 0),
                0.013,
                STEEL,
            )
            for a in (0.5, 2.6, 4.7)
        ]
        return join(
            bowl,
            *legs,
            moved(ring(0.287, 0.008, DARK, segments=30), z=0.73),
            tube(
                [(-0.06, -0.02, 0.96), (-0.05, 0, 1.01), (0.05, 0, 1.01), (0.06, 0, 0.96)],
                0.012,
                HANDLE,
            ),
        )
    return join(
        box((-0.35, -0.25, 0.1), (0.35, 0.25, 0.75), p, cell=0.12),
        soft((0, 0, 0.92), (0.36, 0.26, 0.14), p, square=0.5),
        box((-0.75, -0.22, 0.78), (-0.36, 0.22, 0.81), STEEL),
        box((0.36, -0.22, 0.78), (0.75, 0.22, 0.81), STEEL),
        *(moved(knob(0.03, 0.03, CHROME), x, -0.26, 0.7) for x in (-0.2, 0, 0.2)),
        bar((-0.25, -0.29, 0.93), (0.25, -0.29, 0.93), 0.014, CHROME),
        *(moved(wheel(0.08, 0.04, solid=True), x, 0.2, 0.08) for x in (-0.3, 0.3)),
        frame((-0.33, 0.33), (0.13, 0.62), -0.252, 0.008, DARK),
    )


def pots(s: Style) -> Model:
    """Garden pots in a group."""
    parts = []
    for i in range(s.rng.randint(2, 5)):
        r, h = s.rng.uniform(0.09, 0.2), s.rng.uniform(0.16, 0.36)
        p = Paint(shaded(s.colour, s.rng.uniform(0.85, 1.1)), gloss=0.1, weave=0.3)
        one = lathe(
            [
                (0, 0),
                (r * 0.7, 0),
                (r * 0.95, h * 0.8),
                (r * 1.06, h * 0.82),
                (r * 1.06, h),
                (r * 0.92, h),
                (r * 0.85, h * 0.86),
                (0, h * 0.86),
            ],
            p,
            segments=24,
        )
        one = join(
            one,
            moved(lathe([(r * 0.85, 0), (0, 0.004)], Paint((70, 52, 40), weave=0.8)), z=h * 0.87),
        )
        parts.append(
            moved(one, (i % 3) * 0.4 - 0.35, (i // 3) * -0.35 + s.rng.uniform(-0.05, 0.05))
        )
    return standing(join(*parts))


def trampoline(s: Style) -> Model:
    r = 1.4
    p = Paint(s.colour, weave=0.2)
    parts = [
        moved(
            lathe([(0, 0), (r * 0.85, 0)], Paint((30, 30, 33), gloss=0, thin=True), segments=36),
            z=0.7,
        ),
        moved(lathe([(r * 0.85, 0.02), (r, 0.0)], Paint(p.colour, thin=True), segments=36), z=0.7),
    ]
    for i in range(6):
        a = np.pi / 3 * i
        x, y = r * np.cos(a), r * np.sin(a)
        parts += [bar((x, y, 0), (x, y, 2.3), 0.03, STEEL)]
    net = Paint((60, 64, 70), gloss=0, thin=True)
    for i in range(24):
        a = 2 * np.pi * i / 24
        parts.append(
            bar(
                (r * np.cos(a), r * np.sin(a), 0.72),
                (r * np.cos(a), r * np.sin(a), 2.2),
                0.005,
                net,
                sides=3,
            )
        )
    parts += [moved(ring(r, 0.012, net, segments=36, sides=4), z=z) for z in (1.1, 1.5, 1.9, 2.25)]
    return join(*parts)


def greenhouse(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.3)
    w, d, eave, top = 1.9, 2.4, 1.5, 2.1
    glass = Paint((186, 206, 204), gloss=0.7, thin=True)
    parts = []
    for y in (-d / 2, d / 2):
        for x in np.linspace(-w / 2, w / 2, 4):
            parts.append(
                bar((x, y, 0), (x, y, eave + (top - eave) * (1 - abs(x) / (w / 2))), 0.02, p)
            )
        parts += [
            bar((-w / 2, y, eave), (0, y, top), 0.02, p),
            bar((w / 2, y, eave), (0, y, top), 0.02, p),
            bar((-w / 2, y, 0.02), (w / 2, y, 0.02), 0.025, p),
        ]
    for x in (-w / 2, w / 2):
        parts += [bar((x, y, 0), (x, y, eave), 0.018, p) for y in np.linspace(-d / 2, d / 2, 5)]
        parts += [bar((x, y, eave), (0, y, top), 0.015, p) for y in np.linspace(-d / 2, d / 2, 5)]
        parts += [
            cells(patch((x, -d / 2, 0.6), np.array([0, d, 0]), np.array([0, 0, 0.5]), 4, 1), glass),
            bar((x, -d / 2, eave), (x, d / 2, eave), 0.02, p),
        ]
    parts += [
        bar((0, -d / 2, top), (0, d / 2, top), 0.02, p),
        cells(
            patch(
                (-w / 2, -d / 2, eave), np.array([w / 2, 0, top - eave]), np.array([0, d, 0]), 3, 4
            ),
            glass,
        ),
    ]
    return join(*parts)


def gazebo(s: Style) -> Model:
    p = Paint(s.colour, weave=0.15)
    w = 1.5
    parts = [bar((x, y, 0), (x, y, 2.1), 0.03, PALE) for x in (-w, w) for y in (-w, w)]
    corners = [(-w, -w), (w, -w), (w, w), (-w, w)]
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        t = np.linspace(0, 1, 6)
        rows = [
            [(float(x * (1 - q)), float(y * (1 - q)), float(2.1 + 0.75 * q)) for q in t]
            for x, y in ((ax + (bx - ax) * r, ay + (by - ay) * r) for r in np.linspace(0, 1, 5))
        ]
        parts += [
            cloth(rows, p),
            cloth(
                [
                    [(ax, ay, 2.1), (ax, ay, 1.88)],
                    [((ax + bx) / 2, (ay + by) / 2, 2.1), ((ax + bx) / 2, (ay + by) / 2, 1.88)],
                    [(bx, by, 2.1), (bx, by, 1.88)],
                ],
                Paint(s.accent if s.chance(0.3) else s.colour),
            ),
        ]
    return turned(join(*parts), s.rng.choice((15, 30)))


def patio_set(s: Style) -> Model:
    """A garden table with chairs round it."""
    p = s.main()
    top = moved(scaled(cylinder(0.5, 0.03, p, segments=28), 1, 1, 1), z=0.7)
    parts = [top, bar((0, 0, 0), (0, 0, 0.7), 0.035, p), moved(cylinder(0.25, 0.03, p))]
    cushion = Paint(s.accent, weave=0.3, gloss=0)
    seat = join(
        soft((0, 0, 0.44), (0.22, 0.22, 0.03), cushion, square=0.3),
        soft((0, 0.22, 0.66), (0.21, 0.02, 0.22), p, square=0.35),
        *(bar((x, y, 0), (x, y, 0.42), 0.015, p) for x in (-0.2, 0.2) for y in (-0.2, 0.2)),
        *(bar((x, -0.2, 0.62), (x, 0.2, 0.62), 0.014, p) for x in (-0.23, 0.23)),
    )
    for i in range(s.rng.choice((2, 4))):
        a = 45 + i * 90 + s.rng.uniform(-12, 12)
        parts.append(turned(moved(seat, 0, 0.78), a))
    return join(*parts)
