"""Learning how far prices lie from their estimates, from listings that the model had not seen."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.models.price import PriceModel, fit_price, log_price
from marketrank.models.price_interval import PriceInterval, fit_interval
from marketrank.pipelines.training_data import TrainingData
from marketrank.types import Listing

FOLDS = 4
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LearnedIntervals:
    """`interval` goes with the model that is kept. `metrics` are of the same recipe without the
    test part, scored on it: `coverage`, the share of prices inside, and `log_width`."""

    interval: PriceInterval
    metrics: dict[str, Any]


def learn_intervals(
    data: TrainingData, model: PriceModel | None, *, currency: str
) -> LearnedIntervals | None:
    """`model` was fitted to the training part. What it misses on the other parts is known; for the
    training part itself models of FOLDS folds by leak group say it (cross-conformal prediction:
    Vovk, Annals of Mathematics and Artificial Intelligence 2015).

    None, with a warning, where too few prices were held out.
    """
    if model is None:
        return None
    train, validation, test = ([data.listings[row] for row in rows] for rows in data.rows())
    folds = data.group_numbers()[data.rows()[0]] % FOLDS
    known = [*_cross_missed(train, folds, currency), *_missed(model, validation, currency)]
    held = _missed(model, test, currency)
    try:
        measured = _fit(known)
        interval = _fit([*known, *held])
    except BadInput as error:
        _log.warning("no price interval: %s", error)
        return None
    return LearnedIntervals(interval, _score(measured, held))


_Missed = list[tuple[Listing, float]]
"""Listings with a price, and their log price minus what was said."""


def _missed(model: PriceModel, listings: Sequence[Listing], currency: str) -> _Missed:
    priced = [(one, log_price(one, currency)) for one in listings]
    kept = [(one, true) for one, true in priced if true is not None]
    said = model.log_prices([one for one, _ in kept]).tolist() if kept else []
    return [(one, true - guess) for (one, true), guess in zip(kept, said, strict=True)]


def _cross_missed(listings: Sequence[Listing], folds: NDArray[np.int64], currency: str) -> _Missed:
    missed: _Missed = []
    for fold in range(FOLDS):
        taught = [one for one, of in zip(listings, folds.tolist(), strict=True) if of != fold]
        asked = [one for one, of in zip(listings, folds.tolist(), strict=True) if of == fold]
        try:
            missed += _missed(fit_price(taught, currency=currency), asked, currency)
        except BadInput as error:  # a small market: the other parts must do
            _log.warning("fold %d of the price interval is left out: %s", fold, error)
    return missed


def _fit(missed: _Missed) -> PriceInterval:
    return fit_interval([one for one, _ in missed], np.array([miss for _, miss in missed]))


def _score(interval: PriceInterval, held: _Missed) -> dict[str, Any]:
    """Of misses around an estimate of 0; {} for none."""
    if not held:
        return {}
    ends = interval.around([one for one, _ in held], np.zeros(len(held)))
    missed = np.array([miss for _, miss in held])
    inside = (ends[:, 0] <= missed) & (missed <= ends[:, 1])
    width = float((ends[:, 1] - ends[:, 0]).mean())
    return {"coverage": float(inside.mean()), "log_width": width}
