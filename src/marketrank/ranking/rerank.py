"""Reordering the best candidates: fresher first where they fit alike, unlike ones side by side,
not too many of one seller, and repeats behind their first.

A fixed window of the best candidates is reordered as a whole, whatever page is asked for, so that
pages join without gap or repeat. Nothing leaves the answer but repeats, which stay named.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates
from marketrank.types import Vectors

Keys = NDArray[np.int64]
Floats = NDArray[np.float32]
SELLER_SPAN = 24
"""Results in a row among which a seller's are counted: a page."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the window is reordered; see the settings of the same names in `config`."""

    window: int
    diversity: float
    seller_cap: int
    half_life_days: float
    freshness_floor: float
    collapse_repeats: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the window's candidates: `vectors` (n, dim), zeros where there is none;
    `ages_days` (n,); `sellers` (n,), 0 where not known; `originals` (n,), the key of the listing
    whose words each one repeats, else its own."""

    vectors: Vectors
    ages_days: NDArray[np.float64]
    sellers: NDArray[np.int32]
    originals: Keys


@dataclass(frozen=True, slots=True)
class Reranked:
    """`repeats` holds, by key of a candidate, the keys of the repeats that stand behind it."""

    candidates: Candidates
    repeats: Mapping[int, tuple[int, ...]]


def rerank(candidates: Candidates, facts: Facts, rules: Rules) -> Reranked:
    """Reorder the first candidates, as many as `facts` tells of; the others follow as they are.

    Scores are handed out again from the best down, so that they fall with the position: they say
    how well the window fits, and the order which of it comes first.
    """
    n = len(facts.sellers)
    keys, scores = candidates.keys[:n], candidates.scores[:n]
    kept, repeats = np.arange(n), dict[int, tuple[int, ...]]()
    if rules.collapse_repeats:
        kept, repeats = collapse(keys, facts.originals)
    # Ascending keys: equal values are settled by the first row.
    kept = kept[np.argsort(keys[kept])]
    fitting = fit(scores[kept]) * freshness(facts.ages_days[kept], rules)
    order = kept[pick(fitting, facts.vectors[kept], facts.sellers[kept], rules)]
    rows = np.concatenate([order, np.arange(n, len(candidates.keys))])
    fallen = np.concatenate([np.sort(scores)[::-1][: len(order)], candidates.scores[n:]])
    reordered = Candidates(
        candidates.keys[rows],
        fallen.astype(np.float32),
        {name: ranks[rows] for name, ranks in candidates.ranks.items()},
        {name: parts[rows] for name, parts in candidates.parts.items()},
    )
    return Reranked(reordered, repeats)


def fit(scores: Floats) -> NDArray[np.float64]:
    """Scores spread over 0 to 1, whatever scale fusion gave them; 1 where all are equal."""
    if len(scores) == 0:
        return np.empty(0)
    low, high = float(scores.min()), float(scores.max())
    if high == low:
        return np.ones(len(scores))
    return (scores.astype(np.float64) - low) / (high - low)


def freshness(ages_days: NDArray[np.float64], rules: Rules) -> NDArray[np.float64]:
    """From 1 for a listing of this moment down to the floor, halfway there after the half-life."""
    decay = np.exp2(-np.maximum(ages_days, 0) / rules.half_life_days)
    return np.asarray(rules.freshness_floor + (1 - rules.freshness_floor) * decay)


def collapse(keys: Keys, originals: Keys) -> tuple[Keys, dict[int, tuple[int, ...]]]:
    """The rows of the first candidate of each group of repeats, and by its key those behind it."""
    leaders: dict[int, int] = {}
    behind: dict[int, list[int]] = {}
    rows = []
    for row, (key, original) in enumerate(zip(keys.tolist(), originals.tolist(), strict=True)):
        if original in leaders:
            behind.setdefault(leaders[original], []).append(key)
        else:
            leaders[original] = key
            rows.append(row)
    return np.array(rows, np.int64), {key: tuple(others) for key, others in behind.items()}


def pick(
    fitting: NDArray[np.float64], vectors: Vectors, sellers: NDArray[np.int32], rules: Rules
) -> Keys:
    """The order of maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each time
    the row with the highest (1 - diversity) · fit - diversity · (similarity to the most similar
    row before it), ties by row.

    A seller with `seller_cap` rows among the last ones waits, unless only such rows are left.
    """
    share = rules.diversity
    alike = np.maximum(vectors @ vectors.T, 0) * np.float32(share)
    value = ((1 - share) * fitting).astype(np.float32)
    nearest, worth = np.zeros(len(value), np.float32), np.empty(len(value), np.float32)
    waiting = _Waiting(sellers, rules.seller_cap)
    order: list[int] = []
    for _ in range(len(value)):
        np.subtract(value, nearest, out=worth)
        best = int(worth.argmax())
        if waiting.rows[best]:
            allowed = np.where(waiting.rows, -np.inf, worth)
            first = int(allowed.argmax())
            best = first if allowed[first] > -np.inf else best
        order.append(best)
        value[best] = -np.inf
        waiting.add(best)
        np.maximum(nearest, alike[best], out=nearest)
    return np.array(order, np.int64)


class _Waiting:
    """The rows of sellers that have as many rows among the last ones as the cap allows."""

    def __init__(self, sellers: NDArray[np.int32], cap: int) -> None:
        self.rows = np.zeros(len(sellers), np.bool_)
        self._sellers, self._numbers = sellers, sellers.tolist()
        self._cap = cap
        self._recent: deque[int] = deque()
        self._counts: Counter[int] = Counter()

    def add(self, row: int) -> None:
        """A row takes the next place."""
        self._recent.append(self._numbers[row])
        self._count(self._recent[-1], 1)
        if len(self._recent) == SELLER_SPAN:
            self._count(self._recent.popleft(), -1)

    def _count(self, seller: int, by: int) -> None:
        if not (seller and self._cap):
            return
        before = self._counts[seller] >= self._cap
        self._counts[seller] += by
        after = self._counts[seller] >= self._cap
        if before != after:
            self.rows[self._sellers == seller] = after
