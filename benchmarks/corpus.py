"""A made-up marketplace to measure on: listings with texts, text vectors of the real tower, and
queries. Nothing in it is copied from a real marketplace.

`distinct` adverts are composed by `marketrank.simulate`, cleaned as a feed is, and embedded. The
other listings are relisted from them, as dealers do: the title's words in another order, one
sentence of another advert in the description, a vector moved by a part of the difference of two
other vectors, so that the spectrum stays the vectors' own. With `distinct` = n all are embedded.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from marketrank.listings.clean import clean_record
from marketrank.listings.places import Gazetteer
from marketrank.listings.sources import Record
from marketrank.models import artefact
from marketrank.models.export import export_default
from marketrank.models.towers import TextEncoder
from marketrank.simulate.adverts import Advert, make_advert
from marketrank.simulate.sellers import choose_sellers, make_sellers
from marketrank.types import Listing, ListingId, Money, Place, Vectors

AT = datetime(2026, 1, 1, tzinfo=UTC)
_MOVED = 0.35  # cosine of a relisted vector with its source: about .9
_BATCH = 512
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Corpus:
    """`vectors` (n, dim) belong to `listings` (n); `query_vectors` (q, dim) to `queries` (q).
    `encoder` is the folder of the tower that made them, None where vectors are made up."""

    listings: list[Listing]
    vectors: Vectors
    queries: list[str]
    query_vectors: Vectors
    encoder: Path | None


def make_corpus(
    n: int, *, distinct: int, queries: int, seed: int, cache: Path, report: Report, tower: bool
) -> Corpus:
    """Build a corpus, or read what an earlier run left in the folder `cache`.

    Without `tower`, vectors are hashed words: quick, and enough for tests.
    """
    cache.mkdir(parents=True, exist_ok=True)
    distinct = min(distinct, n)
    base = _adverts(distinct, seed, cache, report)
    rng = random.Random(f"{seed}/relisted")
    listings = [*base, *(_relisted(base, i, rng) for i in range(distinct, n))]
    texts = [_query(listings, rng) for _ in range(queries)]
    encoder = _encoder(cache, report) if tower else None
    embed = hashed_words if encoder is None else _tower(encoder).encode
    name = f"{'tower' if tower else 'words'}-{seed}-{distinct}"
    held = _cached(cache / f"{name}.npy", [one.text for one in base], embed, report)
    vectors = _jittered(held, n, np.random.default_rng(seed))
    return Corpus(listings, vectors, texts, embed(texts), encoder)


def hashed_words(texts: Sequence[str], dim: int = 384) -> Vectors:
    """Texts as sums of one made-up vector a word, shape (n, dim), unit rows."""
    out = np.zeros((len(texts), dim), np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().split() or [""]:
            out[row] += np.random.default_rng(list(word.encode())).normal(size=dim)
    return unit(out)


def unit(rows: Any) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _adverts(n: int, seed: int, cache: Path, report: Report) -> list[Listing]:
    path = cache / f"adverts-{seed}-{n}.jsonl"
    if path.exists():
        return [_listing(orjson.loads(line)) for line in path.read_bytes().splitlines()]
    rng = random.Random(f"{seed}/sellers")
    sellers = choose_sellers(make_sellers(n, rng), n, rng)
    gazetteer = Gazetteer.load("GB")
    found = []
    for i, seller in enumerate(sellers):
        advert = make_advert(seller, at=AT, seed=f"{seed}/{i}")
        found.append(_cleaned(advert, i, gazetteer))
        if i % 5_000 == 0:
            report(f"adverts {i}/{n}")
    path.write_bytes(b"".join(orjson.dumps(asdict(one)) + b"\n" for one in found))
    return found


def _cleaned(advert: Advert, number: int, gazetteer: Gazetteer) -> Listing:
    values = {
        "id": advert.id,
        "title": advert.title,
        "category": advert.category,
        "description": advert.description,
        "price": advert.price,
        "location": advert.location,
        "created_at": advert.created,
    }
    cleaned = clean_record(
        Record(number, values),
        source="made up",
        gazetteer=gazetteer,
        currency="GBP",
        country="GB",
        keep_original=False,
    )
    assert isinstance(cleaned, Listing), cleaned
    return cleaned


def _listing(raw: dict[str, Any]) -> Listing:
    return Listing(
        id=ListingId(raw["id"]),
        title=raw["title"],
        description=raw["description"],
        category=tuple(raw["category"]),
        price=Money(**raw["price"]) if raw["price"] else None,
        place=Place(**raw["place"]) if raw["place"] else None,
        created_at=datetime.fromisoformat(raw["created_at"]) if raw["created_at"] else None,
    )


def _relisted(base: Sequence[Listing], number: int, rng: random.Random) -> Listing:
    source = base[number % len(base)]
    words = source.title.split()
    rng.shuffle(words)
    borrowed = rng.choice(base).description.split(". ")
    return replace(
        source,
        id=ListingId(f"{source.id}-{number}"),
        title=" ".join(words),
        description=f"{source.description} {rng.choice(borrowed)}",
    )


def _query(listings: Sequence[Listing], rng: random.Random) -> str:
    """Two to four words of a title, as people search: often its common words."""
    words = rng.choice(listings).title.split()
    return " ".join(rng.sample(words, min(len(words), rng.randint(2, 4))))


def _jittered(base: Vectors, n: int, rng: np.random.Generator) -> Vectors:
    """Shape (n, dim): the base, then moved copies of it."""
    out = np.empty((n, base.shape[1]), np.float32)
    out[: len(base)] = base[:n]
    for start in range(len(base), n, len(base)):
        rows = min(len(base), n - start)
        one, other = rng.integers(0, len(base), (2, rows))
        out[start : start + rows] = unit(base[:rows] + _MOVED * (base[one] - base[other]))
    return out


def _encoder(cache: Path, report: Report) -> Path:
    held = [path.parent for path in cache.glob("*/encoder.json")]
    if held:
        return held[0]
    report("export the text tower (needs the extra [train])")
    return cache / export_default(cache)


def _tower(folder: Path) -> TextEncoder:
    return TextEncoder(folder, artefact.read(folder).text, threads=1)


def _cached(
    path: Path, texts: Sequence[str], embed: Callable[[Sequence[str]], Vectors], report: Report
) -> Vectors:
    """The vectors of the texts. What is embedded is kept, batch by batch: a run that is stopped
    goes on where it was."""
    held = np.load(path) if path.exists() else None
    done = 0 if held is None else len(held)
    parts = [] if held is None else [held]
    for start in range(done, len(texts), _BATCH):
        parts.append(embed(texts[start : start + _BATCH]))
        if (start // _BATCH) % 8 == 7 or start + _BATCH >= len(texts):
            parts = [np.concatenate(parts)]
            np.save(path, parts[0])
            report(f"vectors {len(parts[0])}/{len(texts)}")
    return np.concatenate(parts) if len(parts) != 1 else np.asarray(parts[0])
