"""What stands in a kitchen."""

import numpy as np

from marketrank.simulate.mesh import (
    Model,
    Paint,
    bar,
    box,
    cylinder,
    join,
    lathe,
    moved,
    ring,
    soft,
    standing,
    tube,
    turned,
)
from marketrank.simulate.shapes.parts import knob, pane
from marketrank.simulate.shapes.style import CHROME, DARK, PALE, Style, shaded


def crockery(s: Style) -> Model:
    """A stack of plates, a row of mugs and sometimes a teapot."""
    p, edge = Paint(s.colour, gloss=0.5), Paint(s.accent, gloss=0.4)
    rise = [
        (0, 0),
        (0.07, 0),
        (0.12, 0.014),
        (0.128, 0.017),
        (0.12, 0.018),
        (0.07, 0.006),
        (0, 0.006),
    ]
    rim = moved(ring(0.126, 0.002, edge, sides=4), z=0.017)
    plate = join(lathe(rise, p, segments=30), rim)
    parts = [moved(plate, z=i * 0.011) for i in range(s.rng.randint(4, 8))]
    for i in range(s.rng.randint(2, 4)):
        one = turned(_mug(p, edge), s.rng.uniform(-60, 20))
        parts.append(moved(one, 0.22 + (i % 2) * 0.12, -0.05 + (i // 2) * 0.14))
    if s.chance(0.6):
        parts.append(moved(_teapot(p, edge), -0.28, 0.04))
    return join(*parts)


def _mug(p: Paint, edge: Paint) -> Model:
    rise = [
        (0, 0),
        (0.036, 0),
        (0.04, 0.01),
        (0.041, 0.05),
        (0.042, 0.09),
        (0.038, 0.09),
        (0.036, 0.03),
        (0, 0.02),
    ]
    handle = turned(ring(0.024, 0.006, p, segments=16, sides=6), 90, "x")
    band = moved(ring(0.0405, 0.002, edge, sides=4), z=0.07)
    return join(lathe(rise, p), moved(handle, 0.052, 0, 0.047), band)


def _teapot(p: Paint, edge: Paint) -> Model:
    return join(
        lathe([(0, 0), (0.06, 0), (0.095, 0.05), (0.09, 0.1), (0.05, 0.135), (0, 0.14)], p),
        tube([(0.08, 0, 0.05), (0.13, 0, 0.08), (0.15, 0, 0.13)], [0.02, 0.014, 0.009], p),
        moved(turned(ring(0.045, 0.008, p, segments=18), 90, "x"), -0.1, 0, 0.075),
        soft((0, 0, 0.15), (0.012, 0.012, 0.012), edge, square=1),
    )


def glasses(s: Style) -> Model:
    p = Paint((206, 220, 226), gloss=0.9, metal=0.35)
    parts = []
    for i in range(s.rng.choice((4, 6))):
        one = lathe(
            [
                (0, 0),
                (0.034, 0),
                (0.03, 0.004),
                (0.005, 0.01),
                (0.004, 0.08),
                (0.02, 0.095),
                (0.037, 0.13),
                (0.036, 0.17),
                (0.03, 0.195),
            ],
            p,
        )
        parts.append(moved(one, (i % 3) * 0.095 + s.rng.uniform(-0.01, 0.01), (i // 3) * 0.1))
    return standing(join(*parts))


def kettle(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.4, metal=0.6 if s.material in ("steel", "metal") else 0.1)
    body = lathe(
        [
            (0, 0),
            (0.085, 0),
            (0.088, 0.02),
            (0.082, 0.09),
            (0.066, 0.17),
            (0.058, 0.2),
            (0.03, 0.212),
            (0, 0.214),
        ],
        p,
        segments=28,
    )
    base = lathe([(0, -0.02), (0.09, -0.02), (0.088, 0)], DARK, segments=28)
    spout = tube([(-0.055, 0, 0.15), (-0.085, 0, 0.19)], [0.024, 0.014], p)
    grip = tube(
        [(0.05, 0, 0.205), (0.1, 0, 0.2), (0.125, 0, 0.13), (0.1, 0, 0.05), (0.08, 0, 0.04)],
        0.012,
        DARK,
        sides=8,
    )
    return standing(
        join(
            body,
            base,
            spout,
            grip,
            moved(soft((0, 0, 0), (0.013, 0.013, 0.01), DARK, square=1), z=0.222),
        )
    )


def toaster(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.4, metal=0.5 if s.material in ("steel", "metal") else 0.05)
    n = s.rng.choice((1, 1, 2))
    parts = [
        soft((0, 0, 0.1), (0.14 * (1 + 0.5 * (n - 1)), 0.085, 0.095), p, square=0.3, detail=14)
    ]
    for y in (-0.028, 0.028):
        parts.append(
            box(
                (-0.1 * n * 0.85, y - 0.011, 0.193),
                (0.1 * n * 0.85, y + 0.011, 0.1965),
                Paint((20, 20, 22)),
                cell=0.04,
            )
        )
        if s.chance(0.3):
            parts.append(
                soft(
                    (-0.02, y, 0.21),
                    (0.06, 0.008, 0.03),
                    Paint((196, 150, 92), weave=0.8),
                    square=0.4,
                )
            )
    x = 0.14 * (1 + 0.5 * (n - 1))
    parts += [
        box((x, -0.02, 0.11), (x + 0.02, 0.02, 0.125), DARK),
        moved(knob(0.018, 0.015, DARK), x * 0.6, -0.085, 0.05),
    ]
    return join(*parts)


def microwave(s: Style) -> Model:
    w, d, h, p = 0.48, 0.34, 0.28, Paint(s.colour, gloss=0.3)
    y = -d / 2 - 0.001
    parts = [
        box((-w / 2, -d / 2, 0.01), (w / 2, d / 2, h), p, cell=0.08),
        pane(-w / 2 + 0.01, 0.02, w * 0.24, h - 0.012, y, Paint((26, 26, 29), gloss=0.35)),
        pane(
            -w / 2 + 0.05,
            0.06,
            w * 0.17,
            h - 0.05,
            y - 0.001,
            Paint((54, 54, 58), gloss=0.4),
            lift=0.07,
        ),
        pane(w * 0.28, h - 0.07, w * 0.46, h - 0.035, y, Paint((80, 210, 190), glow=0.8)),
        moved(knob(0.03, 0.02, CHROME), w * 0.37, y, 0.08),
    ]
    parts += [
        pane(w * 0.28 + i * 0.03, h - 0.12, w * 0.28 + i * 0.03 + 0.022, h - 0.1, y, DARK)
        for i in range(3)
    ]
    return join(*parts)


def coffee_machine(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.3, metal=0.3)
    parts = [
        box((-0.13, 0.02, 0), (0.13, 0.17, 0.34), p, cell=0.06),
        box((-0.13, -0.16, 0.25), (0.13, 0.02, 0.34), p, cell=0.06),
        box((-0.13, -0.16, 0), (0.13, 0.02, 0.035), DARK, cell=0.06),
        moved(cylinder(0.035, 0.03, CHROME), 0, -0.08, 0.225),
        bar((0, -0.08, 0.232), (0, -0.25, 0.225), 0.012, DARK),
        tube([(0.11, -0.13, 0.25), (0.115, -0.15, 0.18), (0.12, -0.16, 0.1)], 0.005, CHROME),
        moved(knob(0.022, 0.02, CHROME), -0.07, -0.161, 0.295),
        pane(0.0, 0.28, 0.09, 0.31, -0.161, Paint((24, 26, 30), gloss=0.3)),
        lathe([(0, 0.036), (0.025, 0.036), (0.034, 0.085), (0.03, 0.085), (0, 0.05)], PALE),
    ]
    parts[-1] = moved(parts[-1], 0, -0.08)
    return join(*parts)


def blender(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.35)
    jug = Paint((196, 210, 214), gloss=0.8, metal=0.2)
    return join(
        lathe([(0, 0), (0.085, 0), (0.08, 0.06), (0.055, 0.14), (0, 0.14)], p),
        lathe([(0.045, 0.14), (0.055, 0.2), (0.07, 0.3), (0.075, 0.36)], jug),
        moved(knob(0.02, 0.02, CHROME), 0, -0.075, 0.06),
        lathe([(0.077, 0.36), (0.077, 0.385), (0.03, 0.39), (0.03, 0.41), (0, 0.412)], DARK),
        tube([(0.07, 0, 0.34), (0.115, 0, 0.32), (0.11, 0, 0.22), (0.058, 0, 0.2)], 0.009, DARK),
    )


def cooker(s: Style) -> Model:
    w, d, h, p = s.rng.choice((0.5, 0.6, 0.9)), 0.6, 0.9, Paint(s.colour, gloss=0.3)
    y = -d / 2 - 0.001
    parts = [
        box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), p, cell=0.13),
        box((-w / 2, d / 2 - 0.03, h), (w / 2, d / 2, h + 0.12), p, cell=0.13),
    ]
    for x in (-w / 4, w / 4):
        for yy in (-0.13, 0.13):
            parts.append(moved(cylinder(0.075, 0.012, DARK, segments=18), x, yy, h))
            parts.append(
                moved(
                    ring(0.05, 0.008, Paint((24, 24, 26)), sides=5, segments=18), x, yy, h + 0.018
                )
            )
    parts += [
        moved(knob(0.02, 0.025, DARK), x, y, h - 0.06) for x in np.linspace(-w * 0.4, w * 0.4, 6)
    ]
    parts += [
        pane(-w * 0.42, 0.3, w * 0.42, h - 0.17, y, Paint((34, 34, 38), gloss=0.4)),
        bar((-w * 0.42, y - 0.03, h - 0.13), (w * 0.42, y - 0.03, h - 0.13), 0.012, CHROME),
        pane(-w * 0.46, 0.06, w * 0.46, 0.25, y, Paint(shaded(s.colour, 0.86))),
    ]
    return join(*parts)


def fryer(s: Style) -> Model:
    """A counter-top fryer, grill or bain-marie."""
    p = Paint((196, 198, 202), gloss=0.35, metal=0.6)
    parts = [
        box((-0.28, -0.24, 0.03), (0.28, 0.24, 0.3), p, cell=0.08),
        box((-0.28, 0.16, 0.3), (0.28, 0.24, 0.42), p, cell=0.08),
    ]
    for x in (-0.13, 0.13):
        parts += [
            box((x - 0.1, -0.16, 0.3005), (x + 0.1, 0.13, 0.302), Paint((84, 66, 40), gloss=0.7)),
            box(
                (x - 0.08, -0.12, 0.303),
                (x + 0.08, 0.1, 0.33),
                Paint((150, 150, 154), metal=0.6, weave=1.5),
            ),
            bar((x, -0.12, 0.34), (x, -0.34, 0.38), 0.012, DARK),
            moved(knob(0.025, 0.03, DARK), x, -0.24, 0.13),
            pane(x - 0.01, 0.22, x + 0.01, 0.235, -0.241, Paint((230, 80, 60), glow=0.9)),
        ]
    return join(*parts)
