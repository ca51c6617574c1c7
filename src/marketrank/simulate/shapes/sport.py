"""Sport and camping."""

import numpy as np

from marketrank.simulate.mesh import (
    Model,
    Paint,
    bar,
    box,
    cells,
    cylinder,
    join,
    lathe,
    loft,
    moved,
    patch,
    ring,
    scaled,
    soft,
    standing,
    tube,
    turned,
)
from marketrank.simulate.shapes.parts import cloth, disc, facing, pane
from marketrank.simulate.shapes.style import CHROME, DARK, PALE, STEEL, Style, shaded


def football(s: Style) -> Model:
    """A ball with dark patches."""
    r = 0.11
    ball = soft((0, 0, r), (r, r, r), Paint(s.colour, gloss=0.25), square=1, detail=18)
    parts = [ball]
    for up, around in (
        (90, 0),
        *((26, i * 72) for i in range(5)),
        *((-26, i * 72 + 36) for i in range(5)),
    ):
        spot = moved(disc(0.036, Paint(s.accent, gloss=0.25), n=5, lift=0.03), 0, -r * 0.985, 0)
        parts.append(moved(turned(turned(spot, -up, "x"), around), z=r))
    return join(*parts)


def dumbbells(s: Style) -> Model:
    parts = []
    for i in range(2):
        p = Paint(s.colour, gloss=0.25)
        plates = [
            moved(turned(cylinder(r, 0.03, p, segments=24), 90, "y"), x, 0, 0.1)
            for x, r in ((-0.17, 0.1), (-0.135, 0.085), (0.105, 0.085), (0.14, 0.1))
        ]
        parts.append(
            moved(
                turned(
                    join(bar((-0.22, 0, 0.1), (0.22, 0, 0.1), 0.014, CHROME), *plates),
                    s.rng.uniform(-20, 20),
                ),
                0,
                i * 0.3,
            )
        )
    return join(*parts)


def weights_bench(s: Style) -> Model:
    pad = Paint(s.colour, gloss=0.15)
    parts = [
        soft((0.1, 0, 0.45), (0.55, 0.13, 0.035), pad, square=0.3),
        bar((0.5, 0, 0), (0.5, 0, 0.42), 0.03, DARK),
        bar((0.5, -0.22, 0.03), (0.5, 0.22, 0.03), 0.03, DARK),
        *(bar((-0.4, y, 0), (-0.4, y, 1.0), 0.028, DARK) for y in (-0.28, 0.28)),
        bar((-0.4, -0.28, 0.4), (-0.4, 0.28, 0.4), 0.026, DARK),
        bar((-0.4, -0.75, 1.02), (-0.4, 0.75, 1.02), 0.014, CHROME),
    ]
    parts += [
        moved(facing(cylinder(r, 0.04, Paint(s.accent, gloss=0.2), segments=26)), -0.4, y, 1.02)
        for y, r in ((-0.6, 0.2), (-0.54, 0.15), (0.56, 0.15), (0.62, 0.2))
    ]
    return turned(join(*parts), s.rng.choice((-40, 35, 60)))


def golf_bag(s: Style) -> Model:
    bag = lathe(
        [
            (0, 0),
            (0.13, 0),
            (0.14, 0.05),
            (0.12, 0.4),
            (0.14, 0.8),
            (0.15, 0.86),
            (0.13, 0.86),
            (0.11, 0.8),
        ],
        Paint(s.colour, weave=0.25, gloss=0.1),
    )
    parts = [
        bag,
        soft((0, -0.13, 0.25), (0.09, 0.05, 0.15), Paint(s.accent, weave=0.2), square=0.5),
        soft((0, -0.13, 0.58), (0.07, 0.04, 0.1), Paint(s.accent, weave=0.2), square=0.5),
    ]
    for _ in range(s.rng.randint(6, 11)):
        x, y, h = s.rng.uniform(-0.09, 0.09), s.rng.uniform(-0.09, 0.09), s.rng.uniform(1.0, 1.18)
        parts.append(bar((x * 0.7, y * 0.7, 0.7), (x, y, h), 0.005, CHROME, sides=4))
        head = soft(
            (0.03, 0, 0),
            (0.05, 0.02, 0.03),
            s.rng.choice((CHROME, DARK, STEEL)),
            square=0.7,
            detail=6,
        )
        parts.append(moved(turned(head, s.rng.uniform(0, 360)), x, y, h))
    return turned(join(*parts), s.rng.choice((-14, -10, 0)), "x")


def racket(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.4)
    oval = scaled(ring(0.135, 0.009, p, segments=36), 0.95, 1.2, 1)
    strings = [
        bar((x, -0.13, 0), (x, 0.13, 0), 0.0012, PALE, sides=3) for x in np.linspace(-0.1, 0.1, 11)
    ] + [
        bar((-0.11, y, 0), (0.11, y, 0), 0.0012, PALE, sides=3)
        for y in np.linspace(-0.13, 0.13, 13)
    ]
    one = join(
        oval,
        *strings,
        bar((0, -0.16, 0), (0, -0.36, 0), 0.012, p),
        bar((0, -0.36, 0), (0, -0.52, 0), 0.017, Paint(s.accent)),
    )
    ball = soft(
        (0.2, -0.1, 0.02), (0.033, 0.033, 0.033), Paint((206, 222, 70), weave=0.6), square=1
    )
    return standing(join(turned(one, 20), ball))


def cricket_bat(s: Style) -> Model:
    wood = Paint((222, 190, 140), gloss=0.15, grain=0.6)
    blade = join(
        box((-0.054, 0, 0), (0.054, 0.03, 0.52), wood, cell=0.06),
        bar((0, 0.015, 0.5), (0, 0.015, 0.85), 0.016, Paint(s.colour, weave=0.4)),
        pane(-0.035, 0.25, 0.035, 0.45, -0.001, Paint(s.accent)),
    )
    return join(
        standing(turned(blade, -s.rng.choice((85, 14)), "x")),
        moved(
            soft(
                (0.2, -0.05, 0.036),
                (0.036, 0.036, 0.036),
                Paint((140, 34, 34), gloss=0.4),
                square=1,
            ),
            0,
            0,
        ),
    )


def rods(s: Style) -> Model:
    """Fishing rods with reels, or skis, leaning in a row."""
    p = Paint(s.colour, gloss=0.4)
    if s.material == "wood":
        return join(
            *(
                turned(box((x, -0.01, 0), (x + 0.09, 0.005, 1.65), p, cell=0.12), -8, "x")
                for x in (-0.12, 0.02)
            ),
            *(bar((x, 0.05, 0), (x, 0.25, 1.25), 0.009, STEEL) for x in (-0.25, 0.25)),
        )
    parts = []
    for i in range(s.rng.randint(1, 3)):
        rod = join(
            tube([(0, 0, 0), (0, 0, 0.4)], 0.014, Paint((170, 120, 80))),
            tube([(0, 0, 0.4), (0, 0, 1.2), (0.02, 0, 2.0)], [0.007, 0.005, 0.002], p),
            moved(turned(cylinder(0.035, 0.05, STEEL), 90, "y"), -0.02, -0.06, 0.32),
            bar((0, -0.06, 0.32), (0.06, -0.06, 0.32), 0.008, DARK),
        )
        parts.append(moved(turned(rod, -8 + i * 6, "y"), i * 0.15 - 0.15))
    return turned(join(*parts), -8, "x")


def tent(s: Style) -> Model:
    p, floor = Paint(s.colour, weave=0.15, gloss=0.05), Paint(s.accent, weave=0.15)
    y = np.linspace(-1.3, 1.3, 9)
    a = np.linspace(0, np.pi, 9)
    rows = []
    for q in a:
        rows.append(
            [
                (
                    float(1.05 * np.cos(q) * (1 - 0.25 * (v / 1.3) ** 2)),
                    float(v),
                    float(1.15 * np.sin(q) ** 0.8 * (1 - 0.45 * (v / 1.3) ** 2)),
                )
                for v in y
            ]
        )
    shell = cloth(rows, p)
    flap = [[(0.0, -1.36, 0.02), (0.0, -1.32, 0.62)], [(0.45, -1.36, 0.02), (0.12, -1.32, 0.6)]]
    lines = [
        bar((x, yy, 0), (x * 0.7, yy * 0.8, 0.6), 0.006, PALE, sides=3)
        for x in (-1.4, 1.4)
        for yy in (-1.2, 1.2)
    ]
    return turned(
        join(
            shell,
            cloth(flap, floor),
            cloth(
                [[(-0.45, -1.37, 0), (0, -1.35, 0.62)], [(0.0, -1.37, 0), (0, -1.35, 0.63)]],
                Paint((40, 40, 44)),
            ),
            *lines,
        ),
        s.rng.choice((-30, 20, 45)),
    )


def rucksack(s: Style) -> Model:
    p, q = Paint(s.colour, weave=0.3, gloss=0.05), Paint(s.accent, weave=0.3)
    return join(
        soft((0, 0, 0.27), (0.17, 0.11, 0.27), p, square=0.5, detail=13),
        soft((0, -0.11, 0.18), (0.12, 0.05, 0.13), q, square=0.5),
        soft((0, -0.02, 0.52), (0.15, 0.11, 0.05), q, square=0.6),
        *(soft((x, 0, 0.2), (0.04, 0.07, 0.11), q, square=0.6) for x in (-0.18, 0.18)),
        tube([(-0.04, 0.05, 0.56), (0, 0.05, 0.61), (0.04, 0.05, 0.56)], 0.009, DARK),
        *(
            tube([(x, 0.1, 0.5), (x * 1.3, 0.2, 0.35), (x, 0.1, 0.06)], 0.018, DARK)
            for x in (-0.1, 0.1)
        ),
    )


def kayak(s: Style) -> Model:
    """A kayak, surfboard or paddle board."""
    p = Paint(s.colour, gloss=0.4)
    t = np.linspace(-1, 1, 15)
    if s.chance(0.5):
        board = [
            np.array(
                [
                    (
                        0.28 * (1 - v**4) * np.cos(a),
                        v * 1.3,
                        0.05 * (1 - v**4) * np.sin(a) + 0.08 * v**4 + 0.05,
                    )
                    for a in np.linspace(0, 2 * np.pi, 12, endpoint=False)
                ]
            )
            for v in t
        ]
        body = join(
            loft([b[:, ::1] for b in board[::-1]], p),
            moved(
                cells(
                    patch(
                        (-0.02, -1.0, 0.102), np.array([0.04, 0, 0]), np.array([0, 2.0, 0]), 1, 12
                    ),
                    Paint(s.accent),
                    lift=0.02,
                )
            ),
        )
        return (
            moved(turned(turned(body, 80, "x"), 0), 0, 0, 1.3)
            if s.chance(0.4)
            else turned(body, 65)
        )
    hull = [
        np.array(
            [
                (
                    0.33 * (1 - abs(v) ** 2.6) * np.cos(a),
                    v * 1.4,
                    0.18 * (1 - abs(v) ** 3.5) * np.sin(a) + 0.2 + 0.09 * v**4,
                )
                for a in np.linspace(0, 2 * np.pi, 14, endpoint=False)
            ]
        )
        for v in t
    ]
    hole = moved(scaled(lathe([(0.24, 0), (0.2, 0.02), (0, -0.02)], DARK), 0.8, 1.5, 1), 0, 0, 0.38)
    return turned(join(loft(hull[::-1], p), hole), 62)


def yoga_mat(s: Style) -> Model:
    p = Paint(s.colour, weave=0.4, gloss=0)
    roll = [
        moved(
            turned(
                lathe(
                    [(r, 0), (r, 0.3), (r, 0.6)],
                    Paint(shaded(s.colour, 1 - r), thin=True),
                    segments=24,
                ),
                90,
                "y",
            ),
            -0.3,
            0,
            0.07,
        )
        for r in (0.03, 0.05, 0.07)
    ]
    return join(*roll, box((-0.3, -0.6, 0), (0.3, 0, 0.006), p, cell=0.12))


def punch_bag(s: Style) -> Model:
    return join(
        moved(
            lathe(
                [(0, 0), (0.17, 0.02), (0.18, 0.1), (0.18, 0.95), (0.16, 1.02), (0, 1.03)],
                Paint(s.colour, gloss=0.25),
            ),
            z=0.5,
        ),
        *(
            bar((0.1 * np.cos(a), 0.1 * np.sin(a), 1.52), (0, 0, 1.8), 0.006, CHROME)
            for a in (0.3, 1.9, 3.4, 5)
        ),
        moved(lathe([(0.181, 0), (0.181, 0.1)], Paint(s.accent, gloss=0.2)), z=0.95),
        bar((0, 0, 1.8), (0, 0.25, 1.95), 0.02, DARK),
        bar((0, 0.25, 0), (0, 0.25, 1.95), 0.03, DARK),
        box((-0.3, 0.1, 0), (0.3, 0.4, 0.04), DARK),
    )


def helmet(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.4)
    shell = loft(
        [
            np.array(
                [
                    (0.1 * np.cos(v) * np.cos(a), 0.135 * np.cos(v) * np.sin(a), 0.11 * np.sin(v))
                    for a in np.linspace(0, 2 * np.pi, 26, endpoint=False)
                ]
            )
            for v in np.linspace(0, np.pi / 2, 8)
        ],
        p,
    )
    vents = [
        turned(
            soft(
                (0, y, 0.1 - 0.02 * abs(y) * 10),
                (0.011, 0.03, 0.012),
                Paint((24, 24, 26)),
                square=0.8,
                detail=6,
            ),
            a,
            "y",
        )
        for y in (-0.06, 0.03)
        for a in (-38, 0, 38)
    ]
    return standing(
        join(
            shell,
            moved(scaled(ring(0.1, 0.008, DARK), 1, 1.35, 1)),
            *vents,
            tube(
                [(-0.09, -0.02, 0), (-0.05, -0.05, -0.05), (0.05, -0.05, -0.05), (0.09, -0.02, 0)],
                0.005,
                DARK,
            ),
        )
    )
