"""The recommenders that ours is compared with, each at its best: what they are set to is chosen on
the last event of each buyer in the training part, as ours is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from marketrank.buyers.recommend import ease, ials, item_knn
from marketrank.buyers.recommend.histories import Floats, Histories, Ints
from marketrank.buyers.recommend.item_knn import Likeness
from marketrank.buyers.recommend.popularity import popularity
from marketrank.buyers.recommend.signals import Signal, best, portions, without_seen

K = 10
POPULARITY, ITEM_KNN, EASE, IALS = PEERS = ("popularity", "item_knn", "ease", "ials")
_LIKENESSES = tuple(
    Likeness(power, shrinkage, neighbours)
    for power, shrinkage, neighbours in (
        (0.5, 0.0, 100),
        (0.5, 20.0, 100),
        (0.5, 20.0, 500),
        (0.5, 100.0, 500),
        (0.3, 20.0, 500),
        (0.3, 100.0, 500),
    )
)
_PENALTIES = (50.0, 200.0, 500.0, 1000.0, 2000.0)
_ASKED = 3_000
"""Buyers that choose, at most."""
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Factors:
    """What iALS is set to: see `ials.fit`."""

    factors: int
    regularisation: float
    weight: float


_FACTORS = tuple(
    Factors(*each)
    for each in (
        (8, 50.0, 1.0),
        (16, 10.0, 1.0),
        (16, 30.0, 3.0),
        (32, 1.0, 1.0),
        (32, 10.0, 10.0),
        (64, 10.0, 1.0),
        (64, 30.0, 5.0),
        (128, 30.0, 5.0),
    )
)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What each peer does best with, and NDCG@10 of every trial on the validation events."""

    likeness: Likeness
    penalty: float
    factors: Factors
    trials: tuple[tuple[str, float], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            ITEM_KNN: asdict(self.likeness),
            EASE: {"penalty": self.penalty},
            IALS: asdict(self.factors),
            "trials": dict(self.trials),
        }


@dataclass(frozen=True, eq=False)
class LastEvents:
    """Of `before`, the histories without them: the buyers who have something left, and what they
    turned to next."""

    before: Histories
    buyers: Ints
    listings: Ints


def last_events(histories: Histories, place: int = 0) -> LastEvents:
    """Take the events away that have at most `place` later ones of the same buyer; those with just
    so many are to be foretold."""
    before = histories.where(histories.from_end > place)
    asked = histories.from_end == place
    buyer, listing = histories.buyer[asked], histories.listing[asked]
    known = before.lengths[buyer] > 0
    return LastEvents(before, buyer[known], listing[known])


def tune(histories: Histories, *, seed: int, told: Told = lambda done, total: None) -> Tuned:
    """Choose by NDCG@10 of a full ranking. Where nobody has two events, the first of each grid."""
    split = last_events(histories)
    asked = np.random.default_rng(seed).permutation(len(split.buyers))[:_ASKED]
    asked.sort()
    split = LastEvents(split.before, split.buyers[asked], split.listings[asked])
    total = len(_LIKENESSES) + len(_PENALTIES) + len(_FACTORS)
    scores: dict[Any, float] = {}
    if len(asked):
        for choice, signal in _trials(split.before, seed):
            scores[choice] = float(ndcg(split, signal).mean())
            told(len(scores), total)
    told(total, total)
    return Tuned(
        max(_LIKENESSES, key=lambda one: scores.get(one, 0.0)),
        max(_PENALTIES, key=lambda one: scores.get(one, 0.0)),
        max(_FACTORS, key=lambda one: scores.get(one, 0.0)),
        tuple((str(choice), value) for choice, value in scores.items()),
    )


def _trials(before: Histories, seed: int) -> Iterator[tuple[Any, Signal]]:
    yield from zip(_LIKENESSES, item_knn.fit_all(before, _LIKENESSES), strict=True)
    for penalty in _PENALTIES:
        yield penalty, ease.fit(before, penalty=penalty)
    for factors in _FACTORS:
        yield factors, ials.fit(before, **asdict(factors), seed=seed)


def fitted(histories: Histories, tuned: Tuned, *, seed: int) -> Mapping[str, Signal]:
    """All PEERS by name."""
    return {
        POPULARITY: popularity(histories),
        ITEM_KNN: item_knn.fit(histories, tuned.likeness),
        EASE: ease.fit(histories, penalty=tuned.penalty),
        IALS: ials.fit(histories, **asdict(tuned.factors), seed=seed),
    }


def ranked(histories: Histories, signal: Signal, rows: Ints) -> Ints:
    """The first K listings of each buyer (rows, K) that they had nothing to do with; see
    `signals.best`."""
    found = [np.zeros((0, K), np.int64)]
    for some in portions(rows, histories.listings):
        (scores,) = signal(some).values()
        found.append(best(without_seen(scores, histories, some), K))
    return np.concatenate(found)


def ndcg(split: LastEvents, signal: Signal) -> Floats:
    """NDCG@10 (buyers,) of one relevant listing each."""
    hits = ranked(split.before, signal, split.buyers) == split.listings[:, np.newaxis]
    return np.asarray(hits @ (1 / np.log2(np.arange(K) + 2)), np.float32)
