"""Shoes in pairs."""

import numpy as np

from marketrank.simulate.mesh import (
    Floats,
    Model,
    Paint,
    bar,
    box,
    join,
    lathe,
    lifted,
    loft,
    moved,
    ring,
    scaled,
    standing,
    tube,
    turned,
)
from marketrank.simulate.shapes.parts import cloth
from marketrank.simulate.shapes.style import PALE, Style, shaded


def _foot(heel: float, toe: float, width: float, lift: float, n: int = 18) -> list[Floats]:
    """Rings across a shoe from heel (y = 0) to toe (y = 0.29)."""
    t = np.linspace(0, 1, n)
    rings = []
    a = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    for v in t:
        half = (
            width
            * (0.72 + 0.28 * np.sin(np.pi * min(1, v * 1.15) - 0.4))
            * (1 - max(0, v - 0.8) ** 2 * 14)
            * (1 - max(0, 0.12 - v) ** 2 * 30)
        )
        up = heel + (toe - heel) * min(1, max(0, (v - 0.25) / 0.5)) ** 0.8
        up *= 1 - max(0, v - 0.86) ** 2 * 30
        base = lift * max(0, 1 - v * 1.9) ** 1.3
        x = half * np.sign(np.cos(a)) * np.abs(np.cos(a)) ** 0.6
        z = base + np.where(np.sin(a) > 0, up * np.sin(a), 0.002)
        rings.append(np.stack([x, np.full(16, v * 0.29), z + 0.0], axis=1))
    return rings


def _closed(rings: list[Floats]) -> list[Floats]:
    """With both ends drawn together."""
    ends = [np.tile(rings[i].mean(axis=0), (len(rings[i]), 1)) for i in (0, -1)]
    return [ends[0], *rings, ends[1]]


def _pair(s: Style, one: Model) -> Model:
    """Two of them side by side, one turned a little."""
    mirror = scaled(one, 1, 1, 1)
    a, b = s.rng.uniform(-22, 5), s.rng.uniform(-5, 30)
    return turned(
        join(
            moved(turned(one, a), -0.075),
            moved(turned(mirror, b), 0.075, s.rng.uniform(-0.04, 0.04)),
        ),
        s.rng.choice((70, 110, 160, 200, 40)),
    )


def trainers(s: Style) -> Model:
    upper, sole = (
        Paint(s.colour, gloss=0.12, weave=0.2),
        Paint(s.rng.choice(((244, 244, 240), s.accent)), gloss=0.15),
    )
    rings = _foot(0.085, 0.05, 0.047, 0)
    body = moved(loft(_closed(rings[::-1]), upper), z=0.028)
    base = loft(
        _closed(
            [
                np.column_stack([r[:, 0] * 1.08, r[:, 1], np.where(r[:, 2] > 0.01, 0.032, 0.0)])
                for r in rings[::-1]
            ]
        ),
        sole,
    )
    collar = moved(
        scaled(ring(0.03, 0.012, Paint(shaded(s.colour, 0.8), weave=0.3)), 1, 1.5, 1),
        0,
        0.055,
        0.11,
    )
    inside = moved(
        scaled(lathe([(0.03, 0), (0, 0.002)], Paint((40, 38, 38), gloss=0)), 1, 1.5, 1),
        0,
        0.055,
        0.113,
    )
    laces = [
        bar(
            (-0.02, y, 0.112 - (y - 0.12) * 0.32),
            (0.02, y + 0.008, 0.112 - (y - 0.12) * 0.32),
            0.0035,
            PALE,
            sides=4,
        )
        for y in np.arange(0.115, 0.19, 0.014)
    ]
    flash = Paint(s.accent, gloss=0.2)
    marks = [
        tube(
            [(x, 0.08, 0.05), (x * 1.02, 0.13, 0.075), (x * 1.0, 0.17, 0.05)], 0.007, flash, sides=5
        )
        for x in (-0.046, 0.046)
    ]
    return _pair(s, join(body, base, collar, inside, *laces, *marks))


def boots(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.22)
    h = s.rng.choice((0.16, 0.22, 0.36))
    rings = _foot(0.09, 0.055, 0.045, 0)
    shaft = moved(
        scaled(
            lathe(
                [
                    (0.045, 0.05),
                    (0.042, 0.12),
                    (0.046, h),
                    (0.048, h + 0.03),
                    (0.04, h + 0.03),
                    (0.035, h - 0.02),
                ],
                p,
            ),
            0.95,
            1.25,
            1,
        ),
        0,
        0.065,
        0.02,
    )
    sole = loft(
        _closed(
            [
                np.column_stack([r[:, 0] * 1.05, r[:, 1], np.where(r[:, 2] > 0.01, 0.026, 0.0)])
                for r in rings[::-1]
            ]
        ),
        Paint((50, 40, 34), gloss=0.1),
    )
    laces = [
        bar(
            (-0.022, 0.115 - (z - 0.1) * 0.2, z + 0.02),
            (0.022, 0.115 - (z - 0.1) * 0.2, z + 0.026),
            0.0035,
            Paint(s.accent),
            sides=4,
        )
        for z in np.arange(0.1, min(h, 0.2), 0.018)
    ]
    return _pair(
        s,
        join(
            moved(loft(_closed(rings[::-1]), p), z=0.024),
            shaft,
            sole,
            box((-0.034, 0.0, -0.012), (0.034, 0.075, 0.014), Paint((44, 34, 30))),
            *laces,
        ),
    )


def heels(s: Style) -> Model:
    """Court shoes: a raised heel, a low open side, a pointed toe."""
    p, lift = Paint(s.colour, gloss=0.5), 0.085
    a = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    rings = []
    for v in np.linspace(0, 1, 20):
        half = (0.024 + 0.017 * np.sin(np.pi * v**1.2)) * (1 - max(0.0, v - 0.7) ** 2 * 9)
        up = float(
            np.interp(v, (0, 0.2, 0.45, 0.62, 0.8, 1), (0.05, 0.045, 0.018, 0.02, 0.03, 0.006))
        )
        base = lift * float(np.interp(v, (0, 0.2, 0.45, 0.68, 1), (1, 0.96, 0.45, 0.03, 0)))
        height = base + np.where(np.sin(a) > 0, up * np.abs(np.sin(a)) ** 0.5, -0.002)
        rings.append(np.stack([half * np.cos(a), np.full(16, v * 0.24), height], axis=1))
    heel = tube([(0, 0.014, lift), (0, 0.024, lift * 0.55), (0, 0.02, 0)], [0.021, 0.009, 0.006], p)
    inside = [
        [
            (float(x * w), float(v * 0.24), float(z))
            for v, w, z in (
                (0.02, 0.012, lift + 0.05),
                (0.2, 0.021, lift + 0.041),
                (0.42, 0.025, 0.062),
                (0.6, 0.022, 0.028),
            )
        ]
        for x in (-1, 0, 1)
    ]
    insole = lifted(cloth(inside, Paint((196, 170, 140), gloss=0.05)), 0.05)
    return _pair(s, standing(join(loft(_closed(rings[::-1]), p), heel, insole)))
