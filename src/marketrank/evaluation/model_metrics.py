"""Metrics of models over plain arrays: classification, regression of log prices, and recall of
nearest vectors. Exact; higher is better unless said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.types import ListingId, Vectors

Codes = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]
Hits = NDArray[np.float32]
"""For each query 1 where a right answer is among the first k, 0 where none is, and NaN where there
is no right answer at all."""
_SIMILARITIES_AT_ONCE = 16_000_000  # 64 MB of float32


@dataclass(frozen=True, slots=True)
class Classified:
    """How well `n` things were classified. `accuracy` is the share that is right; `macro_f1` the
    mean over classes of 2 · right / (predicted + true), each class weighing the same."""

    accuracy: float
    macro_f1: float
    n: int


@dataclass(frozen=True, slots=True)
class Priced:
    """How near `n` prices were met in logarithms: the share of variance explained (R²), and the
    root mean squared error (lower is better)."""

    log_r2: float
    log_rmse: float
    n: int


@dataclass(frozen=True, slots=True)
class Recall:
    """The share of `n` queries that have a right answer among their first k."""

    value: float
    n: int


def classified(true: Codes, predicted: Codes) -> Classified:
    """Compare codes, both (n,). Any integer is a class of its own: give what the model cannot know
    a code that it cannot predict. The classes of macro-F1 are those that occur on either side.
    Raises BadInput for no rows."""
    _need_rows(true, predicted)
    classes, together = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    truth, guess = together[: len(true)], together[len(true) :]
    right = np.bincount(truth[truth == guess], minlength=len(classes))
    asked = np.bincount(truth, minlength=len(classes))
    said = np.bincount(guess, minlength=len(classes))
    f1 = 2 * right / (asked + said)  # every class occurs on one side at least
    return Classified(float(np.mean(truth == guess)), float(f1.mean()), len(true))


def confusion(true: Codes, predicted: Codes, classes: int) -> NDArray[np.int64]:
    """Shape (classes, classes): how many of each true class, a row, were taken for each class, a
    column. Codes outside 0 … classes - 1 are left out."""
    inside = (true >= 0) & (true < classes) & (predicted >= 0) & (predicted < classes)
    flat = true[inside] * classes + predicted[inside]
    counts: NDArray[np.int64] = np.bincount(flat, minlength=classes**2)
    return counts.reshape(classes, classes)


def priced(true: Floats, predicted: Floats) -> Priced:
    """Compare log prices, both (n,). R² is 1 - residual / total sum of squares around the true
    mean; 0 where all true prices are the same. Raises BadInput for no rows."""
    _need_rows(true, predicted)
    errors = np.asarray(true, np.float64) - predicted
    total = float(np.square(true - np.mean(true, dtype=np.float64)).sum())
    r2 = 1 - float(np.square(errors).sum()) / total if total else 0.0
    return Priced(r2, float(np.sqrt(np.square(errors).mean())), len(true))


def sibling_recall(vectors: Vectors, listings: Sequence[ListingId], k: int = 10) -> Recall:
    """Of the photos whose listing has another one: the share that finds another photo of the same
    listing among the k nearest of all photos but itself. `vectors` (n, dim), and the listing
    of each."""
    return _share(sibling_hits(vectors, listings, k))


def sibling_hits(vectors: Vectors, listings: Sequence[ListingId], k: int = 10) -> Hits:
    """What `sibling_recall` is the mean of, for each photo (n,)."""
    owners = _numbers(listings)
    return _find(vectors, owners, vectors, owners, k, same=True)


def title_to_image_recall(
    titles: Vectors,
    listings: Sequence[ListingId],
    photos: Vectors,
    photo_listings: Sequence[ListingId],
    k: int = 10,
) -> Recall:
    """Of the titles whose listing has a photo: the share that finds one of these among the k
    nearest of all photos. Shapes (n, dim) and (m, dim), and the listing of each row."""
    return _share(title_to_image_hits(titles, listings, photos, photo_listings, k))


def title_to_image_hits(
    titles: Vectors,
    listings: Sequence[ListingId],
    photos: Vectors,
    photo_listings: Sequence[ListingId],
    k: int = 10,
) -> Hits:
    """What `title_to_image_recall` is the mean of, for each title (n,)."""
    numbers = _numbers([*listings, *photo_listings])
    asked, owners = numbers[: len(listings)], numbers[len(listings) :]
    return _find(titles, asked, photos, owners, k, same=False)


def _share(hits: Hits) -> Recall:
    answerable = hits[~np.isnan(hits)]
    return Recall(float(answerable.mean()) if len(answerable) else 0.0, len(answerable))


def _find(
    queries: Vectors, asked: Codes, vectors: Vectors, owners: Codes, k: int, *, same: bool
) -> Hits:
    """Exact, in chunks. Of vectors that are equally near the earlier row comes first. With `same`
    the queries are the vectors, and none finds itself."""
    if len(queries) != len(asked) or len(vectors) != len(owners):
        raise BadInput(
            f"{len(queries)} queries and {len(vectors)} vectors came with {len(asked)} and "
            f"{len(owners)} ids; give one id a row"
        )
    hits = np.full(len(queries), np.nan, np.float32)
    step = max(1, _SIMILARITIES_AT_ONCE // max(1, len(vectors)))
    for first in range(0, len(queries), step):
        rows = slice(first, first + step)
        near = queries[rows] @ vectors.T
        right = asked[rows, None] == owners[None, :]
        if same:
            each = np.arange(len(near))
            near[each, first + each] = -np.inf
            right[each, first + each] = False
        answerable = right.any(axis=1)
        near, right = near[answerable], right[answerable]
        # The best of the right answers decides: how many come before it?
        at = np.where(right, near, -np.inf).argmax(axis=1) if len(near) else np.zeros(0, np.int64)
        best = near[np.arange(len(near)), at][:, None]
        earlier = np.arange(len(vectors))[None, :] < at[:, None]
        before = ((near > best) | ((near == best) & earlier)).sum(axis=1)
        hits[rows][answerable] = before < k
    return hits


def _numbers(listings: Sequence[ListingId]) -> Codes:
    known: dict[ListingId, int] = {}
    return np.array([known.setdefault(id, len(known)) for id in listings], dtype=np.int64)


def _need_rows(true: Floats | Codes, predicted: Floats | Codes) -> None:
    if not len(true) or len(true) != len(predicted):
        raise BadInput(
            f"{len(true)} true and {len(predicted)} predicted values cannot be compared; "
            "give one or more of each"
        )
