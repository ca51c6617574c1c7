"""Columns of listings for drift: what comes in, and what the models in use make of it."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError

from marketrank.monitoring.drift import Column, Floats, Kind, Mask
from marketrank.ports import BlobStore, ListingStore, PriceEstimator
from marketrank.retrieval.tokens import tokens
from marketrank.retrieval.understand.categories import CategoryModel
from marketrank.types import Listing, ListingId, ListingKey, Seq, Stored, Vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

REST = "all others"
_BATCH = 10_000
_READ = 1_000
_WORDS, _LABELS = 300, 30
_LEAST_SHARE = 0.01
_PHOTOS = 300  # of each window are opened
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Windows:
    """Samples of two windows of listings, and how many there are in all."""

    reference: Sequence[Stored]
    latest: Sequence[Stored]
    n_reference: int
    n_latest: int

    @property
    def all(self) -> list[Stored]:
        return [*self.reference, *self.latest]

    @property
    def mask(self) -> Mask:
        return np.arange(len(self.reference) + len(self.latest)) >= len(self.reference)


Embedded = Callable[[Sequence[ListingKey]], tuple[Sequence[ListingKey], Vectors]]
"""Those of these listings that have a vector of the encoder in use, and the vectors (n, dim)."""


@dataclass(frozen=True, slots=True)
class Models:
    """What is in use; None where there is none yet."""

    embedded: Embedded | None = None
    categories: CategoryModel | None = None
    prices: PriceEstimator | None = None


def read_windows(
    listings: ListingStore,
    *,
    trained_on: Collection[ListingId],
    since: datetime,
    until: datetime,
    most: int,
    seed: int,
) -> Windows:
    """The latest are those listed in [since, until) that the version in use was not trained on. The
    reference is what it was trained on or, where that is not known, what was listed before. Ended
    listings count too: what sells quickly would be missing. At most `most` of each are read."""
    reference, latest, after = [], [], Seq(0)
    while rows := listings.attributes(after, _BATCH):
        for row in rows:
            known = row.id in trained_on
            if known or (not trained_on and row.listed_at < since):
                reference.append(row.key)
            elif since <= row.listed_at < until and not known:
                latest.append(row.key)
        after = rows[-1].seq
    draw = np.random.default_rng(seed)
    return Windows(
        _sample(listings, reference, most, draw),
        _sample(listings, latest, most, draw),
        len(reference),
        len(latest),
    )


def listing_columns(windows: Windows, blobs: BlobStore, models: Models) -> Iterator[Column]:
    """Inputs first, then predictions; those that no model can make are left out."""
    rows = [stored.listing for stored in windows.all]
    if not windows.reference or not windows.latest:
        return
    latest = windows.mask
    priced = np.array([one.price is not None for one in rows])
    prices = np.array([one.price.minor / 100 if one.price else 0 for one in rows], np.float64)
    yield Column("log price", Kind.NUMBER, np.log1p(prices[priced]), latest[priced])
    yield labelled("root category", [_root(one) for one in rows], latest)
    yield labelled("category", [" / ".join(one.category[:2]) or "none" for one in rows], latest)
    yield labelled("seller type", [one.seller_type or "unknown" for one in rows], latest)
    yield labelled("county", [_county(one) for one in rows], latest)
    for name, measure in _NUMBERS.items():
        values = np.array([measure(one) for one in rows], np.float64)
        yield Column(name, Kind.NUMBER, values, latest)
    yield words([one.text for one in rows], latest)
    yield from _photo_columns(windows, blobs)
    yield from _embeddings(windows, models)
    if models.prices is not None:
        yield from _residuals(rows, latest, models.prices)


def labelled(name: str, values: Sequence[str], latest: Mask) -> Column:
    """A SHARE column of the commonest labels and REST. Labels of a few rows are of the rest: their
    chances, not their rows, would decide an index of stability."""
    common = [
        label
        for label, n in Counter(values).most_common(_LABELS)
        if n >= _LEAST_SHARE * len(values)
    ]
    place = {label: n for n, label in enumerate(common)}
    codes = np.array([place.get(value, len(common)) for value in values], np.int64)
    labels = (*common, REST)
    return Column(name, Kind.SHARE, np.eye(len(labels))[codes], latest, labels)


def words(texts: Sequence[str], latest: Mask) -> Column:
    """Which of the commonest words each text has."""
    said = [{token.word for token in tokens(text)} for text in texts]
    counts = Counter(word for each in said for word in sorted(each))
    common = tuple(word for word, _ in counts.most_common(_WORDS))
    place = {word: n for n, word in enumerate(common)}
    values = np.zeros((len(texts), len(common)))
    for row, each in zip(values, said, strict=True):
        row[[place[word] for word in each if word in place]] = 1
    return Column("words", Kind.WORDS, values, latest, common)


_NUMBERS: Mapping[str, Callable[[Listing], float]] = {
    "words in the title": lambda one: len(one.title.split()),
    "log words in the description": lambda one: float(np.log1p(len(one.description.split()))),
    "photos": lambda one: len(one.photos),
}


def _sample(
    listings: ListingStore, keys: list[ListingKey], most: int, draw: np.random.Generator
) -> list[Stored]:
    if len(keys) > most:
        keys = [keys[n] for n in np.sort(draw.choice(len(keys), most, replace=False)).tolist()]
    found: list[Stored] = []
    for start in range(0, len(keys), _READ):
        some = listings.get_by_key(keys[start : start + _READ])
        found += (some[key] for key in keys[start : start + _READ] if key in some)
    return found


def _photo_columns(windows: Windows, blobs: BlobStore) -> Iterator[Column]:
    shapes, looks, of_shape, of_look = [], [], [], []
    for latest, stored in ((False, windows.reference), (True, windows.latest)):
        firsts = [one.listing.photos[0] for one in stored if one.listing.photos]
        shapes += [(np.log(one.width * one.height), one.width / one.height) for one in firsts]
        of_shape += [latest] * len(firsts)
        seen = [look for one in firsts[:_PHOTOS] if (look := _look(blobs, one.blob)) is not None]
        looks += seen
        of_look += [latest] * len(seen)
    for names, values, mask in (
        (("log pixels of a photo", "width to height of a photo"), shapes, of_shape),
        (("brightness of a photo", "contrast of a photo"), looks, of_look),
    ):
        table = np.array(values, np.float64).reshape(-1, 2)
        for n, name in enumerate(names):
            yield Column(name, Kind.NUMBER, table[:, n], np.array(mask, np.bool_))


def _look(blobs: BlobStore, blob: str) -> tuple[float, float] | None:
    """Mean and deviation of the grey values, 0 to 255."""
    try:
        with Image.open(BytesIO(blobs.get(blob))) as photo:  # type: ignore[arg-type]
            photo.draft("L", (64, 64))
            grey = np.asarray(photo.convert("L"), np.float64)
    except (KeyError, OSError, UnidentifiedImageError) as error:
        _log.warning("photo %s cannot be looked at: %s", blob, error)
        return None
    return float(grey.mean()), float(grey.std())


def _embeddings(windows: Windows, models: Models) -> Iterator[Column]:
    if models.embedded is None:
        return
    by_key = {one.key: one.listing for one in windows.all}
    new = {one.key for one in windows.latest}
    keys, vectors = models.embedded(list(by_key))
    if not len(keys):
        return
    latest = np.array([key in new for key in keys], np.bool_)
    yield Column("embeddings", Kind.VECTOR, vectors.astype(np.float64), latest)
    model = models.categories
    if model is None or not model.classes or len(model.weights) != vectors.shape[1] + 1:
        return
    best = model.logits(vectors).argmax(axis=1)
    said = [model.classes[one][0] for one in best.tolist()]
    # Not how often it is wrong: it was fitted to the reference, where it never is.
    yield labelled("predicted root category", said, latest)


def _residuals(rows: Sequence[Listing], latest: Mask, prices: PriceEstimator) -> Iterator[Column]:
    said = prices.estimates(rows)
    found = [
        (n, np.log1p(one.price.minor / 100) - np.log1p(said[one.id].minor / 100))
        for n, one in enumerate(rows)
        if one.price is not None and one.id in said
    ]
    if found:
        places: NDArray[np.int64] = np.array([n for n, _ in found], np.int64)
        values: Floats = np.array([value for _, value in found], np.float64)
        yield Column("log price over its estimate", Kind.NUMBER, values, latest[places])


def _root(listing: Listing) -> str:
    return listing.category[0] if listing.category else "none"


def _county(listing: Listing) -> str:
    place = listing.place
    return (place.county if place is not None else None) or "unknown"
