"""Tables, desks and beds."""

import numpy as np

from marketrank.simulate.mesh import (
    Model,
    Paint,
    bar,
    box,
    cylinder,
    join,
    lathe,
    lifted,
    moved,
    ring,
    scaled,
    soft,
    tube,
    turned,
)
from marketrank.simulate.shapes.storage import cabinet
from marketrank.simulate.shapes.style import (
    CHROME,
    DARK,
    HANDLE,
    STEEL,
    Style,
)


def _legs(size: tuple[float, float, float], thick: float, paint: Paint, kind: int) -> Model:
    """Four legs under a top of that width, depth and height: square, splayed or turned."""
    w, d, h = size
    spots = [(x, y) for x in (-1, 1) for y in (-1, 1)]
    inset = thick * 0.8
    parts = []
    for sx, sy in spots:
        x, y = sx * (w / 2 - inset), sy * (d / 2 - inset)
        if kind == 0:
            parts.append(
                box((x - thick / 2, y - thick / 2, 0), (x + thick / 2, y + thick / 2, h), paint)
            )
        elif kind == 1:
            parts.append(
                tube(
                    [(x + sx * 0.05, y + sy * 0.03, 0), (x, y, h / 2), (x - sx * 0.03, y, h)],
                    [thick * 0.28, thick * 0.45, thick * 0.6],
                    paint,
                    sides=8,
                )
            )
        else:
            profile = [
                (thick * r, h * z)
                for r, z in (
                    (0.3, 0),
                    (0.42, 0.06),
                    (0.3, 0.14),
                    (0.5, 0.4),
                    (0.55, 0.55),
                    (0.3, 0.66),
                    (0.5, 0.7),
                    (0.5, 0.8),
                    (0.52, 1),
                )
            ]
            parts.append(moved(lathe(profile, paint, segments=10), x, y))
    return join(*parts)


def table(s: Style, w: float = 1.5, d: float = 0.85, h: float = 0.75) -> Model:
    """A dining table: square, splayed or turned legs, or a round top on a pedestal."""
    w *= s.rng.uniform(0.8, 1.2)
    top, under = s.main(), s.main()
    kind = s.rng.choice((0, 0, 1, 2, 3))
    if kind == 3:
        disc = moved(cylinder(w * 0.36, 0.035, top, segments=36), z=h - 0.035)
        post = lathe([(0.09, 0.04), (0.05, 0.12), (0.08, 0.3), (0.05, 0.5), (0.1, h - 0.04)], under)
        feet = [
            turned(box((-0.03, 0, 0), (0.03, w * 0.28, 0.06), under), a)
            for a in (20, 110, 200, 290)
        ]
        return join(disc, post, *feet)
    parts = [box((-w / 2, -d / 2, h - 0.035), (w / 2, d / 2, h), top, cell=0.15)]
    parts.append(_legs((w, d, h - 0.035), 0.075, under, kind))
    if kind != 1:
        a, b = w / 2 - 0.07, d / 2 - 0.07
        for low, high in (
            ((-a, -b, 0), (a, -b + 0.02, 0)),
            ((-a, b - 0.02, 0), (a, b, 0)),
            ((-a, -b, 0), (-a + 0.02, b, 0)),
            ((a - 0.02, -b, 0), (a, b, 0)),
        ):
            parts.append(box((low[0], low[1], h - 0.12), (high[0], high[1], h - 0.035), under))
    return join(*parts)


def coffee_table(s: Style) -> Model:
    w, d, h = s.rng.uniform(0.8, 1.15), s.rng.uniform(0.5, 0.62), 0.43
    parts = (
        [table(s, w, d, h)]
        if s.chance(0.4)
        else [
            box((-w / 2, -d / 2, h - 0.04), (w / 2, d / 2, h), s.main(), cell=0.11),
            _legs((w, d, h - 0.04), 0.06, s.main(), 0),
            box(
                (-w / 2 + 0.04, -d / 2 + 0.04, 0.12),
                (w / 2 - 0.04, d / 2 - 0.04, 0.14),
                s.main(),
                cell=0.11,
            ),
        ]
    )
    return join(*parts)


def desk(s: Style) -> Model:
    w, d, h = s.rng.uniform(1.0, 1.6), 0.62, 0.74
    p, metal = s.main(), s.rng.choice((STEEL, DARK, Paint((235, 235, 235), gloss=0.2)))
    parts = [box((-w / 2, -d / 2, h - 0.025), (w / 2, d / 2, h), p, cell=0.14)]
    if s.chance(0.5):
        for x in (-w / 2 + 0.06, w / 2 - 0.06):
            parts.append(box((x - 0.03, -d / 2 + 0.03, 0), (x + 0.03, d / 2 - 0.03, 0.03), metal))
            parts.append(box((x - 0.03, 0.05, 0), (x + 0.03, 0.12, h - 0.03), metal))
    else:
        parts += [
            box((x, -d / 2 + 0.02, 0), (x + 0.03, d / 2 - 0.02, h - 0.025), p, cell=0.15)
            for x in (-w / 2, w / 2 - 0.03)
        ]
    if s.chance(0.6):
        chest = cabinet(s, 0.4, d - 0.06, h - 0.06, doors=0, drawers=2, plinth=0.04)
        parts.append(moved(chest, w / 2 - 0.25, 0.01))
    parts.append(
        box(
            (-w / 2 + 0.05, d / 2 - 0.05, 0.35),
            (w / 2 - 0.05, d / 2 - 0.03, h - 0.03),
            p,
            cell=0.15,
        )
    )
    return join(*parts)


def bed(s: Style) -> Model:
    """A bed frame with mattress, duvet and pillows; single or double."""
    w, length = s.rng.choice(((0.95, 1.95), (1.4, 1.98), (1.55, 2.02))), 0.0
    wide, long = w
    head = s.rng.uniform(0.85, 1.15)
    p, linen = (
        s.main(),
        Paint(s.rng.choice(((244, 244, 242), (226, 230, 236), s.accent)), weave=0.25, gloss=0),
    )
    parts = [
        box((-wide / 2 - 0.03, -long / 2, 0.14), (wide / 2 + 0.03, long / 2, 0.34), p, cell=0.25),
        box((-wide / 2 - 0.05, long / 2, 0), (wide / 2 + 0.05, long / 2 + 0.06, head), p, cell=0.2),
        soft(
            (0, 0, 0.47),
            (wide / 2, long / 2, 0.13),
            Paint((240, 238, 232), weave=0.15),
            square=0.14,
        ),
    ]
    parts += [
        box((x - 0.035, -long / 2 + length, 0), (x + 0.035, -long / 2 + 0.07, 0.4), p)
        for x in (-wide / 2, wide / 2)
    ]
    if s.chance(0.65):
        parts.append(
            lifted(
                soft(
                    (0, -0.18, 0.555),
                    (wide / 2 + 0.03, long / 2 - 0.24, 0.09),
                    linen,
                    square=0.2,
                    detail=11,
                ),
                0.03,
            )
        )
        n = 2 if wide > 1.2 else 1
        for i in range(n):
            x = (i - (n - 1) / 2) * wide / 2
            parts.append(
                soft(
                    (x, long / 2 - 0.24, 0.67),
                    (min(wide / n, 0.7) * 0.42, 0.19, 0.085),
                    linen,
                    square=0.55,
                )
            )
    return join(*parts)


def mattress(s: Style) -> Model:
    p = Paint((238, 236, 230), weave=0.3, gloss=0)
    body = soft((0, 0, 0.13), (s.rng.choice((0.45, 0.68)), 0.95, 0.13), p, square=0.13, detail=11)
    return moved(turned(body, 78, "x"), z=0.9) if s.chance(0.6) else body


def cot(s: Style) -> Model:
    w, d, h, p = 1.2, 0.62, 0.9, s.main()
    parts = [
        box((-w / 2, -d / 2, 0.35), (w / 2, d / 2, 0.4), p),
        soft(
            (0, 0, 0.45),
            (w / 2 - 0.03, d / 2 - 0.03, 0.06),
            Paint((244, 242, 238), weave=0.2),
            square=0.15,
        ),
    ]
    for x in (-w / 2, w / 2):
        parts.append(box((x - 0.02, -d / 2, 0.12), (x + 0.02, d / 2, h), p, cell=0.15))
    for y in (-d / 2, d / 2):
        parts += [
            box((-w / 2, y - 0.015, z), (w / 2, y + 0.015, z + 0.05), p, cell=0.1)
            for z in (0.25, h - 0.05)
        ]
        parts += [
            bar((x, y, 0.28), (x, y, h - 0.03), 0.009, p, sides=5)
            for x in np.linspace(-0.52, 0.52, 13)
        ]
    if s.chance(0.6):
        parts.append(
            soft((0.25, 0.05, 0.54), (0.3, 0.24, 0.06), Paint(s.accent, weave=0.4), square=0.5)
        )
    return join(*parts)


def workbench(s: Style) -> Model:
    """A table saw or a workbench with a vice."""
    parts = [
        box((-0.6, -0.28, 0.8), (0.6, 0.28, 0.85), HANDLE, cell=0.1),
        box((-0.5, -0.22, 0.2), (0.5, 0.22, 0.23), HANDLE, cell=0.1),
    ]
    parts += [
        box((x - 0.035, y - 0.035, 0), (x + 0.035, y + 0.035, 0.8), s.main())
        for x in (-0.52, 0.52)
        for y in (-0.22, 0.22)
    ]
    parts += [
        box((0.3, -0.36, 0.78), (0.5, -0.28, 0.92), Paint(s.colour, gloss=0.3, metal=0.3)),
        box((0.3, -0.24, 0.85), (0.5, -0.18, 0.93), Paint(s.colour, gloss=0.3, metal=0.3)),
        bar((0.4, -0.44, 0.83), (0.4, -0.3, 0.83), 0.012, STEEL),
        bar((0.32, -0.44, 0.83), (0.48, -0.44, 0.83), 0.008, STEEL),
    ]
    return join(*parts)


def steel_table(s: Style) -> Model:
    w, d, h = s.rng.uniform(1.0, 1.8), 0.65, 0.88
    p = Paint((200, 202, 206), gloss=0.35, metal=0.6)
    sink = s.chance(0.35)
    parts = [
        box((-w / 2, -d / 2, h - 0.04), (w / 2, d / 2, h), p, cell=0.12),
        box((-w / 2, d / 2 - 0.02, h), (w / 2, d / 2, h + 0.09), p, cell=0.15),
        box((-w / 2 + 0.05, -d / 2 + 0.05, 0.25), (w / 2 - 0.05, d / 2 - 0.05, 0.27), p, cell=0.15),
    ]
    parts += [
        bar((x, y, 0), (x, y, h - 0.04), 0.022, p)
        for x in (-w / 2 + 0.06, w / 2 - 0.06)
        for y in (-d / 2 + 0.06, d / 2 - 0.06)
    ]
    if sink:
        parts += [
            box(
                (-w * 0.35, -0.2, h + 0.0005),
                (-w * 0.05, 0.16, h + 0.001),
                Paint((120, 122, 126), metal=0.5),
            ),
            tube(
                [
                    (-w * 0.2, 0.25, h),
                    (-w * 0.2, 0.25, h + 0.28),
                    (-w * 0.2, 0.1, h + 0.3),
                    (-w * 0.2, 0.06, h + 0.24),
                ],
                0.014,
                CHROME,
            ),
        ]
    return join(*parts)


def ironing_board(s: Style) -> Model:
    p = Paint(s.colour, weave=0.5, gloss=0)
    return join(
        soft((0, 0, 0.85), (0.62, 0.18, 0.02), p, square=0.5),
        *(
            bar((x, y, 0), (-x, y * 0.6, 0.83), 0.011, STEEL)
            for x in (-0.4, 0.4)
            for y in (-0.15, 0.15)
        ),
        bar((-0.4, -0.16, 0.01), (-0.4, 0.16, 0.01), 0.012, DARK),
        bar((0.4, -0.16, 0.01), (0.4, 0.16, 0.01), 0.012, DARK),
    )


def massage_table(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.25)
    return turned(
        join(
            soft((0, 0, 0.68), (0.9, 0.34, 0.045), p, square=0.2),
            moved(scaled(ring(0.11, 0.045, p), 1, 1, 0.8), -1.05, 0, 0.69),
            *(
                bar((x, y, 0), (x * 0.85, y, 0.64), 0.02, Paint((176, 128, 80), grain=0.5))
                for x in (-0.75, 0.75)
                for y in (-0.28, 0.28)
            ),
            *(
                bar((x, -0.28, 0.3), (x, 0.28, 0.3), 0.014, Paint((176, 128, 80)))
                for x in (-0.7, 0.7)
            ),
        ),
        s.rng.choice((-35, 30)),
    )
