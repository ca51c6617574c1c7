"""A query of a picture and words: "this chair, but in blue"."""

import numpy as np

from marketrank.types import Vectors


def refined(shown: Vectors, words: Vectors, share: float) -> Vectors:
    """Shape (1, dim), unit length: between what is shown (a photo, a listing) and words about it.

    `share` of the similarity that the mixture finds is to the words, the rest to what is shown:
    q·x is (1 - share) · shown·x + share · words·x, but for a common factor. Both are unit vectors
    of one encoder; Rocchio's move of a query towards what is wanted (1971) in one step.
    """
    mixed = (1 - share) * shown + share * words
    length = float(np.linalg.norm(mixed))
    if length < 1e-6:  # they point away from each other: what is shown decides
        return shown
    unit: Vectors = (mixed / length).astype(np.float32)
    return unit
