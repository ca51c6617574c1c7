"""Feedback from the best candidates: what they have in common is what was meant.

Pseudo-relevance feedback in the space of vectors (Rocchio, 1971; Li, Mourad, Zhuang, Koopman and
Zuccon, "Pseudo relevance feedback with deep language models and dense retrievers", TOIS 2023). A
candidate near the mean of the best few rises, one that only shares a word with the query falls.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates
from marketrank.types import Vectors

Keys = NDArray[np.int64]
Floats = NDArray[np.float32]


def similarity_to_best(
    candidates: Candidates,
    query: Vectors,
    best: int,
    vectors_of: Callable[[Keys], Vectors | None],
    near: Callable[[Vectors, Keys], Floats],
) -> Floats:
    """Each candidate's score by `near` for the mean of the `best` first, weighed by their scores;
    shape (n,). `query` is (1, dim): what it does not speak about, as a query of words leaves a
    photo's part of the vector empty, is left out of the mean too. Zeros where `vectors_of` the
    best are not known."""
    keys = candidates.keys[:best]
    held = vectors_of(keys) if len(keys) else None
    if held is None:
        return np.zeros(len(candidates.keys), np.float32)
    weights = np.maximum(candidates.scores[: len(keys)], np.float32(1e-6))
    mean = (weights @ held) * (query[0] != 0)
    length = float(np.linalg.norm(mean))
    if length == 0:
        return np.zeros(len(candidates.keys), np.float32)
    return near((mean / length)[np.newaxis].astype(np.float32), candidates.keys)
