"""Hobbies and pets."""

import numpy as np

from marketrank.simulate.mesh import (
    Model,
    Paint,
    Point,
    bar,
    box,
    cells,
    cylinder,
    flat,
    frame,
    join,
    lathe,
    moved,
    ring,
    scaled,
    soft,
    standing,
    turned,
)
from marketrank.simulate.shapes import art
from marketrank.simulate.shapes.parts import disc, facing, hung, pane
from marketrank.simulate.shapes.style import BLACK, BRASS, DARK, PALE, STEEL, Style, shaded


def typewriter(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.4)
    parts = [
        soft((0, 0.03, 0.06), (0.16, 0.13, 0.055), p, square=0.4),
        moved(turned(cylinder(0.02, 0.36, Paint((40, 40, 42))), 90, "y"), -0.18, 0.09, 0.125),
        flat(
            [(-0.1, 0.1, 0.13), (0.1, 0.1, 0.13), (0.1, 0.14, 0.29), (-0.1, 0.14, 0.29)],
            Paint((248, 246, 238), thin=True),
        ),
    ]
    for row in range(4):
        for i in range(10):
            parts.append(
                moved(
                    cylinder(0.007, 0.008, s.rng.choice((PALE, PALE)), segments=10),
                    -0.11 + i * 0.024 + row * 0.004,
                    -0.14 + row * 0.024,
                    0.035 + row * 0.014,
                )
            )
    parts.append(box((-0.14, -0.165, 0), (0.14, -0.05, 0.03), p, cell=0.05))
    return standing(join(*parts))


def telescope(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.35)
    scope = moved(
        turned(
            lathe(
                [
                    (0, -0.32),
                    (0.02, -0.32),
                    (0.02, -0.26),
                    (0.045, -0.25),
                    (0.045, 0.3),
                    (0.055, 0.3),
                    (0.055, 0.4),
                    (0.03, 0.39),
                ],
                p,
            ),
            62,
            "x",
        ),
        0,
        0,
        1.05,
    )
    legs: list[tuple[Point, Point]] = [
        ((0.35 * np.cos(a), 0.35 * np.sin(a), 0.0), (0.0, 0.0, 0.98)) for a in (0.6, 2.7, 4.8)
    ]
    return join(
        scope,
        *(bar(a, b, 0.016, STEEL) for a, b in legs),
        moved(soft((0, 0, 0), (0.03, 0.03, 0.05), DARK), z=1.0),
    )


def binoculars(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.1, weave=0.4)
    one = lathe(
        [
            (0, 0),
            (0.028, 0),
            (0.03, 0.01),
            (0.027, 0.07),
            (0.019, 0.1),
            (0.018, 0.15),
            (0.021, 0.155),
            (0.021, 0.17),
            (0, 0.17),
        ],
        p,
    )
    pair = join(
        moved(turned(one, 4, "y"), -0.036),
        moved(turned(one, -4, "y"), 0.036),
        bar((0, 0, 0.04), (0, 0, 0.13), 0.011, DARK),
        box((-0.035, -0.008, 0.06), (0.035, 0.008, 0.09), p),
    )
    return standing(turned(pair, s.rng.choice((0, 80, 80)), "x"))


def model_train(s: Style) -> Model:
    p, black = Paint(s.colour, gloss=0.4), Paint(BLACK, gloss=0.3)
    parts = [
        moved(turned(cylinder(0.018, 0.13, p), 90, "y"), -0.07, 0, 0.045),
        box((0.055, -0.022, 0.02), (0.11, 0.022, 0.085), p, cell=0.02),
        box((0.05, -0.026, 0.085), (0.115, 0.026, 0.09), black),
        box((-0.09, -0.02, 0.014), (0.115, 0.02, 0.024), black, cell=0.03),
        moved(cylinder(0.008, 0.03, black), -0.05, 0, 0.06),
        moved(cylinder(0.007, 0.015, BRASS), 0, 0, 0.062),
    ]
    for x in (-0.06, -0.02, 0.02, 0.08):
        parts += [
            moved(
                facing(cylinder(0.013, 0.004, Paint((150, 40, 36), gloss=0.3), segments=14)),
                x,
                y,
                0.014,
            )
            for y in (-0.02, 0.024)
        ]
    cars = [
        moved(
            join(
                box(
                    (-0.08, -0.021, 0.02),
                    (0.08, 0.021, 0.07),
                    Paint(s.accent, gloss=0.35),
                    cell=0.03,
                ),
                pane(-0.07, 0.042, 0.07, 0.058, -0.0215, Paint((240, 234, 200))),
            ),
            0.21 + i * 0.175,
        )
        for i in range(s.rng.randint(1, 2))
    ]
    rails = [box((-0.2, y - 0.002, -0.004), (0.55, y + 0.002, 0), STEEL) for y in (-0.014, 0.014)]
    return standing(join(*parts, *cars, *rails))


def easel(s: Style) -> Model:
    wood = Paint((196, 148, 92), grain=0.7)
    legs = [
        bar((-0.3, -0.2, 0), (-0.03, 0.05, 1.6), 0.02, wood),
        bar((0.3, -0.2, 0), (0.03, 0.05, 1.6), 0.02, wood),
        bar((0, 0.5, 0), (0, 0.05, 1.5), 0.018, wood),
        box((-0.32, -0.2, 0.6), (0.32, -0.1, 0.63), wood),
    ]
    canvas = join(
        box((-0.28, 0, 0), (0.28, 0.02, 0.42), PALE),
        hung(art.painting(s.rng, (220, 165)), 0.56, 0.42, y=-0.001),
    )
    return join(*legs, moved(turned(canvas, -9, "x"), 0, -0.16, 0.635))


def yarn(s: Style) -> Model:
    """Balls of wool and needles."""
    parts = []
    for i in range(s.rng.randint(4, 9)):
        c = s.rng.choice((s.colour, s.accent, *art.INKS))
        ball = soft((0, 0, 0.045), (0.055, 0.055, 0.047), Paint(c, gloss=0, weave=2.0), square=1)
        wraps = [
            moved(
                turned(
                    turned(
                        ring(0.052, 0.0035, Paint(shaded(c, 0.8), gloss=0), sides=4),
                        s.rng.uniform(0, 180),
                        "x",
                    ),
                    s.rng.uniform(0, 180),
                ),
                z=0.045,
            )
            for _ in range(3)
        ]
        parts.append(
            moved(join(ball, *wraps), (i % 3) * 0.115 + s.rng.uniform(-0.01, 0.01), (i // 3) * 0.11)
        )
    needles = [
        bar(
            (-0.1, -0.07 + i * 0.02, 0.01),
            (0.25, -0.09 - i * 0.02, 0.01),
            0.003,
            Paint((180, 150, 90), gloss=0.4),
        )
        for i in range(2)
    ]
    return scaled(standing(join(*parts, *needles)), 1)


def fish_tank(s: Style) -> Model:
    w, d, h = s.rng.uniform(0.5, 0.9), 0.32, 0.42
    rim = Paint(s.colour, gloss=0.2)
    water = Paint((96, 158, 176), gloss=0.8, glow=0.35)
    parts = [
        box((-w / 2, -d / 2, 0.02), (w / 2, d / 2, h), water, cell=0.08),
        box((-w / 2 - 0.01, -d / 2 - 0.01, 0), (w / 2 + 0.01, d / 2 + 0.01, 0.03), rim),
        box((-w / 2 - 0.01, -d / 2 - 0.01, h), (w / 2 + 0.01, d / 2 + 0.01, h + 0.07), rim),
    ]
    y = -d / 2 - 0.001
    parts.append(
        pane(-w / 2 + 0.004, 0.03, w / 2 - 0.004, 0.075, y, Paint((196, 176, 138), weave=2.5))
    )
    for _ in range(s.rng.randint(4, 8)):
        x = s.rng.uniform(-w * 0.42, w * 0.42)
        parts += [
            pane(
                x + i * 0.008,
                0.07,
                x + 0.006 + i * 0.008,
                0.07 + s.rng.uniform(0.06, 0.22),
                y - 0.001,
                Paint(shaded((60, 130, 64), s.rng.uniform(0.7, 1.2))),
                lift=0.07,
            )
            for i in range(4)
        ]
    for _ in range(s.rng.randint(2, 6)):
        x, z, c = (
            s.rng.uniform(-w * 0.4, w * 0.4),
            s.rng.uniform(0.14, h - 0.08),
            Paint(s.rng.choice(((240, 140, 40), (240, 220, 80), (220, 70, 60)))),
        )
        fish = join(
            scaled(disc(0.02, c, lift=0.09), 1.5, 1, 0.75),
            cells(
                np.array([[(0.025, 0, 0), (0.05, 0, -0.016), (0.042, 0, 0), (0.05, 0, 0.016)]]),
                Paint(c.colour, thin=True),
                lift=0.09,
            ),
        )
        parts.append(moved(scaled(fish, s.rng.choice((-1, 1)), 1, 1), x, y - 0.002, z))
    if s.chance(0.4):
        stand = box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.6), Paint(s.accent, grain=0.8), cell=0.12)
        return join(
            stand,
            frame((-w / 2 + 0.02, -0.01), (0.04, 0.56), -d / 2 - 0.002, 0.006, DARK),
            frame((0.01, w / 2 - 0.02), (0.04, 0.56), -d / 2 - 0.002, 0.006, DARK),
            moved(join(*parts), z=0.6),
        )
    return join(*parts)


def pet_bed(s: Style) -> Model:
    return join(
        moved(
            scaled(
                ring(0.34, 0.1, Paint(s.colour, weave=0.6, gloss=0), segments=30, sides=9),
                1.15,
                0.9,
                1,
            ),
            z=0.1,
        ),
        soft((0, 0, 0.07), (0.32, 0.25, 0.07), Paint(s.accent, weave=1.0, gloss=0), square=0.8),
    )


def cage(s: Style) -> Model:
    """A dog crate, hutch or bird cage of wire."""
    w, d, h = s.rng.uniform(0.5, 0.95), s.rng.uniform(0.4, 0.6), s.rng.uniform(0.5, 0.7)
    p = Paint(s.colour, gloss=0.2)
    parts = [box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.05), Paint(s.accent, gloss=0.2), cell=0.1)]
    for y in (-d / 2, d / 2):
        parts += [
            bar((x, y, 0.04), (x, y, h), 0.003, p, sides=3) for x in np.linspace(-w / 2, w / 2, 19)
        ]
        parts += [bar((-w / 2, y, z), (w / 2, y, z), 0.005, p, sides=4) for z in (0.06, h / 2, h)]
    for x in (-w / 2, w / 2):
        parts += [
            bar((x, y, 0.04), (x, y, h), 0.003, p, sides=3) for y in np.linspace(-d / 2, d / 2, 11)
        ]
    parts += [
        bar((x, -d / 2, h), (x, d / 2, h), 0.003, p, sides=3)
        for x in np.linspace(-w / 2, w / 2, 19)
    ]
    return join(*parts)


def mannequin(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.15, weave=0.1)
    torso = scaled(
        lathe(
            [
                (0.11, 0.95),
                (0.15, 1.02),
                (0.155, 1.1),
                (0.11, 1.28),
                (0.125, 1.42),
                (0.15, 1.5),
                (0.12, 1.58),
                (0.05, 1.63),
                (0.045, 1.7),
                (0.0, 1.72),
            ],
            p,
            segments=26,
        ),
        1.15,
        0.75,
        1,
    )
    stand = join(
        bar((0, 0, 0.03), (0, 0, 0.96), 0.016, STEEL),
        cylinder(0.17, 0.02, STEEL),
        moved(lathe([(0.03, 0), (0.02, 0.02), (0, 0.03)], Paint((150, 100, 60))), z=1.715),
    )
    return join(torso, stand)
