"""The ranker: the last word on the order of the best candidates of a query.

`Material` is what an engine gives it to look at; how it judges is one function, `Judge`, from the
table of features to scores. Without a learned one the order is `features.prior`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates
from marketrank.people import Surface
from marketrank.ranking.features import FEEDBACK, NAMES, Asked, Floats, prior, table
from marketrank.ranking.feedback import similarity_to_best
from marketrank.ranking.seen import SeenTable
from marketrank.ranking.session_features import Facts
from marketrank.types import Vectors

Keys = NDArray[np.int64]


Contributions = Callable[[Floats, Keys], tuple[NDArray[np.float64], tuple[str, ...]]]
"""From features (n, f) and some of their rows (r,) to what each adds to the scores of these,
(r, m), and the names of its columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What a learned ranker saw of the candidates that it ordered: `features` (n, len(names)), in
    the order of `keys`; and what explains its scores, None where it cannot say."""

    keys: Keys
    names: tuple[str, ...]
    features: Floats
    contributions: Contributions | None


def _nobody(looked: Looked) -> None:
    """Nobody asks."""


@dataclass(frozen=True, slots=True)
class Material:
    """What is known of a query and its candidates. `query` is its vector, (1, dim); `near` gives
    scores of keys for a vector as shares of the highest possible; `facts` tells what a buyer sees
    of listings; these are asked only where a model looks at them. `surface` is None for words
    that nobody is shown the answer of. `saw` is told what a learned ranker looked at."""

    query: Vectors | None
    vectors_of: Callable[[Keys], Vectors | None]
    near: Callable[[Vectors, Keys], Floats]
    asked: Callable[[], Asked]
    seen: Callable[[Keys], SeenTable]
    facts: Callable[[Keys], Facts] = field(default=lambda keys: Facts(len(keys)))
    surface: Surface | None = None
    saw: Callable[[Looked], None] = _nobody


class Ranker(Protocol):
    """Puts candidates in order."""

    def rank(self, candidates: Candidates, material: Material) -> Candidates:
        """The same candidates; only the first few may have changed places."""


class NoopRanker:
    """Leaves the order of the fusion."""

    def rank(self, candidates: Candidates, material: Material) -> Candidates:
        return candidates


class ShuffleRanker:
    """Shuffles the first `depth`, the same ones always in the same way: what a ranking is worth
    that knows nothing."""

    def __init__(self, depth: int) -> None:
        self._depth = depth

    def rank(self, candidates: Candidates, material: Material) -> Candidates:
        top = head(candidates, self._depth)
        # Not of the order that they came in: that would let a better fusion shuffle better.
        digest = hashlib.blake2b(np.sort(top.keys).tobytes(), digest_size=8).digest()
        chances = np.random.default_rng(int.from_bytes(digest)).random(len(top.keys))
        return reorder(candidates, chances.astype(np.float32)[np.argsort(np.argsort(top.keys))])


class FeedbackRanker:
    """Orders the first `depth` of a query of words by `features.prior`: nothing is learned."""

    def __init__(self, depth: int) -> None:
        self._depth = depth

    def rank(self, candidates: Candidates, material: Material) -> Candidates:
        if not _of_words(material):
            return candidates
        top = head(candidates, self._depth)
        similar = feedback(top, material, FEEDBACK[0])
        return reorder(candidates, prior(top, similar))


class LearnedRanker:
    """Orders the first `depth` of a query of words by what `judge` says of their features. One with
    `contributions`, as ltr.Judge, can be explained."""

    def __init__(self, depth: int, judge: Callable[[Floats], Floats]) -> None:
        self._depth = depth
        self._judge = judge

    def rank(self, candidates: Candidates, material: Material) -> Candidates:
        if not _of_words(material):
            return candidates
        top = head(candidates, self._depth)
        features = look(top, material)
        explain = getattr(self._judge, "contributions", None)
        material.saw(Looked(top.keys, NAMES, features, explain))
        return reorder(candidates, self._judge(features))


def _of_words(material: Material) -> bool:
    return material.surface in {None, Surface.SEARCH}


def look(candidates: Candidates, material: Material) -> Floats:
    """The features of candidates, shape (n, len(features.NAMES))."""
    similar = {best: feedback(candidates, material, best) for best in FEEDBACK}
    return table(material.asked(), material.seen(candidates.keys), candidates, similar)


def feedback(candidates: Candidates, material: Material, best: int) -> Floats:
    """Zeros for a request without a vector; see `feedback.similarity_to_best`."""
    if material.query is None:
        return np.zeros(len(candidates.keys), np.float32)
    return similarity_to_best(candidates, material.query, best, material.vectors_of, material.near)


def head(candidates: Candidates, depth: int) -> Candidates:
    """The first `depth`."""
    return candidates.take(np.arange(min(depth, len(candidates.keys))))


def reorder(candidates: Candidates, scores: Floats) -> Candidates:
    """The first candidates by `scores` (n,), ties by key, and the others behind them as they were.
    The places keep their fused scores, so that a list never mixes two scales."""
    n = len(scores)
    order = np.arange(len(candidates.keys))
    order[:n] = np.lexsort((candidates.keys[:n], -scores))
    ordered = candidates.take(order)
    return Candidates(ordered.keys, candidates.scores, ordered.ranks, ordered.parts)
