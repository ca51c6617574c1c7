"""What else is in the picture: sockets, radiators, curtains, pots, a drainpipe."""

import random
from collections.abc import Callable

import numpy as np

from marketrank.simulate.mesh import RGB, Model, Paint, bar, box, decals, join, lathe, moved, soft
from marketrank.simulate.scenes import Backdrop

_Prop = Callable[[random.Random], Model]

_SCREENS: tuple[RGB, ...] = (
    (196, 186, 168),
    (120, 130, 146),
    (150, 90, 76),
    (84, 110, 100),
    (222, 216, 206),
)


def around(backdrop: Backdrop, *, reach: float, far: float, rng: random.Random) -> Model | None:
    """Things at the wall beside an object of size `reach`, or None. Only where the scene is a
    room or a yard: table tops show the table."""
    if reach < 0.45 or backdrop.wall is None or backdrop.soft or rng.random() < 0.3:
        return None
    side = rng.choice((-1, 1))
    x = side * reach * rng.uniform(0.42, 0.75)
    choices: tuple[_Prop, ...] = _INDOORS
    if backdrop.outside:
        choices = _OUTDOORS
    elif backdrop.wall in ("breeze blocks", "bricks", "boards"):
        choices = _SHED
    parts = [moved(rng.choice(choices)(rng), x, far)]
    if rng.random() < 0.35:
        parts.append(moved(rng.choice(choices)(rng), -x * rng.uniform(0.9, 1.4), far))
    return join(decals(), *parts)


def _socket(rng: random.Random) -> Model:
    white, hole = Paint((246, 246, 244), gloss=0.3), Paint((190, 190, 188))
    z = rng.uniform(0.28, 0.42)
    return join(
        box((-0.073, -0.012, z), (0.073, 0, z + 0.086), white),
        *(box((a, -0.014, z + 0.03), (a + 0.03, -0.012, z + 0.055), hole) for a in (-0.055, 0.025)),
    )


def _radiator(rng: random.Random) -> Model:
    white = Paint((244, 243, 240), gloss=0.2)
    w = rng.uniform(0.6, 1.3)
    ribs = [
        box((a, -0.09, 0.14), (a + 0.045, -0.04, 0.7), white, cell=0.3)
        for a in np.arange(-w / 2, w / 2, 0.06)
    ]
    return join(
        *ribs,
        box((-w / 2, -0.1, 0.68), (w / 2, -0.03, 0.72), white),
        bar((w / 2 + 0.03, -0.06, 0), (w / 2 + 0.03, -0.06, 0.2), 0.012, white),
    )


def _curtain(rng: random.Random) -> Model:
    cloth = Paint(rng.choice(_SCREENS), gloss=0, weave=0.2)
    return join(
        *(
            soft((a, -0.07, 1.05), (0.06, 0.05, 1.05), cloth, square=0.5, detail=8)
            for a in np.arange(-0.3, 0.31, 0.1)
        )
    )


def _frame(rng: random.Random) -> Model:
    z, w, h = rng.uniform(1.1, 1.4), rng.uniform(0.15, 0.3), rng.uniform(0.2, 0.35)
    return join(
        box(
            (-w, -0.02, z),
            (w, 0, z + 2 * h),
            Paint(rng.choice(((60, 44, 34), (236, 236, 232), (30, 30, 32)))),
        ),
        box(
            (-w + 0.03, -0.024, z + 0.03),
            (w - 0.03, -0.02, z + 2 * h - 0.03),
            Paint(rng.choice(_SCREENS)),
        ),
    )


def _carton(rng: random.Random) -> Model:
    w, h = rng.uniform(0.15, 0.3), rng.uniform(0.2, 0.4)
    return join(
        box((-w, -0.4, 0), (w, -0.05, h), Paint((188, 148, 102), gloss=0.02)),
        box((-0.03, -0.402, 0), (0.03, -0.05, h + 0.002), Paint((206, 178, 132), gloss=0.2)),
    )


def _lamp(rng: random.Random) -> Model:
    shade = Paint((250, 236, 204), glow=rng.choice((0.0, 0.7)))
    return moved(
        join(
            lathe(
                [(0.13, 0), (0.02, 0.03), (0.014, 1.2)], Paint((70, 66, 60), metal=0.5), segments=10
            ),
            lathe([(0.17, 1.2), (0.12, 1.45)], shade, segments=16),
        ),
        y=-0.25,
    )


def _pot(rng: random.Random) -> Model:
    pot = Paint(rng.choice(((176, 100, 70), (120, 124, 126), (70, 90, 110))), gloss=0.1)
    leaves = [
        soft(
            (rng.gauss(0, 0.09), rng.gauss(0, 0.09), 0.34 + rng.uniform(0, 0.3)),
            (0.1, 0.1, 0.08),
            Paint((70 * t, 118 * t, 58 * t), gloss=0.05),
            square=1,
            detail=5,
        )
        for t in (rng.uniform(0.7, 1.2) for _ in range(9))
    ]
    return moved(
        join(
            lathe([(0, 0), (0.12, 0), (0.17, 0.28), (0.15, 0.28), (0, 0.26)], pot, segments=16),
            *leaves,
        ),
        y=-0.25,
    )


def _drainpipe(rng: random.Random) -> Model:
    return bar(
        (0, -0.06, 0),
        (0, -0.06, 3.5),
        0.04,
        Paint(rng.choice(((40, 40, 42), (230, 230, 226), (110, 70, 50))), gloss=0.2),
    )


def _bush(rng: random.Random) -> Model:
    balls = [
        soft(
            (rng.gauss(0, 0.3), -0.35 + rng.gauss(0, 0.1), rng.uniform(0.1, 0.55)),
            (0.2, 0.2, 0.17),
            Paint((66 * t, 104 * t, 50 * t), gloss=0, weave=1.6),
            square=1,
            detail=7,
        )
        for t in (rng.uniform(0.7, 1.25) for _ in range(10))
    ]
    return join(*balls)


def _crate(rng: random.Random) -> Model:
    wood = Paint((168, 124, 80), gloss=0.03, grain=0.8)
    h = rng.uniform(0.25, 0.5)
    return join(
        *(box((-0.25, -0.5, z), (0.25, -0.1, z + 0.08), wood) for z in np.arange(0, h, 0.1))
    )


_INDOORS: tuple[_Prop, ...] = (_socket, _socket, _radiator, _curtain, _frame, _carton, _pot, _lamp)
_OUTDOORS: tuple[_Prop, ...] = (_pot, _drainpipe, _bush, _crate)
_SHED: tuple[_Prop, ...] = (_socket, _carton, _crate, _crate, _drainpipe)
