"""Tools for the hand and the socket."""

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
    prism,
    ring,
    soft,
    standing,
    tube,
    turned,
)
from marketrank.simulate.shapes.parts import disc, facing, knob, pane, wheel
from marketrank.simulate.shapes.style import (
    CHROME,
    DARK,
    GLASS,
    HANDLE,
    PALE,
    RUBBER,
    STEEL,
    Style,
    shaded,
)


def drill(s: Style) -> Model:
    """A cordless drill standing on its battery."""
    p = Paint(s.colour, gloss=0.25)
    parts = [
        moved(
            turned(
                lathe(
                    [
                        (0, 0),
                        (0.03, 0),
                        (0.036, 0.03),
                        (0.036, 0.11),
                        (0.03, 0.14),
                        (0.024, 0.15),
                        (0.0, 0.15),
                    ],
                    p,
                ),
                90,
                "y",
            ),
            -0.06,
            0,
            0.2,
        ),
        moved(
            turned(
                lathe([(0.024, 0), (0.024, 0.03), (0.015, 0.05), (0.008, 0.055)], DARK), 90, "y"
            ),
            0.09,
            0,
            0.2,
        ),
        bar((0.14, 0, 0.2), (0.23, 0, 0.2), 0.004, CHROME),
        tube(
            [(-0.02, 0, 0.18), (-0.035, 0, 0.12), (-0.045, 0, 0.06)],
            [0.024, 0.02, 0.022],
            DARK,
            sides=10,
        ),
        soft((-0.035, 0, 0.03), (0.055, 0.036, 0.03), p, square=0.3),
        soft((-0.035, 0, 0.006), (0.06, 0.038, 0.014), DARK, square=0.25),
        box((-0.005, -0.01, 0.13), (0.015, 0.01, 0.165), Paint((196, 60, 50))),
    ]
    out = join(*parts)
    if s.chance(0.4):
        out = join(out, moved(_kit_case(s), 0.05, 0.22))
    return out


def _kit_case(s: Style) -> Model:
    return join(
        box(
            (-0.19, -0.05, 0),
            (0.19, 0.05, 0.28),
            Paint(shaded(s.colour, 0.55), gloss=0.2),
            cell=0.06,
        ),
        tube([(-0.06, 0, 0.28), (-0.05, 0, 0.31), (0.05, 0, 0.31), (0.06, 0, 0.28)], 0.01, DARK),
        pane(-0.08, 0.08, 0.08, 0.2, -0.051, Paint(s.colour)),
    )


def hand_tools(s: Style) -> Model:
    """Hammers, spanners, screwdrivers and a saw laid out."""
    parts = []
    for i in range(s.rng.randint(4, 7)):
        kind, x = s.rng.choice(("hammer", "spanner", "driver", "chisel")), i * 0.07
        grip = s.rng.choice((HANDLE, Paint(s.colour, gloss=0.3)))
        if kind == "hammer":
            one = join(
                bar((0, -0.14, 0.014), (0, 0.12, 0.014), 0.013, grip),
                bar((-0.045, 0.13, 0.014), (0.045, 0.13, 0.014), 0.016, STEEL, sides=8),
            )
        elif kind == "spanner":
            one = join(
                bar((0, -0.1, 0.006), (0, 0.08, 0.006), 0.008, CHROME),
                *(
                    moved(ring(0.014, 0.006, CHROME, segments=14, sides=5), 0, y, 0.006)
                    for y in (-0.11, 0.09)
                ),
            )
        else:
            wide = 0.004 if kind == "driver" else 0.009
            one = join(
                bar((0, -0.13, 0.014), (0, -0.03, 0.014), 0.014, grip, sides=8),
                box((-wide, -0.03, 0.01), (wide, 0.11, 0.016), STEEL),
            )
        parts.append(moved(turned(one, s.rng.uniform(-12, 12)), x, s.rng.uniform(-0.02, 0.02)))
    if s.chance(0.4):
        blade = [(-0.3, 0.0), (0.18, 0.0), (0.18, 0.11), (-0.3, 0.05)]
        saw = join(
            prism(blade, 0.002, STEEL),
            moved(
                prism([(0.16, -0.01), (0.3, 0.0), (0.3, 0.12), (0.16, 0.12)], 0.02, HANDLE),
                0,
                -0.01,
            ),
        )
        parts.append(moved(turned(saw, 90, "x"), 0.2, 0.25, 0.02))
    return standing(join(*parts))


def circular_saw(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.3)
    blade = join(
        cylinder(0.095, 0.006, CHROME, segments=36),
        moved(cylinder(0.02, 0.01, DARK), z=0.003),
    )
    guard = lathe([(0, 0), (0.1, 0), (0.1, 0.035), (0, 0.035)], p, segments=30)
    grip = [(-0.04, 0.05, 0.2), (-0.12, 0.05, 0.22), (-0.17, 0.05, 0.15), (-0.12, 0.05, 0.09)]
    return join(
        box((-0.17, -0.04, 0), (0.17, 0.12, 0.008), STEEL),
        moved(facing(blade), 0, -0.02, 0.1),
        moved(facing(guard), 0, 0.02, 0.11),
        soft((-0.02, 0.08, 0.13), (0.07, 0.06, 0.05), p, square=0.6),
        tube(grip, 0.02, DARK),
        soft((0.1, 0.03, 0.18), (0.03, 0.03, 0.03), DARK, square=1),
    )


def strimmer(s: Style) -> Model:
    """A strimmer, hedge trimmer or chainsaw by chance."""
    p = Paint(s.colour, gloss=0.3)
    body = soft((0, 0, 0.06), (0.14, 0.07, 0.06), p, square=0.5)
    hold = tube([(-0.1, 0, 0.1), (-0.16, 0, 0.16), (-0.05, 0, 0.19), (0.04, 0, 0.12)], 0.015, DARK)
    kind = s.rng.choice(("strim", "hedge", "chain"))
    if kind == "strim":
        out = join(
            body,
            hold,
            bar((0.1, 0, 0.06), (1.2, 0, 0.06), 0.014, STEEL),
            soft((1.25, 0, 0.06), (0.1, 0.14, 0.03), DARK, square=0.8),
            tube([(0.4, -0.12, 0.12), (0.42, 0, 0.2), (0.4, 0.12, 0.12)], 0.012, DARK),
        )
        return standing(turned(out, s.rng.choice((-50, 0, 0)), "y"))
    length = 0.55 if kind == "hedge" else 0.4
    blade = box((0.12, -0.03, 0.045), (0.12 + length, 0.03, 0.053), STEEL, cell=0.05)
    teeth = [
        box((0.14 + i * 0.035, y, 0.046), (0.155 + i * 0.035, y + 0.02, 0.052), CHROME)
        for i in range(int(length / 0.036))
        for y in (-0.05, 0.03)
    ]
    return standing(
        join(
            body,
            hold,
            blade,
            *(
                teeth
                if kind == "hedge"
                else [moved(ring(0.03, 0.006, DARK), 0.12 + length, 0, 0.05)]
            ),
        )
    )


def pressure_washer(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.35)
    parts = [
        soft((0, 0, 0.4), (0.15, 0.15, 0.25), p, square=0.55),
        soft((0, -0.04, 0.3), (0.13, 0.14, 0.12), DARK, square=0.5),
        tube(
            [(-0.11, 0.1, 0.5), (-0.11, 0.16, 0.9), (0.11, 0.16, 0.9), (0.11, 0.1, 0.5)],
            0.013,
            DARK,
        ),
        moved(knob(0.03, 0.03, DARK), 0, -0.14, 0.5),
    ]
    parts += [moved(wheel(0.11, 0.05, solid=True, hub=PALE), x, 0.08, 0.11) for x in (-0.18, 0.18)]
    a = np.linspace(0, 5 * np.pi, 40)
    coil: list[Point] = [
        (0.35 + 0.14 * np.cos(t), -0.05 + 0.14 * np.sin(t), 0.012 + 0.004 * t) for t in a
    ]
    parts += [
        tube(coil, 0.011, RUBBER, sides=5),
        bar((-0.25, -0.22, 0.02), (0.35, -0.3, 0.02), 0.012, DARK),
    ]
    return standing(join(*parts))


def ladder(s: Style) -> Model:
    p, h = s.main(), s.rng.uniform(1.5, 2.2)
    side = [bar((x, 0, 0), (x * 0.85, 0, h), 0.025, p) for x in (-0.22, 0.22)]
    rungs = [
        box((-0.21, -0.03, z), (0.21, 0.03, z + 0.03), p) for z in np.arange(0.25, h - 0.1, 0.27)
    ]
    one = join(*side, *rungs)
    if s.chance(0.5):
        return join(turned(one, -12, "x"), moved(turned(join(*side), 12, "x"), 0, h * 0.42))
    return turned(one, -14, "x")


def generator(s: Style) -> Model:
    """Also a compressor: a motor in a tube frame."""
    p = Paint(s.colour, gloss=0.35)
    if s.chance(0.5):
        tank = moved(
            turned(
                lathe([(0, 0), (0.1, 0.02), (0.14, 0.08), (0.14, 0.5), (0.1, 0.56), (0, 0.58)], p),
                90,
                "y",
            ),
            -0.29,
            0,
            0.2,
        )
        return join(
            tank,
            soft((0, 0, 0.42), (0.14, 0.1, 0.09), DARK, square=0.5),
            moved(cylinder(0.07, 0.12, STEEL), 0.16, 0, 0.34),
            *(moved(wheel(0.1, 0.05, solid=True), -0.2, y, 0.1) for y in (-0.16, 0.16)),
            box((0.2, -0.1, 0), (0.24, 0.1, 0.1), DARK),
            tube([(0.29, 0, 0.25), (0.42, 0, 0.45), (0.44, 0, 0.5)], 0.013, DARK),
            moved(disc(0.03, PALE), 0.05, -0.12, 0.36),
        )
    rails = [
        tube(
            [(-0.3, y, 0.02), (-0.3, y, 0.44), (0.3, y, 0.44), (0.3, y, 0.02), (-0.3, y, 0.02)],
            0.014,
            DARK,
        )
        for y in (-0.2, 0.2)
    ]
    rails += [
        bar((x, -0.2, z), (x, 0.2, z), 0.014, DARK) for x in (-0.3, 0.3) for z in (0.02, 0.44)
    ]
    return join(
        *rails,
        soft((0, 0, 0.37), (0.25, 0.17, 0.07), p, square=0.35),
        soft((0.05, 0, 0.17), (0.2, 0.15, 0.13), DARK, square=0.4),
        box((-0.28, -0.19, 0.08), (-0.1, -0.12, 0.28), PALE),
        moved(disc(0.03, GLASS), -0.19, -0.191, 0.2),
    )


def paint_tins(s: Style) -> Model:
    parts = []
    for i in range(s.rng.randint(2, 5)):
        r, h = s.rng.choice(((0.085, 0.18), (0.065, 0.12), (0.13, 0.24)))
        tin = join(
            lathe(
                [(0, 0), (r, 0), (r, h), (r * 0.92, h), (r * 0.9, h - 0.008), (0, h - 0.008)],
                STEEL,
                segments=26,
            ),
            lathe(
                [(r * 1.005, h * 0.2), (r * 1.005, h * 0.5), (r * 1.005, h * 0.8)],
                Paint(s.rng.choice((s.colour, s.accent, (240, 240, 236))), gloss=0.2),
                segments=26,
            ),
        )
        a = np.linspace(0, np.pi, 9)
        tin = join(
            tin,
            tube(
                [
                    (r * np.cos(t), -r * 0.3 * np.sin(t) - r * 0.2, h * 0.75 + r * 0.5 * np.sin(t))
                    for t in a
                ],
                0.002,
                STEEL,
                sides=4,
            ),
        )
        parts.append(moved(tin, (i % 3) * 0.26 - 0.26, (i // 3) * -0.24))
    return join(*parts)


def hose_reel(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.3)
    coils = [
        moved(
            turned(
                ring(0.13 + 0.012 * (i % 3), 0.011, Paint(s.accent, gloss=0.2), sides=5), 90, "y"
            ),
            x,
            0,
            0.25,
        )
        for i, x in enumerate(np.linspace(-0.1, 0.1, 9))
    ]
    sides = [moved(turned(ring(0.19, 0.012, p), 90, "y"), x, 0, 0.25) for x in (-0.13, 0.13)]
    return turned(
        join(
            *coils,
            *sides,
            *(bar((x, y, 0), (x, 0, 0.5), 0.014, p) for x in (-0.15, 0.15) for y in (-0.18, 0.18)),
            bar((-0.15, 0, 0.5), (0.15, 0, 0.5), 0.016, p),
            bar((-0.13, 0, 0.25), (0.13, 0, 0.25), 0.02, p),
            facing(moved(wheel(0.02, 0.02), 0, 0, 0)),
        ),
        35,
    )
