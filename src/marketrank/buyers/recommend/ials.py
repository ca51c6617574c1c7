"""iALS: factors of weighted implicit feedback (Hu, Koren and Volinsky, ICDM 2008), by the library
`implicit`."""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from marketrank.buyers.recommend.histories import Floats, Histories, Ints
from marketrank.buyers.recommend.signals import Scores
from marketrank.errors import MissingExtra


@dataclass(frozen=True, eq=False)
class Ials:
    """Fitted; see `fit`."""

    buyers: Floats
    listings: Floats

    def __call__(self, rows: Ints) -> Scores:
        return {"ials": self.buyers[rows] @ self.listings.T}


def fit(
    histories: Histories,
    *,
    factors: int,
    regularisation: float,
    weight: float,
    seed: int,
    rounds: int = 15,
) -> Ials:
    """A pair that occurs weighs `weight` above one that does not. Raises MissingExtra without the
    library."""
    try:
        from implicit.als import AlternatingLeastSquares
    except ModuleNotFoundError as error:
        raise MissingExtra("iALS, which recommenders are compared with,", "train") from error
    if not len(histories.buyer):
        return Ials(
            np.zeros((histories.buyers, factors), np.float32),
            np.zeros((histories.listings, factors), np.float32),
        )
    with threadpool_limits(1, "blas"):  # the library has threads of its own
        model = AlternatingLeastSquares(
            factors=factors,
            regularization=regularisation,
            alpha=weight,
            iterations=rounds,
            random_state=seed,
        )
        model.fit(histories.matrix, show_progress=False)
    return Ials(
        np.nan_to_num(np.asarray(model.user_factors, np.float32)),
        np.nan_to_num(np.asarray(model.item_factors, np.float32)),
    )
