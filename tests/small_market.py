"""A marketplace of a few dozen made-up listings in memory: the Service that API tests run on."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, cached_property, partial
from threading import Lock
from typing import Any, cast

from PIL import Image, UnidentifiedImageError

from marketrank.access import Keys
from marketrank.asking import Item, Near, Ranking, Request, Suggestion
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
from marketrank.types import BlobKey, Listing, ListingId, ReleaseId, SellerId, Seq, Stored
from small_access import SmallAudit, SmallKeys
from small_people import SmallPeople
from small_predictions import SmallDrafts, SmallPredictions
from small_search import distance_km, facets_of, fits, found_by, mean_colour, ordered, places_of
from small_stock import NOW, PADDING, PLACES, SIDE, draw, fill
from small_stores import SmallBlobs, SmallJobs, SmallListings, SmallReplays

RELEASE = ReleaseId("20260314T110000-5ma11")


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
        scored = ordered(scored, request)
        near = request.filters.near
        items = [
            Item(
                found,
                score,
                distance_km(found, near),
                found_by(request),
                self.stored[found.id].findings,
                self.repeats.get(found.id, ()),
            )
            for score, found in scored[request.offset : request.offset + request.k]
        ]
        facets = facets_of([found for _, found in scored], len(request.filters.category))
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
            places=places_of([found for _, found in scored]) if request.places else (),
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
        fitting = [found for found in live if fits(found, request)]
        if request.photo is not None:
            asked = mean_colour(request.photo)
            return [
                (1 - math.dist(asked, mean_colour(self.blobs[found.photos[0].blob])) / 442, found)
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


def small_market(now: datetime = NOW, *, padding: int = PADDING) -> SmallMarket:
    """With the listings of `small_stock.fill`."""
    market = SmallMarket()
    fill(market.stored, market.blobs, now, padding)
    return market
