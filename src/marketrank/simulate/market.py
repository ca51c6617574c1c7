"""A made-up second-hand marketplace in files: adverts, photos, and the dirt that feeds have.

Nothing in it is copied from a real marketplace: kinds, words and makers are written here, photos
are drawn. The same arguments give the same bytes, whatever the number of processes.
"""

import multiprocessing
import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from marketrank.errors import BadInput
from marketrank.simulate.adverts import Advert, make_advert
from marketrank.simulate.damage import BROKEN, UNUSUAL, reworked
from marketrank.simulate.dirt import Dirty, count_of, soil
from marketrank.simulate.feed import write_images, write_products
from marketrank.simulate.photos import Subject, take_photos
from marketrank.simulate.sellers import choose_sellers, make_sellers

_BATCH = 12


@dataclass(frozen=True, slots=True)
class MarketFiles:
    """Where the marketplace was written: two tables, a folder of `<image id>.jpg`, and the truth
    (one JSON object a line: id, kind, colour, material, category), which no ranker may read."""

    products: Path
    images_table: Path
    images: Path
    truth: Path


@dataclass(frozen=True, slots=True)
class _Session:
    """The photos of one advert, to be taken by any process."""

    subject: Subject
    photos: tuple[str, ...]
    banner: str
    seed: str


def write_market(
    out: Path,
    *,
    listings: int = 2000,
    seed: int = 7,
    at: datetime,
    photos: bool = True,
    processes: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> MarketFiles:
    """Write a marketplace of about `listings` adverts of the 90 days before `at` into the folder
    `out`, which is made; a marketplace that is already there is replaced file by file. Drawing
    photos takes nearly all of the time: without, neither they nor their table are written.

    `progress(done, total)` counts photos. Raises BadInput where `listings` or `processes` is below
    1, or `at` names no time zone.
    """
    if listings < 1 or processes < 1:
        raise BadInput(f"listings and processes must be 1 or more; got {listings} and {processes}")
    if at.tzinfo is None:
        raise BadInput(f"at={at.isoformat()} names no time zone; give one, say +00:00")
    files = MarketFiles(
        out / "products.csv", out / "images.csv", out / "images", out / "truth.jsonl"
    )
    (files.images if photos else out).mkdir(parents=True, exist_ok=True)
    adverts = make_adverts(listings, seed, at.astimezone(UTC))
    rng = random.Random(f"{seed}/dirt")
    dirty = soil(adverts, rng)
    write_products(files.products, dirty.adverts, rng)
    _write_truth(files.truth, dirty.adverts)
    if not photos:
        return files
    write_images(files.images_table, dirty, rng)
    _take_all(dirty, files.images, processes, progress or (lambda done, total: None))
    _damage(dirty, files.images, listings, rng)
    return files


def make_adverts(listings: int, seed: int, at: datetime) -> list[Advert]:
    """The adverts of a market, before its dirt; `at` is UTC."""
    rng = random.Random(f"{seed}/sellers")
    sellers = choose_sellers(make_sellers(listings, rng), listings, rng)
    return [make_advert(seller, at=at, seed=f"{seed}/{i}") for i, seller in enumerate(sellers)]


def _write_truth(path: Path, adverts: Iterable[Advert]) -> None:
    with path.open("wb") as file:
        for advert in adverts:
            if advert.id:
                file.write(orjson.dumps({"id": advert.id, **asdict(advert.truth)}) + b"\n")


def _take_all(
    dirty: Dirty, folder: Path, processes: int, progress: Callable[[int, int], None]
) -> None:
    """Take the photos of all adverts, then those that are copies of others."""
    derived = dirty.copies.keys() | dirty.reworked.keys()
    sessions = [
        _Session(advert.subject, advert.photos, advert.banner, advert.seed)
        for advert in dirty.adverts
        if advert.photos and not derived.issuperset(advert.photos)
    ]
    batches = [sessions[i : i + _BATCH] for i in range(0, len(sessions), _BATCH)]
    total, done = sum(len(session.photos) for session in sessions), 0
    progress(done, total)
    for count in _map(batches, folder, processes):
        done += count
        progress(done, total)
    for image, source in dirty.copies.items():
        _file(folder, image).write_bytes(_file(folder, source).read_bytes())
    for image, source in dirty.reworked.items():
        original = _file(folder, source).read_bytes()
        _file(folder, image).write_bytes(reworked(original, random.Random(image)))


def _map(batches: Sequence[Sequence[_Session]], folder: Path, processes: int) -> Iterable[int]:
    if processes == 1 or len(batches) < 2:
        for batch in batches:
            yield _take(batch, folder)
        return
    # Spawned, not forked: the caller may hold threads and connections.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(batches)), mp_context=context) as pool:
        yield from pool.map(_take, batches, [folder] * len(batches))


def _take(batch: Sequence[_Session], folder: Path) -> int:
    """Write the photos of a batch; returns how many."""
    for session in batch:
        taken = take_photos(
            session.subject, shots=len(session.photos), seed=session.seed, banner=session.banner
        )
        for image, photo in zip(session.photos, taken, strict=True):
            _file(folder, image).write_bytes(photo)
    return sum(len(session.photos) for session in batch)


def _damage(dirty: Dirty, folder: Path, listings: int, rng: random.Random) -> None:
    """Break a few photos, make others unusual, and add some of listings that nobody knows."""
    shared = dirty.copies.keys() | set(dirty.copies.values()) | set(dirty.reworked.values())
    free = sorted(
        image for advert in dirty.adverts for image in advert.photos if image not in shared
    )
    each = count_of(0.0008, listings)
    damages = [damage for damage in (*BROKEN, *UNUSUAL) for _ in range(each)]
    for image, damage in zip(rng.sample(free, min(len(free), len(damages))), damages, strict=False):
        path = _file(folder, image)
        path.write_bytes(damage(path.read_bytes(), rng))
    for image in dirty.orphans:
        _file(folder, image).write_bytes(_file(folder, rng.choice(free)).read_bytes())


def _file(folder: Path, image: str) -> Path:
    return folder / f"{image}.jpg"
