"""Four listings, and an engine over fakes of all that it asks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Hits, Request
from marketrank.engine import Engine
from marketrank.retrieval.catalogue import Catalogue
from marketrank.retrieval.completion import Completer
from marketrank.retrieval.follow import View
from marketrank.retrieval.vocabulary_build import build
from marketrank.tuning import PLAIN, Depths
from marketrank.types import (
    Attributes,
    Finding,
    Listing,
    ListingId,
    ListingKey,
    Mask,
    ModelVersion,
    Money,
    Place,
    ReleaseId,
    RequestId,
    Seq,
    Signal,
    Stored,
    Vectors,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEPTHS = Depths(text=100, vector=3, sort=3, sort_floor=0.0, fusion_k=60, fusion="confidence")
ASK = Request(RequestId("r"), NOW)
ODD = Finding(Signal.PRICE_LOW, "The price is £10; others like it ask about £90.")


def listing(n: int, title: str, pounds: int, latitude: float) -> Listing:
    place = Place("Town", latitude=latitude, longitude=0.0)
    return Listing(ListingId(f"id{n}"), title, price=Money(pounds * 100, "GBP"), place=place)


LISTINGS = [
    listing(0, "oak table", 30, 51.0),
    listing(1, "pine table", 10, 52.0),
    listing(2, "oak chair", 20, 53.0),
    listing(3, "bicycle", 5, 54.0),
]


class Words:
    """Counts the words that a title shares with the query. `listings` have further words."""

    def __init__(self) -> None:
        self.listings: dict[str, int] = {}

    def search(self, text: str, k: int, allowed: Mask | None = None) -> Hits:
        words = set(text.split())
        shared = [len(words & set(one.title.split())) for one in LISTINGS]
        for word in words & set(self.listings):
            shared[self.listings[word]] += 1
        found = [n for n, count in enumerate(shared) if count and allows(allowed, n)]
        found.sort(key=lambda n: (-shared[n], n))
        return hits(found[:k])

    def occurs(self, word: str) -> bool:
        return any(word in one.title.split() for one in LISTINGS)

    def weights(self, text: str) -> dict[str, float]:
        return {"all": 1.0}  # `hits` gives the best a score of 1

    def stems(self, text: str) -> list[str]:
        return text.split()


class Vectors4:
    """Vectors are one-hot by key: nearest to key n is n, then the others in order."""

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> Hits:
        best = int(query.argmax())
        order = [best, *(n for n in range(4) if n != best)]
        return hits([n for n in order if allows(allowed, n)][:k])

    def vectors_of(self, keys: NDArray[np.int64]) -> Vectors:
        return np.eye(4, dtype=np.float32)[keys]

    def scores_of(self, query: Vectors, keys: NDArray[np.int64]) -> Vectors:
        return self.vectors_of(keys) @ query[0]


class Titles:
    version = ModelVersion("fake")
    dim = 4

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_listings(self, texts: Sequence[str], photos: object) -> Vectors:
        return np.eye(4, dtype=np.float32)[[0]]

    def knows(self, word: str) -> bool:
        return word == "cable"

    def encode_query(self, text: str, photo: bytes | None) -> Vectors:
        self.asked.append(text)
        shown = np.eye(4, dtype=np.float32)[[int(photo) if photo else 0]]
        return shown if photo or text != "bicycle" else np.eye(4, dtype=np.float32)[[3]]


class Store:
    def __init__(self) -> None:
        self.ended: set[int] = set()
        self.young: set[int] = set()

    def get(self, ids: Sequence[ListingId]) -> dict[ListingId, Stored]:
        by_id = {one.id: ListingKey(key) for key, one in enumerate(LISTINGS)}
        return {id_: self.get_by_key([by_id[id_]])[by_id[id_]] for id_ in ids}

    def get_by_key(
        self, keys: Sequence[ListingKey], known: Mapping[ListingKey, Stored] | None = None
    ) -> dict[ListingKey, Stored]:
        live = {key: key not in self.ended for key in keys}
        odd = {key: (ODD,) if key == 1 else () for key in keys}
        return {key: Stored(LISTINGS[key], key, Seq(1), live[key], NOW, odd[key]) for key in keys}

    def vector(self, version: ModelVersion, key: ListingKey) -> Vectors | None:
        if key in self.young:
            return None
        return np.eye(4, dtype=np.float32)[[key]]


def allows(allowed: Mask | None, key: int) -> bool:
    return allowed is None or (key < len(allowed) and bool(allowed[key]))


def hits(keys: Sequence[int]) -> Hits:
    scores = np.linspace(1, 0.5, len(keys), dtype=np.float32)
    return Hits(np.array(keys, np.int64), scores)


def attributes() -> list[Attributes]:
    return [
        Attributes(
            ListingKey(n),
            one.id,
            Seq(n + 1),
            True,
            ("Home",) if n < 3 else ("Sports",),
            one.price.minor if one.price else None,
            one.place.latitude if one.place else None,
            0.0,
            NOW + timedelta(days=n),
        )
        for n, one in enumerate(LISTINGS)
    ]


def engine_over(store: Store) -> Engine:
    catalogue = Catalogue()
    catalogue.apply(attributes())
    vocabulary = build(
        replace(one, id=ListingId(f"{n} {one.id}"), description=f"Number {n}")
        for one in LISTINGS
        for n in range(5)
    )
    view = View(
        ReleaseId("rel"),
        Titles(),
        catalogue.snapshot(),
        Words(),
        Vectors4(),
        vocabulary=vocabulary,
        completer=Completer(vocabulary),
    )
    return Engine(view=lambda: view, listings=store, vectors=store, depths=DEPTHS)  # type: ignore[arg-type]


def tuned(engine: Engine, **changes: object) -> Engine:
    return Engine(
        view=engine._view,
        listings=engine._finder._listings,
        vectors=engine._finder._vectors,
        depths=replace(DEPTHS, vector=4),
        tuning=replace(PLAIN, **changes),  # type: ignore[arg-type]
    )


def with_attributes(engine: Engine, changes: Mapping[int, Mapping[str, object]]) -> Engine:
    """The same marketplace, where some listings have other attributes."""
    view = engine._view()
    assert view is not None
    catalogue = Catalogue()
    catalogue.apply(
        [replace(one, **changes.get(key, {})) for key, one in enumerate(attributes())]  # type: ignore[arg-type]
    )
    other = replace(view, catalogue=catalogue.snapshot())
    return Engine(
        view=lambda: other,
        listings=engine._finder._listings,
        vectors=engine._finder._vectors,
        depths=replace(DEPTHS, vector=4),
        tuning=engine._tuning,
    )


def ids(engine: Engine, request: Request) -> list[str]:
    return [item.listing.id for item in engine.answer(request).items]
