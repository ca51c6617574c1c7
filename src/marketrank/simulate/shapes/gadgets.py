"""Phones, consoles, watches and cameras."""

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
    moved,
    picture,
    prism,
    scaled,
    soft,
    standing,
    tube,
    turned,
)
from marketrank.simulate.shapes import art
from marketrank.simulate.shapes.parts import disc, display, laid, pane, tab
from marketrank.simulate.shapes.style import CHROME, DARK, PALE, Style


def _slab(s: Style, w: float, h: float, t: float, radius: float) -> Model:
    """A phone or tablet standing up, screen towards the viewer."""
    a = np.linspace(0, np.pi / 2, 5)
    corner = [
        (w / 2 - radius + radius * np.sin(q), h - radius + radius * np.cos(q)) for q in a[::-1]
    ]
    outline = corner + [(-x, z) for x, z in corner[::-1]]
    outline = [(x, h - z) for x, z in [(-p, q) for p, q in outline]][::1] + outline
    edge = Paint(s.colour, gloss=0.4, metal=0.4)
    body = prism(outline, t, Paint((24, 24, 27), gloss=0.4), side=edge)
    back = prism(outline, 0.0006, Paint(s.colour, gloss=0.35))
    m = w * 0.035
    return join(
        body, moved(back, y=t), display(s, w - 2 * m, h - 2 * m - w * 0.06, -0.0006, m + w * 0.03)
    )


def phone(s: Style) -> Model:
    """A smartphone propped up or lying; sometimes its back, sometimes its box."""
    w = s.rng.uniform(0.068, 0.077)
    h = w * s.rng.uniform(2.0, 2.15)
    one = _slab(s, w, h, 0.008, 0.011)
    back = prism(
        [(-w / 2, 0), (w / 2, 0), (w / 2, h), (-w / 2, h)], 0.008, Paint(s.colour, gloss=0.35)
    )
    lens = [
        moved(
            disc(0.007, Paint((30, 30, 34), gloss=0.6)),
            -w / 2 + 0.016,
            -0.001,
            h - 0.016 - i * 0.018,
        )
        for i in range(2)
    ]
    pose = s.rng.random()
    front = turned(one, -8, "x")
    if pose < 0.4:
        return front
    other = turned(join(back, *lens), -8, "x")
    if pose < 0.7:
        return join(front, moved(turned(other, 6), w * 1.2, 0.03))
    carton = box((-0.045, 0, 0), (0.045, 0.05, 0.165), PALE)
    label = art.cover(s.rng, (90, 165), "Orbit", colour=(244, 244, 244))
    face = picture(
        [
            (-0.044, -0.001, 0.164),
            (0.044, -0.001, 0.164),
            (0.044, -0.001, 0.001),
            (-0.044, -0.001, 0.001),
        ],
        label,
    )
    return join(front, moved(turned(join(carton, face), -12), -w * 1.5, 0.05))


def tablet(s: Style) -> Model:
    w = s.rng.uniform(0.16, 0.18)
    return turned(_slab(s, w, w * 1.4, 0.008, 0.01), -14, "x")


def television(s: Style) -> Model:
    w = s.rng.uniform(0.7, 1.25)
    h, case = w * 0.575, Paint((30, 30, 33), gloss=0.35)
    parts = [
        moved(box((-w / 2, 0, 0), (w / 2, 0.05, h), case, cell=0.2), z=0.07),
        moved(display(s, w - 0.025, h - 0.03, -0.001, 0.018), z=0.07),
    ]
    for x in (-w * 0.33, w * 0.33):
        parts += [
            bar((x, 0.02, 0.08), (x - 0.03, -0.1, 0), 0.008, DARK),
            bar((x, 0.02, 0.08), (x + 0.03, 0.13, 0), 0.008, DARK),
        ]
    if s.chance(0.4):
        stand = box(
            (-w * 0.55, -0.2, 0), (w * 0.55, 0.22, 0.42), Paint(s.accent, gloss=0.2), cell=0.15
        )
        return join(
            stand,
            frame((-w * 0.5, w * 0.5), (0.05, 0.36), -0.203, 0.012, DARK),
            moved(join(*parts), z=0.42),
        )
    return join(*parts)


def console(s: Style) -> Model:
    """A games console, flat or upright, with its pad in front."""
    p = Paint(s.colour, gloss=0.25)
    if s.chance(0.4):
        body = join(
            box((-0.05, -0.13, 0), (0.05, 0.13, 0.38), p, cell=0.06),
            box(
                (-0.012, -0.131, 0), (0.012, 0.131, 0.39), Paint((22, 22, 25), gloss=0.4), cell=0.06
            ),
        )
    else:
        body = join(
            box((-0.15, -0.13, 0), (0.15, 0.13, 0.035), p, cell=0.05),
            box((-0.148, -0.128, 0.035), (0.148, 0.128, 0.039), Paint((22, 22, 25)), cell=0.05),
            box((-0.15, -0.13, 0.039), (0.15, 0.13, 0.065), p, cell=0.05),
            pane(-0.1, 0.045, 0.02, 0.05, -0.1315, Paint((16, 16, 18))),
            moved(disc(0.005, Paint((120, 200, 250), glow=0.9)), 0.12, -0.1315, 0.05),
        )
    return join(body, moved(turned(controller(s), s.rng.uniform(-20, 20)), 0.08, -0.24, 0.0))


def controller(s: Style) -> Model:
    """A game pad lying on its back."""
    p, knob = Paint(s.colour, gloss=0.2), Paint((30, 30, 33), gloss=0.2)
    parts = [soft((0, 0, 0.03), (0.07, 0.038, 0.02), p, square=0.6)]
    for side in (-1, 1):
        grip = turned(soft((0, 0, 0), (0.022, 0.05, 0.02), p, square=0.9), side * 20)
        parts.append(moved(grip, side * 0.062, -0.03, 0.026))
        parts.append(moved(cylinder(0.011, 0.014, knob, segments=14), side * 0.028, -0.018, 0.042))
    for x, y, c in (
        (0.05, 0.012, (90, 170, 90)),
        (0.038, 0.0, (80, 120, 200)),
        (0.062, 0.0, (200, 70, 70)),
        (0.05, -0.012, (220, 190, 80)),
    ):
        parts.append(
            moved(
                cylinder(0.0055, 0.006, Paint((c[0], c[1], c[2]), gloss=0.3), segments=10),
                x,
                y + 0.008,
                0.047,
            )
        )
    parts += [
        box((-0.06, 0.004, 0.047), (-0.038, 0.011, 0.053), knob),
        box((-0.0525, -0.0035, 0.047), (-0.0455, 0.0185, 0.053), knob),
    ]
    return join(*parts)


def handheld(s: Style) -> Model:
    left, right = Paint(s.colour, gloss=0.25), Paint(s.accent, gloss=0.25)
    parts = [box((-0.09, -0.05, 0), (0.09, 0.05, 0.013), DARK, cell=0.03)]
    image = art.screen(s.rng, (200, 112))
    parts.append(
        picture(
            [
                (-0.085, 0.046, 0.0135),
                (0.085, 0.046, 0.0135),
                (0.085, -0.046, 0.0135),
                (-0.085, -0.046, 0.0135),
            ],
            image,
            glow=0.7,
            gloss=0.3,
            lift=0.03,
        )
    )
    for side, p in ((-1, left), (1, right)):
        parts.append(soft((side * 0.108, 0, 0.009), (0.019, 0.051, 0.01), p, square=0.35))
        parts.append(moved(cylinder(0.009, 0.012, DARK, segments=12), side * 0.108, 0.02, 0.017))
        parts += [
            moved(cylinder(0.004, 0.004, DARK, segments=8), side * 0.108 + dx, -0.015 + dy, 0.018)
            for dx, dy in ((0.008, 0), (-0.008, 0), (0, 0.008), (0, -0.008))
        ]
    return turned(join(*parts), s.rng.uniform(20, 60), "x") if s.chance(0.5) else join(*parts)


def watch(s: Style) -> Model:
    """A wrist watch, analogue or smart, lying with its strap curved."""
    strap = Paint(s.accent, gloss=0.15) if s.chance(0.7) else CHROME
    a = np.linspace(-2.5, 2.5, 21)
    path = [(0.0, 0.032 * np.sin(t), 0.032 * np.cos(t)) for t in a]
    case = Paint(s.colour, gloss=0.5, metal=0.7)
    band = scaled(tube(path, 0.0022, strap, sides=6), 4.4, 1, 1)
    if s.material == "plastic":
        body = soft((0, 0, 0.035), (0.02, 0.023, 0.006), case, square=0.35)
        screen = laid(art.screen(s.rng, (90, 104)), 0.034, 0.04, z=0.0415, gloss=0.3, lift=0.05)
        face = join(body, screen)
    else:
        rim = lathe([(0.017, 0), (0.021, 0.002), (0.021, 0.007), (0.019, 0.009)], case)
        face = join(moved(rim, z=0.031), _dial(s))
    return standing(turned(join(band, face), s.rng.uniform(25, 65), "x"))


def _dial(s: Style) -> Model:
    colour = s.rng.choice(((245, 244, 238), (26, 28, 34), (30, 50, 90)))
    mark = Paint((30, 30, 30) if sum(colour) > 400 else (240, 240, 236))
    tick = tab(-0.0007, 0.0135, 0.0007, 0.0168, 0.041, mark)
    hands = [
        turned(tab(-0.0007, -0.002, 0.0007, length, 0.0412, mark, lift=0.07), angle)
        for angle, length in ((-60, 0.013), (50, 0.009))
    ]
    plate = moved(cylinder(0.0188, 0.0012, Paint(colour, gloss=0.4)), z=0.0392)
    return join(plate, *(turned(tick, hour * 30) for hour in range(12)), *hands)


def desk_phone(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.3)
    parts = [
        soft((0, 0, 0.04), (0.1, 0.1, 0.04), p, square=0.4),
        moved(cylinder(0.06, 0.012, Paint(s.accent, gloss=0.2)), 0, -0.02, 0.075),
    ]
    for i in range(10):
        a = np.radians(i * 30 + 20)
        parts.append(
            moved(
                cylinder(0.009, 0.002, PALE, segments=10),
                0.042 * np.cos(a),
                -0.02 + 0.042 * np.sin(a),
                0.087,
            )
        )
    hand = tube(
        [(-0.1, 0, 0), (-0.085, 0, 0.03), (0, 0, 0.04), (0.085, 0, 0.03), (0.1, 0, 0)],
        [0.026, 0.02, 0.014, 0.02, 0.026],
        p,
        sides=10,
    )
    return join(*parts, moved(hand, 0, 0.06, 0.09))


def camera(s: Style) -> Model:
    top, skin = Paint(s.colour, gloss=0.3, metal=0.4), Paint((36, 36, 38), weave=0.8, gloss=0.05)
    parts = [
        soft((0, 0, 0.045), (0.07, 0.026, 0.032), skin, square=0.25),
        soft((0, 0, 0.082), (0.07, 0.025, 0.011), top, square=0.25),
        soft((0, 0, 0.098), (0.026, 0.022, 0.014), top, square=0.5),
        moved(cylinder(0.012, 0.01, CHROME, segments=14), 0.05, 0, 0.092),
        moved(cylinder(0.01, 0.008, CHROME, segments=14), -0.05, 0, 0.092),
    ]
    barrel = lathe(
        [
            (0.034, 0),
            (0.034, 0.012),
            (0.031, 0.014),
            (0.031, 0.04),
            (0.033, 0.042),
            (0.033, 0.055),
            (0.027, 0.056),
        ],
        Paint((30, 30, 33), gloss=0.3),
        segments=26,
    )
    glass = moved(turned(cylinder(0.027, 0.002, Paint((40, 36, 66), gloss=0.9)), 0), z=0.05)
    parts.append(moved(turned(join(barrel, glass), 90, "x"), 0, -0.02, 0.048))
    if s.chance(0.5):
        parts.append(
            tube(
                [
                    (-0.075, 0, 0.08),
                    (-0.11, -0.03, 0.03),
                    (-0.06, -0.09, 0.004),
                    (0.06, -0.1, 0.004),
                    (0.12, -0.04, 0.01),
                    (0.075, 0, 0.08),
                ],
                0.004,
                DARK,
            )
        )
    return standing(join(*parts))


def mat_screen(s: Style) -> Model:
    """A phone case or screen cover lying flat."""
    w, h = 0.075, 0.155
    p = Paint(s.colour, gloss=0.25)
    image = art.cover(s.rng, (90, 180), "", colour=s.colour) if s.chance(0.5) else None
    parts = [
        soft((0, 0, 0.006), (w / 2, h / 2, 0.006), p, square=0.22),
        box((-0.03, 0.04, 0.0115), (-0.005, 0.068, 0.013), Paint((24, 24, 26))),
    ]
    if image:
        parts.append(
            picture(
                [
                    (-w * 0.42, h * 0.2, 0.0125),
                    (w * 0.42, h * 0.2, 0.0125),
                    (w * 0.42, -h * 0.44, 0.0125),
                    (-w * 0.42, -h * 0.44, 0.0125),
                ],
                image,
            )
        )
    return turned(join(*parts), s.rng.uniform(-30, 30))
