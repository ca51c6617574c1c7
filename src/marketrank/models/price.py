"""The price baseline: ridge regression of log price on words, category, place and a few counts.

Amounts in the text are masked first: a price model that reads "£40" has read the answer.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.models.tfidf import (
    Field,
    Floats,
    Rows,
    Terms,
    dense,
    join,
    learn_field,
    learn_terms,
    to_scipy,
)
from marketrank.types import Listing

MOST = 10_000
"""Dearer listings, in whole units of the currency, are neither learned from nor scored: jokes,
and a thin tail that squares would let rule."""

_ALPHA = 1.5  # these four: of a few values each over five folds by leak group, all flat
_TERM_SCALE = 0.3
_COUNT_SCALE = 0.1
_FEWEST = 3
_NUMBER = r"\d[\d,.]*(?:\s?k\b)?"
_AMOUNT = re.compile(
    rf"£\s*{_NUMBER}(?:\s*(?:-|–|to|/)\s*£?\s*{_NUMBER})?"
    # Not the "2 £" of "2 £30 vouchers".
    rf"|{_NUMBER}\s*(?:£(?!\s*\d)|pounds?\b|quid\b|gbp\b)"
    rf"|\bgbp\s*{_NUMBER}",
    re.IGNORECASE,
)


def mask_amounts(text: str) -> str:
    """The text with sums of money ("£40", "£1,200.50", "£20-30", "15 quid") replaced by spaces."""
    return _AMOUNT.sub(" ", text)


def log_price(listing: Listing, currency: str) -> float | None:
    """ln(1 + price in whole units), what the model predicts; None where the price is absent, in
    another currency, 0 or above MOST."""
    price = listing.price
    if price is None or price.currency != currency or not 0 < price.minor <= MOST * 100:
        return None
    return float(np.log1p(price.minor / 100))


@dataclass(frozen=True)
class PriceModel:
    """A linear model of log price. `terms` are category prefixes, county, town and seller type;
    `means` and `scales` (counts,) standardise the counts; `weights` has shape (width, 1)."""

    currency: str
    fields: tuple[Field, ...]
    terms: Terms
    means: Floats
    scales: Floats
    weights: Floats
    bias: float

    def log_prices(self, listings: Sequence[Listing]) -> Floats:
        """Shape (n,): the predicted `log_price` of each listing, whose own price is not read."""
        masked = [_masked(listing) for listing in listings]
        return self._rows(masked).dot(self.weights)[:, 0] + np.float32(self.bias)

    def _rows(self, masked: Sequence[Listing]) -> Rows:
        return _rows(masked, self.fields, self.terms, self.means, self.scales)


def fit_price(listings: Sequence[Listing], *, currency: str) -> PriceModel:
    """Fit on the listings that have a `log_price`. Raises BadInput for fewer than ten, or where
    texts share no word."""
    from sklearn.linear_model import Ridge

    priced = [(one, log_price(one, currency)) for one in listings]
    masked = [_masked(one) for one, target in priced if target is not None]
    targets = np.array([target for _, target in priced if target is not None])
    if len(masked) < 10:
        raise BadInput(
            f"{len(masked)} training listings have a price above 0 and up to {MOST:,} {currency}; "
            "the price model needs 10: ingest more listings, or set the feed's currency"
        )
    fields = (
        learn_field(masked, "text", "words", 1, 2, fewest=2),
        learn_field(masked, "title", "words", 1, 2, fewest=2),
        learn_field(masked, "text", "letters", 3, 5, fewest=3),
    )
    terms = learn_terms((_terms(one) for one in masked), fewest=_FEWEST)
    counts = _counts(masked)
    means, scales = _spread(counts)
    rows = _rows(masked, fields, terms, means, scales)
    # Sparse rows with an intercept: solved by conjugate gradients, to a tolerance of 1e-4.
    model = Ridge(alpha=_ALPHA, solver="sparse_cg").fit(to_scipy(rows), targets)
    weights = model.coef_.astype(np.float32)[:, None]
    return PriceModel(currency, fields, terms, means, scales, weights, float(model.intercept_))


def _masked(listing: Listing) -> Listing:
    """With no amount in its texts, so that not even their lengths tell one."""
    title = " ".join(mask_amounts(listing.title).split())
    description = " ".join(mask_amounts(listing.description).split())
    return replace(listing, title=title, description=description, price=None)


def _rows(
    masked: Sequence[Listing],
    fields: Sequence[Field],
    terms: Terms,
    means: Floats,
    scales: Floats,
) -> Rows:
    known = terms.rows(_terms(one) for one in masked)
    counts = np.nan_to_num((_counts(masked) - means) / scales) * np.float32(_COUNT_SCALE)
    return join(
        [
            *(field.rows(masked) for field in fields),
            replace(known, values=known.values * np.float32(_TERM_SCALE)),
            dense(counts),
        ]
    )


def _terms(listing: Listing) -> Iterator[str]:
    for depth in range(1, len(listing.category) + 1):
        yield "category: " + " / ".join(listing.category[:depth])
    if listing.place is not None:
        yield f"town: {listing.place}"
        if listing.place.county:
            yield f"county: {listing.place.county}"
    if listing.seller_type:
        yield f"seller: {listing.seller_type}"


def _counts(masked: Sequence[Listing]) -> NDArray[np.float32]:
    """Shape (n, 5); NaN for coordinates that are not known."""
    rows = [
        (
            len(one.photos),
            len(one.title),
            np.log1p(len(one.description)),
            _degrees(one.place.latitude if one.place else None),
            _degrees(one.place.longitude if one.place else None),
        )
        for one in masked
    ]
    return np.array(rows, dtype=np.float32).reshape(-1, 5)


def _spread(counts: Floats) -> tuple[Floats, Floats]:
    """Shapes (5,): mean and standard deviation of what is known of each count; 0 and 1 where
    nothing is known or all are the same."""
    known = ~np.isnan(counts)
    n = np.maximum(known.sum(axis=0), 1)
    means = np.nansum(counts, axis=0) / n
    deviations = np.sqrt(np.where(known, (counts - means) ** 2, 0).sum(axis=0) / n)
    scales = np.where(deviations > 0, deviations, 1)
    return means.astype(np.float32), scales.astype(np.float32)


def _degrees(value: float | None) -> float:
    return float("nan") if value is None else value
