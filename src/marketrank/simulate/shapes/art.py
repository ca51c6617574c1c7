"""Flat pictures on things: covers, paintings, screens, patterned cloth, labels."""

import random
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from marketrank.simulate.mesh import RGB
from marketrank.simulate.shapes.style import shaded

INKS: tuple[RGB, ...] = (
    (196, 52, 44),
    (36, 74, 130),
    (232, 178, 52),
    (44, 116, 84),
    (30, 32, 40),
    (238, 232, 220),
    (118, 62, 128),
    (226, 118, 48),
    (72, 156, 178),
    (150, 40, 66),
    (206, 196, 170),
    (88, 108, 68),
)


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def ink(colour: RGB) -> tuple[int, int, int]:
    return int(colour[0]), int(colour[1]), int(colour[2])


def words(image: Image.Image, text: str, box: tuple[int, int, int, int], colour: RGB) -> None:
    """Write `text` in capitals as large as fits, left aligned, wrapped by words."""
    x0, y0, x1, y1 = box
    pen = ImageDraw.Draw(image)
    size = max(8, (y1 - y0) // 3)
    line, y = "", y0
    for word in [*text.upper().split(), ""]:
        longer = f"{line} {word}".strip()
        if word and pen.textlength(longer, font=_font(size)) <= x1 - x0:
            line = longer
            continue
        pen.text((x0, y), line, fill=ink(colour), font=_font(size))
        line, y = word, y + int(size * 1.1)
        if y > y1 - size:
            break


def two_inks(rng: random.Random) -> tuple[RGB, RGB, RGB]:
    ground, front, third = rng.sample(INKS, 3)
    if abs(sum(ground) - sum(front)) < 150:
        front = (244, 240, 230) if sum(ground) < 380 else (30, 30, 36)
    return ground, front, third


def cover(
    rng: random.Random, size: tuple[int, int], title: str, *, colour: RGB | None = None
) -> Image.Image:
    """The front of a book, record, game or poster: one of six sorts of design."""
    w, h = size
    ground, front, third = two_inks(rng)
    ground = colour or ground
    image = Image.new("RGB", size, ink(ground))
    pen = ImageDraw.Draw(image)
    kind = rng.randrange(6)
    if kind == 0:
        for i in range(rng.randint(3, 7)):
            r = w * (0.42 - i * 0.06)
            pen.ellipse(
                [w / 2 - r, h * 0.58 - r, w / 2 + r, h * 0.58 + r], fill=ink((front, third)[i % 2])
            )
    elif kind == 1:
        landscape = painting(rng, (w, int(h * 0.62)))
        image.paste(landscape, (0, h - landscape.height))
    elif kind == 2:
        step = w / rng.randint(4, 9)
        for i in range(12):
            pen.polygon(
                [
                    (i * step * 2 - h * 0.4, h),
                    (i * step * 2 + step - h * 0.4, h),
                    (i * step * 2 + step, h * 0.36),
                    (i * step * 2, h * 0.36),
                ],
                fill=ink(third),
            )
    elif kind == 3:
        _figure(pen, w, h, front, third)
    elif kind == 4:
        for _ in range(26):
            x, y, r = rng.uniform(0, w), rng.uniform(h * 0.35, h), rng.uniform(0.02, 0.13) * w
            pen.ellipse([x - r, y - r, x + r, y + r], fill=ink(rng.choice((front, third, ground))))
    else:
        pen.rectangle(
            [w * 0.08, h * 0.06, w * 0.92, h * 0.94], outline=ink(front), width=max(2, w // 60)
        )
    words(image, title, (int(w * 0.1), int(h * 0.09), int(w * 0.93), int(h * 0.38)), front)
    if rng.random() < 0.5:
        pen.rectangle([0, h * 0.92, w, h], fill=ink(third))
    return image


def _figure(pen: ImageDraw.ImageDraw, w: int, h: int, front: RGB, third: RGB) -> None:
    pen.ellipse([w * 0.22, h * 0.4, w * 0.78, h * 0.82], fill=ink(third))
    pen.ellipse([w * 0.41, h * 0.46, w * 0.59, h * 0.6], fill=ink(front))
    pen.polygon(
        [
            (w * 0.28, h),
            (w * 0.36, h * 0.68),
            (w * 0.5, h * 0.6),
            (w * 0.64, h * 0.68),
            (w * 0.72, h),
        ],
        fill=ink(front),
    )


def painting(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    """A landscape, flowers or an abstract."""
    w, h = size
    kind = rng.random()
    if kind < 0.55:
        return _landscape(rng, size)
    if kind < 0.8:
        image = Image.new("RGB", size, ink(rng.choice(INKS)))
        pen = ImageDraw.Draw(image)
        for _ in range(rng.randint(6, 14)):
            x, y = rng.uniform(-0.2, 0.9) * w, rng.uniform(-0.2, 0.9) * h
            area = [x, y, x + rng.uniform(0.1, 0.6) * w, y + rng.uniform(0.05, 0.5) * h]
            (pen.rectangle if rng.random() < 0.6 else pen.ellipse)(area, fill=ink(rng.choice(INKS)))
        return image.filter(ImageFilter.GaussianBlur(rng.choice((0, 1, 4))))
    image = Image.new("RGB", size, ink(shaded(rng.choice(INKS), 0.6)))
    pen = ImageDraw.Draw(image)
    pen.polygon(
        [(w * 0.4, h * 0.66), (w * 0.6, h * 0.66), (w * 0.57, h * 0.95), (w * 0.43, h * 0.95)],
        fill=ink(rng.choice(INKS)),
    )
    for _ in range(26):
        x, y, r = rng.gauss(0.5, 0.15) * w, rng.gauss(0.4, 0.12) * h, rng.uniform(0.03, 0.075) * w
        pen.ellipse([x - r, y - r, x + r, y + r], fill=ink(rng.choice(INKS)))
        pen.ellipse([x - r / 3, y - r / 3, x + r / 3, y + r / 3], fill=(240, 214, 120))
    return image.filter(ImageFilter.GaussianBlur(1))


def _landscape(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    w, h = size
    dusk = rng.random()
    sky = np.linspace(
        (120 + 90 * dusk, 160, 215 - 60 * dusk), (240, 214 - 20 * dusk, 190 - 40 * dusk), h
    )
    image = Image.fromarray(np.repeat(sky[:, None, :], w, axis=1).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    pen.ellipse([w * 0.65, h * 0.16, w * 0.65 + h * 0.16, h * 0.32], fill=(252, 236, 190))
    for layer in range(4):
        base = h * (0.42 + layer * 0.14)
        phase, wave = rng.uniform(0, 6), rng.uniform(0.8, 2.2)
        ridge = [
            (x, base + h * 0.07 * np.sin(phase + wave * 6 * x / w)) for x in range(0, w + 9, 8)
        ]
        tone = shaded(
            (rng.uniform(60, 120), rng.uniform(100, 140), rng.uniform(60, 130)), 1.05 - layer * 0.2
        )
        pen.polygon([(0, h), *ridge, (w, h)], fill=ink(tone))
    return image.filter(ImageFilter.GaussianBlur(1))


def screen(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    """What a lit display shows: a wallpaper with icons, a page, a film, or only a reflection."""
    w, h = size
    kind = rng.random()
    if kind < 0.35:
        return dark_glass(size)
    image = _landscape(rng, size) if kind < 0.8 else Image.new("RGB", size, (236, 238, 242))
    pen = ImageDraw.Draw(image)
    if kind >= 0.8:
        pen.rectangle([0, 0, w, h * 0.1], fill=ink(rng.choice(INKS)))
        for row in range(6):
            pen.rectangle(
                [
                    w * 0.08,
                    h * (0.18 + row * 0.12),
                    w * rng.uniform(0.5, 0.92),
                    h * (0.23 + row * 0.12),
                ],
                fill=(150, 156, 166),
            )
        return image
    edge = max(4, min(w, h) // 11)
    columns = max(3, w // (edge * 2))
    for i in range(columns * rng.randint(1, 3)):
        x, y = (i % columns + 0.5) * w / columns, h * 0.1 + (i // columns) * edge * 1.9
        pen.rounded_rectangle(
            [x - edge / 2, y, x + edge / 2, y + edge], edge // 4, fill=ink(rng.choice(INKS))
        )
    pen.rectangle([0, h - edge * 0.7, w, h], fill=(40, 46, 56))
    return image


def dark_glass(size: tuple[int, int]) -> Image.Image:
    """A switched-off screen with a window reflected in it."""
    w, h = size
    image = Image.new("RGB", size, (22, 24, 28))
    pen = ImageDraw.Draw(image)
    pen.polygon([(w * 0.55, 0), (w * 0.85, 0), (w * 0.55, h), (w * 0.2, h)], fill=(42, 46, 53))
    return image.filter(ImageFilter.GaussianBlur(max(1, w // 40)))


def rug(rng: random.Random, size: tuple[int, int], colours: Sequence[RGB]) -> Image.Image:
    """Bordered, striped, geometric or plain."""
    w, h = size
    a, b, c = (*colours, *rng.sample(INKS, 3))[:3]
    image = Image.new("RGB", size, ink(a))
    pen = ImageDraw.Draw(image)
    kind = rng.randrange(4)
    if kind == 0:
        for i, tone in enumerate((b, a, c, a, b)):
            m = (i + 1) * w * 0.035
            pen.rectangle([m, m, w - m, h - m], outline=ink(tone), width=max(2, int(w * 0.02)))
        for i in range(3):
            r = w * (0.24 - 0.07 * i)
            pen.polygon(
                [
                    (w / 2, h / 2 - r * 1.4),
                    (w / 2 + r, h / 2),
                    (w / 2, h / 2 + r * 1.4),
                    (w / 2 - r, h / 2),
                ],
                fill=ink((b, c, a)[i]),
            )
    elif kind == 1:
        step = h / rng.randint(9, 17)
        for i in range(17):
            pen.rectangle(
                [0, i * step, w, i * step + step * rng.uniform(0.3, 0.9)],
                fill=ink((a, b, c)[i % 3]),
            )
    elif kind == 2:
        step = w / 6
        for i in range(6):
            for j in range(9):
                x, y = i * step, j * step
                pen.polygon(
                    [
                        (x + step / 2, y),
                        (x + step, y + step / 2),
                        (x + step / 2, y + step),
                        (x, y + step / 2),
                    ],
                    fill=ink((b, c)[(i + j) % 2]),
                )
    noise = np.random.default_rng(rng.randrange(1 << 30)).normal(1, 0.06, (h, w, 1))
    return Image.fromarray(np.clip(np.asarray(image) * noise, 0, 255).astype(np.uint8))
