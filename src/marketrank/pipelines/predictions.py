"""What the models in use say of one text or photo, without a listing being stored."""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import numpy as np

from marketrank.asking import Filters
from marketrank.errors import NotReady
from marketrank.models.price_interval import PriceRange
from marketrank.models.published import PublishedModel
from marketrank.pipelines.promoted import Promoted
from marketrank.ports import BlobStore, Encoder, ListingStore
from marketrank.retrieval.follow import View
from marketrank.types import (
    BlobKey,
    ImageId,
    Listing,
    ListingId,
    ListingKey,
    ModelVersion,
    Photo,
    Seq,
    Vectors,
)

MOST_NEIGHBOURS = 50
_KEPT_VECTORS = 20_000  # of photos, 256 floats each: 20 MB
_FEWEST_LISTINGS = 10
_MORE = 5  # photos that are compared beyond those asked for: each takes 8 ms where it is new
_AT_ONCE = 8  # photos that are embedded ahead in one step: a search beside it waits that long
_LISTINGS_AT_ONCE = 64
_UNKNOWN = ListingId("")


@dataclass(frozen=True, slots=True)
class Categorised:
    """The likeliest root category, its number in the model's order, and all probabilities."""

    name: str
    index: int
    probabilities: dict[str, float]
    version: ModelVersion


@dataclass(frozen=True, slots=True)
class Features:
    """A photo's unit vector in the space of texts, photos and listings."""

    numbers: tuple[float, ...]
    version: ModelVersion


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A photo near another. `distance` is the squared Euclidean one of unit vectors, 0 to 4, what
    FAISS calls L2; `category` is its listing's path."""

    image: ImageId
    listing: ListingId
    category: tuple[str, ...]
    distance: float


class Predictions(Protocol):
    """What `Predictor` answers. Photos are cleaned JPEGs; every method raises NotReady, naming the
    remedy, where there is no model or no index to answer with."""

    def category_of_text(self, text: str) -> Categorised: ...

    def category_of_photo(self, photo: bytes) -> Categorised: ...

    def category_of_both(self, text: str, photo: bytes) -> Categorised: ...

    def features(self, photo: bytes) -> Features: ...

    def neighbours(self, photo: bytes, k: int) -> tuple[Neighbour, ...]: ...

    def price_range(self, listing: Listing) -> PriceRange | None:
        """What listings like it ask; None where the model knows no prices."""


class Predictor:
    """Categories and features by the published model in use; neighbours by the release. May be
    called from several threads. Photos are cleaned JPEGs."""

    def __init__(
        self,
        promoted: Promoted,
        *,
        view: Callable[[], View | None],
        listings: ListingStore,
        blobs: BlobStore,
    ) -> None:
        self._promoted = promoted
        self._view = view
        self._listings = listings
        self._blobs = blobs
        self._vectors = _Vectors()
        self._ahead: _Ahead | None = None

    def model(self) -> tuple[ModelVersion, PublishedModel]:
        """Raises NotReady, naming the remedy, where none is in use."""
        return self._promoted.current()

    def category_of_text(self, text: str) -> Categorised:
        version, model = self.model()
        return categorised(version, model, model.by_text([worded(text)])[0].tolist())

    def category_of_photo(self, photo: bytes) -> Categorised:
        version, model = self.model()
        return categorised(version, model, model.by_photo([photo])[0][0].tolist())

    def category_of_both(self, text: str, photo: bytes) -> Categorised:
        version, model = self.model()
        return categorised(version, model, model.by_both(worded(text), [photo])[0].tolist())

    def features(self, photo: bytes) -> Features:
        version, model = self.model()
        return Features(tuple(model.by_photo([photo])[1][0].tolist()), version)

    def price_range(self, listing: Listing) -> PriceRange | None:
        return self.model()[1].price_range(listing)

    def neighbours(self, photo: bytes, k: int) -> tuple[Neighbour, ...]:
        """The nearest photos of live listings, nearest first, fewer than `k` where there are no
        more. Those of the nearest listings are compared one by one: an index holds a vector for
        each listing, not for each photo. (Of 80 photos tried, each found its own listing among
        the first five of 1,500, and 77 as the first.) Raises NotReady before the first release."""
        view = self._view()
        if view is None:
            raise NotReady("there is no index yet; run `marketrank index`")
        if self._ahead is None:
            self._ahead = _Ahead(view.encoder.version)
        query = view.encoder.encode_query("", photo)
        live = view.catalogue.mask(Filters())
        hits = view.vectors.search(query, max(k, _FEWEST_LISTINGS), live)
        stored = self._listings.get_by_key([ListingKey(key) for key in hits.keys.tolist()])
        shown: list[tuple[Listing, Photo]] = []
        for one in stored.values():
            if one.live and len(shown) < k + _MORE:
                shown += [(one.listing, held) for held in one.listing.photos]
        if not shown:
            return ()
        mine, _ = view.encoder.encode_photos([photo])
        theirs = self._of_photos(view.encoder, [held for _, held in shown])
        distances = 2 - 2 * (theirs @ mine[0])
        order = np.argsort(distances, kind="stable")[:k]
        return tuple(
            _neighbour(shown[row][0], shown[row][1], float(distances[row]))
            for row in order.tolist()
        )

    def look_ahead(self) -> int:
        """Embed a few photos of live listings that were not compared yet; returns how many were
        looked at. Fifty neighbours wait for some 55 photos that are new, of 8 ms each on two cores,
        and for none afterwards. For a thread of its own: nothing is done before somebody asked for
        neighbours, nor beyond what is held at a time."""
        view = self._view()
        if view is None or self._ahead is None or len(self._vectors) >= _KEPT_VECTORS:
            return 0
        if self._ahead.version != view.encoder.version:
            self._ahead = _Ahead(view.encoder.version)
        photos = self._ahead.take(_AT_ONCE, self._listings)
        if photos:
            self._of_photos(view.encoder, photos)
        return len(photos)

    def _of_photos(self, encoder: Encoder, photos: Sequence[Photo]) -> Vectors:
        found = self._vectors.get(encoder.version, [photo.blob for photo in photos])
        missing = [row for row, vector in enumerate(found) if vector is None]
        if missing:
            keys = [photos[row].blob for row in missing]
            made, _ = encoder.encode_photos([self._read(key) for key in keys])
            self._vectors.put(encoder.version, keys, made)
            for row, vector in zip(missing, made, strict=True):
                found[row] = vector
        return np.array(found, np.float32)

    def _read(self, key: BlobKey) -> bytes:
        try:
            return self._blobs.get(key)
        except KeyError:  # an unreadable photo has a vector of zeros
            return b""


def worded(text: str) -> Listing:
    """A listing of nothing but words, as the models read one."""
    return Listing(_UNKNOWN, text)


def categorised(
    version: ModelVersion, model: PublishedModel, probabilities: Sequence[float]
) -> Categorised:
    """Name the probabilities of root categories, columns as in the model's labels."""
    names = [" / ".join(name) for name in model.labels.names]
    index = int(np.argmax(probabilities))
    by_name = dict(zip(names, probabilities, strict=True))
    return Categorised(names[index], index, by_name, version)


def _neighbour(listing: Listing, photo: Photo, distance: float) -> Neighbour:
    # Rounding takes the distance of a photo to itself below 0.
    return Neighbour(photo.id, listing.id, listing.category, max(0.0, distance))


class _Ahead:
    """Goes through the photos of all listings, by their changes."""

    def __init__(self, version: ModelVersion) -> None:
        self.version = version
        self._seq = Seq(0)
        self._waiting: deque[Photo] = deque()

    def take(self, n: int, listings: ListingStore) -> list[Photo]:
        """The next photos, at most n; fewer once it is through."""
        while len(self._waiting) < n:
            changes = listings.changes(self._seq, _LISTINGS_AT_ONCE)
            if not changes:
                break
            self._seq = changes[-1].seq
            self._waiting.extend(p for one in changes if one.live for p in one.listing.photos)
        return [self._waiting.popleft() for _ in range(min(n, len(self._waiting)))]


class _Vectors:
    """The vectors of photos asked for last, by what they are of."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[ModelVersion, BlobKey], Vectors] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, version: ModelVersion, keys: Sequence[BlobKey]) -> list[Vectors | None]:
        with self._lock:
            found = [self._held.get((version, key)) for key in keys]
            for key, vector in zip(keys, found, strict=True):
                if vector is not None:
                    self._held.move_to_end((version, key))
            return found

    def put(self, version: ModelVersion, keys: Sequence[BlobKey], vectors: Vectors) -> None:
        with self._lock:
            for key, vector in zip(keys, vectors, strict=True):
                self._held[version, key] = vector
            while len(self._held) > _KEPT_VECTORS:
                self._held.popitem(last=False)
