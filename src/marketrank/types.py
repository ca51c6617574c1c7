"""The nouns of marketrank. All are frozen values; ids are types.

Conventions: scores are higher-is-better; results are sorted by score, ties by id; ranks count
from 0; money is an integer of minor units; times are timezone-aware UTC; vectors are float32 and
of unit length.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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
class Near:
    """A point (WGS84 degrees) and, where the request limits it, a radius in kilometres. `label` is
    the place's name, for people."""

    latitude: float
    longitude: float
    within_km: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Filters:
    """Hard constraints. `category` is a path prefix; prices are minor units, inclusive; a listing
    without a price or a place fails a constraint on it."""

    category: tuple[str, ...] = ()
    price_low: int | None = None
    price_high: int | None = None
    near: Near | None = None


class Sort(StrEnum):
    """How results are ordered, as the API names it; DISTANCE needs a place in the filters."""

    RELEVANCE = "relevance"
    PRICE = "price"
    PRICE_DESC = "-price"
    NEWEST = "newest"
    DISTANCE = "distance"


class ParseKind(StrEnum):
    """What a part of a query can mean."""

    PRICE = "price"
    NEAR = "near"
    CONDITION = "condition"
    WANTED = "wanted"
    SIZE = "size"
    BRAND = "brand"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: text, photo, both, "like this listing", or nothing (the home feed)."""

    id: RequestId
    at: datetime
    text: str = ""
    photo: bytes | None = None
    like: ListingId | None = None
    buyer: BuyerId | None = None
    filters: Filters = field(default_factory=Filters)
    sort: Sort = Sort.RELEVANCE
    offset: int = 0
    k: int = 24
    ignore: tuple[ParseKind, ...] = ()
    """Kinds of parses that the user took back: their words are words again."""
    spelling: bool = True
    """Whether slips of the pen may be corrected."""
    profiling: bool = True
    """Whether what is known of the buyer may shape the answer, as far as they agreed to it."""
    explain: bool = False
    """Whether results come with the numbers behind them."""
    places: bool = False
    """Whether the answer says where its results are."""


@dataclass(frozen=True, slots=True)
class Parse:
    """What a part of a query was taken to mean. `words` are the query's own. `value` is what the
    API's parameter of that name takes ("..50", "Leeds", "Pets"), for kinds without a parameter
    a word of ours ("new", "6ft"); `within` is the radius that goes with a place ("5mi") or "".
    `hard`: it excludes listings; otherwise it lifts those that fit."""

    kind: ParseKind
    words: str
    value: str
    label: str
    hard: bool
    within: str = ""


@dataclass(frozen=True, slots=True)
class Boosts:
    """What lifts listings without excluding others. `price_low` and `price_high` are minor units,
    inclusive; `words` holds alternatives by kind, any of which a listing may use; `categories`
    the probability of paths from the root. `near`: what is near the place of the filters, which
    has no radius there, is lifted."""

    near: bool = False
    cheap: bool = False
    price_low: int | None = None
    price_high: int | None = None
    words: tuple[tuple[ParseKind, str], ...] = ()
    categories: Mapping[tuple[str, ...], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Understood:
    """A query as it was understood: the text that is left to look for, the request's filters with
    those that were parsed, what lifts listings, and every parse that is in force."""

    text: str = ""
    filters: Filters = field(default_factory=Filters)
    boosts: Boosts = field(default_factory=Boosts)
    parses: tuple[Parse, ...] = ()


@dataclass(frozen=True, slots=True)
class Hits:
    """One retriever's answer, best first, ties by key. Shapes (n,) and (n,)."""

    keys: NDArray[np.int64]
    scores: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Fused hits, best first. `ranks[retriever]` has shape (n,); -1 where it did not find it.
    `parts[retriever]`, shape (n,), is its score of every candidate as a share of the best that
    could be, where the fusion knows it; its fields are arrays in the order of `keys`."""

    keys: NDArray[np.int64]
    scores: NDArray[np.float32]
    ranks: Mapping[str, NDArray[np.int32]]
    parts: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def take(self, order: NDArray[np.int64]) -> "Candidates":
        """Those at these places, in this order."""
        return Candidates(
            self.keys[order],
            self.scores[order],
            {name: ranks[order] for name, ranks in self.ranks.items()},
            {name: scores[order] for name, scores in self.parts.items()},
        )


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a result was computed from: features that a learned ranker saw, by name, and what each
    added to its score (empty where none ranked it); its rank, from 0, by retriever, and its share
    of the best score where the fusion knows that; what else was known of it, in `facts`."""

    features: Mapping[str, float] = field(default_factory=dict)
    contributions: Mapping[str, float] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Traces:
    """What listings share with those that repeat them. `titles` tells for each title how many of
    its words another may lack; `sources` and `blobs` are of the same photo files, `hashes` of
    photos that look the same where they are at most `bits` apart."""

    titles: Mapping[str, int]
    sources: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()
    hashes: tuple[int, ...] = ()
    bits: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One result. `distance_km` only where the request names a place and the listing has one."""

    listing: Listing
    score: float
    distance_km: float | None = None
    found_by: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    repeats: tuple[ListingId, ...] = ()
    """Further candidates with the same words, shown as this one."""
    why: tuple[str, ...] = ()
    """Reasons in plain words, the strongest first."""
    numbers: Numbers | None = None
    """Only where the request asks for them."""
    arm: str = ""
    """Of the ranking's experiment, that put it there; for the log alone."""


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value of a facet: what the filter takes, what people read, how many results have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """How many of the results are at a place."""

    place: Place
    count: int


@dataclass(frozen=True, slots=True)
class Correction:
    """How the words of a query were probably meant. `text` is `original` where nothing is to be
    corrected; `certain` says that it is searched for, not only offered."""

    original: str
    text: str
    certain: bool = False

    @property
    def changed(self) -> bool:
        """Whether there is anything to correct or to offer."""
        return self.text != self.original

    @property
    def searched(self) -> str:
        """What is looked for."""
        return self.text if self.certain else self.original


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a search box offers. `count` listings have it in their title, `category_count` of them
    in `category`, which holds most of them; () where none does."""

    text: str
    count: int
    category: tuple[str, ...] = ()
    category_count: int = 0


@dataclass(frozen=True, slots=True)
class Ranking:
    """An answer. `total` counts all that matched; `items` is the page asked for; `facets` are by
    name; `stages_ms` is the time of each stage (milliseconds). `corrected` is
    None where the words were searched for as they were typed and nothing better is known."""

    request: RequestId
    release: ReleaseId
    items: tuple[Item, ...]
    total: int
    facets: Mapping[str, tuple[FacetValue, ...]]
    stages_ms: Mapping[str, float]
    understood: Understood = field(default_factory=Understood)
    corrected: Correction | None = None
    experiment: str = ""
    """Which it was part of; for the log alone."""
    model: ModelVersion = ModelVersion("")
    """Whose encoder made the vectors of query and listings."""
    places: tuple[PlaceCount, ...] = ()
    """Only where the request asks for them; see whereabouts."""


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
