"""Clothes as they are photographed: laid on a bed or hung on a door."""

import numpy as np
from PIL import Image, ImageDraw

from marketrank.simulate.mesh import Model, Paint, join, moved, soft, tube, turned
from marketrank.simulate.shapes import art
from marketrank.simulate.shapes.art import ink
from marketrank.simulate.shapes.fabric import (
    COAT,
    DRESS,
    GOWN,
    JEANS,
    JUMPER,
    ROMPER,
    STRAIGHT,
    TEE,
    garment,
    neckline,
    patterned,
)
from marketrank.simulate.shapes.parts import hung, laid
from marketrank.simulate.shapes.style import STEEL, Style, shaded


def _pose(s: Style, image: Image.Image, w: float, h: float, *, hang: float = 0.4) -> Model:
    """Hung on a hanger against a door, or laid out."""
    if s.chance(hang):
        hook = tube(
            [(0, -0.01, h), (0, -0.01, h + 0.06), (0.02, -0.01, h + 0.09), (0.04, -0.01, h + 0.07)],
            0.004,
            STEEL,
        )
        arms = tube(
            [(-w * 0.2, -0.008, h * 0.955), (0, -0.008, h + 0.01), (w * 0.2, -0.008, h * 0.955)],
            0.007,
            s.rng.choice((STEEL, Paint((186, 140, 90), grain=0.5))),
        )
        return moved(join(hung(image, w, h, y=-0.02, gloss=0), hook, arms), z=0.5)
    return turned(laid(image, w, h, z=0.012, gloss=0), s.rng.gauss(0, 10))


def dress(s: Style) -> Model:
    image = garment(
        s,
        s.rng.choice((DRESS, DRESS, STRAIGHT)),
        (300, 460),
        s.rng.choice(("plain", "plain", "flowers", "dots", "stripes")),
    )
    neckline(image, 0.05, 0.055, s.colour)
    pen = ImageDraw.Draw(image)
    if s.chance(0.5):
        pen.rectangle([94, 172, 206, 182], fill=(*ink(s.accent), 255))
    return _pose(s, image, 0.7, 1.07, hang=0.6)


def wedding_dress(s: Style) -> Model:
    image = garment(s, GOWN, (380, 480), "plain", folds=60, strength=0.7)
    pen = ImageDraw.Draw(image)
    for _ in range(120):
        x, y = s.rng.gauss(190, 22), s.rng.uniform(40, 190)
        pen.ellipse([x, y, x + 4, y + 4], outline=(*ink(shaded(s.colour, 0.8)), 255))
    pen.rectangle([154, 152, 226, 163], fill=(*ink(shaded(s.colour, 0.86)), 255))
    return _pose(s, image, 1.15, 1.45, hang=0.85)


def tee(s: Style) -> Model:
    image = garment(s, TEE, (400, 420), s.rng.choice(("plain", "plain", "stripes")), folds=16)
    neckline(image, 0.1, 0.085, s.colour)
    if s.chance(0.6):
        badge = art.cover(
            s.rng,
            (110, 120),
            s.rng.choice(("Surf club", "Est 1984", "Weekend", "Coast")),
            colour=s.colour,
        )
        image.paste(badge, (145, 140))
    return _pose(s, image, 0.72, 0.74, hang=0.2)


def shirt(s: Style) -> Model:
    image = garment(
        s, JUMPER, (420, 440), s.rng.choice(("plain", "check", "stripes", "plain")), folds=22
    )
    pen = ImageDraw.Draw(image)
    dark, pale = (*ink(shaded(s.colour, 0.62)), 255), (*ink(shaded(s.colour, 1.2)), 255)
    pen.line([(210, 40), (210, 424)], fill=dark, width=3)
    pen.polygon([(176, 22), (210, 66), (190, 84), (160, 40)], fill=pale, outline=dark)
    pen.polygon([(244, 22), (210, 66), (230, 84), (260, 40)], fill=pale, outline=dark)
    for y in range(96, 410, 52):
        pen.ellipse([206, y, 215, y + 9], fill=(240, 238, 230, 255))
    pen.rectangle([244, 150, 296, 214], outline=dark, width=2)
    return _pose(s, image, 0.85, 0.9, hang=0.45)


def jumper(s: Style) -> Model:
    image = garment(
        s, JUMPER, (420, 420), s.rng.choice(("plain", "plain", "stripes", "dots")), folds=24
    )
    neckline(image, 0.085, 0.085, s.colour)
    pen = ImageDraw.Draw(image)
    for x in range(102, 320, 7):
        pen.line([(x, 388), (x, 404)], fill=(*ink(shaded(s.colour, 0.72)), 255), width=2)
    if s.chance(0.35):
        pen.arc([150, -50, 270, 110], 20, 160, fill=(*ink(shaded(s.colour, 0.6)), 255), width=22)
        pen.rectangle([150, 250, 270, 330], outline=(*ink(shaded(s.colour, 0.65)), 255), width=3)
    return _pose(s, image, 0.9, 0.86, hang=0.2)


def coat(s: Style) -> Model:
    image = garment(
        s, COAT, (400, 480), s.rng.choice(("plain", "plain", "plain", "check")), folds=26
    )
    pen = ImageDraw.Draw(image)
    dark = (*ink(shaded(s.colour, 0.55)), 255)
    if s.material == "leather" or s.chance(0.4):
        for y in range(70, 470, 38):
            pen.line([(104, y), (296, y + 4)], fill=(*ink(shaded(s.colour, 0.8)), 255), width=3)
    pen.line([(200, 60), (196, 470)], fill=dark, width=4)
    for side in (-1, 1):
        pen.polygon(
            [(200, 130), (200 + side * 26, 22), (200 + side * 62, 34), (200 + side * 52, 96)],
            fill=(*ink(shaded(s.colour, 0.82)), 255),
            outline=dark,
        )
        pen.line([(200 + side * 42, 300), (200 + side * 86, 322)], fill=dark, width=5)
    for y in range(160, 400, 62):
        pen.ellipse([206, y, 219, y + 13], fill=(*ink(shaded(s.accent, 0.8)), 255))
    return _pose(s, image, 0.92, 1.1, hang=0.65)


def suit(s: Style) -> Model:
    image = garment(s, COAT, (400, 440), "plain", folds=16)
    pen = ImageDraw.Draw(image)
    dark = (*ink(shaded(s.colour, 0.6)), 255)
    pen.polygon([(172, 18), (228, 18), (200, 210)], fill=(244, 244, 246, 255))
    pen.polygon(
        [(192, 30), (208, 30), (212, 150), (200, 190), (188, 150)], fill=(*ink(s.accent), 255)
    )
    for side in (-1, 1):
        pen.polygon(
            [(200, 220), (200 + side * 26, 16), (200 + side * 66, 40), (200 + side * 50, 120)],
            fill=(*ink(shaded(s.colour, 1.12)), 255),
            outline=dark,
        )
    pen.line([(200, 220), (198, 428)], fill=dark, width=4)
    return _pose(s, image, 0.92, 1.0, hang=0.75)


def jeans(s: Style) -> Model:
    image = garment(s, JEANS, (320, 480), "plain", folds=30)
    pen = ImageDraw.Draw(image)
    seam = (*ink(shaded(s.colour, 0.6)), 255)
    pen.line([(160, 16), (160, 150)], fill=seam, width=3)
    pen.line([(104, 34), (216, 34)], fill=seam, width=4)
    for side in (-1, 1):
        pen.arc(
            [160 + side * 58 - 34, 10, 160 + side * 58 + 34, 86],
            20 if side < 0 else 90,
            90 if side < 0 else 160,
            fill=seam,
            width=3,
        )
        pen.line(
            [(160 + side * 44, 150), (160 + side * 50, 470)],
            fill=(*ink(shaded(s.colour, 1.25)), 60),
            width=16,
        )
    pen.ellipse([155, 20, 166, 31], fill=(190, 160, 100, 255))
    return _pose(s, image, 0.66, 1.02, hang=0.1)


def baby_bundle(s: Style) -> Model:
    """Several small clothes laid in rows."""
    parts = []
    n = s.rng.choice((2, 4, 6))
    for i in range(n):
        one = Style(
            s.rng.choice((s.colour, s.accent, *art.INKS)), s.rng.choice(art.INKS), "cotton", s.rng
        )
        half = s.rng.choice((ROMPER, TEE, ROMPER, JEANS, DRESS))
        image = garment(
            one, half, (170, 200), s.rng.choice(("plain", "stripes", "dots", "flowers")), folds=8
        )
        parts.append(
            moved(
                turned(laid(image, 0.3, 0.36, z=0.01 + i * 0.001, gloss=0), s.rng.gauss(0, 7)),
                (i % 3) * 0.33 - 0.33,
                -(i // 3) * 0.38,
            )
        )
    return join(*parts)


def curtains(s: Style) -> Model:
    image = patterned(
        (260, 300),
        s.colour,
        s.accent,
        s.rng,
        s.rng.choice(("plain", "plain", "flowers", "stripes", "check")),
    )
    ripple = 0.72 + 0.28 * np.abs(np.sin(np.linspace(0, 9 * np.pi, 260)))
    lit = np.asarray(image) * ripple[None, :, None]
    folded = Image.fromarray(lit.astype(np.uint8))
    half = folded.crop((0, 0, 120, 300))
    pole = tube(
        [(-0.85, 0, 1.52), (0, 0, 1.52), (0.85, 0, 1.52)],
        0.018,
        s.rng.choice((STEEL, Paint((150, 104, 62), grain=0.5))),
    )
    return moved(
        join(
            moved(hung(half, 0.62, 1.5, y=-0.02, gloss=0), -0.48),
            moved(hung(half, 0.62, 1.5, y=-0.02, gloss=0), 0.48),
            pole,
        ),
        z=0.3,
    )


def bedding(s: Style) -> Model:
    """Folded linen, towels or blankets in a pile."""
    parts, z = [], 0.0
    for i in range(s.rng.randint(2, 6)):
        t = s.rng.uniform(0.035, 0.07)
        c = s.rng.choice((s.colour, s.accent, s.colour))
        parts.append(
            turned(
                soft(
                    (0, 0, z + t / 2),
                    (0.22, 0.17, t * 0.56),
                    Paint(shaded(c, s.rng.uniform(0.9, 1.1)), weave=0.8, gloss=0),
                    square=0.3,
                ),
                s.rng.gauss(0, 5),
            )
        )
        z += t * (0.98 if i else 1)
    return join(*parts)
