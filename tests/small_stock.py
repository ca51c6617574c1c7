"""The listings of the small marketplace, with photos that are drawn."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial

from PIL import Image, ImageDraw

from marketrank.types import (
    BlobKey,
    Finding,
    Flag,
    ImageId,
    Listing,
    ListingId,
    ListingKey,
    Money,
    Photo,
    Place,
    Seq,
    Signal,
    Stored,
)

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
SIDE = 448
PLACES = {
    "Bristol": Place("Bristol", "Somerset", "GB", 51.4552, -2.5967),
    "Bath": Place("Bath", "Somerset", "GB", 51.3779, -2.3591),
    "Leeds": Place("Leeds", "West Yorkshire", "GB", 53.7965, -1.5478),
    "Inverness": Place("Inverness", "Highland", "GB", 57.4791, -4.224),
}
_TABLES = ("Home & Garden", "Dining, Living Room Furniture", "Tables")
_SOFAS = ("Home & Garden", "Dining, Living Room Furniture", "Sofas")
_BIKES = ("Sports, Leisure & Travel", "Bicycles")
_RADIO = ("TV, DVD, Blu-Ray & Videos", "Ham/Amateur Radios")
# id, title, category, pence, place, colour, photo sizes
_ROWS: tuple[
    tuple[str, str, tuple[str, ...], int | None, str | None, str, tuple[str, ...]], ...
] = (
    ("1001", "Solid oak dining table", _TABLES, 12000, "Bristol", "#a5713d", ("4x3", "3x4")),
    ("1002", "Small white coffee table", _TABLES, 2500, "Bath", "#dcd8cf", ("3x4",)),
    ("1003", "Oak side table, hairpin legs", _TABLES, 4550, "Leeds", "#8a5a2c", ("4x3",)),
    ("1004", "GREY CORNER SOFA great cond", _SOFAS, 35000, "Leeds", "#7c8288", ("16x9", "4x3")),
    ("1005", "Blue velvet armchair", _SOFAS, 9000, "Bristol", "#2b4a86", ("3x4", "1x1", "4x3")),
    ("1006", "Road bike 54cm carbon", _BIKES, 65000, "Inverness", "#b3262e", ("4x3",)),
    ("1007", "Kids bike 16 inch, free to collector", _BIKES, 0, "Bath", "#e3a51a", ("3x4",)),
    ("1008", "Short wave radio", _RADIO, 5000, "Bristol", "#3d4a3c", ("1x1",)),
    ("1009", "Radio valves, job lot", _RADIO, None, None, "#5c5c4a", ()),
    ("shop/10 & co", "Folding table <b>like new</b>", _TABLES, 1999, "Leeds", "#4c7a5a", ("4x3",)),
    ("1011", "Signed oak table, one of one", _TABLES, 123456700, "Bath", "#6b4423", ("3x4",)),
    ("1012", "Oak bench", _TABLES, 8000, "Bristol", "#9a6a34", ("4x3",)),
)
PADDING = 40  # further chairs, so that there is a second page


@cache
def draw(colour: str, shape: str = "4x3", side: int = SIDE) -> bytes:
    """A table of one colour on a wall, letterboxed into a black square (JPEG)."""
    wide, high = (int(part) for part in shape.split("x"))
    scale = side / max(wide, high)
    width, height = round(wide * scale), round(high * scale)
    scene = Image.new("RGB", (width, height), "#cfd3d0")
    pen = ImageDraw.Draw(scene)
    pen.rectangle((0, height * 0.62, width, height), fill="#b8a58c")
    pen.rounded_rectangle(
        (width * 0.14, height * 0.42, width * 0.86, height * 0.52), 6, fill=colour
    )
    for left in (0.2, 0.74):
        pen.rectangle((width * left, height * 0.5, width * (left + 0.06), height * 0.8), colour)
    square = Image.new("RGB", (side, side))
    square.paste(scene, ((side - width) // 2, (side - height) // 2))
    out = io.BytesIO()
    square.save(out, "JPEG", quality=85)
    return out.getvalue()


def fill(
    stored: dict[ListingId, Stored], blobs: dict[BlobKey, bytes], now: datetime, padding: int
) -> None:
    """Put in the listings above, `padding` chairs, and one that has ended ("1099")."""
    add = partial(_add, stored, blobs)
    for number, row in enumerate(_ROWS):
        add(*row, at=now - timedelta(hours=7 * number + 1))
    for number in range(padding):
        chair = (f"2{number:03}", f"Dining chair no. {number + 1}", _SOFAS, 1500 + 100 * number)
        add(*chair, "Leeds", "#a08060", ("3x4",), at=now - timedelta(days=20 + number))
    add("1099", "Oak shelf", _TABLES, 3000, "Bath", "#a5713d", ("4x3",), at=now)
    stored[ListingId("1099")] = replace(stored[ListingId("1099")], live=False)


def _add(
    stored: dict[ListingId, Stored],
    blobs: dict[BlobKey, bytes],
    id: str,
    title: str,
    category: tuple[str, ...],
    pence: int | None,
    town: str | None,
    colour: str,
    shapes: Sequence[str],
    *,
    at: datetime,
) -> None:
    photos = tuple(_photo(blobs, f"{id}-{n}", n, colour, shape) for n, shape in enumerate(shapes))
    flags = [
        flag
        for flag, lacks in ((Flag.NO_PHOTOS, not photos), (Flag.NO_PRICE, pence is None))
        if lacks
    ]
    listing = Listing(
        id=ListingId(id),
        title=title,
        description=f"{title}. From a clean home, some signs of use. " + "Collection only. " * 12,
        category=category,
        price=None if pence is None else Money(pence, "GBP"),
        place=PLACES[town] if town else None,
        seller_type="private",
        created_at=at,
        photos=photos,
        flags=tuple(flags),
    )
    odd = Finding(Signal.PRICE_OUTLIER, "The price is £1,234,567; others in Tables ask about £60.")
    findings = (odd,) if (pence or 0) > 10_000_000 else ()
    number = len(stored)
    stored[listing.id] = Stored(listing, ListingKey(number), Seq(number + 1), True, at, findings)


def _photo(blobs: dict[BlobKey, bytes], id: str, position: int, colour: str, shape: str) -> Photo:
    data = draw(colour, shape)
    digest = hashlib.sha256(data).hexdigest()
    blobs[BlobKey(digest)] = data
    wide, high = (int(part) for part in shape.split("x"))
    return Photo(ImageId(id), position, BlobKey(digest), digest, wide * 300, high * 300, 0)
