"""Machines about the house and the shop."""

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
    lifted,
    moved,
    ring,
    scaled,
    soft,
    standing,
    tube,
    turned,
)
from marketrank.simulate.shapes import art
from marketrank.simulate.shapes.parts import bottle, disc, facing, hung, knob, pane
from marketrank.simulate.shapes.style import BRASS, CHROME, DARK, GLASS, PALE, STEEL, Style, shaded


def washing_machine(s: Style) -> Model:
    """Also a dryer: a white box with a round door."""
    w, d, h, p = 0.6, 0.58, 0.85, Paint(s.colour, gloss=0.25)
    y = -d / 2 - 0.001
    parts = [
        box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), p, cell=0.12),
        pane(-w / 2 + 0.005, h - 0.135, w / 2 - 0.005, h - 0.128, y, Paint(shaded(s.colour, 0.6))),
        pane(-w / 2 + 0.03, h - 0.11, -w / 2 + 0.2, h - 0.03, y, Paint(shaded(s.colour, 0.9))),
        moved(knob(0.032, 0.03, STEEL), 0.02, y, h - 0.07),
        pane(0.1, h - 0.095, 0.25, h - 0.045, y, Paint((28, 30, 34), gloss=0.3)),
        pane(0.13, h - 0.08, 0.19, h - 0.06, y - 0.001, Paint((220, 90, 70), glow=0.8), lift=0.08),
    ]
    parts += [pane(0.1 + i * 0.04, h - 0.12, 0.12 + i * 0.04, h - 0.112, y, DARK) for i in range(4)]
    door = join(
        moved(ring(0.17, 0.028, s.rng.choice((CHROME, PALE, DARK)), segments=32), z=0.005),
        lathe([(0.15, 0.0), (0.11, 0.025), (0, 0.03)], GLASS),
    )
    return join(
        *parts,
        moved(facing(door), 0, y, 0.4),
        pane(-w / 2 + 0.01, 0.0, w / 2 - 0.01, 0.05, y, Paint(shaded(s.colour, 0.8))),
    )


def fridge(s: Style) -> Model:
    w, d = s.rng.choice((0.55, 0.6)), 0.6
    h = s.rng.choice((0.85, 1.45, 1.75))
    p = Paint(s.colour, gloss=0.3, metal=0.25 if sum(s.colour) < 620 else 0)
    y = -d / 2 - 0.001
    cut = h * s.rng.choice((0.42, 0.66)) if h > 1 else h * 0.995
    parts = [
        box((-w / 2, -d / 2, 0.03), (w / 2, d / 2, h), p, cell=0.16),
        pane(-w / 2, cut - 0.006, w / 2, cut + 0.006, y, Paint((60, 60, 62))),
    ]
    side = s.rng.choice((-1, 1)) * (w / 2 - 0.05)
    for z in (cut - 0.25, cut + 0.06) if h > 1 else (cut - 0.3,):
        parts.append(bar((side, y - 0.03, z), (side, y - 0.03, z + 0.2), 0.011, CHROME))
    if s.chance(0.4):
        for _ in range(6):
            mx, mz = s.rng.uniform(-w * 0.3, w * 0.3), s.rng.uniform(h * 0.55, h * 0.9)
            parts.append(
                pane(
                    mx,
                    mz,
                    mx + 0.04,
                    mz + 0.05,
                    y - 0.001,
                    Paint(s.rng.choice(art.INKS)),
                    lift=0.07,
                )
            )
    return join(*parts)


def display_fridge(s: Style) -> Model:
    w, d, h = s.rng.choice((0.6, 0.95)), 0.6, s.rng.choice((0.9, 1.85))
    p = Paint(s.colour, gloss=0.25)
    parts = [box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), p, cell=0.14)]
    y = -d / 2 - 0.001
    parts.append(
        pane(
            -w / 2 + 0.05,
            0.12,
            w / 2 - 0.05,
            h - 0.16,
            y,
            Paint((150, 176, 186), glow=0.4, gloss=0.6),
        )
    )
    for z in np.arange(0.16, h - 0.35, 0.28):
        parts.append(pane(-w / 2 + 0.06, z - 0.012, w / 2 - 0.06, z, y - 0.001, PALE, lift=0.07))
        for x in np.arange(-w / 2 + 0.08, w / 2 - 0.12, 0.075):
            if s.chance(0.75):
                parts.append(
                    pane(
                        x,
                        z,
                        x + 0.055,
                        z + s.rng.uniform(0.12, 0.2),
                        y - 0.002,
                        Paint(s.rng.choice(art.INKS), glow=0.3),
                        lift=0.08,
                    )
                )
    parts += [
        pane(-w / 2 + 0.02, h - 0.14, w / 2 - 0.02, h - 0.02, y, Paint(s.accent, glow=0.4)),
        bar((w / 2 - 0.05, y - 0.03, h * 0.4), (w / 2 - 0.05, y - 0.03, h * 0.62), 0.012, CHROME),
    ]
    return join(*parts)


def vacuum(s: Style) -> Model:
    """An upright or a cylinder vacuum cleaner."""
    p, dark = Paint(s.colour, gloss=0.35), DARK
    if s.chance(0.5):
        body = join(
            soft((0, 0, 0.06), (0.15, 0.12, 0.05), dark, square=0.4),
            tube(
                [(0, 0.06, 0.08), (0, 0.12, 0.4), (0, 0.2, 0.75)], [0.06, 0.08, 0.03], p, sides=12
            ),
            moved(cylinder(0.075, 0.3, Paint((170, 180, 190), gloss=0.7)), 0, 0.02, 0.22),
            tube([(0, 0.2, 0.72), (0, 0.24, 1.05), (0, 0.2, 1.12), (0, 0.12, 1.1)], 0.016, p),
        )
        return standing(body)
    parts = [
        scaled(soft((0, 0, 0.14), (0.15, 0.22, 0.13), p, square=0.8), 1),
        moved(ring(0.12, 0.02, dark), 0, 0.05, 0.2),
    ]
    parts += [
        moved(turned(cylinder(0.08, 0.03, dark), 90, "y"), x, 0.12, 0.08) for x in (-0.18, 0.15)
    ]
    hose = [
        (0.0, -0.2, 0.2),
        (0.02, -0.35, 0.3),
        (0.2, -0.45, 0.2),
        (0.4, -0.3, 0.1),
        (0.45, 0.1, 0.15),
        (0.42, 0.15, 0.5),
        (0.4, 0.1, 0.9),
    ]
    parts += [
        tube(hose, 0.02, dark),
        bar((0.4, 0.1, 0.9), (0.5, -0.2, 0.03), 0.016, CHROME),
        soft((0.51, -0.26, 0.025), (0.13, 0.05, 0.022), dark, square=0.4),
    ]
    return standing(join(*parts))


def fan(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.3)
    blade = Paint((190, 204, 212), gloss=0.3, thin=True)
    head = [
        facing(moved(ring(r, 0.003, p, sides=4), z=z))
        for r, z in ((0.18, 0.03), (0.18, -0.03), (0.12, 0.05), (0.06, 0.055))
    ]
    for i in range(16):
        a = i * 22.5
        head.append(turned(bar((0, -0.055, 0.02), (0, -0.035, 0.18), 0.0018, p, sides=3), a, "y"))
    for i in range(4):
        head.append(
            turned(soft((0, 0, 0.085), (0.04, 0.006, 0.075), blade, square=1), i * 90 + 20, "y")
        )
    head.append(facing(moved(cylinder(0.035, 0.1, p), z=-0.1)))
    h = s.rng.choice((0.3, 0.9))
    return join(
        moved(join(*head), z=h),
        bar((0, 0.05, 0.02), (0, 0.05, h - 0.03), 0.015, p),
        lathe([(0, 0), (0.15, 0), (0.14, 0.02), (0.02, 0.03)], p),
    )


def heater(s: Style) -> Model:
    """An oil-filled radiator or an electric stove."""
    p = Paint(s.colour, gloss=0.25)
    if s.chance(0.6):
        parts = [
            soft((x, 0, 0.36), (0.022, 0.11, 0.27), p, square=0.3, detail=8)
            for x in np.arange(-0.2, 0.21, 0.055)
        ]
        parts.append(box((0.22, -0.08, 0.1), (0.3, 0.08, 0.62), DARK, cell=0.1))
        parts += [bar((x, -0.12, 0.03), (x, 0.12, 0.03), 0.02, DARK) for x in (-0.18, 0.18)]
        return join(*parts)
    y = -0.151
    return join(
        box((-0.27, -0.15, 0.04), (0.27, 0.15, 0.55), p, cell=0.08),
        pane(-0.2, 0.14, 0.2, 0.44, y, Paint((30, 22, 20), gloss=0.3)),
        pane(-0.14, 0.15, 0.14, 0.25, y - 0.001, Paint((240, 130, 40), glow=1), lift=0.07),
        frame((-0.21, 0.21), (0.13, 0.45), y, 0.02, DARK),
        box((-0.3, -0.18, 0.55), (0.3, 0.18, 0.58), p, cell=0.08),
        moved(cylinder(0.05, 0.14, DARK), 0, 0.05, 0.58),
    )


def sewing_machine(s: Style) -> Model:
    p, trim = Paint(s.colour, gloss=0.4), BRASS if s.chance(0.5) else CHROME
    return join(
        box(
            (-0.2, -0.09, 0),
            (0.2, 0.09, 0.06),
            s.rng.choice((p, Paint((150, 96, 56), grain=0.8))),
            cell=0.06,
        ),
        soft((0.13, 0, 0.16), (0.05, 0.05, 0.12), p, square=0.5),
        soft((0, 0, 0.25), (0.19, 0.045, 0.045), p, square=0.5),
        soft((-0.15, 0, 0.2), (0.04, 0.045, 0.08), p, square=0.5),
        bar((-0.15, 0, 0.06), (-0.15, 0, 0.14), 0.006, CHROME),
        moved(
            turned(join(ring(0.055, 0.012, trim), cylinder(0.02, 0.02, trim)), 90, "y"),
            0.2,
            0,
            0.24,
        ),
        bottle(0.014, 0.05, Paint(s.accent), trim)
        if False
        else moved(cylinder(0.016, 0.045, Paint(s.accent, weave=0.6)), 0.03, 0, 0.3),
        moved(disc(0.03, trim), 0.02, -0.046, 0.25),
        pane(-0.1, 0.235, 0.0, 0.265, -0.047, Paint(s.accent)),
    )


def till(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.2)
    image = art.screen(s.rng, (200, 150))
    screen = join(
        box((-0.17, 0, 0), (0.17, 0.03, 0.26), Paint((36, 36, 40), gloss=0.2)),
        moved(hung(image, 0.32, 0.23, y=-0.001, gloss=0.3), z=0.015),
    )
    return join(
        box((-0.21, -0.21, 0), (0.21, 0.21, 0.1), p, cell=0.08),
        frame((-0.2, 0.2), (0.01, 0.09), -0.212, 0.006, DARK),
        moved(disc(0.012, CHROME), 0, -0.212, 0.07),
        bar((0, 0.05, 0.1), (0, 0.08, 0.2), 0.03, DARK),
        moved(turned(screen, -22, "x"), 0, -0.02, 0.15),
        moved(box((-0.06, 0, 0), (0.06, 0.14, 0.13), p), 0.33, -0.05),
    )


def shredder(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.2)
    return join(
        box(
            (-0.17, -0.12, 0),
            (0.17, 0.12, 0.33),
            Paint(shaded(s.colour, 1.3), gloss=0.2),
            cell=0.06,
        ),
        soft((0, 0, 0.38), (0.19, 0.14, 0.06), p, square=0.3),
        box((-0.13, -0.012, 0.436), (0.13, 0.012, 0.4405), Paint((16, 16, 18))),
        pane(-0.08, 0.09, 0.08, 0.25, -0.121, Paint((70, 72, 76), gloss=0.5)),
        pane(0.11, 0.38, 0.13, 0.39, -0.142, Paint((90, 210, 110), glow=1)),
    )


def foot_spa(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.35)
    return join(
        soft((0, 0, 0.09), (0.21, 0.19, 0.09), p, square=0.5),
        *(
            lifted(
                soft(
                    (x, -0.02, 0.155),
                    (0.06, 0.13, 0.03),
                    Paint((120, 180, 200), gloss=0.8),
                    square=0.6,
                ),
                0.1,
            )
            for x in (-0.08, 0.08)
        ),
        moved(knob(0.025, 0.02, CHROME), 0, -0.185, 0.12),
        moved(cylinder(0.03, 0.02, DARK), 0, 0.15, 0.17),
    )
