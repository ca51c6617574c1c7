"""Books, records, games, cards: things with a printed face."""

from marketrank.simulate.mesh import (
    Model,
    Paint,
    box,
    cylinder,
    flat,
    join,
    lathe,
    moved,
    ring,
    standing,
    turned,
)
from marketrank.simulate.shapes import art
from marketrank.simulate.shapes.parts import carton, hung, laid, pane
from marketrank.simulate.shapes.style import BRASS, PALE, STEEL, Style, shaded

TITLES = (
    "The long field",
    "Harbour lights",
    "A winter garden",
    "Night train",
    "Old roads",
    "Salt and stone",
    "The kite",
    "Seven rivers",
    "Paper moon",
    "Orchard",
    "Echoes",
    "Red kettle",
    "Half past nine",
    "The lantern",
    "Wild coast",
    "Green hill",
    "Slow dance",
    "Blue hour",
    "Golden years",
    "North wind",
    "Iron horse",
    "Best of",
    "Storm",
    "Quest",
)


PAPER = Paint((236, 228, 208), gloss=0, weave=0.4)


def _title(s: Style) -> str:
    return s.rng.choice(TITLES)


def book_stack(s: Style) -> Model:
    """A few books in a pile, the top cover to be read; sometimes a row of spines."""
    if s.chance(0.35):
        parts, x = [], 0.0
        for _ in range(s.rng.randint(7, 16)):
            t, h, d = (
                s.rng.uniform(0.015, 0.045),
                s.rng.uniform(0.18, 0.25),
                s.rng.uniform(0.13, 0.17),
            )
            p = Paint(s.rng.choice(art.INKS), gloss=0.15)
            parts += [
                box((x, 0, 0), (x + t, d, h), p, cell=0.1),
                pane(
                    x + t * 0.3,
                    h * 0.25,
                    x + t * 0.7,
                    h * 0.75,
                    -0.001,
                    Paint(shaded(p.colour, 1.7)),
                ),
            ]
            x += t + 0.001
        return standing(join(*parts))
    parts, z = [], 0.0
    for _ in range(s.rng.randint(2, 7)):
        w, d, t = s.rng.uniform(0.13, 0.19), s.rng.uniform(0.19, 0.25), s.rng.uniform(0.012, 0.04)
        p = Paint(s.rng.choice(art.INKS), gloss=0.2)
        one = join(
            box(
                (-w / 2 + 0.003, -d / 2 + 0.003, z + 0.002),
                (w / 2 - 0.003, d / 2 - 0.003, z + t - 0.002),
                PAPER,
                cell=0.06,
            ),
            box((-w / 2, -d / 2, z), (w / 2, d / 2, z + 0.002), p),
            box((-w / 2, -d / 2, z + t - 0.002), (w / 2, d / 2, z + t), p),
            box((-w / 2, -d / 2, z), (-w / 2 + 0.003, d / 2, z + t), p),
        )
        parts.append(turned(one, s.rng.uniform(-14, 14)))
        z += t
    image = art.cover(s.rng, (150, 205), _title(s), colour=p.colour)
    parts.append(turned(laid(image, w, d, z=z + 0.0006, gloss=0.2), 0))
    parts[-2] = one
    return join(*parts)


def book(s: Style) -> Model:
    """One book or magazine, lying or propped up."""
    w, h, t = s.rng.uniform(0.13, 0.21), s.rng.uniform(0.2, 0.28), s.rng.uniform(0.006, 0.035)
    image = art.cover(s.rng, (180, int(180 * h / w)), _title(s), colour=s.colour)
    body = join(
        box((-w / 2, 0, 0), (w / 2, t, h), Paint(s.colour, gloss=0.2), cell=0.05),
        box((w / 2 - 0.001, 0.002, 0.002), (w / 2 + 0.0005, t - 0.002, h - 0.002), PAPER),
        hung(image, w, h, y=-0.0005, gloss=0.15),
    )
    return standing(turned(body, -s.rng.choice((82, 88, 16)), "x"))


def _case(s: Style, w: float, h: float, t: float, edge: Paint) -> Model:
    image = art.cover(s.rng, (150, int(150 * h / w)), _title(s))
    m = 0.004
    return join(
        box((-w / 2, 0, 0), (w / 2, t, h), edge, cell=0.05),
        moved(hung(image, w - m, h - m, y=-0.0005, gloss=0.25), z=m / 2),
    )


def cases(s: Style) -> Model:
    """Discs in their cases: films or games, one flat or a few fanned out."""
    edge = Paint(s.colour, gloss=0.35)
    n = s.rng.choice((1, 3, 4, 6))
    parts = []
    for i in range(n):
        one = turned(_case(s, 0.135, 0.19, 0.014, edge), -88, "x")
        parts.append(moved(turned(one, s.rng.uniform(-8, 8)), (i % 3) * 0.145, -(i // 3) * 0.2, 0))
    return standing(join(*parts))


def disc_row(s: Style) -> Model:
    """A row of CDs, DVDs or cassettes by their spines."""
    h, parts, x = s.rng.choice((0.125, 0.19)), [], 0.0
    for _ in range(s.rng.randint(14, 30)):
        p = Paint(s.rng.choice(art.INKS), gloss=0.3)
        t = 0.0105 if h < 0.15 else 0.0145
        parts += [
            box((x, 0, 0), (x + t * 0.94, 0.135, h), p, cell=0.08),
            pane(x + t * 0.3, h * 0.2, x + t * 0.62, h * 0.8, -0.001, Paint(shaded(p.colour, 1.8))),
        ]
        x += t
    return standing(join(*parts))


def record(s: Style) -> Model:
    """A record half out of its sleeve; sometimes a box of them."""
    if s.chance(0.3):
        return _record_box(s)
    front = art.cover(s.rng, (220, 220), _title(s), colour=s.colour)
    sleeve = join(
        box((-0.155, -0.155, 0), (0.155, 0.155, 0.004), PALE, cell=0.06),
        laid(front, 0.31, 0.31, z=0.0045, gloss=0.25),
    )
    groove = Paint((60, 60, 64), gloss=0.6)
    disc_at = join(
        cylinder(0.15, 0.002, Paint((24, 24, 26), gloss=0.5), segments=44),
        moved(cylinder(0.05, 0.0006, Paint(s.accent, gloss=0.3), segments=26), z=0.002),
        moved(cylinder(0.004, 0.0008, PALE, segments=8), z=0.0024),
        *(moved(ring(r, 0.0006, groove, segments=40, sides=4), z=0.002) for r in (0.07, 0.1, 0.13)),
    )
    out = moved(disc_at, s.rng.uniform(0.09, 0.15), s.rng.uniform(-0.02, 0.03), 0.006)
    return join(sleeve, out)


def _record_box(s: Style) -> Model:
    wood = Paint((190, 150, 100), grain=0.7)
    parts = [box((-0.18, y, 0), (0.18, y + 0.01, 0.24), wood) for y in (-0.2, 0.19)]
    parts += [box((x, -0.2, 0), (x + 0.01, 0.2, 0.24), wood) for x in (-0.18, 0.17)]
    for i in range(16):
        paint = Paint(s.rng.choice(art.INKS), gloss=0.2)
        sleeve = box((-0.155, 0, 0), (0.155, 0.004, 0.31), paint, cell=0.1)
        leaning = turned(sleeve, -s.rng.uniform(0, 10), "x")
        parts.append(moved(leaning, 0, -0.17 + i * 0.021, 0.005))
    front = hung(art.cover(s.rng, (180, 180), _title(s)), 0.31, 0.31, gloss=0.2)
    return join(*parts, moved(turned(front, -8, "x"), 0, -0.183, 0.005))


def comic(s: Style) -> Model:
    parts = []
    for i in range(s.rng.choice((1, 2, 4))):
        w, h = 0.17, 0.26
        one = join(
            box((-w / 2, -h / 2, 0), (w / 2, h / 2, 0.003), PALE, cell=0.1),
            laid(art.cover(s.rng, (170, 260), _title(s)), w, h, z=0.0035, gloss=0.25),
        )
        parts.append(moved(turned(one, s.rng.uniform(-16, 16)), i * 0.12, i * -0.03, i * 0.005))
    return join(*parts)


def board_game(s: Style) -> Model:
    """A game or jigsaw in its box."""
    w, d, h = s.rng.uniform(0.26, 0.4), s.rng.uniform(0.26, 0.3), s.rng.uniform(0.05, 0.08)
    image = art.cover(s.rng, (240, int(240 * d / w)), _title(s), colour=s.colour)
    parts = [
        box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), Paint(s.colour, gloss=0.15), cell=0.08),
        laid(image, w * 0.995, d * 0.995, z=h + 0.0006, gloss=0.15),
        pane(-w * 0.3, h * 0.25, w * 0.3, h * 0.75, -d / 2 - 0.0006, Paint(s.accent)),
    ]
    body = turned(join(*parts), s.rng.choice((0, 0, 76)), "x")
    pieces = [
        moved(
            lathe(
                [(0, 0), (0.009, 0), (0.004, 0.012), (0.006, 0.02), (0, 0.026)],
                Paint(s.rng.choice(art.INKS), gloss=0.4),
                segments=12,
            ),
            w / 2 + 0.03 + (i % 3) * 0.03,
            -d / 2 + (i // 3) * 0.04,
        )
        for i in range(s.rng.choice((0, 6)))
    ]
    return join(standing(body), *pieces)


def poster(s: Style) -> Model:
    w, h = s.rng.choice(((0.42, 0.59), (0.59, 0.84)))
    return join(
        box((-w / 2, 0, 0), (w / 2, 0.002, h), PALE),
        hung(
            art.cover(s.rng, (260, int(260 * h / w)), _title(s), colour=s.colour),
            w,
            h,
            y=-0.001,
            gloss=0.1,
        ),
    )


def tickets(s: Style) -> Model:
    """Two tickets or vouchers."""
    parts = []
    for i in range(2):
        image = art.cover(s.rng, (240, 100), f"Admit one {_title(s)}", colour=s.colour)
        parts.append(
            moved(
                turned(
                    join(
                        box((-0.09, -0.037, 0), (0.09, 0.037, 0.0006), PALE),
                        laid(image, 0.18, 0.074, z=0.001),
                    ),
                    s.rng.uniform(-18, 18),
                ),
                i * 0.03,
                i * -0.06,
                i * 0.002,
            )
        )
    return join(*parts)


def trading_cards(s: Style) -> Model:
    parts = []
    for i in range(s.rng.choice((3, 5, 6))):
        image = art.cover(s.rng, (100, 140), _title(s))
        edge = Paint(s.rng.choice(((236, 200, 70), (230, 230, 228), (40, 60, 120))), gloss=0.3)
        one = join(
            box((-0.0315, -0.044, 0), (0.0315, 0.044, 0.0005), edge),
            laid(image, 0.054, 0.078, z=0.0009, gloss=0.35),
        )
        parts.append(
            moved(
                turned(one, s.rng.uniform(-14, 14)), (i % 3) * 0.07, -(i // 3) * 0.095, i * 0.0006
            )
        )
    return standing(join(*parts))


def stamps(s: Style) -> Model:
    """An open album of stamps or coins."""
    parts = [
        box((-0.24, -0.15, 0), (0.24, 0.15, 0.008), Paint(s.colour, gloss=0.2)),
        *(
            box((x, -0.142, 0.008), (x + 0.225, 0.142, 0.016), Paint((246, 242, 230)), cell=0.07)
            for x in (-0.23, 0.005)
        ),
    ]
    coins = s.chance(0.45)
    for side in (-0.225, 0.01):
        for row in range(5):
            for column in range(4):
                x, y = side + 0.015 + column * 0.05, 0.1 - row * 0.053
                if s.chance(0.1):
                    continue
                if coins:
                    metal = s.rng.choice((STEEL, BRASS, Paint((168, 104, 64), metal=0.7)))
                    parts.append(
                        moved(cylinder(0.015, 0.002, metal, segments=16), x + 0.02, y - 0.01, 0.017)
                    )
                else:
                    c = Paint(s.rng.choice(art.INKS), gloss=0.1)
                    z = 0.0168
                    parts.append(
                        flat(
                            [
                                (x, y - 0.032, z),
                                (x + 0.028, y - 0.032, z),
                                (x + 0.028, y, z),
                                (x, y, z),
                            ],
                            Paint((250, 250, 246)),
                            lift=0.03,
                        )
                    )
                    parts.append(
                        flat(
                            [
                                (x + 0.003, y - 0.029, z),
                                (x + 0.025, y - 0.029, z),
                                (x + 0.025, y - 0.003, z),
                                (x + 0.003, y - 0.003, z),
                            ],
                            c,
                            lift=0.04,
                        )
                    )
    return join(*parts)


def jigsaw_box(s: Style) -> Model:
    image = art.painting(s.rng, (240, 170))
    return turned(carton(0.37, 0.06, 0.27, image, Paint(s.colour)), s.rng.choice((0, 0)), "x")


def small_carton(s: Style) -> Model:
    """Sealed goods in their box, one or several."""
    parts = []
    w, d, h = s.rng.uniform(0.06, 0.2), s.rng.uniform(0.05, 0.12), s.rng.uniform(0.06, 0.2)
    for i in range(s.rng.choice((1, 2, 4))):
        image = art.cover(
            s.rng,
            (int(160 * w / max(w, h)) + 20, int(160 * h / max(w, h)) + 20),
            s.rng.choice(("Pro", "Max", "Ultra", "Home", "Daily", "Original")),
            colour=s.colour,
        )
        parts.append(
            moved(
                turned(carton(w, d, h, image, Paint(s.colour)), s.rng.uniform(-12, 12)),
                (i % 2) * w * 1.15,
                (i // 2) * d * -1.3,
            )
        )
    return join(*parts)


def sign(s: Style) -> Model:
    """A pavement sign or white board."""
    image = art.cover(
        s.rng,
        (200, 300),
        s.rng.choice(("Open", "Cafe", "Sale", "Coffee", "Salon")),
        colour=s.colour,
    )
    board = join(
        box((-0.32, 0, 0), (0.32, 0.03, 1.0), Paint(s.accent, grain=0.4)),
        moved(hung(image, 0.56, 0.86, y=-0.001), z=0.1),
    )
    return join(
        turned(board, -13, "x"),
        moved(
            turned(box((-0.32, 0, 0), (0.32, 0.03, 1.0), Paint(s.accent, grain=0.4)), 13, "x"),
            0,
            0.42,
        ),
    )
