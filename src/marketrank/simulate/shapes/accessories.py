"""Bags, jewellery and other things worn."""

import numpy as np

from marketrank.simulate.mesh import (
    Model,
    Paint,
    Point,
    bar,
    box,
    cylinder,
    join,
    lathe,
    moved,
    ring,
    scaled,
    soft,
    standing,
    tube,
    turned,
)
from marketrank.simulate.shapes.parts import cloth, disc, facing, pane, rolled, wheel
from marketrank.simulate.shapes.style import BRASS, CHROME, DARK, STEEL, Style, shaded


def handbag(s: Style) -> Model:
    p, trim = Paint(s.colour, gloss=0.3), s.rng.choice((BRASS, CHROME))
    w, h = s.rng.uniform(0.13, 0.17), s.rng.uniform(0.1, 0.13)
    parts = [
        soft((0, 0, h), (w, 0.06, h), p, square=0.3, detail=14),
        soft(
            (0, -0.05, h * 1.45),
            (w * 0.97, 0.025, h * 0.5),
            Paint(shaded(s.colour, 0.88), gloss=0.3),
            square=0.35,
        ),
        moved(facing(cylinder(0.014, 0.01, trim)), 0, -0.072, h * 1.1),
    ]
    t = np.linspace(0, np.pi, 13)
    handle: list[Point] = [
        (float(w * 0.6 * np.cos(a)), 0.0, float(2 * h + 0.13 * np.sin(a))) for a in t
    ]
    parts += [
        tube(handle, 0.008, Paint(shaded(s.colour, 0.75), gloss=0.3)),
        *(
            moved(turned(ring(0.013, 0.003, trim, sides=5), 90, "x"), x, 0, 2 * h)
            for x in (-w * 0.6, w * 0.6)
        ),
    ]
    return join(*parts)


def finger_ring(s: Style) -> Model:
    """A ring standing in its box."""
    metal = s.main() if s.material in ("gold", "silver") else BRASS
    band = moved(turned(ring(0.0095, 0.0013, metal, segments=36, sides=8), 90, "x"), z=0.0225)
    stone = moved(
        lathe(
            [(0, 0), (0.0025, 0.0022), (0.0036, 0.004), (0.002, 0.0052), (0, 0.0052)],
            Paint(s.accent, gloss=1.0, metal=0.4),
            segments=8,
        ),
        z=0.0318,
    )
    claws = [
        bar(
            (0.0032 * np.cos(a), 0.0032 * np.sin(a), 0.0325),
            (0.0036 * np.cos(a), 0.0036 * np.sin(a), 0.037),
            0.0005,
            metal,
            sides=4,
        )
        for a in (0.8, 2.4, 3.9, 5.5)
    ]
    velvet = Paint((40, 36, 60), gloss=0.05, weave=0.6)
    case = join(
        soft((0, 0, 0.008), (0.026, 0.024, 0.008), Paint((70, 30, 36), gloss=0.3), square=0.2),
        soft((0, 0, 0.0145), (0.023, 0.021, 0.004), velvet, square=0.3),
        moved(
            turned(
                box((-0.026, 0, 0), (0.026, 0.012, 0.044), Paint((70, 30, 36), gloss=0.3)), -18, "x"
            ),
            0,
            0.024,
            0.012,
        ),
        moved(turned(pane(-0.021, 0.004, 0.021, 0.04, 0, velvet), -18, "x"), 0, 0.0235, 0.012),
    )
    return join(band, stone, *claws, case)


def necklace(s: Style) -> Model:
    metal = s.main() if s.material in ("gold", "silver") else Paint(s.colour, gloss=0.8)
    a = np.linspace(0.25, 2 * np.pi - 0.25, 44)
    beads = s.chance(0.4)
    loop = [(0.0675 * float(np.sin(t)), -0.09 * float(np.cos(t)), 0.003) for t in a]
    parts = [tube(loop, 0.0012, metal, sides=4)]
    for t in a:
        r = 0.075
        x, y = r * np.sin(t) * 0.9, -r * np.cos(t) * 1.2
        size = 0.0055 if beads else 0.0021
        parts.append(soft((x, y, size), (size, size, size), metal, square=1, detail=6))
    parts.append(
        moved(
            lathe(
                [(0, 0), (0.006, 0.002), (0.009, 0.005), (0.005, 0.008), (0, 0.008)],
                Paint(s.accent, gloss=1.0, metal=0.3),
                segments=10,
            ),
            0,
            -0.098,
        )
    )
    return turned(join(*parts), s.rng.uniform(-30, 30))


def sunglasses(s: Style) -> Model:
    p, lens = Paint(s.colour, gloss=0.5), Paint((38, 34, 36), gloss=0.9)
    parts = []
    for x in (-0.034, 0.034):
        parts += [
            moved(facing(moved(scaled(ring(0.026, 0.003, p), 1.1, 0.85, 1))), x, 0, 0.025),
            moved(scaled(disc(0.026, lens, lift=0.01), 1.1, 1, 0.85), x, 0, 0.025),
            tube(
                [
                    (x * 1.9, 0, 0.032),
                    (x * 1.95, 0.05, 0.033),
                    (x * 1.9, 0.11, 0.03),
                    (x * 1.8, 0.135, 0.014),
                ],
                0.003,
                p,
            ),
        ]
    return standing(
        join(*parts, tube([(-0.008, 0, 0.03), (0, -0.003, 0.034), (0.008, 0, 0.03)], 0.003, p))
    )


def hat(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.05, weave=0.6)
    brim = s.rng.uniform(0.14, 0.19)
    return join(
        scaled(
            lathe(
                [
                    (0, 0.004),
                    (brim * 0.6, 0.002),
                    (brim, 0.012),
                    (brim, 0.014),
                    (0.085, 0.012),
                    (0.08, 0.07),
                    (0.07, 0.105),
                    (0.03, 0.11),
                    (0, 0.1),
                ],
                p,
                segments=32,
            ),
            1,
            1.12,
            1,
        ),
        moved(
            scaled(lathe([(0.0845, 0), (0.083, 0.025)], Paint(s.accent), segments=32), 1, 1.12, 1),
            z=0.014,
        ),
    )


def belt(s: Style) -> Model:
    a = np.linspace(0, 5.2 * np.pi, 60)
    p = Paint(s.colour, gloss=0.2, thin=True)
    r = 0.03 + a * 0.0022
    rows = [
        [(float(q * np.cos(t)), float(q * np.sin(t)), z) for q, t in zip(r, a, strict=True)]
        for z in (0.0, 0.02, 0.036)
    ]
    end = rows[0][-1]
    return join(
        cloth(rows, p),
        moved(turned(box((-0.003, -0.02, 0), (0.003, 0.02, 0.036), BRASS), 30), end[0], end[1]),
    )


def crutches(s: Style) -> Model:
    parts = []
    for i in range(2):
        p = Paint(s.colour, gloss=0.3, metal=0.5)
        one = join(
            bar((0, 0, 0), (0, 0, 0.8), 0.012, p),
            bar((0, 0, 0.8), (0, 0.05, 1.05), 0.012, p),
            bar((0, 0, 0.78), (0, -0.11, 0.8), 0.016, DARK),
            moved(
                cloth(
                    [
                        [
                            (0.04 * np.cos(a), 0.06 + 0.04 * np.sin(a), z)
                            for a in np.linspace(0.3, 5.2, 9)
                        ]
                        for z in (1.02, 1.08)
                    ],
                    Paint((70, 70, 74)),
                ),
                0,
                0,
            ),
            moved(cylinder(0.018, 0.04, DARK), 0, 0, 0),
        )
        parts.append(moved(turned(one, -10 + i * 4, "x"), i * 0.16))
    return join(*parts)


def suitcase(s: Style) -> Model:
    h, w = s.rng.choice(((0.5, 0.36), (0.66, 0.44), (0.75, 0.5)))
    p = Paint(s.colour, gloss=0.25)
    body = soft((0, 0, h / 2 + 0.04), (w / 2, 0.12, h / 2), p, square=0.2, detail=13)
    ribs = [
        pane(x, 0.12, x + 0.012, h - 0.04, -0.121, Paint(shaded(s.colour, 0.8)))
        for x in np.linspace(-w * 0.36, w * 0.34, 6)
    ]
    parts = [
        body,
        *ribs,
        tube(
            [(-0.1, 0.08, h), (-0.1, 0.08, h + 0.3), (0.1, 0.08, h + 0.3), (0.1, 0.08, h)],
            0.009,
            STEEL,
        ),
        bar((-0.1, 0.08, h + 0.3), (0.1, 0.08, h + 0.3), 0.015, DARK),
        tube(
            [
                (-0.07, 0, h + 0.035),
                (-0.05, 0, h + 0.06),
                (0.05, 0, h + 0.06),
                (0.07, 0, h + 0.035),
            ],
            0.01,
            DARK,
        ),
    ]
    parts += [
        moved(rolled(wheel(0.025, 0.02, solid=True, hub=DARK)), x, y, 0.025)
        for x in (-w * 0.38, w * 0.38)
        for y in (-0.08, 0.08)
    ]
    return join(*parts)
