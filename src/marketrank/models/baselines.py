"""The baselines: linear models on words and small photos, the floor of every report.

scikit-learn fits them; scoring needs numpy alone. None of them reads a label of its own task: the
category models read no category.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput, MissingExtra
from marketrank.models.labels import UNKNOWN, Labels
from marketrank.models.probabilities import log_loss, logs, mean_by_owner, softmax
from marketrank.models.tfidf import Field, Floats, join, learn_field, to_scipy
from marketrank.types import Listing

_TEXT_C = 0.2  # of 0.1 … 1 over five folds by leak group; flat between 0.1 and 0.5
_PHOTO_C = 0.03
_PHOTO_ROUNDS = 60  # lbfgs; stopping early costs no accuracy (0.274 at 60 and at convergence)
_TEMPERATURES = np.geomspace(0.5, 20, 60)
_PHOTO_SHARES = np.linspace(0, 1, 21)


@dataclass(frozen=True)
class TextCategory:
    """Category from the text: a linear support vector machine, one class against the rest, on
    words and letters. Weights (terms of all fields, k), bias (k,).

    Probabilities are softmax(temperature · margins), with the temperature that makes the
    validation data likeliest (Guo et al., On calibration of modern neural networks, ICML 2017).
    """

    fields: tuple[Field, ...]
    weights: Floats
    bias: Floats
    temperature: float

    def probabilities(self, listings: Sequence[Listing]) -> Floats:
        """Shape (n, k), rows add up to 1."""
        return softmax(self.temperature * self.margins(listings))

    def margins(self, listings: Sequence[Listing]) -> Floats:
        rows = join([field.rows(listings) for field in self.fields])
        return rows.dot(self.weights) + self.bias


@dataclass(frozen=True)
class PhotoCategory:
    """Category from one small photo: multinomial logistic regression on `small_photos`. Weights
    (WIDTH, k), bias (k,)."""

    weights: Floats
    bias: Floats

    def of_described(self, described: Floats) -> Floats:
        """Shape (m, k) for described photos (m, WIDTH)."""
        return softmax(described @ self.weights + self.bias)


def need_scikit_learn() -> None:
    """Raises MissingExtra where scikit-learn, which fitting needs, is not installed."""
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingExtra("fitting baselines", "train") from error


def fit_text_category(
    listings: Sequence[Listing], codes: NDArray[np.int64], *, classes: int, seed: int
) -> TextCategory:
    """Fit on listings with these label codes; UNKNOWN ones do not count. The temperature is 1
    until `calibrated`. Raises BadInput where a class has no member or texts share no word."""
    from sklearn.svm import LinearSVC

    known = [listing for listing, code in zip(listings, codes, strict=True) if code != UNKNOWN]
    targets = _complete(codes, classes, "listings")
    fields = (
        learn_field(known, "text", "words", 1, 2, fewest=2),
        learn_field(known, "text", "letters", 2, 5, fewest=3),
        learn_field(known, "title", "words", 1, 2, fewest=2),
    )
    rows = join([field.rows(known) for field in fields])
    model = LinearSVC(C=_TEXT_C, class_weight="balanced", random_state=seed)
    model.fit(to_scipy(rows), targets)
    return TextCategory(fields, *_per_class(model), temperature=1.0)


def calibrated(
    model: TextCategory, listings: Sequence[Listing], codes: NDArray[np.int64]
) -> TextCategory:
    """The model with the temperature of least log loss on listings it has not seen."""
    known = codes != UNKNOWN
    margins = model.margins(listings)[known]
    losses = [log_loss(softmax(t * margins), codes[known]) for t in _TEMPERATURES]
    best = float(_TEMPERATURES[int(np.argmin(losses))])
    return TextCategory(model.fields, model.weights, model.bias, best)


def fit_photo_category(
    described: Floats, codes: NDArray[np.int64], *, classes: int
) -> PhotoCategory:
    """Fit on described photos, (m, WIDTH), with the codes of their listings; UNKNOWN ones do not
    count. Raises BadInput where a class has no photo."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    targets = _complete(codes, classes, "photos")
    model = LogisticRegression(C=_PHOTO_C, max_iter=_PHOTO_ROUNDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # see _PHOTO_ROUNDS
        model.fit(described[codes != UNKNOWN], targets)
    weights, bias = _per_class(model)
    if classes == 2:  # one logit, of the second class against the first
        half = np.float32(0.5)
        weights, bias = half * weights, half * bias
    return PhotoCategory(weights, bias)


def fuse(text: Floats, photos: Floats, owner: NDArray[np.int64], share: float) -> Floats:
    """Late fusion, shape (n, k): the normalised geometric mean of a listing's text probabilities
    and, to the power of `share`, those of its photos (their geometric mean).

    `owner` (m,) is the row of the listing that each photo row belongs to. A listing without a
    photo keeps the probabilities of its text.
    """
    means = mean_by_owner(logs(photos), owner, len(text))
    return softmax(logs(text) + np.float32(share) * means)


def best_photo_share(
    text: Floats, photos: Floats, owner: NDArray[np.int64], codes: NDArray[np.int64]
) -> float:
    """The `share` of `fuse` of least log loss on listings that no model has seen."""
    known = codes != UNKNOWN
    losses = [
        log_loss(fuse(text, photos, owner, float(share))[known], codes[known])
        for share in _PHOTO_SHARES
    ]
    return float(_PHOTO_SHARES[int(np.argmin(losses))])


@dataclass(frozen=True)
class Categories:
    """The category baselines together. `photos` is None where there were no photos to learn
    from: then the text alone decides."""

    labels: Labels
    text: TextCategory
    photos: PhotoCategory | None
    photo_share: float

    def of(
        self, listings: Sequence[Listing], described: Floats, owner: NDArray[np.int64]
    ) -> tuple[Floats, Floats | None, Floats]:
        """The probabilities by text (n, k), of each photo (m, k), and of both together (n, k), for
        listings, their described photos (m, WIDTH) and the listing's row that each belongs to."""
        text = self.text.probabilities(listings)
        if self.photos is None:
            return text, None, text
        photos = self.photos.of_described(described)
        return text, photos, fuse(text, photos, owner, self.photo_share)


def _complete(codes: NDArray[np.int64], classes: int, what: str) -> NDArray[np.int64]:
    """The known codes. Raises BadInput where one of the classes has none."""
    known: NDArray[np.int64] = codes[codes != UNKNOWN]
    lacking = classes - len(np.unique(known))
    if lacking:
        raise BadInput(
            f"{lacking} of {classes} categories have no training {what}; ingest more listings, "
            "or another seed may deal them out better"
        )
    return known


def _per_class(model: Any) -> tuple[Floats, Floats]:
    """Weights (width, k) and bias (k,) of a linear classifier. With two classes scikit-learn
    keeps the second's alone; the first's are its negative."""
    weights, bias = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:
        weights, bias = np.hstack([-weights, weights]), np.concatenate([-bias, bias])
    return weights.astype(np.float32), bias.astype(np.float32)
