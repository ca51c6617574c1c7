"""Nearest photos as a picture that a person can look at: what scores do not say."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from marketrank.errors import BadInput


class Relation(StrEnum):
    """What a photo found has in common with the query, the most that holds."""

    LISTING = "same listing"
    CATEGORY = "same category"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A photo found: its JPEG, its category, how similar it is (higher is better)."""

    photo: bytes
    category: str
    similarity: float
    relation: Relation


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A query, a JPEG or a text, its category, and what was found, best first."""

    query: bytes | str
    category: str
    neighbours: Sequence[Neighbour]


Colour = tuple[int, int, int]

# Okabe and Ito, "Color Universal Design" (2008): told apart whatever colours one sees.
FRAMES: dict[Relation, Colour] = {
    Relation.LISTING: (0, 158, 115),
    Relation.CATEGORY: (0, 114, 178),
    Relation.NEITHER: (213, 94, 0),
}
TILE = 128
"""Pixels a side of a photo; a frame of FRAME more on each side of it."""
FRAME = 5
_GAP, _LINE, _MARGIN = 8, 16, 16
_CAPTION = 2 * _LINE + 4
_STEP_X, _STEP_Y = TILE + 2 * FRAME + _GAP, TILE + 2 * FRAME + _CAPTION + _GAP
_QUERY_GAP = 24
_HEAD = 84
_WHITE, _INK, _PALE, _UNREADABLE = (255, 255, 255), (30, 30, 30), (238, 238, 238), (160, 160, 160)

Font = ImageFont.FreeTypeFont


def draw_contact_sheet(rows: Sequence[SheetRow], path: Path, *, title: str) -> None:
    """Write a PNG: each row has its query on the left and what was found to the right of it, best
    first, with category and similarity below and the relation as the colour of the frame. A
    photo that cannot be decoded is a grey tile that says so. Raises BadInput for no rows."""
    if not rows:
        raise BadInput("a contact sheet needs a query or more; there is none to draw")
    most = max(len(row.neighbours) for row in rows)
    size = (max(_left(most), 560) + _MARGIN, _top(len(rows)) + _MARGIN)
    sheet = Image.new("RGB", size, _WHITE)
    draw = ImageDraw.Draw(sheet)
    fonts = _font(22), _font(12)
    draw.text((_MARGIN, 12), _shortened(title, fonts[0], size[0] - 2 * _MARGIN), _INK, fonts[0])
    _draw_legend(draw, fonts[1])
    for number, row in enumerate(rows):
        top = _top(number)
        _draw_query(sheet, draw, row, top, fonts[1])
        for rank, neighbour in enumerate(row.neighbours):
            _draw_neighbour(sheet, draw, neighbour, (_left(rank), top), fonts[1])
    sheet.save(path, "PNG", optimize=True)


def _left(rank: int) -> int:
    """Of the frame of a photo found; ranks from 0."""
    return _MARGIN + _STEP_X + _QUERY_GAP + rank * _STEP_X


def _top(row: int) -> int:
    return _HEAD + row * _STEP_Y


def _draw_legend(draw: ImageDraw.ImageDraw, font: Font) -> None:
    x = _MARGIN
    for relation, colour in FRAMES.items():
        draw.rectangle((x, 52, x + 14, 66), outline=colour, width=4)
        draw.text((x + 22, 52), relation, _INK, font)
        x += 22 + int(font.getlength(relation)) + 24
    draw.text((x, 52), "left: the query; numbers: similarity", _INK, font)


def _draw_query(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, row: SheetRow, top: int, font: Font
) -> None:
    at = _MARGIN + FRAME, top + FRAME
    if isinstance(row.query, bytes):
        sheet.paste(_tile(row.query, font), at)
    else:
        draw.rectangle((*at, at[0] + TILE - 1, at[1] + TILE - 1), _PALE)
        lines = _wrapped(row.query, font, TILE - 12, (TILE - 12) // _LINE)
        for number, line in enumerate(lines):
            draw.text((at[0] + 6, at[1] + 6 + number * _LINE), line, _INK, font)
    _draw_caption(draw, [row.category, "query"], (_MARGIN, top), font)
    x = _left(0) - (_QUERY_GAP + _GAP) // 2
    draw.line((x, top, x, top + TILE + 2 * FRAME), _UNREADABLE)


def _draw_neighbour(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    neighbour: Neighbour,
    at: tuple[int, int],
    font: Font,
) -> None:
    x, y = at
    side = TILE + 2 * FRAME
    draw.rectangle((x, y, x + side - 1, y + side - 1), FRAMES[neighbour.relation])
    sheet.paste(_tile(neighbour.photo, font), (x + FRAME, y + FRAME))
    _draw_caption(draw, [neighbour.category, f"{neighbour.similarity:.3f}"], at, font)


def _draw_caption(
    draw: ImageDraw.ImageDraw, lines: Sequence[str], at: tuple[int, int], font: Font
) -> None:
    for number, line in enumerate(lines):
        y = at[1] + TILE + 2 * FRAME + 3 + number * _LINE
        draw.text((at[0], y), _shortened(line, font, TILE + 2 * FRAME), _INK, font)


def _tile(photo: bytes, font: Font) -> Image.Image:
    """TILE pixels a side; a photo that is not square gets bars."""
    try:
        with Image.open(io.BytesIO(photo), formats=("JPEG",)) as image:
            image.draft("RGB", (TILE, TILE))
            return ImageOps.pad(image.convert("RGB"), (TILE, TILE), Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        tile = Image.new("RGB", (TILE, TILE), _UNREADABLE)
        ImageDraw.Draw(tile).text((TILE // 2, TILE // 2), "unreadable", _INK, font, anchor="mm")
        return tile


def _wrapped(text: str, font: Font, width: float, most: int) -> list[str]:
    """At most `most` lines of words, none wider than `width` pixels; the last one ends in … where
    there was more."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < most:
        n = 1
        while n < len(words) and font.getlength(" ".join(words[: n + 1])) <= width:
            n += 1
        last = len(lines) == most - 1
        taken = words if last else words[:n]
        lines.append(_shortened(" ".join(taken), font, width))
        words = words[len(taken) :]
    return lines


def _shortened(text: str, font: Font, width: float) -> str:
    """One line of at most `width` pixels, ending in … where there was more."""
    line = " ".join(text.split())
    if font.getlength(line) <= width:
        return line
    return line[: _longest(len(line), lambda n: font.getlength(line[:n] + "…") <= width)] + "…"


def _longest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest n in [0, most] that fits, by halving: texts may be pages long."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _font(size: int) -> Font:
    """DejaVu Sans, which matplotlib carries: Pillow's own font has Latin letters only."""
    import matplotlib

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(file, size)
