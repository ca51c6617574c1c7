"""Materials, doors, and what a bathroom needs."""

import numpy as np

from marketrank.simulate.mesh import (
    Model,
    Paint,
    bar,
    box,
    cylinder,
    frame,
    join,
    lathe,
    moved,
    scaled,
    soft,
    standing,
    tube,
    turned,
)
from marketrank.simulate.shapes.parts import knob, pane
from marketrank.simulate.shapes.style import CHROME, Style, shaded


def timber(s: Style) -> Model:
    """A stack of boards or battens."""
    parts = []
    for layer in range(s.rng.randint(3, 6)):
        for i in range(s.rng.randint(3, 5)):
            p = Paint(shaded(s.colour, s.rng.uniform(0.85, 1.12)), gloss=0.04, grain=1.2)
            x = -0.3 + i * 0.15 + s.rng.uniform(-0.01, 0.01)
            parts.append(
                turned(
                    box(
                        (x, -1.1 + s.rng.uniform(0, 0.2), layer * 0.05),
                        (x + 0.14, 1.0 + s.rng.uniform(0, 0.2), layer * 0.05 + 0.045),
                        p,
                    ),
                    0,
                )
            )
    return turned(join(*parts), s.rng.choice((60, 75, 100, 110)))


def bricks(s: Style) -> Model:
    parts = []
    for layer in range(s.rng.randint(3, 5)):
        for row in range(2):
            for i in range(5 - (layer > 2)):
                p = Paint(shaded(s.colour, s.rng.uniform(0.8, 1.15)), gloss=0, weave=1.2)
                x, y = -0.55 + i * 0.225 + (layer % 2) * 0.05, row * 0.115
                parts.append(
                    box(
                        (x, y, layer * 0.068),
                        (x + 0.215, y + 0.105, layer * 0.068 + 0.064),
                        p,
                        cell=0.05,
                    )
                )
    return join(*parts)


def tile_stack(s: Style) -> Model:
    parts = []
    for stack in range(s.rng.randint(2, 3)):
        for i in range(s.rng.randint(6, 12)):
            p = Paint(shaded(s.colour, s.rng.uniform(0.92, 1.06)), gloss=0.4)
            dx, dy = s.rng.uniform(-0.008, 0.008), s.rng.uniform(-0.008, 0.008)
            parts.append(
                box(
                    (stack * 0.36 + dx, dy, i * 0.012),
                    (stack * 0.36 + 0.3 + dx, 0.3 + dy, i * 0.012 + 0.01),
                    p,
                    cell=0.1,
                )
            )
    parts.append(
        moved(
            turned(
                box((0, 0, 0), (0.3, 0.01, 0.3), Paint(s.colour, gloss=0.5), cell=0.08), -16, "x"
            ),
            0.1,
            0.36,
        )
    )
    return standing(join(*parts))


def door(s: Style) -> Model:
    w, h, p = 0.76, 1.98, s.main()
    parts = [box((-w / 2, 0, 0), (w / 2, 0.04, h), p, cell=0.2)]
    for x0, x1 in ((-w / 2 + 0.1, -0.04), (0.04, w / 2 - 0.1)):
        for z0, z1 in ((0.18, 0.75), (0.9, 1.6), (1.68, 1.86)):
            parts.append(frame((x0, x1), (z0, z1), -0.002, 0.012, Paint(shaded(s.colour, 0.72))))
    if s.chance(0.35):
        parts.append(
            pane(
                -w / 2 + 0.1,
                0.9,
                w / 2 - 0.1,
                1.86,
                -0.003,
                Paint((176, 196, 206), gloss=0.8),
                lift=0.08,
            )
        )
    parts += [
        moved(
            knob(0.028, 0.05, s.rng.choice((CHROME, Paint((196, 156, 80), metal=0.8)))),
            w / 2 - 0.06,
            0,
            1.0,
        )
    ]
    return turned(join(*parts), -4, "x")


def window(s: Style) -> Model:
    w, h, p = s.rng.uniform(0.8, 1.3), s.rng.uniform(0.8, 1.1), Paint(s.colour, gloss=0.3)
    glass = Paint((150, 170, 180), gloss=0.8)
    sides = ((-w / 2 + 0.06, -0.03), (0.03, w / 2 - 0.06))
    parts = [pane(a, 0.06, b, h - 0.06, 0.03, glass, lift=-0.03) for a, b in sides]
    for x in (-w / 2, -0.03, w / 2 - 0.06):
        parts.append(box((x, 0, 0), (x + 0.06, 0.06, h), p))
    parts += [box((-w / 2, 0, z), (w / 2, 0.06, z + 0.06), p) for z in (0, h - 0.06)]
    parts.append(box((-0.13, -0.02, h / 2), (-0.04, 0, h / 2 + 0.02), CHROME))
    return turned(join(*parts), -7, "x")


def basin(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.6)
    bowl = lathe(
        [(0.06, 0.6), (0.18, 0.66), (0.25, 0.76), (0.27, 0.8), (0.24, 0.8), (0.18, 0.73), (0, 0.7)],
        p,
        segments=30,
    )
    post = lathe([(0.12, 0), (0.09, 0.08), (0.07, 0.4), (0.1, 0.62)], p)
    tap = join(
        tube([(0, 0.2, 0.8), (0, 0.2, 0.9), (0, 0.12, 0.93), (0, 0.07, 0.89)], 0.013, CHROME),
        *(moved(cylinder(0.022, 0.05, CHROME, segments=12), x, 0.2, 0.8) for x in (-0.09, 0.09)),
    )
    return join(
        scaled(bowl, 1.1, 0.9, 1), post, box((-0.2, 0.12, 0.74), (0.2, 0.27, 0.805), p), tap
    )


def toilet(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.6)
    return join(
        scaled(
            lathe(
                [(0.14, 0), (0.12, 0.06), (0.13, 0.2), (0.2, 0.36), (0.2, 0.4), (0, 0.4)],
                p,
                segments=28,
            ),
            0.95,
            1.25,
            1,
        ),
        moved(scaled(cylinder(0.2, 0.03, p, segments=28), 0.95, 1.25, 1), z=0.4),
        soft((0, 0.3, 0.6), (0.2, 0.09, 0.2), p, square=0.25),
        soft((0, 0.3, 0.8), (0.21, 0.1, 0.02), p, square=0.25),
        moved(cylinder(0.02, 0.015, CHROME), 0, 0.3, 0.82),
    )


def bath(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.6)
    shell = [
        (0.3, 0.06),
        (0.38, 0.2),
        (0.42, 0.45),
        (0.44, 0.56),
        (0.4, 0.56),
        (0.36, 0.42),
        (0.3, 0.2),
        (0, 0.16),
    ]
    parts = [scaled(lathe(shell, p, segments=34), 1.85, 0.85, 1)]
    parts += [lathe([(0, 0), (0.035, 0), (0.02, 0.05), (0.035, 0.12)], CHROME, segments=10)]
    parts[-1] = join(*(moved(parts[-1], x, y) for x in (-0.45, 0.45) for y in (-0.2, 0.2)))
    parts.append(
        tube([(0.7, 0, 0.56), (0.7, 0, 0.72), (0.6, 0, 0.74), (0.56, 0, 0.68)], 0.018, CHROME)
    )
    return join(*parts)


def radiator(s: Style) -> Model:
    w, p = s.rng.uniform(0.6, 1.2), Paint(s.colour, gloss=0.3)
    ribs = [
        box((x, -0.03, 0.05), (x + 0.028, 0.03, 0.62), p, cell=0.12)
        for x in np.arange(-w / 2, w / 2, 0.04)
    ]
    return join(
        *ribs,
        box((-w / 2, -0.02, 0.02), (w / 2, 0.02, 0.06), p),
        box((-w / 2, -0.02, 0.6), (w / 2, 0.02, 0.64), p),
        bar((-w / 2 - 0.05, 0, 0), (-w / 2 - 0.05, 0, 0.05), 0.012, CHROME),
    )
