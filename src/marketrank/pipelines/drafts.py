"""A seller's draft: from photos and a few words to what a good listing needs. Nothing is stored."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Filters
from marketrank.errors import BadInput, NotReady
from marketrank.listings.clean import clean_record
from marketrank.listings.dedupe import find_duplicates
from marketrank.listings.images import CleanedPhoto, PhotoProblem
from marketrank.listings.photo_advice import Advice, advise
from marketrank.listings.signals import find_signals
from marketrank.listings.sources import Record
from marketrank.listings.title_check import TitleProblem, check_title
from marketrank.models.labels import Labels
from marketrank.models.price_interval import PriceRange
from marketrank.pipelines.ingest import Cleaning
from marketrank.pipelines.promoted import Promoted
from marketrank.ports import ListingStore, VectorStore
from marketrank.retrieval.follow import View
from marketrank.retrieval.spelling import correct
from marketrank.types import (
    BlobKey,
    Duplicate,
    Finding,
    ImageId,
    Listing,
    ListingId,
    ListingKey,
    Money,
    Photo,
    ReleaseId,
    Signal,
    Stored,
)

MOST_PHOTOS = 8
NAME = ListingId("your draft")
"""How a draft is called where it is compared with listings."""
_SHOWN = 6
_COMPARED = 50  # nearest live listings: what its category and repeats are looked for among
_LATEST_ENDED = 500
_TEMPERATURE = 20.0  # of cosines: a neighbour .05 farther away counts a third
_LIKELY = 0.02  # paths that are less likely are not shown
_PATHS = 5
_SOURCE = "a draft"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a seller has so far: words as they typed them, and photo files. `values` are those of
    a feed's record: title, description, category, price, location, seller_id."""

    values: Mapping[str, str]
    photos: tuple[bytes, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class DraftPhoto:
    """A photo of a draft: its pixels and what to mend, or why it cannot be used."""

    width: int = 0
    height: int = 0
    advice: tuple[Advice, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LikelyCategory:
    path: tuple[str, ...]
    probability: float


@dataclass(frozen=True, slots=True)
class Similar:
    """A listing like the draft. `score` is a cosine."""

    listing: Listing
    score: float
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Advised:
    """All that can be said of a draft. `listing` is the draft cleaned; `categories` are likeliest
    first; `live` and `sold` nearest first, `sold` being those that have ended lately."""

    listing: Listing
    categories: tuple[LikelyCategory, ...]
    title: tuple[TitleProblem, ...]
    spelling: str | None
    price: PriceRange | None
    live: tuple[Similar, ...]
    sold: tuple[Similar, ...]
    warnings: tuple[Finding, ...]
    photos: tuple[DraftPhoto, ...]
    model: str
    release: ReleaseId


@dataclass(frozen=True, slots=True)
class Looked:
    """What can be said of a draft without a model: see Advised."""

    listing: Listing
    title: tuple[TitleProblem, ...]
    warnings: tuple[Finding, ...]
    photos: tuple[DraftPhoto, ...]


class Drafts(Protocol):
    """What `Drafter` answers."""

    def advise(self, draft: Draft) -> Advised: ...

    def look(self, draft: Draft) -> Looked: ...


class Drafter:
    """Advises on drafts. May be called from several threads."""

    def __init__(
        self,
        promoted: Promoted,
        *,
        view: Callable[[], View | None],
        listings: ListingStore,
        vectors: VectorStore,
        cleaning: Callable[[], Cleaning],
        clean_photo: Callable[[bytes], CleanedPhoto | PhotoProblem],
    ) -> None:
        self._promoted = promoted
        self._view = view
        self._listings = listings
        self._vectors = vectors
        self._cleaning = cleaning
        self._clean_photo = clean_photo

    def advise(self, draft: Draft) -> Advised:
        """Raises NotReady where there is no model or no release, BadInput for a draft without
        words and without a photo that can be used."""
        version, model = self._promoted.current()
        view = self._view()
        if view is None:
            raise NotReady("there is no index yet; run `marketrank index`")
        outcomes = [self._clean_photo(data) for data in draft.photos]
        cleaned = [one for one in outcomes if isinstance(one, CleanedPhoto)]
        listing = self._cleaned(draft, cleaned)
        jpegs = [one.jpeg for one in cleaned]
        roots, vector = model.study(listing, jpegs)
        if view.encoder.version != model.encoder.version:  # promoted, and not indexed with yet
            vector = view.encoder.encode_listings([listing.text], [jpegs])
        near = self._near(view, vector)
        categories = _categories(model.labels, roots[0].tolist(), near)
        placed = listing if listing.category else replace(listing, category=categories[0].path)
        price = model.price_range(placed)
        return Advised(
            listing=listing,
            categories=categories,
            title=check_title(listing.title),
            spelling=_spelling(view, listing.title),
            price=price,
            live=tuple(near[:_SHOWN]),
            sold=tuple(self._sold(view, vector, placed)),
            warnings=_warnings(placed, [one.listing for one in near], price),
            photos=tuple(_photo(outcome) for outcome in outcomes),
            model=version,
            release=view.release,
        )

    def look(self, draft: Draft) -> Looked:
        """As `advise`, without what takes a model or an index. Raises BadInput for a draft without
        words and without a photo that can be used."""
        outcomes = [self._clean_photo(data) for data in draft.photos]
        cleaned = [one for one in outcomes if isinstance(one, CleanedPhoto)]
        listing = self._cleaned(draft, cleaned)
        return Looked(
            listing=listing,
            title=check_title(listing.title),
            warnings=_warnings(listing, [], None),
            photos=tuple(_photo(outcome) for outcome in outcomes),
        )

    def _cleaned(self, draft: Draft, photos: Sequence[CleanedPhoto]) -> Listing:
        cleaning = self._cleaning()
        worded = any(draft.values.get(name, "").strip() for name in ("title", "description"))
        if not worded and not photos:
            raise BadInput("the draft is empty; send a title or a photo that can be read")
        # A photo alone is a draft too; cleaning rejects what has no title.
        values = {**draft.values, "id": NAME, "title": draft.values.get("title", "").strip() or "-"}
        found = clean_record(
            Record(1, values),
            source=_SOURCE,
            gazetteer=cleaning.gazetteer,
            currency=cleaning.currency,
            country=cleaning.country,
            keep_original=False,
        )
        if not isinstance(found, Listing):
            raise BadInput(f"the title cannot be used: {found.detail}")
        held = tuple(_held(number, one) for number, one in enumerate(photos))
        title = "" if found.title == "-" else found.title
        return replace(found, title=title, photos=held, created_at=draft.at)

    def _near(self, view: View, vector: NDArray[np.float32]) -> list[Similar]:
        hits = view.vectors.search(vector, _COMPARED, view.catalogue.mask(Filters()))
        stored = self._listings.get_by_key([ListingKey(key) for key in hits.keys.tolist()])
        scores = dict(zip(hits.keys.tolist(), hits.scores.tolist(), strict=True))
        return [_similar(one, scores[key]) for key, one in stored.items() if one.live]

    def _sold(self, view: View, vector: NDArray[np.float32], placed: Listing) -> list[Similar]:
        """Nearest of the latest that have ended in this root category."""
        ended = view.catalogue.ended(placed.category[:1], _LATEST_ENDED).tolist()
        version = view.encoder.version
        known = self._vectors.known(version, [ListingKey(key) for key in ended])
        keys = [ListingKey(key) for key in ended if key in known]
        vectors = self._vectors.vectors_of(version, keys) if keys else None
        if vectors is None:
            return []
        scores = vectors @ vector[0]
        best = np.argsort(-scores, kind="stable")[:_SHOWN].tolist()
        stored = self._listings.get_by_key([keys[row] for row in best])
        return [
            _similar(stored[keys[row]], float(scores[row])) for row in best if keys[row] in stored
        ]


def _categories(
    labels: Labels, roots: Sequence[float], near: Sequence[Similar]
) -> tuple[LikelyCategory, ...]:
    """The model's root categories; within each, paths as near listings have them, nearer ones
    counting more."""
    votes: dict[str, dict[tuple[str, ...], float]] = defaultdict(lambda: defaultdict(float))
    for one in near:
        if one.listing.category:
            weight = float(np.exp(_TEMPERATURE * (one.score - near[0].score)))
            votes[one.listing.category[0]][one.listing.category] += weight
    found = []
    for name, p in zip(labels.names, roots, strict=True):
        below = votes.get(name[0]) or {name: 1.0}
        total = sum(below.values())
        found += [LikelyCategory(path, p * vote / total) for path, vote in below.items()]
    found.sort(key=lambda one: (-one.probability, one.path))
    likely = [one for one in found if one.probability >= _LIKELY]
    return tuple(likely[:_PATHS] or found[:1])


def _spelling(view: View, title: str) -> str | None:
    """The title as it was probably meant, None where nothing seems wrong."""
    found = correct(title, view.vocabulary, view.text.occurs, is_common=view.encoder.knows)
    return found.text if found.changed and found.certain else None


def _warnings(
    draft: Listing, near: Sequence[Listing], price: PriceRange | None
) -> tuple[Finding, ...]:
    """The signals that the draft would have beside the listings nearest to it."""
    group = [draft, *(one for one in near if one.id != draft.id)]
    # The draft is the later one, whatever a feed says of the others' times.
    links = [
        link
        if link.listing == draft.id
        else Duplicate(draft.id, link.listing, link.kind, link.score)
        for link in find_duplicates(group)
        if draft.id in (link.listing, link.of)
    ]
    estimates: dict[ListingId, Money] = {} if price is None else {draft.id: price.middle}
    found = find_signals(group, links, estimates).get(draft.id, [])
    # Fifty neighbours are no category: what is odd among them is no reproach.
    return tuple(one for one in found if one.signal is not Signal.PRICE_OUTLIER)


def _similar(stored: Stored, score: float) -> Similar:
    return Similar(stored.listing, score, stored.findings)


def _held(position: int, one: CleanedPhoto) -> Photo:
    return Photo(
        id=ImageId(one.source_sha256[:32] + f"-{position}"),
        position=position,
        blob=BlobKey(one.source_sha256),  # stands for bytes that are not kept
        source_sha256=one.source_sha256,
        width=one.width,
        height=one.height,
        phash=one.phash,
    )


def _photo(outcome: CleanedPhoto | PhotoProblem) -> DraftPhoto:
    if isinstance(outcome, PhotoProblem):
        return DraftPhoto(problem=outcome.detail)
    advice = advise(outcome.jpeg, outcome.width, outcome.height)
    return DraftPhoto(outcome.width, outcome.height, advice)
