"""The ports: what the rooms ask of each other. Implementations are chosen in `wiring` alone."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Hits, Traces
from marketrank.people import (
    Buyer,
    BuyerChange,
    Counted,
    EventId,
    Impression,
    Interaction,
    Pseudonym,
    Purpose,
    Recorded,
    Session,
)
from marketrank.types import (
    Applied,
    Attributes,
    BlobKey,
    BuyerId,
    Duplicate,
    Finding,
    ImageId,
    Listing,
    ListingId,
    ListingKey,
    Mask,
    ModelVersion,
    Money,
    Photo,
    Reason,
    Rejected,
    SellerId,
    Seq,
    Stored,
    StoredVectors,
    Vectors,
)


class ListingStore(Protocol):
    """The truth about listings. Every change takes the next sequence number in commit order."""

    def apply(self, listings: Sequence[Listing], *, at: datetime) -> Applied:
        """Insert or update in one transaction; equal content is left alone (no new number).
        A listing that had ended becomes live again."""

    def end(self, ids: Collection[ListingId], *, at: datetime) -> int:
        """Mark as ended; returns how many were live."""

    def live_ids(self) -> set[ListingId]:
        """Those that have not ended."""

    def get(self, ids: Sequence[ListingId]) -> dict[ListingId, Stored]:
        """Those that exist, live or ended."""

    def get_by_key(
        self, keys: Sequence[ListingKey], known: Mapping[ListingKey, Stored] | None = None
    ) -> dict[ListingKey, Stored]:
        """Those that exist, live or ended, as they are now. numpy's integers will do as keys. What
        is `known` from an earlier call is not fetched again unless it has changed since."""

    def of_seller(self, seller: SellerId, limit: int, before: Seq | None) -> list[Stored]:
        """A seller's listings, live and ended, the last changed first, at most `limit`: those whose
        last change has a number below `before` (None: all)."""

    def changes(self, after: Seq, limit: int) -> list[Stored]:
        """Listings whose last change has a number above `after`, in order, at most `limit`."""

    def attributes(self, after: Seq, limit: int) -> list[Attributes]:
        """Like `changes`, without texts and photos."""

    def last_seq(self) -> Seq:
        """The highest number given out and committed; 0 for an empty store."""

    def photos(self, listings: Collection[ListingId]) -> dict[ListingId, dict[ImageId, Photo]]:
        """The photos held for these listings, so that an unchanged file is not cleaned again."""

    def set_findings(
        self,
        findings: Mapping[ListingId, Collection[Finding]],
        *,
        among: Collection[ListingId] | None = None,
    ) -> int:
        """Replace all findings, or those of the listings `among` which all named ones are, by
        these; a listing not named has none. Returns rows changed."""

    def with_findings(self) -> list[Stored]:
        """The live listings that have findings, in the order of their last changes."""

    def replace_duplicates(
        self, links: Sequence[Duplicate], *, among: Collection[ListingId] | None = None
    ) -> None:
        """Replace all links, or those of the listings `among`, by these, in one transaction and
        without new numbers. Raises BadInput for a listing that does not exist or is linked to
        itself."""

    def alike(self, traces: Traces, linked: Collection[ListingKey]) -> set[ListingKey]:
        """The keys of listings that have one of these traces, or that are linked with one of those
        as duplicates. Candidates: `listings.dedupe` decides."""

    def prices(self) -> list[tuple[tuple[str, ...], int, int]]:
        """Of live listings with a price above 0 the first two labels of a category, a price in
        minor units, and how many have these; in no order."""

    def duplicates(self) -> list[Duplicate]:
        """All links, in the order in which the listings came."""


class PriceEstimator(Protocol):
    def estimates(self, listings: Sequence[Listing]) -> Mapping[ListingId, Money]:
        """What listings like each one ask; a listing that it cannot judge is left out."""


class EstimateStore(Protocol):
    """What listings like each one ask, numbered in the same order as the listings' changes."""

    def missing(self, version: ModelVersion, after: Seq, limit: int) -> dict[ListingKey, str]:
        """Live listings whose last change has a number above `after` and which this version has
        not read as they are now, in the order of their changes, at most `limit`: their
        content_hash by key."""

    def put_estimates(
        self, version: ModelVersion, minor: Mapping[ListingKey, tuple[str, int | None]]
    ) -> None:
        """Insert or replace in one transaction: of each listing the content_hash that was read, and
        minor units of the model's currency, None where it cannot be judged."""

    def estimates_after(
        self, after: Seq, limit: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], Seq]:
        """Keys (n,) and minor units (n,), NaN where there is none, with a number above `after`, in
        order, and the number of the last one (`after` where n = 0)."""


class Quarantine(Protocol):
    """Where rejected records wait for a mended version."""

    def put(self, rejected: Sequence[Rejected], *, at: datetime) -> None:
        """Keep, replacing an older rejection of the same kind and key."""

    def clear(self, kind: str, keys: Collection[str]) -> int:
        """Remove these; returns how many were there."""

    def keep_only(self, kind: str, source: str, keys: Collection[str]) -> int:
        """Remove what is of this kind and source, except `keys`; returns how many."""

    def all(self) -> list[Rejected]:
        """Everything that waits, by kind and key."""

    def counts(self) -> dict[tuple[str, Reason], int]:
        """How many of each kind and reason; none of 0."""

    def page(
        self, kind: str | None, reason: Reason | None, offset: int, limit: int
    ) -> list[tuple[datetime, Rejected]]:
        """Those of a kind and a reason (None: of any), the newest first, with their times."""


class VectorStore(Protocol):
    """Embeddings, numbered in the same order as the listings' changes."""

    def known(self, version: ModelVersion, keys: Sequence[ListingKey]) -> dict[ListingKey, str]:
        """The embed_hash that each stored vector was made from."""

    def put_vectors(
        self,
        version: ModelVersion,
        keys: Sequence[ListingKey],
        hashes: Sequence[str],
        vectors: Vectors,
    ) -> None:
        """Insert or replace in one transaction."""

    def vectors_after(self, version: ModelVersion, after: Seq, limit: int) -> StoredVectors:
        """Vectors with a number above `after`, in order, at most `limit`."""

    def count_after(self, version: ModelVersion, after: Seq) -> int:
        """How many vectors have a number above `after`."""

    def vector(self, version: ModelVersion, key: ListingKey) -> Vectors | None:
        """Shape (1, dim), or None where there is none yet."""

    def vectors_of(self, version: ModelVersion, keys: Sequence[ListingKey]) -> Vectors | None:
        """Shape (n, dim) in the order of `keys`, or None where one of them has none yet."""


class EventStore(Protocol):
    """What buyers did and what they were shown. It holds no readable trace of a buyer whose key is
    gone: see `BuyerStore.erase`. It keeps what it is given: who may be remembered is decided by
    whoever calls it (`feedback.intake`, `feedback.impression_log`)."""

    def record(
        self,
        interactions: Sequence[Interaction],
        *,
        at: datetime,
        anonymous: Collection[EventId] = (),
    ) -> Recorded:
        """Keep them, each id once, in any order of their times; numbered in commit order. `at` is
        when they arrived. Of those named in `anonymous` only the listing, the kind and the day are
        kept, as a `Counted`; these in one transaction, the others in another, so that nothing tells
        which came together. One that fails may leave the other done: send all of them again."""

    def known(self, ids: Collection[EventId]) -> set[EventId]:
        """Those that `record` has been given before."""

    def of_buyer(self, buyer: BuyerId, limit: int) -> list[Interaction]:
        """The latest of a buyer, latest first."""

    def hidden(self, buyer: BuyerId) -> set[ListingId]:
        """What a buyer has hidden. It outlives their Purpose.HISTORY."""

    def after(self, after: Seq, limit: int) -> list[tuple[Seq, Interaction]]:
        """Interactions with a number above `after`, in commit order, at most `limit`; none only
        where there are no more. Those of an erased buyer are left out."""

    def counted(self, after: Seq, limit: int) -> list[tuple[Seq, Counted]]:
        """The anonymous ones with a number above `after`, in commit order."""

    def mix(self, before: date) -> int:
        """Put the anonymous ones of earlier days into an order of chance, so that nothing leads
        from one to what was kept at the same time; returns of how many days."""

    def last_seq(self) -> Seq:
        """The highest number of an interaction, anonymous ones and changes of buyers included,
        that is committed; 0 where there is none."""

    def seq_before(self, day: date) -> Seq:
        """The number to follow from so as to miss nothing that happened on or after a day."""

    def log(self, impressions: Sequence[Impression]) -> None:
        """Keep what was shown, for training. One of a buyer of whom nothing is held, as they were
        erased meanwhile, is not kept."""

    def sessions(self, since: datetime, until: datetime) -> Iterator[Session]:
        """What was shown in [since, until), in order of time, joined with what its buyer did
        afterwards and said to follow from it. Nothing leads from a buyer to an impression that was
        kept without them, so it has no interactions."""

    def drop_before(self, at: datetime) -> int:
        """Forget impressions shown on days before; returns how many days of them went."""


class BuyerStore(Protocol):
    """Buyers and what they agreed to. Every column that tells something of them is encrypted with
    a key of their own, which lies outside the database."""

    def put(self, buyer: Buyer, *, at: datetime) -> None:
        """Insert or replace. Where they have taken back Purpose.HISTORY, all that was kept under
        it is destroyed as by `erase`; what they have hidden stays hidden."""

    def change(self, id: BuyerId, change: Callable[[Buyer], Buyer], *, at: datetime) -> Buyer:
        """Put what `change` makes of them (of `Buyer(id)` where there is none), and return it.
        Nobody else changes them meanwhile."""

    def get(self, id: BuyerId) -> Buyer | None:
        """None for a buyer that there is not."""

    def find(self, ids: Collection[BuyerId]) -> dict[BuyerId, Buyer]:
        """Those that there are."""

    def pseudonym(self, id: BuyerId) -> Pseudonym | None:
        """Their random name; None for a buyer that there is not."""

    def agreed(self, purposes: Collection[Purpose]) -> Iterator[Buyer]:
        """Those who agreed to all of these, in order of their ids."""

    def changes(self, after: Seq, limit: int) -> list[BuyerChange]:
        """Buyers whose last change has a number above `after`, in order, at most `limit`. The
        numbers are those of the EventStore. That one was erased is told for a day."""

    def export(self, id: BuyerId) -> Mapping[str, Any]:
        """All that is held of them, events and impressions too, ready for JSON. Raises BadInput for
        a buyer that there is not."""

    def erase(self, id: BuyerId) -> bool:
        """Destroy their key, then their rows; whether there was anything. After it no store holds
        a byte that tells of them, backups and logs of the database included."""

    def finish_erasing(self) -> int:
        """Go on with erasures that a crash has cut short; how many there were."""


class OutreachLog(Protocol):
    """Which buyers sellers were told of, and for which listing: of one day, by all processes. A day
    is one of UTC."""

    def open_to(
        self, listing: ListingId, buyers: Sequence[BuyerId], *, at: datetime, cap: int
    ) -> set[BuyerId]:
        """Those who may be offered the listing: who were not offered `cap` others that day. None
        of whom nothing is held."""

    def tell(
        self, listing: ListingId, buyers: Sequence[BuyerId], *, at: datetime, cap: int
    ) -> set[BuyerId]:
        """Count them as offered the listing, the same one once a day, and return them; those are
        left out that `open_to` would leave out at this moment, whoever told of them meanwhile."""

    def drop_before(self, at: datetime) -> int:
        """Forget earlier days; returns how many rows went."""


class BlobStore(Protocol):
    """Immutable bytes by their sha256."""

    def put(self, data: bytes) -> BlobKey:
        """Keep them whole or not at all; the same bytes again change nothing. Raises NotReady where
        they cannot be written."""

    def get(self, key: BlobKey) -> bytes:
        """Raises KeyError where there is none."""

    def exists(self, key: BlobKey) -> bool:
        """Whether `get` would find it."""


class VectorIndex(Protocol):
    """Nearest vectors by inner product (cosine, as vectors are unit length)."""

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> Hits:
        """`query` has shape (1, dim). The k best among `allowed` (None: all)."""

    def vectors_of(self, keys: NDArray[np.int64]) -> Vectors:
        """The vectors of these keys, shape (n, dim), the caller's own copy; a row of zeros for a
        key that the index does not hold."""

    def scores_of(self, query: Vectors, keys: NDArray[np.int64]) -> NDArray[np.float32]:
        """The inner products of these keys' vectors with `query`, (1, dim): shape (n,), the
        caller's own; 0 for a key that the index does not hold."""


class TextIndex(Protocol):
    """BM25 over title, category and description."""

    def search(self, text: str, k: int, allowed: Mask | None = None) -> Hits:
        """The k best among `allowed` (None: all). Any text is a valid query; one without words
        has no hits."""

    def occurs(self, word: str) -> bool:
        """Whether `search` looks for the word as it is written: a listing has it, or a form or a
        synonym of it."""

    def weights(self, text: str) -> dict[str, float]:
        """The stems of a query, in order, and what each can add to a listing's score: their sum is
        what a listing reaches that is best for every word."""

    def stems(self, text: str) -> list[str]:
        """The words of a text as they are compared."""


class Encoder(Protocol):
    """Listings and queries in one space. `dim` is its width."""

    @property
    def version(self) -> ModelVersion:
        """The same only where the same input gives the same vectors."""

    @property
    def dim(self) -> int:
        """The width of its vectors."""

    def encode_listings(self, texts: Sequence[str], photos: Sequence[Sequence[bytes]]) -> Vectors:
        """One vector a listing from its text and its cleaned photos (JPEG bytes; may be none)."""

    def encode_query(self, text: str, photo: bytes | None) -> Vectors:
        """Shape (1, dim). At least one of the two is given; `photo` is a cleaned JPEG."""

    def knows(self, word: str) -> bool:
        """Whether it is a word that the text tower was taught as a whole: a common one, which
        slips of the pen seldom are."""

    def encode_photos(self, photos: Sequence[bytes]) -> tuple[Vectors, list[bool]]:
        """Unit vectors of cleaned photos, comparable with each other; and which could be decoded:
        the rows of others are zero."""
