"""Cupboards, drawers and shelves."""

import numpy as np

from marketrank.simulate.mesh import Model, Paint, bar, box, frame, join, moved, scaled, soft, tube
from marketrank.simulate.shapes import art
from marketrank.simulate.shapes.parts import pane, wheel
from marketrank.simulate.shapes.style import BRASS, CHROME, DARK, PALE, STEEL, Style, shaded


def wardrobe(s: Style) -> Model:
    doors = s.rng.choice((2, 2, 3))
    w, d, h = doors * 0.46, 0.55, s.rng.uniform(1.75, 2.05)
    return cabinet(s, w, d, h, doors=doors, drawers=s.rng.choice((0, 1)), plinth=0.07)


def cabinet(
    s: Style, w: float, d: float, h: float, *, doors: int, drawers: int, plinth: float
) -> Model:
    p = s.main()
    knob = s.rng.choice((BRASS, CHROME, DARK))
    parts = [box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), p, cell=0.22)]
    parts.append(
        box((-w / 2 - 0.02, -d / 2 - 0.03, h - 0.04), (w / 2 + 0.02, d / 2, h), p, cell=0.2)
    )
    parts.append(
        box((-w / 2 - 0.01, -d / 2 - 0.015, 0), (w / 2 + 0.01, d / 2, plinth), p, cell=0.2)
    )
    split = plinth + 0.26 * drawers
    front = -d / 2
    gap = Paint(shaded(s.colour, 0.42), gloss=0)
    for row in range(drawers):
        z0, z1 = plinth + 0.26 * row + 0.01, plinth + 0.26 * (row + 1) - 0.01
        parts += _panel((-w / 2 + 0.02, w / 2 - 0.02), (z0, z1), front, p, gap)
        parts += [moved(_pull(knob), x, front - 0.03, (z0 + z1) / 2) for x in (-w / 4, w / 4)]
    for i in range(doors):
        x0, x1 = -w / 2 + w / doors * i + 0.012, -w / 2 + w / doors * (i + 1) - 0.012
        parts += _panel((x0, x1), (split + 0.015, h - 0.055), front, p, gap)
        side = x1 - 0.04 if i % 2 == 0 else x0 + 0.04
        parts.append(moved(_pull(knob), side, front - 0.03, (split + h) / 2 - 0.05))
    return join(*parts)


def _pull(paint: Paint) -> Model:
    return soft((0, 0, 0), (0.018, 0.018, 0.018), paint, square=1, detail=5)


def _panel(
    x: tuple[float, float], z: tuple[float, float], y: float, p: Paint, gap: Paint
) -> list[Model]:
    """A door or drawer front: its joint, and the shadow and light edges of its sunk field."""
    (x0, x1), (z0, z1) = x, z
    m = min(x1 - x0, z1 - z0) * 0.16
    shade, light = Paint(shaded(p.colour, 0.78), gloss=0), Paint(shaded(p.colour, 1.12), gloss=0)
    inner = ((x0 + m, x1 - m), (z0 + m, z1 - m))
    return [
        frame((x0 - 0.003, x1 + 0.003), (z0 - 0.003, z1 + 0.003), y - 0.002, 0.007, gap),
        frame(
            (inner[0][0] + 0.006, inner[0][1] + 0.006),
            (inner[1][0] - 0.006, inner[1][1] - 0.006),
            y - 0.002,
            0.006,
            light,
        ),
        frame(*inner, y - 0.003, 0.006, shade, lift=0.07),
    ]


def drawers(s: Style) -> Model:
    w, d, rows = s.rng.choice((0.45, 0.8, 1.0)), 0.42, s.rng.randint(3, 5)
    p, h = s.main(), 0.06 + rows * 0.2 + 0.03
    knob = s.rng.choice((BRASS, CHROME, DARK))
    gap = Paint(shaded(s.colour, 0.42), gloss=0)
    parts = [
        box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), p, cell=0.16),
        box((-w / 2 - 0.02, -d / 2 - 0.03, h - 0.03), (w / 2 + 0.02, d / 2, h), p, cell=0.16),
    ]
    for row in range(rows):
        z = 0.06 + row * 0.2
        halves = 2 if row == rows - 1 and w > 0.7 else 1
        for i in range(halves):
            x0, x1 = (
                -w / 2 + 0.02 + (w - 0.04) / halves * i,
                -w / 2 + 0.02 + (w - 0.04) / halves * (i + 1),
            )
            parts += _panel((x0 + 0.004, x1 - 0.004), (z + 0.01, z + 0.19), -d / 2, p, gap)
            spots = ((x0 + x1) / 2,) if x1 - x0 < 0.6 else (x0 + (x1 - x0) / 4, x1 - (x1 - x0) / 4)
            parts += [moved(_pull(knob), x, -d / 2 - 0.03, z + 0.1) for x in spots]
    return join(*parts)


def bedside(s: Style) -> Model:
    return scaled(cabinet(s, 0.45, 0.38, 0.56, doors=1, drawers=1, plinth=0.05), 1)


def sideboard(s: Style) -> Model:
    return cabinet(
        s,
        s.rng.uniform(1.2, 1.6),
        0.42,
        s.rng.uniform(0.72, 0.88),
        doors=s.rng.choice((2, 3)),
        drawers=1,
        plinth=0.06,
    )


def shelves(s: Style) -> Model:
    """A bookcase, some books on it."""
    w, d, h, rows = s.rng.uniform(0.6, 0.9), 0.28, s.rng.uniform(1.2, 1.9), s.rng.randint(3, 5)
    p = s.main()
    parts = [
        box((x, -d / 2, 0), (x + 0.025, d / 2, h), p, cell=0.3) for x in (-w / 2, w / 2 - 0.025)
    ]
    parts.append(
        box((-w / 2, d / 2 - 0.01, 0), (w / 2, d / 2, h), Paint(shaded(s.colour, 0.8)), cell=0.2)
    )
    for i in range(rows + 1):
        z = 0.05 + (h - 0.075) * i / rows
        parts.append(box((-w / 2, -d / 2, z), (w / 2, d / 2, z + 0.025), p, cell=0.15))
        x = -w / 2 + 0.04
        while i < rows and x < w / 2 - s.rng.uniform(0.1, 0.6) and s.chance(0.94):
            t, tall = s.rng.uniform(0.018, 0.045), s.rng.uniform(0.17, (h / rows) * 0.78)
            colour = s.rng.choice(
                ((150, 40, 40), (40, 70, 110), (220, 210, 190), (60, 90, 60), (30, 30, 36))
            )
            parts.append(
                box(
                    (x, -d / 2 + 0.05, z + 0.025),
                    (x + t, d / 2 - 0.03, z + 0.025 + tall),
                    Paint(colour),
                    cell=0.15,
                )
            )
            x += t + 0.002
    return join(*parts)


def filing_cabinet(s: Style) -> Model:
    n, w, d = s.rng.choice((2, 3, 4)), 0.46, 0.6
    h, p = 0.06 + n * 0.31, Paint(s.colour, gloss=0.25, metal=0.1)
    parts = [box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), p, cell=0.12)]
    for i in range(n):
        z = 0.03 + i * 0.31
        parts += [
            frame(
                (-w / 2 + 0.01, w / 2 - 0.01),
                (z + 0.005, z + 0.3),
                -d / 2 - 0.002,
                0.008,
                Paint(shaded(s.colour, 0.55)),
            ),
            box((-0.06, -d / 2 - 0.025, z + 0.17), (0.06, -d / 2 - 0.01, z + 0.19), CHROME),
            pane(-0.05, z + 0.21, 0.05, z + 0.25, -d / 2 - 0.003, PALE, lift=0.07),
        ]
    return join(*parts)


def shop_rack(s: Style) -> Model:
    """Garage or shop shelving, or a rail of clothes."""
    p = Paint(s.colour, gloss=0.25, metal=0.2)
    w, d, h = 0.95, 0.42, 1.75
    if s.chance(0.4):
        parts = [
            tube([(-w / 2, 0, 0), (-w / 2, 0, 1.5)], 0.016, CHROME),
            tube([(w / 2, 0, 0), (w / 2, 0, 1.5)], 0.016, CHROME),
            bar((-w / 2, 0, 1.5), (w / 2, 0, 1.5), 0.016, CHROME),
            *(bar((x, -0.25, 0.03), (x, 0.25, 0.03), 0.018, CHROME) for x in (-w / 2, w / 2)),
        ]
        for x in np.linspace(-w * 0.4, w * 0.3, s.rng.randint(4, 9)):
            c = Paint(s.rng.choice(art.INKS), weave=0.3, gloss=0)
            parts.append(soft((float(x), 0, 1.05), (0.025, 0.2, 0.4), c, square=0.5, detail=9))
        return join(*parts)
    parts = [
        box((x - 0.02, y - 0.02, 0), (x + 0.02, y + 0.02, h), p)
        for x in (-w / 2, w / 2)
        for y in (-d / 2, d / 2)
    ]
    for z in np.linspace(0.1, h - 0.05, 5):
        parts.append(
            box(
                (-w / 2, -d / 2, z),
                (w / 2, d / 2, z + 0.03),
                s.rng.choice((p, Paint((196, 160, 110), grain=0.5))),
                cell=0.12,
            )
        )
    for _ in range(s.rng.randint(0, 5)):
        z, x = s.rng.choice((0.13, 0.53, 0.94)), s.rng.uniform(-0.3, 0.25)
        parts.append(box((x, -0.1, z + 0.01), (x + 0.2, 0.12, z + 0.2), Paint((186, 148, 104))))
    return join(*parts)


def toolbox(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.3, metal=0.15)
    if s.chance(0.5):
        rows = 5
        parts = [box((-0.33, -0.22, 0.1), (0.33, 0.22, 0.85), p, cell=0.12)]
        parts += [
            frame((-0.31, 0.31), (0.13 + i * 0.14, 0.26 + i * 0.14), -0.222, 0.006, DARK)
            for i in range(rows)
        ]
        parts += [
            bar((-0.25, -0.235, 0.24 + i * 0.14), (0.25, -0.235, 0.24 + i * 0.14), 0.008, CHROME)
            for i in range(rows)
        ]
        parts += [
            moved(wheel(0.05, 0.04, solid=True, hub=STEEL), x, y, 0.05)
            for x in (-0.28, 0.28)
            for y in (-0.17, 0.17)
        ]
        return join(*parts)
    return join(
        box((-0.24, -0.11, 0), (0.24, 0.11, 0.16), p, cell=0.06),
        box(
            (-0.245, -0.115, 0.16),
            (0.245, 0.115, 0.21),
            Paint(shaded(s.colour, 0.75), gloss=0.3),
            cell=0.06,
        ),
        tube([(-0.12, 0, 0.21), (-0.12, 0, 0.25), (0.12, 0, 0.25), (0.12, 0, 0.21)], 0.01, DARK),
        *(box((x, -0.12, 0.12), (x + 0.04, -0.11, 0.19), CHROME) for x in (-0.17, 0.13)),
    )
