"""Words and vectors together: what both find, each one's score of what only the other found, and
one list of candidates. The engine and the evaluation of relevance call these same functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates, Hits
from marketrank.errors import BadSettings
from marketrank.ports import Encoder, TextIndex, VectorIndex
from marketrank.retrieval.fusion import by_confidence, reciprocal_rank, union
from marketrank.types import Mask, Vectors

TEXT, VECTOR = "text", "vector"
_PROBE = "oak table"
_NO_HITS = Hits(np.empty(0, np.int64), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for: a text, "" for none; and a vector, shape (1, dim), None for none.
    `ceiling` is the highest score that a listing's vector can have for such a vector; `weights`
    are those of the text by TextIndex.weights, where somebody has asked for them already."""

    text: str
    vector: Vectors | None
    ceiling: float = 1.0
    weights: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Indexes:
    """Where to look."""

    text: TextIndex
    vectors: VectorIndex

    def search(self, name: str, asked: Asked, k: int, allowed: Mask | None) -> Hits:
        """One retriever's k best."""
        if name == TEXT:
            return self.text.search(asked.text, k, allowed)
        return _NO_HITS if asked.vector is None else self.vectors.search(asked.vector, k, allowed)

    def near(self, vector: Vectors, keys: NDArray[np.int64]) -> NDArray[np.float32]:
        """The scores of these keys for a vector, shape (1, dim): (n,), 0 where a key has none."""
        return self.vectors.scores_of(vector, keys)


def text_ceiling(encoder: Encoder) -> float:
    """The score of a listing without photos that says just what a query says: 1 where texts fill
    the vector, less where a listing's vector keeps a part for photos."""
    listing = encoder.encode_listings([_PROBE], [[]])
    return float((listing @ encoder.encode_query(_PROBE, None).T).item())


def retrieve(
    indexes: Indexes, asked: Asked, allowed: Mask | None, *, text_depth: int, vector_depth: int
) -> dict[str, Hits]:
    """Each retriever's best hits for what is asked of it; {} where nothing is."""
    hits: dict[str, Hits] = {}
    if asked.text.strip():
        hits[TEXT] = indexes.search(TEXT, asked, text_depth, allowed)
    if asked.vector is not None:
        hits[VECTOR] = indexes.search(VECTOR, asked, vector_depth, allowed)
    return hits


def fuse(
    method: str, indexes: Indexes, asked: Asked, hits: Mapping[str, Hits], *, fusion_k: int
) -> Candidates:
    """One list of all that `retrieve` found. `method` is a name of METHODS; `fusion_k` is the
    constant of reciprocal ranks. Raises BadSettings, listing the known ones, for another name."""
    if method not in METHODS:
        raise BadSettings(f"unknown fusion {method!r}; known are {', '.join(sorted(METHODS))}")
    return METHODS[method](indexes, asked, hits, fusion_k)


def _confidence(
    indexes: Indexes, asked: Asked, hits: Mapping[str, Hits], fusion_k: int
) -> Candidates:
    weights = indexes.text.weights(asked.text) if asked.weights is None else asked.weights
    best = {TEXT: sum(weights.values()), VECTOR: asked.ceiling}
    whole = _complete(indexes, asked, hits)
    return by_confidence(
        hits,
        {name: Hits(each.keys, each.scores / (best[name] or 1.0)) for name, each in whole.items()},
    )


def _reciprocal_rank(
    indexes: Indexes, asked: Asked, hits: Mapping[str, Hits], fusion_k: int
) -> Candidates:
    return reciprocal_rank(hits, k=fusion_k)


METHODS: Mapping[str, Callable[[Indexes, Asked, Mapping[str, Hits], int], Candidates]] = {
    "confidence": _confidence,
    "reciprocal_rank": _reciprocal_rank,
}


def _complete(indexes: Indexes, asked: Asked, hits: Mapping[str, Hits]) -> dict[str, Hits]:
    """Add to each retriever's hits its scores of what only others found, in no order: a listing
    below one's depth is not without a score there, and would else lose to worse ones. All were
    allowed the same listings."""
    found = union(each.keys for each in hits.values())
    if len(found) == 0 or len(hits) == 1:
        return dict(hits)
    whole = {}
    for name, each in hits.items():
        if each.whole:
            whole[name] = each
            continue
        missing = np.delete(found, np.searchsorted(found, each.keys))
        more = _scored(indexes, name, asked, missing) if len(missing) else _NO_HITS
        whole[name] = Hits(
            np.concatenate([each.keys, more.keys]), np.concatenate([each.scores, more.scores])
        )
    return whole


def _scored(indexes: Indexes, name: str, asked: Asked, keys: NDArray[np.int64]) -> Hits:
    """One retriever's scores of these keys, as far as it has any."""
    if name == VECTOR and asked.vector is not None:
        return Hits(keys, indexes.near(asked.vector, keys))
    return indexes.search(name, asked, len(keys), _only(keys))


def _only(keys: NDArray[np.int64]) -> Mask:
    """A mask of these keys, of which there is at least one."""
    mask = np.zeros(int(keys.max()) + 1, np.bool_)
    mask[keys] = True
    return mask
