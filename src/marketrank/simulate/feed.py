"""The feed's tables: CSV as such sites export it, some records torn over lines."""

import random
from collections.abc import Sequence
from pathlib import Path

from marketrank.simulate.adverts import Advert
from marketrank.simulate.dirt import Dirty, count_of

_COLUMNS = (
    "",
    "id",
    "product_name",
    "category",
    "product_description",
    "price",
    "location",
    "create_time",
    "seller_id",
)
_TORN_SHARE = 0.6


def write_products(path: Path, adverts: Sequence[Advert], rng: random.Random) -> None:
    """products.csv. Of the descriptions with line breaks but no commas most are not quoted; a few
    rows are cut off and a few come twice under one id."""
    lines = [",".join(_COLUMNS)]
    n = len(adverts)
    picks = rng.sample(range(n), min(n, 2 * count_of(0.0015, n)))
    cut, twice = set(picks[: len(picks) // 2]), set(picks[len(picks) // 2 :])
    for number, advert in enumerate(adverts, start=1):
        line = _line(number, advert, rng)
        if number - 1 in cut:
            line = line[: len(line) // 3].rstrip('"')
        lines.append(line)
        if number - 1 in twice and advert.id:
            lines.append(_line(n + number, advert, rng))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def write_images(path: Path, dirty: Dirty, rng: random.Random) -> None:
    """images.csv: (id, product_id), also for photos of nobody and photos that are not there."""
    pairs = [(image, advert.id) for advert in dirty.adverts for image in advert.photos]
    strays = [(image, "00000000-0000-4000-8000-000000000000") for image in dirty.orphans]
    for pair in (*strays, *dirty.missing):
        pairs.insert(rng.randrange(len(pairs) + 1), pair)
    text = "".join(f"{image},{listing}\n" for image, listing in [("id", "product_id"), *pairs])
    path.write_text(text, encoding="utf-8", newline="")


def _line(number: int, advert: Advert, rng: random.Random) -> str:
    torn = (
        "\n" in advert.description
        and "," not in advert.description
        and '"' not in advert.description
    )
    bare = torn and rng.random() < _TORN_SHARE
    text = advert.description if bare else _quoted(advert.description)
    cells = [str(number), *map(_quoted, (advert.id, advert.title, advert.category)), text]
    cells += map(_quoted, (advert.price, advert.location, advert.created, advert.seller))
    return ",".join(cells)


def _quoted(cell: str) -> str:
    if any(mark in cell for mark in ',"\n\r'):
        return '"' + cell.replace('"', '""') + '"'
    return cell
