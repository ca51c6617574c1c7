"""Queries whose answers are known, asked of encoders before one is promoted.

<home>/golden.jsonl   one a line: {"query": "oak table", "listings": ["ad-17", "ad-42"]}
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from marketrank.errors import BadInput
from marketrank.pipelines.training_data import TrainingData, read_photos
from marketrank.ports import BlobStore, Encoder
from marketrank.types import Listing, ListingId

FILE_NAME = "golden.jsonl"
K = 10
MOST = 300
"""Listings that are searched, at most: each is encoded by both models, 50 ms a time."""
_WORDS = 4
_FORMAT = '{"query": "oak table", "listings": ["ad-17"]}'


@dataclass(frozen=True, slots=True)
class GoldenQuery:
    """Words, and the listings of which one should be among the first K."""

    text: str
    listings: tuple[ListingId, ...]


@dataclass(frozen=True, slots=True)
class Golden:
    """What to ask, among which listings, and where that comes from."""

    queries: tuple[GoldenQuery, ...]
    among: tuple[Listing, ...]
    source: str


def read_golden(path: Path) -> list[GoldenQuery]:
    """The queries of a file; [] where there is none. Raises BadInput, naming the line, for one
    that is not as it must be."""
    if not path.exists():
        return []
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            raw = orjson.loads(line)
            query = GoldenQuery(str(raw["query"]), tuple(ListingId(id) for id in raw["listings"]))
            if not query.text.strip() or not query.listings:
                raise ValueError("it asks nothing, or expects nothing")
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput(f"{path} line {number}: {error}; write lines as {_FORMAT}") from error
        found.append(query)
    return found


def golden_of(home: Path, data: TrainingData) -> Golden:
    """The home's own queries, those of which a listing is on offer; else the first words of
    the titles of held-out listings, which should find these. Searched are the listings that are
    expected, and test listings until they are MOST."""
    by_id = {one.id: one for one in data.listings}
    test = _evenly([by_id[id] for id in data.split.test])
    own = [
        GoldenQuery(one.text, tuple(id for id in one.listings if id in by_id))
        for one in read_golden(home / FILE_NAME)
    ]
    own = [one for one in own if one.listings]
    if not own:
        queries = tuple(GoldenQuery(_begin(one.title), (one.id,)) for one in test)
        return Golden(queries, tuple(test), "titles of held-out listings")
    among = {id: by_id[id] for one in own for id in one.listings}
    for one in test:
        if len(among) >= MOST:
            break
        among.setdefault(one.id, one)
    return Golden(tuple(own), tuple(among.values()), FILE_NAME)


def found_share(golden: Golden, encoder: Encoder, photos: Sequence[Sequence[bytes]]) -> float:
    """The share of the queries that find a listing that they should among the first K of
    `golden.among`, whose photos these are. Ties go to what comes first."""
    if not golden.queries:
        return 0.0
    vectors = encoder.encode_listings([one.text for one in golden.among], photos)
    row_of = {one.id: row for row, one in enumerate(golden.among)}
    found = 0
    for query in golden.queries:
        scores = vectors @ encoder.encode_query(query.text, None)[0]
        best = np.argsort(-scores, kind="stable")[:K]
        found += bool({row_of[id] for id in query.listings} & set(best.tolist()))
    return found / len(golden.queries)


def photos_of(listings: Iterable[Listing], blobs: BlobStore) -> list[list[bytes]]:
    """The photos of each that can be read."""
    return [
        [photo for photo in read_photos(blobs, [one.blob for one in each.photos]) if photo]
        for each in listings
    ]


def file_digest(home: Path) -> str:
    """Differs where the home's own queries do; "" without any."""
    path = home / FILE_NAME
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else ""


def _begin(title: str) -> str:
    return " ".join(title.split()[:_WORDS])


def _evenly(listings: Sequence[Listing]) -> list[Listing]:
    step = -(-len(listings) // MOST) or 1
    return list(listings[::step])
