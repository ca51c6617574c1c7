"""What arrived since the build, over the build."""

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Hits
from marketrank.retrieval.exact_index import ExactRows, ExactSegment, best
from marketrank.retrieval.vector_index import Base
from marketrank.types import Mask, Vectors


class LayeredIndex:
    """A key in the segment hides its older vector in the base. What has ended is not here but in
    the mask of each request. Implements ports.VectorIndex."""

    def __init__(self, base: Base, segment: ExactSegment) -> None:
        self._base = base
        self._segment = segment
        self._hidden: tuple[ExactRows | None, NDArray[np.int64]] = (None, np.empty(0, np.int64))

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> Hits:
        """The k best among `allowed` (None: all). `query` has shape (1, dim)."""
        fresh = self._segment.rows()
        hidden = self._hidden_rows(fresh)
        rows = None
        if allowed is not None:
            rows = self._base.rows_of(allowed)
            rows[hidden] = False
        elif len(hidden):
            rows = np.ones(len(self._base.keys), np.bool_)
            rows[hidden] = False
        old = self._base.search_rows(query, k, rows)
        if len(fresh.keys) == 0:
            return old
        new = fresh.search(query, k, allowed)
        return best(
            np.concatenate([old.keys, new.keys]), np.concatenate([old.scores, new.scores]), k
        )

    def vectors_of(self, keys: NDArray[np.int64]) -> Vectors:
        """See ports.VectorIndex."""
        found = self._base.vectors_of(keys)
        if len(self._segment.rows().keys):
            held, fresh = self._segment.found(keys)
            found[held] = fresh[held]
        return found

    def scores_of(self, query: Vectors, keys: NDArray[np.int64]) -> NDArray[np.float32]:
        """See ports.VectorIndex."""
        scores = self._base.scores_of(query, keys)
        if len(self._segment.rows().keys):
            held, fresh = self._segment.found_scores(query, keys)
            scores[held] = fresh
        return scores

    def _hidden_rows(self, fresh: ExactRows) -> NDArray[np.int64]:
        """The base's rows whose keys are in the segment; worked out once per state of it."""
        held, rows = self._hidden
        if held is not fresh:
            rows = np.flatnonzero(np.isin(self._base.keys, fresh.keys))
            self._hidden = (fresh, rows)
        return rows
