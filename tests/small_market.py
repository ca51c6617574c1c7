"""A marketplace of a few dozen made-up listings in memory: the Service that API tests run on."""

import hashlib
import io
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, partial
from threading import Lock
from typing import Any, cast

from PIL import Image, ImageDraw, UnidentifiedImageError

from marketrank.access import Keys
from marketrank.asking import FacetValue, Item, Near, PlaceCount, Ranking, Request, Sort, Suggestion
from marketrank.audience import Match, Matched
from marketrank.errors import BadInput, NotReady
from marketrank.feedback.interest import Interest
from marketrank.listings.images import clean_photo
from marketrank.listings.places import Gazetteer
from marketrank.pipelines.bulk_writes import BulkWrites
from marketrank.pipelines.ingest import Cleaning
from marketrank.pipelines.offers import Offers
from marketrank.ports import ListingStore
from marketrank.retrieval.completion import Completer
from marketrank.retrieval.spelling import correct
from marketrank.retrieval.tokens import tokens
from marketrank.retrieval.understand.reading import Reader
from marketrank.retrieval.vocabulary import Vocabulary
from marketrank.retrieval.vocabulary_build import build
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
    ReleaseId,
    SellerId,
    Seq,
    Signal,
    Stored,
)
from small_access import SmallAudit, SmallKeys
from small_people import SmallPeople
from small_predictions import SmallDrafts, SmallPredictions
from small_stores import SmallBlobs, SmallJobs, SmallListings, SmallReplays

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
RELEASE = ReleaseId("20260314T110000-5ma11")
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
_PADDING = 40  # further chairs, so that there is a second page


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


@cache
def cleaning() -> Cleaning:
    return Cleaning(Gazetteer.load("GB"), "GBP", "GB", keep_original=False)


@dataclass
class SmallMarket:
    """Words match when each occurs in the text; a photo matches by its mean colour."""

    stored: dict[ListingId, Stored] = field(default_factory=dict)
    blobs: dict[BlobKey, bytes] = field(default_factory=dict)
    ready: bool = True
    repeats: dict[ListingId, tuple[ListingId, ...]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    compared: list[list[ListingId]] = field(default_factory=list)
    clock: datetime = field(default_factory=lambda: NOW)
    turn: Lock = field(default_factory=Lock)
    predictions: SmallPredictions = field(default_factory=SmallPredictions)
    people: Any = field(default_factory=SmallPeople)
    """An api.service.People; over real stores: `people_of_market`."""

    @cached_property
    def key_store(self) -> SmallKeys:
        return SmallKeys()

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.key_store, seconds=0)

    @cached_property
    def audit(self) -> SmallAudit:
        return SmallAudit()

    @cached_property
    def offers(self) -> Offers:
        return Offers(
            listings=cast(ListingStore, SmallListings(self.stored)),
            blobs=SmallBlobs(self.blobs),
            cleaning=cleaning,
            clean_photo=partial(
                clean_photo, final_size=SIDE, max_bytes=20_000_000, max_pixels=60_000_000
            ),
            alone=self._turns,
            compare=lambda ids, at: self.compared.append(list(ids)),
            most_photos=4,
        )

    @contextmanager
    def _turns(self) -> Iterator[None]:
        with self.turn:
            yield

    @cached_property
    def bulk(self) -> BulkWrites:
        return BulkWrites(self.offers, SmallJobs(), lambda: self.clock)

    @cached_property
    def replays(self) -> SmallReplays:
        return SmallReplays()

    def fetch_photo(self, url: str, *, max_bytes: int) -> bytes:
        if not url.startswith("https://images.example.com/"):
            raise BadInput(f"photo {url}: it is not on the public internet; upload the file")
        self.fetched.append(url)
        return draw("#336699")

    @cached_property
    def drafts(self) -> SmallDrafts:
        return SmallDrafts(next(iter(self.stored.values())).listing)

    def answer(self, request: Request) -> Ranking:
        if not self.ready:
            raise NotReady("there is no index yet; run `marketrank index`")
        self.asked.append(request)
        understood = Reader("GBP", self.locate).read(request)
        request = replace(request, text=understood.text, filters=understood.filters)
        corrected = None
        if request.spelling:
            correction = correct(request.text, self._vocabulary, self._occurs)
            corrected = correction if correction.changed else None
            request = replace(request, text=correction.searched)
            understood = replace(understood, text=correction.searched)
        scored = sorted(self._scored(request), key=lambda pair: (-pair[0], pair[1].id))
        scored = _ordered(scored, request)
        near = request.filters.near
        items = [
            Item(
                found,
                score,
                _km(found, near),
                _found_by(request),
                self.stored[found.id].findings,
                self.repeats.get(found.id, ()),
            )
            for score, found in scored[request.offset : request.offset + request.k]
        ]
        facets = _facets([found for _, found in scored], len(request.filters.category))
        stages = {"retrieve": 0.25}
        return Ranking(
            request.id,
            RELEASE,
            tuple(items),
            len(scored),
            facets,
            stages,
            understood,
            corrected,
            places=_places([found for _, found in scored]) if request.places else (),
        )

    def buyers_for(self, id: ListingId, seller: SellerId | None, k: int, at: datetime) -> Matched:
        """A single buyer likes whatever has an even id."""
        liked = int(id[-1], 36) % 2 == 0
        buyers = (Match("9f86d081884c7d659a2f", 0.5),)[:k] if liked else ()
        return Matched(buyers, float(liked), 1)

    def suggest(self, text: str, limit: int) -> tuple[Suggestion, ...]:
        if not self.ready:
            raise NotReady("there is no index yet; run `marketrank index`")
        return Completer(self._vocabulary).complete(text, limit)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return build(stored.listing for stored in self.stored.values() if stored.live)

    def _occurs(self, word: str) -> bool:
        texts = (stored.listing.text for stored in self.stored.values())
        return any(token.word == word for text in texts for token in tokens(text))

    def release(self) -> ReleaseId | None:
        return RELEASE if self.ready else None

    def listing(self, id: ListingId) -> Stored | None:
        return self.stored.get(id)

    def listings_of(self, seller: SellerId, limit: int, before: Seq | None) -> list[Stored]:
        own = [one for one in self.stored.values() if one.listing.seller == seller]
        older = [one for one in own if before is None or one.seq < before]
        return sorted(older, key=lambda one: -one.seq)[:limit]

    @cached_property
    def interest(self) -> Interest:
        return Interest((self.clock - timedelta(days=14)).date())

    def photo(self, key: BlobKey) -> bytes:
        return self.blobs[key]

    def locate(self, name: str) -> Near | None:
        place = PLACES.get(name.title())
        if place is None or place.latitude is None or place.longitude is None:
            return None
        return Near(place.latitude, place.longitude, None, place.town)

    def clean_photo(self, data: bytes) -> bytes:
        try:
            image = Image.open(io.BytesIO(data)).convert("RGB")
        except UnidentifiedImageError as error:
            raise BadInput("it is not a photo that we can read") from error
        image.thumbnail((SIDE, SIDE))
        square = Image.new("RGB", (SIDE, SIDE))
        square.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
        out = io.BytesIO()
        square.save(out, "JPEG")
        return out.getvalue()

    def _scored(self, request: Request) -> list[tuple[float, Listing]]:
        gone = self.people.hidden(request.buyer) | {request.like}
        live = [s.listing for s in self.stored.values() if s.live and s.listing.id not in gone]
        fitting = [found for found in live if _fits(found, request)]
        if request.photo is not None:
            asked = _mean_colour(request.photo)
            return [
                (1 - math.dist(asked, _mean_colour(self.blobs[found.photos[0].blob])) / 442, found)
                for found in fitting
                if found.photos
            ]
        if request.like is not None:
            category = self.stored[request.like].listing.category
            return [(1.0, found) for found in fitting if found.category == category]
        words = request.text.lower().split()
        return [
            (len(words) / (1 + len(found.text)), found)
            for found in fitting
            if all(word in found.text.lower() for word in words)
        ]


def small_market(now: datetime = NOW, *, padding: int = _PADDING) -> SmallMarket:
    """The listings above, `padding` chairs, and one that has ended ("1099")."""
    market = SmallMarket()
    for number, row in enumerate(_ROWS):
        _add(market, *row, at=now - timedelta(hours=7 * number + 1))
    for number in range(padding):
        row = (f"2{number:03}", f"Dining chair no. {number + 1}", _SOFAS, 1500 + 100 * number)
        _add(market, *row, "Leeds", "#a08060", ("3x4",), at=now - timedelta(days=20 + number))
    _add(market, "1099", "Oak shelf", _TABLES, 3000, "Bath", "#a5713d", ("4x3",), at=now)
    market.stored[ListingId("1099")] = replace(market.stored[ListingId("1099")], live=False)
    return market


def _add(
    market: SmallMarket,
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
    photos = tuple(_photo(market, f"{id}-{n}", n, colour, shape) for n, shape in enumerate(shapes))
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
    number = len(market.stored)
    market.stored[listing.id] = Stored(
        listing, ListingKey(number), Seq(number + 1), True, at, findings
    )


def _photo(market: SmallMarket, id: str, position: int, colour: str, shape: str) -> Photo:
    data = draw(colour, shape)
    digest = hashlib.sha256(data).hexdigest()
    market.blobs[BlobKey(digest)] = data
    wide, high = (int(part) for part in shape.split("x"))
    return Photo(ImageId(id), position, BlobKey(digest), digest, wide * 300, high * 300, 0)


def _fits(found: Listing, request: Request) -> bool:
    wanted = request.filters
    if found.category[: len(wanted.category)] != wanted.category:
        return False
    low, high = wanted.price_low, wanted.price_high
    if (low is not None or high is not None) and found.price is None:
        return False
    if found.price is not None:
        if low is not None and found.price.minor < low:
            return False
        if high is not None and found.price.minor > high:
            return False
    if wanted.near is None or wanted.near.within_km is None:
        return True
    km = _km(found, wanted.near)
    return km is not None and km <= wanted.near.within_km


def _ordered(scored: list[tuple[float, Listing]], request: Request) -> list[tuple[float, Listing]]:
    asked = request.text or request.photo is not None or request.like
    if request.sort is Sort.NEWEST or (request.sort is Sort.RELEVANCE and not asked):
        return sorted(scored, key=lambda pair: pair[1].created_at or NOW, reverse=True)
    if request.sort is Sort.DISTANCE:
        near = request.filters.near
        return sorted(scored, key=lambda pair: _km(pair[1], near) or math.inf)
    if request.sort is Sort.RELEVANCE:
        return scored
    sign = -1 if request.sort is Sort.PRICE_DESC else 1
    return sorted(scored, key=lambda p: math.inf if p[1].price is None else sign * p[1].price.minor)


def _found_by(request: Request) -> tuple[str, ...]:
    if request.photo is not None or request.like:
        return ("vector",)
    return ("text",) if request.text else ("fresh",)


def _km(found: Listing, near: Near | None) -> float | None:
    """Good enough for Great Britain: a flat Earth with the width of its middle."""
    place = found.place
    if near is None or place is None or place.latitude is None or place.longitude is None:
        return None
    north = (place.latitude - near.latitude) * 111.2
    east = (place.longitude - near.longitude) * 111.2 * math.cos(math.radians(53))
    return math.hypot(north, east)


def _facets(found: Sequence[Listing], depth: int) -> dict[str, tuple[FacetValue, ...]]:
    counts: dict[tuple[str, ...], int] = {}
    for listing in found:
        if len(listing.category) > depth:
            path = listing.category[: depth + 1]
            counts[path] = counts.get(path, 0) + 1
    bands = {"0..10": 0, "10..50": 0, "50..100": 0, "100..": 0}
    for listing in found:
        if listing.price is not None:
            low = max(n for n in (0, 10, 50, 100) if n * 100 <= listing.price.minor)
            bands[next(band for band in bands if band.startswith(f"{low}.."))] += 1
    return {
        "category": tuple(
            FacetValue(" / ".join(path), path[-1], n)
            for path, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        ),
        "price": tuple(FacetValue(band, band, n) for band, n in bands.items() if n),
    }


def _places(found: Sequence[Listing]) -> tuple[PlaceCount, ...]:
    counts = Counter(listing.place for listing in found if listing.place is not None)
    return tuple(PlaceCount(place, n) for place, n in counts.most_common())


def _mean_colour(jpeg: bytes) -> tuple[float, ...]:
    pixel = Image.open(io.BytesIO(jpeg)).convert("RGB").resize((1, 1)).getpixel((0, 0))
    return tuple(pixel) if isinstance(pixel, tuple) else (float(pixel or 0),) * 3
