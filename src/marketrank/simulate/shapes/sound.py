"""Hi-fi, headphones and instruments."""

import numpy as np

from marketrank.simulate.mesh import (
    Model,
    Paint,
    bar,
    box,
    cylinder,
    flat,
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
from marketrank.simulate.shapes.parts import disc, facing, knob, pane
from marketrank.simulate.shapes.style import BLACK, CHROME, DARK, PALE, STEEL, Style, shaded


def speaker(s: Style) -> Model:
    w, d, h = 0.2, 0.22, s.rng.choice((0.33, 0.38, 0.85))
    one = [box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), s.main(), cell=0.06)]
    y = -d / 2 - 0.001
    cones = (
        ((0.075, h * 0.32), (0.03, h * 0.75))
        if h < 0.5
        else ((0.08, h * 0.4), (0.08, h * 0.62), (0.03, h * 0.84))
    )
    for r, z in cones:
        one.append(moved(disc(r, Paint((30, 30, 32))), 0, y, z))
        one.append(moved(disc(r * 0.82, Paint((62, 62, 64)), lift=0.06), 0, y, z))
        one.append(moved(disc(r * 0.36, Paint((28, 28, 30), gloss=0.3), lift=0.07), 0, y, z))
        one.append(moved(turned(ring(r, 0.006, STEEL, sides=5), 90, "x"), 0, y - 0.003, z))
    pair = join(*one)
    return (
        join(moved(turned(pair, 12), -0.2), moved(turned(pair, -8), 0.2))
        if s.chance(0.75)
        else pair
    )


def amplifier(s: Style) -> Model:
    """Hi-fi separates: one or a stack of boxes with knobs and displays."""
    w, d, h = 0.43, 0.32, 0.11
    face = Paint(s.colour, gloss=0.3, metal=0.3)
    parts, z = [], 0.012
    for level in range(s.rng.randint(1, 3)):
        parts.append(
            box(
                (-w / 2, -d / 2, z),
                (w / 2, d / 2, z + h),
                Paint((40, 40, 43), gloss=0.2),
                cell=0.08,
            )
        )
        parts.append(box((-w / 2, -d / 2 - 0.006, z), (w / 2, -d / 2, z + h), face, cell=0.08))
        y = -d / 2 - 0.007
        if level % 2 == 0:
            big = moved(turned(cylinder(0.03, 0.025, CHROME), 90, "x"), 0.13, y, z + h / 2)
            parts.append(big)
            parts += [
                moved(
                    turned(cylinder(0.011, 0.016, STEEL, segments=12), 90, "x"),
                    -0.16 + i * 0.05,
                    y,
                    z + h * 0.4,
                )
                for i in range(4)
            ]
            parts.append(
                pane(-0.17, z + h * 0.7, 0.04, z + h * 0.86, y, Paint((24, 26, 24), gloss=0.3))
            )
        else:
            parts.append(
                pane(-0.1, z + h * 0.3, 0.1, z + h * 0.75, y, Paint((18, 26, 28), gloss=0.3))
            )
            parts.append(
                pane(
                    -0.06,
                    z + h * 0.45,
                    0.04,
                    z + h * 0.6,
                    y - 0.001,
                    Paint((90, 210, 170), glow=0.9),
                    lift=0.07,
                )
            )
            parts += [
                pane(x, z + h * 0.4, x + 0.025, z + h * 0.6, y, PALE)
                for x in (-0.18, -0.145, 0.13, 0.165)
            ]
        z += h + 0.006
    return join(*parts)


def radio(s: Style) -> Model:
    w, d, h, p = 0.28, 0.11, 0.18, s.main()
    y = -d / 2 - 0.001
    parts = [
        soft((0, 0, h / 2), (w / 2, d / 2, h / 2), p, square=0.16),
        pane(-w * 0.44, 0.03, w * 0.08, h - 0.03, y, Paint((196, 180, 146), gloss=0)),
    ]
    parts += [
        pane(-w * 0.42, z, w * 0.06, z + 0.004, y - 0.001, Paint((120, 104, 78)), lift=0.07)
        for z in np.arange(0.04, h - 0.035, 0.012)
    ]
    parts += [
        pane(w * 0.14, h * 0.6, w * 0.43, h * 0.82, y, Paint((240, 226, 180), glow=0.3)),
        moved(turned(cylinder(0.022, 0.018, CHROME), 90, "x"), w * 0.2, y, h * 0.33),
        moved(turned(cylinder(0.022, 0.018, CHROME), 90, "x"), w * 0.38, y, h * 0.33),
        tube(
            [
                (-w * 0.4, 0, h - 0.01),
                (-w * 0.3, 0, h + 0.05),
                (w * 0.3, 0, h + 0.05),
                (w * 0.4, 0, h - 0.01),
            ],
            0.007,
            DARK,
        ),
        bar((w * 0.4, 0.03, h), (w * 0.62, 0.03, h + 0.2), 0.0025, CHROME, sides=4),
    ]
    return join(*parts)


def headphones(s: Style) -> Model:
    p, pad = Paint(s.colour, gloss=0.25), Paint((40, 40, 42), weave=0.3)
    arch = [(0.085 * np.cos(t), 0.0, 0.085 * np.sin(t) * 1.1) for t in np.linspace(0, np.pi, 15)]
    parts = [tube(arch, 0.009, p), tube(arch[4:-4], 0.013, pad)]
    for side in (-1, 1):
        cup = turned(
            join(cylinder(0.042, 0.02, p), moved(ring(0.03, 0.012, pad, sides=6), z=0.024)),
            -90 * side,
            "y",
        )
        parts.append(moved(cup, side * 0.1, 0, -0.015))
    return standing(turned(join(*parts), -s.rng.choice((15, 75)), "x"))


def _body(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A symmetric outline from its right half, anticlockwise from the bottom, smoothed."""
    half = np.array(points)
    t = np.linspace(0, 1, len(half))
    fine = np.linspace(0, 1, 26)
    right = [(float(np.interp(u, t, half[:, 0])), float(np.interp(u, t, half[:, 1]))) for u in fine]
    return right + [(-x, z) for x, z in right[::-1][1:-1]]


# Right halves of bodies, (x, z) in metres from the bottom up.
_ELECTRIC = [
    (0, 0), (0.12, 0.01), (0.165, 0.08), (0.15, 0.17), (0.115, 0.23), (0.125, 0.29), (0.15, 0.36),
    (0.1, 0.375), (0.05, 0.33), (0.03, 0.32),
]  # fmt: skip
_ACOUSTIC = [
    (0, 0), (0.12, 0.01), (0.185, 0.07), (0.195, 0.15), (0.155, 0.23), (0.12, 0.27), (0.13, 0.33),
    (0.145, 0.4), (0.11, 0.46), (0.04, 0.48),
]  # fmt: skip


def guitar(s: Style) -> Model:
    """Acoustic, electric or bass, leaning on its back."""
    electric = s.chance(0.45)
    outline = _body(_ELECTRIC if electric else _ACOUSTIC)
    depth, gloss = (0.045, 0.6) if electric else (0.1, 0.35)
    top = max(z for _, z in outline)
    neck, head = Paint((62, 42, 30), gloss=0.2), Paint(shaded(s.colour, 0.7), gloss=0.4)
    side = Paint(shaded(s.colour, 0.6), gloss=0.4)
    low = top - (0.14 if electric else 0.1)
    parts = [
        prism(outline, depth, Paint(s.colour, gloss=gloss), side=side),
        box((-0.022, -0.012, low), (0.022, 0.012, top + 0.4), neck, cell=0.05),
        box((-0.035, -0.005, top + 0.4), (0.035, 0.012, top + 0.54), head, cell=0.04),
        _pickups(s) if electric else _sound_hole(neck),
    ]
    parts += [
        pane(x, 0.1, x + 0.0015, top + 0.42, -0.014, CHROME, lift=0.06)
        for x in np.linspace(-0.016, 0.015, 5)
    ]
    parts += [
        moved(knob(0.008, 0.03, CHROME), x, 0.01, top + z)
        for x in (-0.045, 0.045)
        for z in (0.42, 0.46, 0.5)
    ]
    return turned(join(*parts), -s.rng.uniform(8, 16), "x")


def _pickups(s: Style) -> Model:
    return join(
        *(pane(-0.04, z, 0.04, z + 0.02, -0.002, DARK) for z in (0.12, 0.19)),
        pane(0.02, 0.03, 0.11, 0.16, -0.001, Paint(s.accent, gloss=0.3), lift=0.04),
        pane(-0.04, 0.06, 0.04, 0.08, -0.002, CHROME),
        *(moved(knob(0.01, 0.012, CHROME), 0.09, -0.002, z) for z in (0.05, 0.09, 0.13)),
    )


def _sound_hole(bridge: Paint) -> Model:
    return join(
        moved(disc(0.05, Paint((30, 20, 14), gloss=0)), 0, -0.001, 0.3),
        moved(disc(0.056, Paint((200, 160, 100)), lift=0.045), 0, -0.0008, 0.3),
        pane(-0.07, 0.11, 0.07, 0.13, -0.003, bridge),
    )


def piano_keys(s: Style) -> Model:
    """An electronic keyboard, sometimes on a stand."""
    w, d, p = s.rng.choice((0.9, 1.25)), 0.3, Paint(s.colour, gloss=0.25)
    parts = [box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.08), p, cell=0.1)]
    n = int(w / 0.0235) - 4
    x0 = -n * 0.0235 / 2
    for i in range(n):
        x = x0 + i * 0.0235
        parts.append(
            flat(
                [
                    (x, -d / 2 + 0.005, 0.083),
                    (x + 0.0222, -d / 2 + 0.005, 0.083),
                    (x + 0.0222, 0.0, 0.083),
                    (x, 0.0, 0.083),
                ],
                PALE,
                lift=0.03,
            )
        )
        if i % 7 not in (2, 6) and i < n - 1:
            parts.append(
                box(
                    (x + 0.016, -0.07, 0.083),
                    (x + 0.03, 0.0, 0.092),
                    Paint(BLACK, gloss=0.4),
                    cell=0.1,
                )
            )
    parts += [
        flat(
            [(-0.09, 0.05, 0.082), (0.09, 0.05, 0.082), (0.09, 0.11, 0.082), (-0.09, 0.11, 0.082)],
            Paint((110, 160, 170), glow=0.6),
            lift=0.04,
        )
    ]
    parts += [
        moved(cylinder(0.012, 0.008, Paint((120, 120, 124)), segments=10), x, 0.08, 0.08)
        for x in np.linspace(-w * 0.44, w * 0.44, 12)
        if abs(x) > 0.12
    ]
    body = join(*parts)
    if s.chance(0.5):
        legs = [
            bar((x * sx, y, 0), (-x * sx, y, 0.68), 0.018, DARK)
            for x in (0.3,)
            for sx in (-1, 1)
            for y in (-0.08, 0.08)
        ]
        return join(moved(body, z=0.7), *legs)
    return body


def drums(s: Style) -> Model:
    shell, skin = Paint(s.colour, gloss=0.5), Paint((240, 238, 230), gloss=0.1)

    def drum(r: float, h: float) -> Model:
        return join(
            lathe([(0, 0), (r, 0), (r, h)], shell, segments=26),
            moved(lathe([(r, 0), (0, 0.002)], skin, segments=26), z=h),
            moved(ring(r, 0.009, CHROME, sides=5), z=h),
            moved(ring(r, 0.009, CHROME, sides=5)),
        )

    bass = moved(facing(moved(drum(0.27, 0.4), z=0.0)), 0, 0.2, 0.28)
    parts = [
        bass,
        moved(turned(drum(0.15, 0.2), 14, "x"), -0.18, 0.05, 0.62),
        moved(turned(drum(0.15, 0.2), 14, "x"), 0.18, 0.05, 0.62),
        moved(drum(0.19, 0.32), 0.5, 0.2, 0.2),
        moved(drum(0.17, 0.14), -0.45, 0.25, 0.48),
    ]
    for x, z, r in ((-0.6, 0.95, 0.2), (0.55, 1.05, 0.24)):
        parts += [
            moved(
                lathe(
                    [(r, 0), (0.05, 0.025), (0, 0.04)],
                    Paint((214, 176, 88), gloss=0.4, metal=0.8, thin=True),
                    segments=28,
                ),
                x,
                0.2,
                z,
            ),
            bar((x, 0.2, 0), (x, 0.2, z), 0.012, CHROME),
        ]
    parts += [
        bar((0.5 + a, 0.2 + b, 0), (0.5 + a, 0.2 + b, 0.25), 0.01, CHROME)
        for a, b in ((0.18, 0), (-0.1, 0.15), (-0.1, -0.15))
    ]
    parts.append(bar((-0.45, 0.25, 0), (-0.45, 0.25, 0.5), 0.02, CHROME))
    return join(*parts)


def violin(s: Style) -> Model:
    outline = _body(
        [
            (0, 0),
            (0.06, 0.005),
            (0.1, 0.04),
            (0.1, 0.09),
            (0.06, 0.14),
            (0.055, 0.19),
            (0.07, 0.24),
            (0.082, 0.3),
            (0.06, 0.34),
            (0.02, 0.355),
        ]
    )
    p = Paint(s.colour, gloss=0.6)
    parts = [
        prism(outline, 0.035, p, side=Paint(shaded(s.colour, 0.7), gloss=0.5)),
        box((-0.012, -0.012, 0.2), (0.012, 0.0, 0.49), Paint(BLACK, gloss=0.3), cell=0.05),
        box((-0.013, -0.006, 0.47), (0.013, 0.012, 0.56), p, cell=0.04),
        pane(-0.02, 0.14, 0.02, 0.15, -0.003, Paint((214, 180, 120))),
        pane(-0.015, 0.01, 0.015, 0.1, -0.002, Paint(BLACK)),
    ]
    parts += [pane(x, 0.11, x + 0.004, 0.19, -0.002, Paint((40, 22, 14))) for x in (-0.04, 0.036)]
    flat_one = turned(join(*parts), -84, "x")
    bow = moved(
        turned(
            join(
                bar((0, 0, 0.01), (0, 0.7, 0.01), 0.004, Paint((96, 50, 30))),
                bar((0.012, 0, 0.008), (0.012, 0.68, 0.008), 0.0015, PALE, sides=3),
            ),
            6,
        ),
        0.16,
        -0.05,
    )
    return standing(join(flat_one, bow))
