"""Lamps, pictures and ornaments."""

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
    turned,
)
from marketrank.simulate.shapes import art
from marketrank.simulate.shapes.parts import cloth, facing, hung, laid, pane
from marketrank.simulate.shapes.style import BLACK, DARK, WHITE, Style, shaded


def lamp(s: Style) -> Model:
    """A table lamp, or a standard lamp, with a shade that glows when it is on."""
    tall = s.chance(0.35)
    h = 1.25 if tall else s.rng.uniform(0.26, 0.36)
    base = s.main()
    shade = Paint(s.accent, gloss=0, glow=s.rng.choice((0.0, 0.0, 0.6)), thin=True)
    if tall:
        stem = [(0, 0), (0.14, 0), (0.13, 0.02), (0.02, 0.035), (0.014, 0.5), (0.014, h)]
    else:
        b = s.rng.uniform(0.06, 0.1)
        stem = s.rng.choice(
            (
                [
                    (0, 0),
                    (b, 0),
                    (b, 0.015),
                    (0.015, 0.04),
                    (0.04, h * 0.4),
                    (0.012, h * 0.8),
                    (0.012, h),
                ],
                [
                    (0, 0),
                    (b * 0.7, 0),
                    (b * 1.2, h * 0.3),
                    (b, h * 0.55),
                    (0.02, h * 0.8),
                    (0.012, h),
                ],
                [(0, 0), (b, 0), (b, 0.02), (0.013, 0.03), (0.013, h)],
            )
        )
    r = 0.2 if tall else s.rng.uniform(0.12, 0.17)
    cone = [(r, h - 0.06), (r * 0.86, h + r * 0.4), (r * 0.72, h + r * 0.9)]
    return join(lathe(stem, base), lathe(cone, shade, segments=26))


def mirror(s: Style) -> Model:
    """Framed glass, leaning or hung; the glass shows a pale room."""
    w, h = s.rng.choice(((0.6, 0.9), (0.45, 1.3), (0.9, 0.6), (0.7, 0.7)))
    glass = art.dark_glass((120, 160)).point(lambda v: min(255, int(v * 2.2 + 96)))
    rim = s.main()
    if s.chance(0.3):
        r = 0.38
        return moved(
            facing(
                join(
                    cylinder(r, 0.02, Paint((176, 190, 198), gloss=0.9, metal=0.5), segments=36),
                    moved(ring(r, 0.03, rim, segments=36), z=0.01),
                )
            ),
            z=r,
        )
    m = s.rng.uniform(0.04, 0.1)
    parts = [
        box((-w / 2, 0, 0), (w / 2, 0.03, m), rim),
        box((-w / 2, 0, h - m), (w / 2, 0.03, h), rim),
        box((-w / 2, 0, m), (-w / 2 + m, 0.03, h - m), rim),
        box((w / 2 - m, 0, m), (w / 2, 0.03, h - m), rim),
        moved(hung(glass, w - 2 * m, h - 2 * m, y=0.02, gloss=0.4, lift=0), z=m),
    ]
    return turned(join(*parts), -5, "x")


def framed_picture(s: Style) -> Model:
    w, h = s.rng.choice(((0.6, 0.45), (0.5, 0.7), (0.9, 0.6), (0.4, 0.4)))
    rim, m = s.main(), s.rng.uniform(0.02, 0.06)
    image = art.painting(s.rng, (int(300 * w), int(300 * h)))
    mount = s.rng.choice((0.0, 0.05))
    parts = [
        box((-w / 2, 0, 0), (w / 2, 0.025, m), rim),
        box((-w / 2, 0, h - m), (w / 2, 0.025, h), rim),
        box((-w / 2, 0, m), (-w / 2 + m, 0.025, h - m), rim),
        box((w / 2 - m, 0, m), (w / 2, 0.025, h - m), rim),
        pane(-w / 2 + m, m, w / 2 - m, h - m, 0.012, Paint((246, 244, 236)), lift=0.03),
        moved(
            hung(
                image, w - 2 * m - 2 * mount, h - 2 * m - 2 * mount, y=0.01, gloss=0.12, lift=0.05
            ),
            z=m + mount,
        ),
    ]
    return join(*parts)


def clock(s: Style) -> Model:
    """A wall clock, or one in a case."""
    dial = Paint(s.rng.choice((WHITE, (240, 230, 204), (30, 34, 40))), gloss=0.3)
    mark = Paint(BLACK if sum(dial.colour) > 400 else WHITE)
    parts = [
        facing(cylinder(0.15, 0.01, dial, segments=36)),
        facing(moved(ring(0.15, 0.014, s.main(), segments=36), z=0.01)),
    ]
    for hour in range(12):
        parts.append(
            turned(moved(pane(-0.005, 0, 0.005, 0.022, -0.0115, mark), z=0.112), hour * 30, "y")
        )
    for angle, length, w in ((50, 0.07, 0.005), (-64, 0.105, 0.0035)):
        parts.append(turned(pane(-w, -0.015, w, length, -0.0125, mark, lift=0.07), angle, "y"))
    dialled = moved(join(*parts), z=0.165)
    if s.chance(0.4):
        case = box((-0.19, 0, 0), (0.19, 0.12, 0.37), s.main())
        return join(
            case,
            moved(dialled, y=-0.002, z=0.02),
            box((-0.22, -0.02, 0), (0.22, 0.14, 0.03), s.main()),
        )
    return dialled


def rug(s: Style) -> Model:
    w, d = s.rng.choice(((1.2, 1.7), (1.6, 2.3), (0.8, 1.5)))
    image = art.rug(s.rng, (240, int(240 * d / w)), (s.colour, s.accent))
    return join(
        box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.01), Paint(s.colour, weave=0.5)),
        laid(image, w, d, z=0.011, gloss=0),
    )


def vase(s: Style) -> Model:
    """A vase or jug thrown on a wheel, sometimes banded, sometimes with stems in it."""
    h, r = s.rng.uniform(0.2, 0.36), s.rng.uniform(0.06, 0.1)
    shape = s.rng.choice(
        (
            ((0.6, 0), (0.9, 0.2), (1.0, 0.4), (0.7, 0.7), (0.42, 0.85), (0.55, 1.0)),
            ((0.7, 0), (0.72, 0.3), (0.8, 0.7), (1.0, 1.0)),
            ((0.55, 0), (1.0, 0.25), (0.95, 0.5), (0.35, 0.72), (0.3, 0.9), (0.42, 1.0)),
            ((0.8, 0), (1.0, 0.5), (0.8, 0.9), (0.84, 1.0)),
        )
    )
    z = np.linspace(0, 1, 15)
    radii = np.interp(z, [p[1] for p in shape], [p[0] for p in shape])
    parts = [
        lathe(
            [
                (0, 0),
                *[(r * a, h * b) for a, b in zip(radii, z, strict=True)],
                (r * radii[-1] * 0.8, h * 0.9),
            ],
            s.main(),
            segments=28,
        )
    ]
    if s.chance(0.4):
        parts += [
            moved(ring(r * float(np.interp(t, z, radii)), 0.003, s.second(), sides=4), z=h * t)
            for t in (0.3, 0.36, 0.6)
        ]
    if s.chance(0.3):
        parts.append(
            moved(turned(ring(h * 0.25, 0.01, s.main(), sides=6), 90, "x"), r * 0.95, 0, h * 0.6)
        )
    return join(*parts)


def plant(s: Style) -> Model:
    """A house or garden plant in its pot."""
    pot = Paint(s.colour, gloss=0.15)
    h, r = s.rng.uniform(0.18, 0.3), s.rng.uniform(0.11, 0.17)
    parts = [
        lathe(
            [
                (0, 0),
                (r * 0.72, 0),
                (r * 0.98, h * 0.85),
                (r * 1.08, h * 0.86),
                (r * 1.08, h),
                (r * 0.95, h),
                (r * 0.9, h * 0.9),
                (0, h * 0.9),
            ],
            pot,
        )
    ]
    kind = s.rng.choice(("palm", "bush", "spikes"))
    for _ in range({"palm": 15, "bush": 34, "spikes": 13}[kind]):
        tone = s.rng.uniform(0.6, 1.25)
        leaf = Paint(shaded((72, 124, 62), tone), gloss=0.12, thin=True)
        a, up = s.rng.uniform(0, 360), s.rng.uniform(25, 88)
        if kind == "bush":
            ball = soft((0, 0, 0), (0.07, 0.07, 0.055), leaf, square=1, detail=5)
            d = s.rng.uniform(0, 0.2)
            parts.append(
                moved(ball, d * np.cos(a), d * np.sin(a), h + 0.03 + s.rng.uniform(0, 0.3))
            )
            continue
        length, wide = (
            (s.rng.uniform(0.3, 0.6), 0.035)
            if kind == "palm"
            else (s.rng.uniform(0.25, 0.5), 0.022)
        )
        t = np.linspace(0, 1, 5)
        reach, rise = length * np.cos(np.radians(up)) * t, length * np.sin(np.radians(up)) * t
        rise = rise - (0.25 * length * t**2 if kind == "palm" else 0)
        half = wide * np.sin(np.pi * (0.08 + 0.92 * t)) + 0.002
        blade = cloth(
            [
                [
                    (float(x), float(-w), float(z))
                    for x, w, z in zip(reach, half, rise, strict=True)
                ],
                [(float(x), float(w), float(z)) for x, w, z in zip(reach, half, rise, strict=True)],
            ],
            leaf,
        )
        parts.append(moved(turned(blade, a), z=h * 0.9))
    return join(*parts)


def candles(s: Style) -> Model:
    parts = []
    for i in range(s.rng.randint(2, 5)):
        r, h = s.rng.uniform(0.03, 0.045), s.rng.uniform(0.06, 0.16)
        one = join(
            cylinder(r, h, Paint(s.rng.choice((s.colour, s.accent)), gloss=0.2)),
            bar((0, 0, h), (0, 0, h + 0.012), 0.0015, DARK),
        )
        if s.chance(0.4):
            one = join(
                one,
                soft(
                    (0, 0, h + 0.024),
                    (0.005, 0.005, 0.013),
                    Paint((255, 220, 130), glow=1),
                    square=1,
                ),
            )
        parts.append(moved(one, i * 0.1 - 0.2, s.rng.uniform(-0.03, 0.03)))
    return join(*parts)
