"""A feed of four listings with photos, to be written again and again."""

import csv
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from marketrank.wiring import Marketplace

Row = tuple[str, str, str, str, str, str]
SOLID = "Solid, seats six, collection only"
HEADER = ("id", "product_name", "category", "product_description", "price", "location")
ROWS: list[Row] = [
    ("a1", "Oak table | in Bath | Gumtree", "Home / Tables", SOLID, "£40.00", "Bath, Somerset"),
    ("a2", "Lamp", "Home / Lamps", "Call 07700 900123 now", "£5.00", "Leeds, West Yorkshire"),
    ("a3", "Bicycle", "Sports / Bicycles / Private", "Two wheels, ten gears", "N/A", "Nowhere"),
    ("a4", "Sofa", "Home / Sofas", "", "£0.00", "London"),
]  # fmt: skip
IMAGES = [("p1", "a1"), ("p2", "a1"), ("p3", "a2"), ("p4", "a3")]


class Feed:
    """A feed in a folder, to be written again and again."""

    def __init__(self, folder: Path) -> None:
        self.products = folder / "products.csv"
        self.table = folder / "images.csv"
        self.images = folder / "images"
        self.images.mkdir()
        self.write(ROWS)
        self.write_table(IMAGES)
        for n, (image, _) in enumerate(IMAGES):
            self.draw(image, n)

    def write(self, rows: Sequence[Row]) -> None:
        with self.products.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADER, *rows])

    def write_table(self, rows: Sequence[tuple[str, str]]) -> None:
        with self.table.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("id", "product_id"), *rows])

    def into(
        self, market: Marketplace, *, photos: bool = True, full: bool = False
    ) -> dict[str, object]:
        """The summary of its ingest."""
        images = (str(self.table), str(self.images)) if photos else (None, None)
        return market.ingest(str(self.products), *images, full=full).as_dict()

    def draw(self, image: str, n: int) -> None:
        picture = Image.new("RGB", (64, 48), (40 * n, 90, 200 - 40 * n))
        ImageDraw.Draw(picture).ellipse((5 + 9 * n, 5, 30 + 9 * n, 40), fill=(250, 20 * n, 30))
        picture.save(self.images / f"{image}.jpg")
