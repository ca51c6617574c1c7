"""Things to sit on."""

import numpy as np

from marketrank.simulate.mesh import (
    Model,
    Paint,
    Point,
    bar,
    box,
    cylinder,
    join,
    moved,
    ring,
    soft,
    tube,
    turned,
)
from marketrank.simulate.shapes.style import (
    CHROME,
    DARK,
    RUBBER,
    Style,
)


def chair(s: Style) -> Model:
    """A dining chair: slats, spindles or a padded back."""
    w, d, seat, top = 0.43, 0.42, 0.46, s.rng.uniform(0.86, 1.0)
    p = s.main()
    kind = s.rng.choice(("slats", "spindles", "panel"))
    cushion = Paint(s.accent, weave=0.4, gloss=0)
    parts = [box((-w / 2, -d / 2, seat - 0.035), (w / 2, d / 2, seat), p)]
    if s.chance(0.5):
        parts.append(soft((0, 0, seat + 0.02), (w * 0.46, d * 0.46, 0.035), cushion, square=0.35))
    for x in (-w / 2 + 0.02, w / 2 - 0.02):
        parts.append(bar((x, -d / 2 + 0.03, 0), (x, -d / 2 + 0.03, seat - 0.03), 0.02, p))
        parts.append(bar((x, d / 2 + 0.03, 0), (x, d / 2 - 0.02, seat), 0.021, p))
        parts.append(bar((x, d / 2 - 0.02, seat), (x, d / 2 + 0.08, top), 0.02, p))
    back = [(d / 2 - 0.02) + 0.1 * t for t in (0, 1)]
    if kind == "slats":
        for t in (0.35, 0.62, 0.92):
            y, z = back[0] + (back[1] - back[0]) * t, seat + (top - seat) * t
            parts.append(
                box((-w / 2, y - 0.01, z - 0.035), (w / 2, y + 0.01, z + 0.035), p, cell=0.07)
            )
    elif kind == "spindles":
        parts.append(
            box((-w / 2, back[1] - 0.02, top - 0.06), (w / 2, back[1] + 0.01, top), p, cell=0.07)
        )
        for x in np.linspace(-w / 2 + 0.07, w / 2 - 0.07, 5):
            parts.append(bar((x, back[0], seat), (x, back[1], top - 0.05), 0.008, p, sides=5))
    else:
        parts.append(
            soft(
                (0, back[1] - 0.03, (seat + top) / 2 + 0.06),
                (w * 0.47, 0.035, (top - seat) * 0.4),
                cushion,
                square=0.35,
            )
        )
    for y in (-d / 2 + 0.03, d / 2 + 0.01):
        parts.append(bar((-w / 2 + 0.02, y, 0.2), (w / 2 - 0.02, y, 0.2), 0.011, p, sides=5))
    return join(*parts)


def chair_set(s: Style) -> Model:
    one = chair(s)
    places = [(-0.55, 0, 18), (0.05, 0.12, -8), (0.62, -0.02, -25), (0.2, 0.62, 5)]
    return join(*(moved(turned(one, a), x, y) for x, y, a in places[: s.rng.randint(2, 4)]))


def office_chair(s: Style) -> Model:
    p = Paint(s.colour, weave=0.3, gloss=0.1)
    parts = [
        soft((0, 0, 0.49), (0.25, 0.25, 0.055), p, square=0.35),
        soft((0, 0.26, 0.85), (0.23, 0.05, 0.3), p, square=0.35),
        moved(cylinder(0.03, 0.36, CHROME), z=0.1),
    ]
    for i in range(5):
        a = i * 72 + s.rng.uniform(0, 30)
        leg = join(
            tube([(0, 0, 0.12), (0, 0.15, 0.1), (0, 0.3, 0.07)], [0.035, 0.025, 0.02], DARK),
            moved(turned(cylinder(0.03, 0.03, RUBBER, segments=12), 90, "y"), -0.015, 0.3, 0.03),
        )
        parts.append(turned(leg, a))
    parts.append(tube([(0, 0.2, 0.46), (0, 0.32, 0.5), (0, 0.31, 0.7)], 0.025, DARK))
    if s.chance(0.6):
        for x in (-0.29, 0.29):
            parts.append(
                tube([(x * 0.8, 0.05, 0.46), (x, 0.05, 0.5), (x, 0.05, 0.66)], 0.016, DARK)
            )
            parts.append(soft((x, 0, 0.68), (0.035, 0.13, 0.018), DARK, square=0.4, detail=6))
    return join(*parts)


def stool(s: Style) -> Model:
    h = s.rng.choice((0.45, 0.65, 0.75))
    parts = [moved(cylinder(0.17, 0.045, s.main(), segments=26), z=h)]
    for a in (45, 135, 225, 315):
        x, y = np.cos(np.radians(a)), np.sin(np.radians(a))
        parts.append(bar((x * 0.2, y * 0.2, 0), (x * 0.12, y * 0.12, h), 0.017, s.main()))
    parts.append(moved(ring(0.165, 0.01, s.main()), z=h * 0.35))
    return join(*parts)


def sofa(s: Style, seats: int | None = None) -> Model:
    """A sofa or, with one seat, an armchair; seat and back cushions, arms, short legs."""
    n = seats or s.rng.choice((2, 2, 3))
    each, depth, arm = 0.62, 0.86, s.rng.uniform(0.14, 0.24)
    p, w = s.main(), n * 0.62
    parts = [
        soft((0, 0.02, 0.24), (w / 2 + arm, depth / 2, 0.14), p, square=0.16, detail=8),
        soft((0, depth / 2 - 0.08, 0.52), (w / 2 + arm * 0.5, 0.13, 0.36), p, square=0.2),
    ]
    for i in range(n):
        x = (i - (n - 1) / 2) * each
        parts.append(
            soft((x, -0.08, 0.43), (each * 0.49, depth * 0.42, 0.1), p, square=0.28, detail=10)
        )
        parts.append(
            _leaning(
                soft((x, 0, 0), (each * 0.48, 0.11, 0.24), p, square=0.42, detail=10),
                depth / 2 - 0.24,
                0.69,
            )
        )
    for side in (-1, 1):
        x = side * (w / 2 + arm / 2)
        parts.append(
            soft((x, -0.02, 0.38), (arm * 0.55, depth * 0.49, 0.25), p, square=0.22, detail=10)
        )
        for y in (-depth / 2 + 0.1, depth / 2 - 0.1):
            parts.append(moved(cylinder(0.025, 0.12, _sofa_legs(s), segments=8), x, y))
    if s.chance(0.5):
        accent = Paint(s.accent, weave=0.3, gloss=0)
        for side in s.rng.sample((-1, 1), s.rng.randint(1, 2)):
            one = turned(
                soft((0, 0, 0), (0.21, 0.07, 0.21), accent, square=0.6), s.rng.uniform(-20, 20), "y"
            )
            parts.append(moved(one, side * (w / 2 - 0.2), depth / 2 - 0.42, 0.72))
    return join(*parts)


def _sofa_legs(s: Style) -> Paint:
    return s.rng.choice((DARK, Paint((120, 78, 46), grain=0.6), CHROME))


def _leaning(model: Model, y: float, z: float) -> Model:
    """A back cushion, leaning."""
    return moved(turned(model, -12, "x"), 0, y, z)


def armchair(s: Style) -> Model:
    return sofa(s, 1)


def bench(s: Style) -> Model:
    """A slatted garden bench."""
    w, p = s.rng.uniform(1.1, 1.5), s.main()
    parts = [
        box((-w / 2, y, 0.42), (w / 2, y + 0.075, 0.445), p, cell=0.12)
        for y in np.arange(-0.24, 0.2, 0.095)
    ]
    back = [
        box((-w / 2, 0, z), (w / 2, 0.02, z + 0.07), p, cell=0.12)
        for z in np.arange(0.08, 0.45, 0.1)
    ]
    parts.append(moved(turned(join(*back), -10, "x"), 0, 0.24, 0.43))
    for x in (-w / 2 + 0.05, w / 2 - 0.05):
        for a, b in (
            ((x, -0.24, 0), (x, -0.22, 0.62)),
            ((x, 0.22, 0), (x, 0.23, 0.45)),
            ((x, 0.23, 0.45), (x, 0.31, 0.88)),
            ((x, -0.26, 0.62), (x, 0.26, 0.62)),
            ((x, -0.22, 0.4), (x, 0.22, 0.4)),
        ):
            parts.append(bar(a, b, 0.028, p))
    return join(*parts)


def high_chair(s: Style) -> Model:
    p, seat = s.main(), Paint(s.accent, gloss=0.15)
    legs: list[tuple[Point, Point]] = [
        ((x * 0.28, y * 0.28, 0), (x * 0.17, y * 0.12, 0.55)) for x in (-1, 1) for y in (-1, 1)
    ]
    parts = [bar(a, b, 0.02, p) for a, b in legs]
    parts += [
        soft((0, 0, 0.58), (0.19, 0.18, 0.05), seat, square=0.35),
        soft((0, 0.17, 0.8), (0.18, 0.04, 0.22), seat, square=0.35),
        soft((0, -0.2, 0.74), (0.24, 0.15, 0.02), Paint((238, 238, 236), gloss=0.3), square=0.3),
    ]
    parts += [bar((x, 0.15, 0.72), (x, -0.12, 0.72), 0.017, p) for x in (-0.2, 0.2)]
    return join(*parts)
