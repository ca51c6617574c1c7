"""What stands on a dressing table."""

from marketrank.simulate.mesh import (
    Model,
    Paint,
    Point,
    bar,
    box,
    cylinder,
    join,
    lathe,
    lifted,
    moved,
    soft,
    standing,
    tube,
    turned,
)
from marketrank.simulate.shapes import art
from marketrank.simulate.shapes.parts import bottle, carton, disc, pane
from marketrank.simulate.shapes.style import BRASS, CHROME, DARK, PALE, Style


def perfume(s: Style) -> Model:
    """One or more bottles, with or without the carton."""
    parts = []
    for i in range(s.rng.choice((1, 1, 2, 3))):
        c = (s.colour, s.accent, s.rng.choice(art.INKS))[i]
        glass = Paint(c, gloss=0.8, metal=0.2)
        if s.chance(0.5):
            one = join(
                box((-0.03, -0.015, 0), (0.03, 0.015, 0.075), glass, cell=0.015),
                moved(cylinder(0.009, 0.012, BRASS), z=0.075),
                moved(cylinder(0.016, 0.026, s.rng.choice((DARK, CHROME, BRASS))), z=0.085),
                pane(-0.018, 0.025, 0.018, 0.045, -0.0155, PALE),
            )
        else:
            one = bottle(0.028, 0.11, glass, s.rng.choice((DARK, CHROME, BRASS)))
        parts.append(moved(one, i * 0.075))
    if s.chance(0.5):
        parts.append(
            moved(
                carton(
                    0.08,
                    0.05,
                    0.13,
                    art.cover(
                        s.rng,
                        (80, 130),
                        s.rng.choice(("Eau", "Noir", "Fleur", "Ambre")),
                        colour=s.colour,
                    ),
                    Paint(s.colour),
                ),
                -0.09,
                0.03,
            )
        )
    return join(*parts)


def cosmetics(s: Style) -> Model:
    """A palette, lipsticks, pots and tubes."""
    parts = [box((-0.07, -0.04, 0), (0.07, 0.04, 0.01), DARK, cell=0.03)]
    for i in range(12):
        x, y = -0.055 + (i % 6) * 0.022, -0.018 + (i // 6) * 0.034
        c = (s.rng.uniform(120, 230), s.rng.uniform(70, 170), s.rng.uniform(80, 170))
        parts.append(
            lifted(moved(cylinder(0.0085, 0.0015, Paint(c, gloss=0.1), segments=14), x, y, 0.01))
        )
    parts.append(
        moved(
            turned(
                box(
                    (-0.07, 0, 0),
                    (0.07, 0.004, 0.08),
                    Paint((150, 164, 170), gloss=0.7, metal=0.5),
                    cell=0.03,
                ),
                -20,
                "x",
            ),
            0,
            0.04,
            0.008,
        )
    )
    for i in range(s.rng.randint(1, 4)):
        red = s.rng.choice(((180, 40, 60), (210, 100, 110), (150, 50, 70), s.colour))
        stick = join(
            lathe(
                [(0, 0), (0.009, 0), (0.009, 0.035), (0.007, 0.036), (0.007, 0.05)],
                s.rng.choice((DARK, BRASS)),
            ),
            lathe([(0.006, 0.05), (0.006, 0.062), (0.002, 0.07), (0, 0.07)], Paint(red, gloss=0.3)),
        )
        parts.append(moved(stick, 0.1 + (i % 2) * 0.03, -0.03 + (i // 2) * 0.04))
    parts.append(
        moved(
            lathe(
                [(0, 0), (0.024, 0), (0.026, 0.02), (0.025, 0.022), (0.026, 0.034), (0, 0.035)],
                Paint(s.colour, gloss=0.4),
            ),
            -0.11,
            0.0,
        )
    )
    return join(*parts)


def toiletries(s: Style) -> Model:
    """A row of bottles, tubes and tubs."""
    parts = []
    for i in range(s.rng.randint(3, 7)):
        p, cap = (
            Paint(s.rng.choice((s.colour, s.accent, *art.INKS)), gloss=0.4),
            s.rng.choice((PALE, DARK, BRASS)),
        )
        r, h = s.rng.uniform(0.02, 0.035), s.rng.uniform(0.08, 0.2)
        one = bottle(r, h, p, cap, neck=s.rng.choice((0.4, 0.8)))
        label = moved(lathe([(r * 1.01, h * 0.15), (r * 1.01, h * 0.55)], PALE), z=0)
        parts.append(moved(join(one, label), i * 0.085 - 0.25, s.rng.uniform(-0.02, 0.04)))
    return join(*parts)


def hair_dryer(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.4)
    if s.chance(0.45):
        arms = [
            join(
                turned(box((0, -0.014, 0), (0.27, 0.014, 0.014), p, cell=0.04), a, "y"),
                turned(box((0.18, -0.011, -0.003), (0.27, 0.011, 0.0), BRASS), a, "y"),
            )
            for a in (-4, -14)
        ]
        lead: list[Point] = [
            (0, 0, 0.02),
            (-0.06, 0.03, 0.006),
            (-0.1, -0.03, 0.005),
            (-0.03, -0.1, 0.005),
            (0.1, -0.12, 0.005),
        ]
        return standing(join(*arms, tube(lead, 0.004, DARK)))
    head = turned(
        lathe(
            [
                (0.02, -0.11),
                (0.036, -0.1),
                (0.042, -0.04),
                (0.036, 0.03),
                (0.025, 0.09),
                (0.022, 0.11),
                (0, 0.1),
            ],
            p,
        ),
        90,
        "y",
    )
    out = join(
        head,
        bar((-0.03, 0, -0.02), (-0.05, 0, -0.16), 0.019, p, sides=10),
        moved(turned(disc(0.03, DARK), -90), -0.111, 0, 0),
    )
    lead2: list[Point] = [
        (-0.05, 0, -0.16),
        (-0.06, 0.02, -0.2),
        (-0.16, 0.0, -0.21),
        (-0.2, -0.1, -0.21),
    ]
    return standing(turned(join(out, tube(lead2, 0.004, DARK)), s.rng.choice((86, 70)), "x"))


def toothbrush(s: Style) -> Model:
    p = Paint(s.colour, gloss=0.35)
    brush = join(
        lathe(
            [
                (0, 0),
                (0.014, 0),
                (0.015, 0.05),
                (0.012, 0.13),
                (0.005, 0.15),
                (0.004, 0.2),
                (0, 0.2),
            ],
            PALE,
        ),
        moved(turned(cylinder(0.007, 0.012, Paint(s.accent)), 90, "x"), 0, 0, 0.205),
        pane(-0.004, 0.07, 0.004, 0.085, -0.0145, p),
    )
    stand = soft((0, 0, 0.008), (0.03, 0.035, 0.012), p, square=0.6)
    return join(stand, moved(brush, z=0.014), moved(turned(brush, 86, "y"), 0.06, -0.06, 0.012))
