"""Computers and what plugs into them."""

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
    join,
    lifted,
    moved,
    ring,
    scaled,
    soft,
    tube,
    turned,
)
from marketrank.simulate.shapes import art
from marketrank.simulate.shapes.parts import carton, disc, display, pane, tab
from marketrank.simulate.shapes.style import BLACK, BRASS, DARK, STEEL, Style, shaded


def laptop(s: Style) -> Model:
    w, d, t = s.rng.uniform(0.31, 0.38), s.rng.uniform(0.22, 0.26), 0.016
    body = Paint(s.colour, gloss=0.25, metal=0.2)
    lid = join(
        box((-w / 2, 0, 0), (w / 2, 0.008, d * 0.97), body, cell=0.06),
        pane(
            -w / 2 + 0.003,
            0.003,
            w / 2 - 0.003,
            d * 0.97 - 0.003,
            -0.0004,
            Paint((26, 26, 29), gloss=0.3),
            lift=0.03,
        ),
        display(s, w - 0.022, d * 0.97 - 0.03, -0.0008, 0.018, lift=0.07),
    )
    return join(
        box((-w / 2, -d / 2, 0), (w / 2, d / 2, t), body, cell=0.05),
        _keys(s, w, d, t + 0.0005),
        moved(turned(lid, -s.rng.uniform(10, 24), "x"), 0, d / 2 - 0.004, t),
    )


def _keys(s: Style, w: float, d: float, top: float) -> Model:
    """A laptop's keys, space bar and touch pad at height `top`."""
    keys = Paint((40, 40, 44) if sum(s.colour) > 300 else (24, 24, 27), gloss=0.1)
    pad = Paint(shaded(s.colour, 0.88), gloss=0.2)
    rows, columns = 5, 13
    kw, kd = w * 0.86 / columns, d * 0.42 / rows
    parts = [tab(-w * 0.16, -d * 0.42, w * 0.16, -d * 0.12, top, pad)]
    for r in range(rows):
        for c in range(columns):
            if r == rows - 1 and 3 <= c <= 8:
                continue
            x, y = -w * 0.43 + c * kw, d * 0.38 - (r + 1) * kd
            parts.append(tab(x, y, x + kw * 0.84, y + kd * 0.82, top, keys))
    y = d * 0.38 - rows * kd
    return join(*parts, tab(-w * 0.2, y, w * 0.16, y + kd * 0.82, top, keys))


def monitor(s: Style) -> Model:
    w, h = s.rng.choice(((0.53, 0.31), (0.6, 0.34), (0.42, 0.34)))
    case = Paint(s.colour, gloss=0.2)
    screen = join(
        box((-w / 2, 0, 0), (w / 2, 0.04, h), case, cell=0.1),
        display(s, w - 0.02, h - 0.026, -0.001, 0.016),
    )
    return join(
        moved(screen, z=0.12),
        box((-0.03, 0.02, 0.01), (0.03, 0.05, 0.25), case),
        moved(scaled(cylinder(0.12, 0.015, case, segments=24), 1, 0.75, 1), y=0.02),
    )


def tower_pc(s: Style) -> Model:
    w, d, h = 0.21, 0.44, 0.45
    case = Paint(s.colour, gloss=0.25)
    parts = [box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), case, cell=0.08)]
    y = -d / 2 - 0.001
    parts.append(pane(-w * 0.42, 0.02, w * 0.42, h - 0.03, y, Paint((28, 28, 31), gloss=0.3)))
    if s.chance(0.6):
        glow = Paint(s.accent, glow=0.9)
        for i in range(3):
            fan = join(
                moved(turned(ring(0.055, 0.006, glow, segments=20, sides=5), 90, "x"), 0, 0, 0)
            )
            parts.append(lifted(moved(fan, 0, y - 0.004, 0.09 + i * 0.135)))
            parts.append(
                moved(disc(0.02, Paint((60, 60, 66)), lift=0.08), 0, y - 0.002, 0.09 + i * 0.135)
            )
    else:
        parts += [
            pane(
                -w * 0.36,
                z,
                w * 0.36,
                z + 0.035,
                y - 0.001,
                Paint((70, 70, 74), gloss=0.2),
                lift=0.08,
            )
            for z in (h - 0.09, h - 0.14)
        ]
        parts.append(
            moved(disc(0.012, Paint((90, 190, 240), glow=0.8), lift=0.08), 0, y - 0.002, 0.2)
        )
    return join(*parts)


def printer(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.22)
    paper = Paint((250, 250, 248), thin=True)
    return join(
        soft((0, 0, 0.08), (0.22, 0.18, 0.08), p, square=0.15),
        box(
            (-0.2, -0.15, 0.15),
            (0.2, 0.15, 0.175),
            Paint(shaded(s.colour, 0.82), gloss=0.25),
            cell=0.06,
        ),
        pane(-0.15, 0.045, 0.15, 0.085, -0.181, Paint((24, 24, 26))),
        pane(0.08, 0.11, 0.17, 0.14, -0.181, Paint((70, 130, 170), glow=0.6)),
        box((-0.13, -0.3, 0.035), (0.13, -0.17, 0.042), DARK),
        flat(
            [(-0.1, -0.28, 0.045), (0.1, -0.28, 0.045), (0.1, -0.16, 0.055), (-0.1, -0.16, 0.055)],
            paper,
            lift=0.05,
        ),
        flat([(-0.1, 0.15, 0.17), (0.1, 0.15, 0.17), (0.1, 0.22, 0.36), (-0.1, 0.22, 0.36)], paper),
    )


def router(s: Style) -> Model:
    parts = [box((-0.11, -0.07, 0), (0.11, 0.07, 0.028), Paint(s.colour, gloss=0.25), cell=0.04)]
    parts += [
        bar((x, 0.06, 0.02), (x * 1.1, 0.075, 0.19), 0.006, DARK) for x in (-0.1, -0.03, 0.03, 0.1)
    ]
    parts += [
        pane(
            -0.08 + i * 0.02,
            0.012,
            -0.074 + i * 0.02,
            0.017,
            -0.071,
            Paint((110, 230, 120), glow=1),
        )
        for i in range(6)
    ]
    return join(*parts)


def keyboard(s: Style) -> Model:
    w, d, p = 0.44, 0.14, Paint(s.colour, gloss=0.15)
    parts = [box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.018), p, cell=0.05)]
    cap = (
        Paint(shaded(s.colour, 1.25), gloss=0.15) if sum(s.colour) < 400 else Paint((250, 250, 248))
    )
    for r in range(5):
        for c in range(18):
            x, y = -w / 2 + 0.012 + c * 0.0233, -d / 2 + 0.012 + r * 0.024
            parts.append(
                flat(
                    [
                        (x, y, 0.022),
                        (x + 0.019, y, 0.022),
                        (x + 0.019, y + 0.019, 0.022),
                        (x, y + 0.019, 0.022),
                    ],
                    cap,
                    lift=0.04,
                )
            )
    mouse = soft((0.31, -0.01, 0.016), (0.03, 0.052, 0.017), p, square=0.8)
    return join(*parts, mouse) if s.chance(0.6) else join(*parts)


def circuit_card(s: Style) -> Model:
    """A graphics card with fans, lying on its side."""
    parts = [
        box((-0.14, -0.06, 0), (0.14, 0.06, 0.035), Paint(s.colour, gloss=0.25), cell=0.04),
        box((-0.15, -0.055, -0.004), (-0.142, 0.06, 0.04), STEEL),
    ]
    for x in (-0.07, 0.065):
        parts.append(moved(ring(0.05, 0.004, Paint(s.accent, gloss=0.3), sides=5), x, 0, 0.036))
        blade = Paint((36, 36, 40), gloss=0.2)
        for i in range(9):
            leaf = [
                (0.012, -0.004, 0.037),
                (0.045, -0.002, 0.037),
                (0.044, 0.012, 0.039),
                (0.012, 0.004, 0.039),
            ]
            parts.append(
                moved(turned(flat([(a, b, c) for a, b, c in leaf], blade, lift=0.07), i * 40), x)
            )
        parts.append(moved(cylinder(0.013, 0.004, DARK, segments=12), x, 0, 0.037))
    return turned(join(*parts), s.rng.uniform(10, 50), "x")


def calculator(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.2)
    parts = [box((-0.045, -0.075, 0), (0.045, 0.075, 0.016), p, cell=0.02)]
    top = 0.0165
    from_y = 0.02
    parts.append(
        moved(
            turned(pane(-0.036, 0, 0.036, 0.026, 0, Paint((156, 170, 150), gloss=0.3)), -90, "x"),
            0,
            0.038,
            top,
        )
    )
    for row in range(5):
        for column in range(4):
            c = s.accent if column == 3 else (70, 70, 74)
            parts.append(
                box(
                    (-0.038 + column * 0.02, from_y - row * 0.019, top),
                    (-0.022 + column * 0.02, from_y + 0.012 - row * 0.019, top + 0.003),
                    Paint(c, gloss=0.2),
                    cell=0.03,
                )
            )
    return turned(join(*parts), s.rng.uniform(-30, 30))


def cable(s: Style) -> Model:
    """A charger and its lead."""
    a = np.linspace(0, 4.6 * np.pi, 44)
    lead: list[Point] = [
        (
            float((0.045 + 0.001 * t) * np.cos(t) * 1.2),
            float((0.045 + 0.001 * t) * np.sin(t)),
            0.004 + 0.0006 * float(t),
        )
        for t in a
    ]
    p = Paint(s.colour, gloss=0.2)
    plug = join(
        box((-0.022, -0.018, 0), (0.022, 0.018, 0.026), p, cell=0.01),
        *(box((x, 0.018, 0.008), (x + 0.004, 0.034, 0.014), BRASS) for x in (-0.012, 0.008)),
        box((-0.002, 0.018, 0.016), (0.002, 0.036, 0.024), BRASS),
    )
    return join(
        tube(lead, 0.0028, p, sides=5),
        moved(turned(plug, 30), 0.1, 0.02),
        box(
            (-0.008, -0.09, 0.002),
            (0.008, -0.07, 0.008),
            Paint(BLACK if sum(s.colour) > 400 else (230, 230, 230)),
        ),
        cells(np.zeros((0, 4, 3)), p),
    )


def cartridges(s: Style) -> Model:
    """Ink, toner or envelopes in their boxes."""
    parts = []
    for i in range(s.rng.randint(2, 6)):
        c = s.rng.choice(((40, 150, 190), (200, 60, 130), (236, 200, 60), (40, 40, 44)))
        image = art.cover(
            s.rng, (130, 110), s.rng.choice(("Toner", "Ink XL", "Ink", "A4 80gsm")), colour=c
        )
        parts.append(
            moved(
                turned(carton(0.13, 0.07, 0.11, image, Paint(c)), s.rng.uniform(-9, 9)),
                (i % 3) * 0.15,
                -(i // 3) * 0.12 + (0.0),
            )
        )
    return join(*parts)
