"""A small feed whose categories can be told by words and by photos, and a store of listings in
memory: what the tests of trainings share."""

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image, ImageDraw

from marketrank.pipelines.training_data import TrainingData, read_training_data
from marketrank.ports import BlobStore
from marketrank.storage.blobs import open_blobs
from marketrank.types import (
    Duplicate,
    ImageId,
    Listing,
    ListingId,
    ListingKey,
    Money,
    Photo,
    Seq,
    Stored,
)

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
KINDS = {
    "Home / Tables": (("oak table", "pine desk", "side table"), 90, "#a5713d"),
    "Sports / Bicycles": (("road bike", "mountain bike", "bike"), 300, "#2b4a86"),
    "Phones": (("smart phone", "phone with charger", "phone"), 15, "#3d9a3c"),
}
WORDS = (
    "clean",
    "used",
    "bright",
    "small",
    "heavy",
    "light",
    "old",
    "new",
    "boxed",
    "spare",
    "fair",
)


def write_feed(folder: Path, *, first: int, n: int, seed: int) -> list[str]:
    """Listings numbered from `first`, of which every tenth has no photo; the options of ingest."""
    rng = random.Random(seed)
    folder.mkdir(parents=True)
    rows, images = [], []
    for number in range(first, first + n):
        category = list(KINDS)[number % 3]
        titles, price, colour = KINDS[category]
        title = f"{rng.choice(titles)} {rng.choice(WORDS)} {number}a"
        description = " ".join([f"Item {number}b", *rng.sample(WORDS, 7)])
        pounds = f"£{price * rng.uniform(0.8, 1.2):.2f}"
        rows.append((f"l{number}", title, category, description, pounds, "Bath, Somerset"))
        for photo in range(0 if number % 10 == 0 else 2):
            images.append((f"l{number}-{photo}", f"l{number}"))
            draw(folder / "images" / f"l{number}-{photo}.jpg", colour, rng)
    write_csv(
        folder / "products.csv",
        ["id", "title", "category", "description", "price", "location"],
        rows,
    )
    write_csv(folder / "images.csv", ["id", "product_id"], images)
    return options(folder)


def options(folder: Path) -> list[str]:
    names = {"--products": "products.csv", "--images-table": "images.csv", "--images": "images"}
    return [part for option, name in names.items() for part in (option, str(folder / name))]


def stock(folder: Path, n: int, *, seed: int = 1) -> tuple[list[Listing], BlobStore]:
    """Listings with two photos each, as the store would have them, and the blobs of these."""
    rng = random.Random(seed)
    blobs = open_blobs(str(folder))
    found = []
    for number in range(n):
        category = list(KINDS)[number % 3]
        titles, price, colour = KINDS[category]
        photos = []
        for position in range(2):
            draw(folder / "drawn.jpg", colour, rng)
            key = blobs.put((folder / "drawn.jpg").read_bytes())
            image = ImageId(f"{number}-{position}")
            photos.append(Photo(image, position, key, key, 64, 64, rng.getrandbits(63)))
        found.append(
            Listing(
                ListingId(f"l{number:03}"),
                f"{rng.choice(titles)} {rng.choice(WORDS)} {number}a",
                " ".join([f"Item {number}b", *rng.sample(WORDS, 7)]),
                tuple(category.split(" / ")),
                Money(price * 100, "GBP"),
                photos=tuple(photos),
            )
        )
    return found, blobs


def draw(path: Path, colour: str, rng: random.Random) -> None:
    path.parent.mkdir(exist_ok=True)
    picture = Image.new("RGB", (64, 64), (rng.randrange(150, 255),) * 3)
    pen = ImageDraw.Draw(picture)
    left, top = rng.randrange(5, 20), rng.randrange(5, 20)
    pen.rectangle((left, top, left + 38, top + 34), fill=colour)
    for _ in range(12):
        x, y = rng.randrange(60), rng.randrange(60)
        pen.rectangle((x, y, x + 3, y + 3), fill=(rng.randrange(256),) * 3)
    picture.save(path)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


@dataclass
class Few:
    """Listings in memory, and what training asks of a ListingStore."""

    held: list[Listing]
    links: Sequence[Duplicate] = ()

    def changes(self, after: Seq, limit: int) -> list[Stored]:
        return [
            Stored(one, ListingKey(n), Seq(n + 1), True, AT)
            for n, one in enumerate(self.held)
            if after <= n < after + limit
        ]

    def duplicates(self) -> list[Duplicate]:
        return list(self.links)


def data_of(listings: Sequence[Listing], seed: int = 1) -> TrainingData:
    """What a training reads of a store that holds these listings."""
    return read_training_data(Few(list(listings)), seed=seed)  # type: ignore[arg-type]
