"""The nouns of marketrank. All are frozen values; ids are types.

Conventions: scores are higher-is-better; results are sorted by score, ties by id; ranks count
from 0; money is an integer of minor units; times are timezone-aware UTC; vectors are float32 and
of unit length.
"""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

import numpy as np
import orjson
from numpy.typing import NDArray

ListingId = NewType("ListingId", str)
"""The feed's own id of a listing; the only one that leaves the system."""
ListingKey = NewType("ListingKey", int)
"""The store's dense number of a listing: what indexes hold. Never reused, never shown."""
ImageId = NewType("ImageId", str)
BuyerId = NewType("BuyerId", str)
SellerId = NewType("SellerId", str)
RequestId = NewType("RequestId", str)
ModelVersion = NewType("ModelVersion", str)
ReleaseId = NewType("ReleaseId", str)
BlobKey = NewType("BlobKey", str)
"""The sha256 (hex) of the bytes it names."""
Seq = NewType("Seq", int)
"""Position in the order of commits; a reader that has seen n has seen all below n."""

Vectors = NDArray[np.float32]
"""Shape (n, dim), unit rows."""
Mask = NDArray[np.bool_]
"""Shape (keys,), indexed by ListingKey; True where a listing may be returned. Keys beyond its
end may not."""


class Flag(StrEnum):
    """What cleaning noticed about one listing by itself."""

    NO_PHOTOS = "no_photos"
    NO_PRICE = "no_price"
    NO_DESCRIPTION = "no_description"
    NO_CATEGORY = "no_category"
    NO_PLACE = "no_place"
    PLACE_NOT_FOUND = "place_not_found"
    CONTACT_MASKED = "contact_masked"


class Signal(StrEnum):
    """What a careful person would look at twice; most need a comparison with other listings."""

    PRICE_OUTLIER = "price_outlier"
    DUPLICATE = "duplicate"
    PHOTO_REUSED = "photo_reused"
    PRICE_LOW = "price_low"
    CONTACT_IN_TEXT = "contact_in_text"


class Reason(StrEnum):
    """Why a record ended as Rejected."""

    MISSING_ID = "missing_id"
    MISSING_TITLE = "missing_title"
    REPEATED_ID = "repeated_id"
    TORN_RECORD = "torn_record"
    NOT_A_RECORD = "not_a_record"
    NOT_STORABLE = "not_storable"
    PHOTO_WITHOUT_LISTING = "photo_without_listing"
    PHOTO_MISSING = "photo_missing"
    PHOTO_UNREADABLE = "photo_unreadable"
    PHOTO_TRUNCATED = "photo_truncated"
    PHOTO_TOO_LARGE = "photo_too_large"
    PHOTO_TOO_SMALL = "photo_too_small"
    PHOTO_ANIMATED = "photo_animated"
    PHOTO_FORMAT = "photo_format"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (pence) of an ISO 4217 currency."""

    minor: int
    currency: str

    def __str__(self) -> str:
        symbol = {"GBP": "£", "EUR": "€", "USD": "$"}.get(self.currency, self.currency + " ")
        whole, rest = divmod(self.minor, 100)
        return f"{symbol}{whole:,}" if rest == 0 else f"{symbol}{whole:,}.{rest:02d}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listing is. Coordinates are WGS84 degrees, both or neither."""

    town: str
    county: str | None = None
    country: str = "GB"
    latitude: float | None = None
    longitude: float | None = None

    def __str__(self) -> str:
        return f"{self.town}, {self.county}" if self.county else self.town


@dataclass(frozen=True, slots=True)
class Photo:
    """A cleaned photo. `width` and `height` are the original's pixels; `phash` is a 64-bit
    perceptual hash as a signed integer (what Postgres bigint holds)."""

    id: ImageId
    position: int
    blob: BlobKey
    source_sha256: str
    width: int
    height: int
    phash: int


@dataclass(frozen=True, slots=True)
class Original:
    """Texts before contact details were masked; kept only where the setting says so."""

    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A clean listing. `category` is the path from the root; () where the feed has none.
    `seller_type` is "private", "trade" or None."""

    id: ListingId
    title: str
    description: str = ""
    category: tuple[str, ...] = ()
    price: Money | None = None
    place: Place | None = None
    seller: SellerId | None = None
    seller_type: str | None = None
    created_at: datetime | None = None
    photos: tuple[Photo, ...] = ()
    flags: tuple[Flag, ...] = ()
    original: Original | None = None

    @property
    def text(self) -> str:
        """What the text tower reads. Never the category: it is a label."""
        return f"{self.title}. {self.description}" if self.description else self.title

    def content_hash(self) -> str:
        """sha256 over every field: equal hashes mean that a write would change nothing."""
        return _digest(asdict(self))

    def embed_hash(self) -> str:
        """sha256 over what the encoder reads: text and photos."""
        return _digest([self.title, self.description, [photo.blob for photo in self.photos]])


@dataclass(frozen=True, slots=True)
class Finding:
    """A signal about a listing and the reason for it, in words that anybody may read: it names no
    seller. `others` are the listings that it compares with, the earliest first."""

    signal: Signal
    reason: str
    others: tuple[ListingId, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """A listing as the store holds it. `live` is False once it has ended. `findings` are sorted
    by signal, one of each at most."""

    listing: Listing
    key: ListingKey
    seq: Seq
    live: bool
    first_seen: datetime
    findings: tuple[Finding, ...] = ()

    @property
    def signals(self) -> tuple[Signal, ...]:
        """Of its findings, in their order."""
        return tuple(finding.signal for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Attributes:
    """The columns of a stored listing that filters, facets and sorts need."""

    key: ListingKey
    id: ListingId
    seq: Seq
    live: bool
    category: tuple[str, ...]
    price_minor: int | None
    latitude: float | None
    longitude: float | None
    listed_at: datetime
    """`created_at`, or the time it was first seen."""
    seller: SellerId | None = None
    signals: tuple[Signal, ...] = ()
    repeats: ListingKey | None = None
    """The earliest listing whose words it repeats."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that did not become a listing or a photo. `kind` is "listing" or "photo"; `key`
    is the record's id, or "row N" where it has none; `raw` is the record with contact details
    masked and cut to 2,000 characters."""

    kind: str
    key: str
    reason: Reason
    detail: str
    source: str
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """`listing` repeats `of` (the earlier one). `kind`: exact_text, exact_photo, near_text,
    near_photo; `score` in (0, 1]."""

    listing: ListingId
    of: ListingId
    kind: str
    score: float


@dataclass(frozen=True, slots=True)
class Applied:
    """What a write did: counts of listings."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """A batch of one encoder's vectors in commit order. Shapes (n,), (n, dim); `seq` is that of
    the last row, or the reader's own where n = 0."""

    keys: NDArray[np.int64]
    vectors: Vectors
    seq: Seq


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
