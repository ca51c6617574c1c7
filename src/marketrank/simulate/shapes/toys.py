"""Toys and what small children need."""

import numpy as np

from marketrank.simulate.mesh import (
    Model,
    Paint,
    Point,
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
    tube,
    turned,
)
from marketrank.simulate.shapes.parts import cloth, facing, pane
from marketrank.simulate.shapes.style import BLACK, CHROME, DARK, PALE, STEEL, Style, shaded

TOY = (
    (214, 56, 48),
    (40, 96, 176),
    (242, 196, 52),
    (58, 150, 84),
    (240, 240, 238),
    (232, 124, 44),
    (120, 70, 150),
)


def toy_bricks(s: Style) -> Model:
    """A small house or tower of bricks with loose ones about."""
    parts = []

    def brick(x: float, y: float, z: float, n: int) -> None:
        p = Paint(s.rng.choice(TOY), gloss=0.4)
        parts.append(box((x, y, z), (x + 0.0155 * n, y + 0.031, z + 0.019), p, cell=0.03))
        parts.extend(
            moved(
                cylinder(0.005, 0.0045, p, segments=8),
                x + 0.008 + 0.0155 * i,
                y + 0.008 + 0.0155 * j,
                z + 0.019,
            )
            for i in range(n)
            for j in range(2)
        )

    for layer in range(s.rng.randint(3, 6)):
        for i in range(s.rng.randint(2, 4)):
            brick(-0.09 + i * 0.062 + (layer % 2) * 0.031, 0, layer * 0.0195, 4)
    for _ in range(s.rng.randint(4, 9)):
        brick(s.rng.uniform(-0.16, 0.16), s.rng.uniform(-0.15, -0.05), 0, s.rng.choice((1, 2, 4)))
    return join(*parts)


def dolls_house(s: Style) -> Model:
    w, d, h = 0.55, 0.3, 0.5
    p, roof = Paint(s.colour, gloss=0.1), Paint(s.accent, gloss=0.1)
    parts = [box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), p, cell=0.1)]
    y = -d / 2 - 0.002
    for x in (-0.17, 0.17):
        for z in (0.08, 0.3):
            parts += [
                pane(x - 0.055, z, x + 0.055, z + 0.13, y, Paint((110, 140, 160), gloss=0.6)),
                frame(
                    (x - 0.06, x + 0.06), (z - 0.005, z + 0.135), y - 0.002, 0.01, PALE, lift=0.08
                ),
                pane(x - 0.003, z, x + 0.003, z + 0.13, y - 0.002, PALE, lift=0.08),
            ]
    parts += [
        pane(-0.05, 0, 0.05, 0.19, y, Paint(s.accent)),
        pane(-0.05, 0.3, 0.05, 0.42, y, Paint((110, 140, 160), gloss=0.6)),
    ]
    for side in (-1, 1):
        slope = patch(
            (side * (w / 2 + 0.04), -d / 2 - 0.04, h - 0.02),
            np.array([-side * (w / 2 + 0.04), 0, 0.24]),
            np.array([0, d + 0.08, 0]),
            5,
            4,
        )
        parts.append(cells(slope, Paint(roof.colour, thin=True)))
    gable = patch((-w / 2, y, h), np.array([w, 0, 0]), np.array([0, 0, 0.001]), 3, 1)
    parts += [
        cells(gable, p),
        cells(
            np.array([[(-w / 2, y, h), (w / 2, y, h), (0.01, y, h + 0.22), (-0.01, y, h + 0.22)]]),
            p,
        ),
        box((0.12, -0.03, h + 0.08), (0.17, 0.03, h + 0.24), Paint((170, 90, 70))),
    ]
    return join(*parts)


def teddy(s: Style) -> Model:
    fur, pale = (
        Paint(s.colour, gloss=0, weave=1.0),
        Paint(shaded(s.colour, 1.3), gloss=0, weave=0.8),
    )
    parts = [
        soft((0, 0, 0.13), (0.1, 0.08, 0.12), fur, square=1),
        soft((0, -0.01, 0.31), (0.085, 0.075, 0.08), fur, square=1),
        soft((0, -0.08, 0.29), (0.035, 0.03, 0.028), pale, square=1),
        soft((0, -0.107, 0.3), (0.012, 0.008, 0.009), Paint(BLACK), square=1),
    ]
    for x in (-1, 1):
        parts += [
            soft((x * 0.065, 0, 0.385), (0.03, 0.015, 0.03), fur, square=1),
            soft(
                (x * 0.035, -0.074, 0.33),
                (0.008, 0.006, 0.009),
                Paint(BLACK, gloss=0.8),
                square=1,
                detail=6,
            ),
            soft((x * 0.085, -0.1, 0.045), (0.04, 0.09, 0.042), fur, square=1),
            soft((x * 0.085, -0.175, 0.05), (0.034, 0.02, 0.04), pale, square=1),
            turned(
                moved(soft((0, 0, 0), (0.032, 0.04, 0.09), fur, square=1), x * 0.115, -0.03, 0.16),
                0,
            ),
        ]
    if s.chance(0.4):
        parts.append(moved(ring(0.06, 0.012, Paint(s.accent, gloss=0.2)), 0, -0.005, 0.235))
    return join(*parts)


def toy_kitchen(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.2)
    parts = [
        box((-0.35, -0.15, 0), (0.35, 0.15, 0.5), p, cell=0.1),
        box((-0.35, 0.1, 0.5), (0.35, 0.15, 0.95), p, cell=0.12),
        box((-0.35, -0.02, 0.8), (0.35, 0.15, 0.83), Paint(s.accent)),
        pane(-0.3, 0.08, -0.02, 0.38, -0.152, Paint((60, 64, 70), gloss=0.4)),
        pane(0.04, 0.08, 0.3, 0.38, -0.152, Paint(s.accent)),
        *(moved(cylinder(0.06, 0.006, DARK), x, -0.01, 0.5) for x in (-0.24, -0.08)),
        moved(lathe([(0, 0.01), (0.08, 0.008), (0.1, 0.012)], STEEL), 0.2, 0, 0.5),
        tube([(0.2, 0.09, 0.5), (0.2, 0.09, 0.62), (0.2, 0.02, 0.6)], 0.01, CHROME),
        moved(cylinder(0.04, 0.06, Paint(s.rng.choice(TOY), gloss=0.4)), -0.08, -0.01, 0.506),
    ]
    parts += [
        moved(facing(cylinder(0.018, 0.02, Paint(s.accent), segments=12)), x, -0.15, 0.44)
        for x in (-0.26, -0.16, -0.06)
    ]
    return join(*parts)


def slide(s: Style) -> Model:
    """A garden slide or a swing."""
    p = Paint(s.colour, gloss=0.3)
    if s.chance(0.5):
        parts = [
            bar((x, y, 0), (x * 0.9, 0, 1.9), 0.035, p) for x in (-0.9, 0.9) for y in (-0.6, 0.6)
        ]
        parts += [
            bar((-0.85, 0, 1.9), (0.85, 0, 1.9), 0.035, p),
            *(bar((x, 0, 0.5), (x, 0, 1.88), 0.006, STEEL) for x in (-0.2, 0.2)),
            box((-0.24, -0.1, 0.46), (0.24, 0.1, 0.49), Paint(s.accent, gloss=0.3)),
        ]
        return join(*parts)
    t = np.linspace(0, 1, 10)
    x, z = -0.35 + 1.5 * t, 1.05 * (1 - t) ** 1.25 + 0.08
    rows = [
        [(float(a), y, float(b + lift)) for a, b in zip(x, z, strict=True)]
        for y, lift in ((-0.24, 0.12), (-0.2, 0.0), (0.2, 0.0), (0.24, 0.12))
    ]
    steps = [
        box(
            (-0.75 + i * 0.08, -0.2, 0.2 + i * 0.22),
            (-0.67 + i * 0.08, 0.2, 0.23 + i * 0.22),
            Paint(s.accent, gloss=0.3),
        )
        for i in range(4)
    ]
    rails = [
        bar((-0.85, y, 0), (-0.35, y, 1.3), 0.03, Paint(s.accent, gloss=0.3)) for y in (-0.22, 0.22)
    ]
    return turned(join(cloth(rows, p), *steps, *rails), s.rng.choice((-30, 40, -150)))


def car_seat(s: Style) -> Model:
    shell, pad = Paint((52, 52, 56), gloss=0.2), Paint(s.colour, weave=0.4, gloss=0)
    parts = [
        soft((0, 0.03, 0.14), (0.23, 0.25, 0.13), shell, square=0.5),
        soft((0, 0.2, 0.42), (0.22, 0.08, 0.28), shell, square=0.5),
        soft((0, -0.06, 0.27), (0.17, 0.2, 0.04), pad, square=0.5),
        soft((0, 0.12, 0.47), (0.17, 0.06, 0.22), pad, square=0.5),
        soft((0, 0.1, 0.63), (0.13, 0.06, 0.07), pad, square=0.5),
    ]
    parts += [soft((x, -0.02, 0.34), (0.04, 0.17, 0.06), pad, square=0.6) for x in (-0.2, 0.2)]
    parts += [
        tube([(x, 0.05, 0.6), (x * 0.9, -0.02, 0.42), (0, -0.12, 0.32)], 0.014, DARK)
        for x in (-0.07, 0.07)
    ]
    return join(
        *parts, soft((0, -0.12, 0.32), (0.03, 0.015, 0.03), Paint((190, 50, 46)), square=0.5)
    )


def stair_gate(s: Style) -> Model:
    p = s.main()
    return join(
        *(bar((x, 0, 0.06), (x, 0, 0.74), 0.009, p) for x in np.linspace(-0.36, 0.36, 12)),
        bar((-0.4, 0, 0.05), (0.4, 0, 0.05), 0.014, p),
        bar((-0.4, 0, 0.74), (0.4, 0, 0.74), 0.014, p),
        *(bar((x, 0, 0), (x, 0, 0.78), 0.014, p) for x in (-0.4, 0.4, 0.22)),
        box((0.17, -0.03, 0.73), (0.27, 0.03, 0.79), Paint(s.accent)),
    )


def bouncer(s: Style) -> Model:
    p = Paint(s.colour, weave=0.3)
    t = np.linspace(0, 1, 9)
    rows = [
        [
            (
                float(w * (0.6 + 0.4 * np.sin(np.pi * q))),
                float(-0.35 + 0.75 * q),
                float(0.16 + 0.1 * (w / 0.2) ** 2 + 0.35 * q**2),
            )
            for q in t
        ]
        for w in np.linspace(-0.2, 0.2, 7)
    ]
    arch: list[Point] = [
        (0.22 * np.cos(a), -0.02, 0.3 + 0.3 * np.sin(a)) for a in np.linspace(0, np.pi, 11)
    ]
    toys = [
        moved(
            soft((0, 0, 0), (0.03, 0.03, 0.03), Paint(s.rng.choice(TOY), gloss=0.3), square=1),
            x,
            -0.02,
            0.5,
        )
        for x in (-0.08, 0, 0.08)
    ]
    return join(
        cloth(rows, p),
        tube(arch, 0.011, Paint(s.accent, gloss=0.2)),
        *toys,
        *(
            tube([(x, -0.4, 0.02), (x, 0.35, 0.02), (x, 0.42, 0.2), (x, 0.4, 0.5)], 0.011, STEEL)
            for x in (-0.21, 0.21)
        ),
    )


def toy_box(s: Style) -> Model:
    """A bundle of toys in a crate."""
    crate = [
        box((-0.22, y - 0.006, 0), (0.22, y + 0.006, 0.2), Paint(s.colour, gloss=0.1))
        for y in (-0.15, 0.15)
    ] + [
        box((x - 0.006, -0.15, 0), (x + 0.006, 0.15, 0.2), Paint(s.colour, gloss=0.1))
        for x in (-0.22, 0.22)
    ]
    things = []
    for _ in range(9):
        c = Paint(s.rng.choice(TOY), gloss=0.3)
        r = s.rng.uniform(0.04, 0.07)
        things.append(
            soft(
                (s.rng.uniform(-0.15, 0.15), s.rng.uniform(-0.09, 0.09), s.rng.uniform(0.15, 0.24)),
                (r, r, r),
                c,
                square=s.rng.choice((1.0, 0.3)),
                detail=8,
            )
        )
    return join(
        *crate,
        *things,
        moved(
            scaled(teddy(Style((176, 128, 84), s.accent, "fabric", s.rng)), 0.6), 0.05, 0.02, 0.16
        ),
    )
