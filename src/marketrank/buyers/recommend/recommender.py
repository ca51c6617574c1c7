"""Ours: the best listings of every signal, in the order that foretold what came last in training.

The order is learned in steps. A choice model over all candidates (`wide`) keeps the best few; a
second one (`head`), drawn towards the first, and LambdaMART (`trees`) look at these alone, where
the order matters. Which of them, how much of each, and how much of the best single signal beside
them for histories of each length, is chosen on buyers that they were not fitted to.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.recommend import (
    choice_model,
    cold_start,
    ease,
    ials,
    item_knn,
    transitions,
    trees,
)
from marketrank.buyers.recommend.attributes import Attributes
from marketrank.buyers.recommend.choice_model import ChoiceModel
from marketrank.buyers.recommend.content import Content, affinity
from marketrank.buyers.recommend.histories import Bools, Floats, Histories, Ints
from marketrank.buyers.recommend.peers import PEERS, K, Tuned, last_events
from marketrank.buyers.recommend.pool import Pools, pools
from marketrank.buyers.recommend.popularity import Stages, popularity, trends
from marketrank.buyers.recommend.signals import Signal
from marketrank.buyers.recommend.trees import Trees

Told = Callable[[str, int, int], None]
Doubles = NDArray[np.float64]
PROPOSING = frozenset(
    {"popularity", "item_knn", "knn_late", "ease", "ials", "next", "near", "then_64", "then_24"}
    | {"recent_64", "recent_24", "recent_8", "stage", "words"}
)
RELATIVE = frozenset({"item_knn", "knn_late", "ease", "ials", "next", "near"})
DEMOGRAPHIC = frozenset({"demographics"})
"""Signals that read attributes."""
_SINGLE = (*PEERS, "recent_24", "recent_8")
_DEPTHS = ((100_000, 4), (200_000, 3), (400_000, 2))
"""Events up to which so many last events of each buyer teach."""
_LEFT = 0.5  # of the events, at least, come before those that teach, for signals to be learned from
_ASKED = 8_000  # buyers who teach, of all depths together
_ASKED_AT_ONCE = 5_000  # of one depth
_NARROW = 80
_FOLDS = 3
_PENALTIES = (30.0, 300.0)
_TREES = (0.0, 0.3, 0.6)
_SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)  # of what is learned, beside the best single signal
_SURE = 2.0  # standard errors
BUCKETS = ((1, 2), (3, 9), (10, None))
"""Lengths of histories, both ends included."""


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What is known besides events; `attributes` is None where demographics may not be used."""

    content: Content
    attributes: Attributes | None
    cold: tuple[cold_start.Choice, ...] = ()


@dataclass(frozen=True, eq=False)
class Recommender:
    """Learned; see `learn`. `shares` holds, by bucket, how much the learned order counts beside the
    single signal named `anchor`."""

    wide: ChoiceModel
    head: ChoiceModel
    trees: Trees
    mix: float
    anchor: str
    shares: tuple[float, ...]
    told: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, given: Pools) -> Ints:
        """The first K candidates of each buyer (rows, K), -1 where there are fewer."""
        narrow = given.where(_narrowed(given, self.wide(given), _first_of_single(given)))
        boosted = self.trees(narrow, self.wide(narrow))
        learned = _mixed(narrow, self.head(narrow), boosted, self.mix)
        return top(narrow, _shared(narrow, learned, self.anchor, self.shares))


def signals(histories: Histories, tuned: Tuned, known: Knowledge, *, seed: int) -> list[Signal]:
    """Everything that is fitted to a training part."""
    found: list[Signal] = [
        popularity(histories),
        trends(histories),
        Stages(histories),
        ease.fit(histories, penalty=tuned.penalty),
        ials.fit(histories, **asdict(tuned.factors), seed=seed),
        item_knn.fit(histories, tuned.likeness),
        item_knn.fit(histories, item_knn.Likeness(0.4, 10.0, 100), fading=0.9, name="knn_late"),
        transitions.fit(histories, reach=1, fading=0.3, lift=0.0, name="next"),
        transitions.fit(histories, reach=8, fading=0.8, lift=0.2, name="near"),
        affinity(known.content, histories),
    ]
    if known.attributes is not None and known.cold:
        everybody = np.ones(histories.buyers, np.bool_)
        found.append(cold_start.fit(histories, known.attributes, known.cold, everybody))
    return found


def candidates(
    histories: Histories, fitted: Sequence[Signal], rows: Ints, told: Callable[[int, int], None]
) -> Pools:
    return pools(histories, fitted, rows, proposing=PROPOSING, relative=RELATIVE, told=told)


def depths(histories: Histories) -> int:
    """How many last events of each buyer teach: more where there are few events in all, but no more
    than leave most of them to learn signals from, as there will be when buyers are ranked for."""
    n = len(histories.buyer)
    usual = next((depth for most, depth in _DEPTHS if n <= most), 1)
    left = [np.maximum(histories.lengths - depth - 1, 0).sum() for depth in range(usual)]
    return max(1, sum(int(one >= _LEFT * n) for one in left))


def examples(
    histories: Histories, tuned: Tuned, known: Knowledge, *, seed: int, told: Told
) -> tuple[Pools, Bools] | None:
    """Pools of buyers as they were before their last events, and what they turned to. None where
    nobody has two events."""
    some: list[Pools] = []
    marks: list[Bools] = []
    n = depths(histories)
    random = np.random.default_rng(seed)
    for depth in range(n):
        told("learn: signals", depth, n)
        split = last_events(histories, depth)
        if not len(split.buyers):
            continue
        kept = np.sort(random.permutation(len(split.buyers))[: min(_ASKED // n, _ASKED_AT_ONCE)])
        fitted = signals(split.before, tuned, known, seed=seed)
        made = candidates(
            split.before,
            fitted,
            split.buyers[kept],
            lambda done, total: told("learn: candidates", done, total),
        )
        some.append(made)
        marks.append(_positive(made, split.listings[kept]))
    told("learn: signals", n, n)
    return (_joined(some), np.concatenate(marks)) if some else None


def learn(given: Pools, positive: Bools, *, seed: int, told: Told) -> Recommender:
    """From examples. Where nothing is gained, the best single signal has its say."""
    fold = _folds(given.rows, seed)
    first = _first_of_single(given)
    scores: dict[tuple[float, float], Floats] = {}
    for number in range(_FOLDS):
        told("learn: order", number, _FOLDS)
        inside, outside = _parts(given, fold, number)
        for key, some in _trial(given, positive, first, inside, outside, seed=seed).items():
            whole = scores.setdefault(key, np.full(len(positive), -np.inf, np.float32))
            whole[outside] = some
    values = {key: _ndcg(given, one, positive) for key, one in scores.items()}
    single = {name: _ndcg(given, given.column(name), positive) for name in _SINGLE}
    anchor = max(_SINGLE, key=lambda name: float(single[name].mean()))
    chosen = _simplest(values)
    penalty, mix = chosen
    shares = _choose_shares(given, scores[chosen], positive, anchor)
    wide = choice_model.fit(given, positive, penalty=_PENALTIES[0])
    kept = _narrowed(given, wide(given), first)
    narrow, marks = given.where(kept), positive[kept]
    head = choice_model.fit(narrow, marks, penalty=penalty, start=wide, most=_ASKED)
    boosted = trees.fit(narrow, wide(narrow), marks, seed=seed) if mix else Trees(None)
    told("learn: order", _FOLDS, _FOLDS)
    report = {
        "examples": len(given.rows),
        "found": int(positive.sum()),
        "anchor": anchor,
        "penalty": penalty,
        "trees": mix,
        "shares": list(shares),
        "validation": {name: float(one.mean()) for name, one in single.items()}
        | {f"learned, penalty {p:g}, trees {m:g}": float(v.mean()) for (p, m), v in values.items()},
        "weights": _weights(head, given.names),
    }
    return Recommender(wide, head, boosted, mix, anchor, shares, report)


def _simplest(values: Mapping[tuple[float, float], Doubles]) -> tuple[float, float]:
    """The (penalty, mix) with the strongest penalty and the fewest trees that is not worse than the
    best by more than a standard error (Breiman et al. 1984): among equals chance would choose."""
    best = max(values, key=lambda key: float(values[key].mean()))
    for key in sorted(values, key=lambda key: (-key[0], key[1])):
        behind = values[best] - values[key]
        if behind.mean() <= behind.std() / np.sqrt(max(len(behind), 1)):
            return key
    return best


def top(given: Pools, scores: Floats) -> Ints:
    """The first K listings of each buyer (rows, K), equal scores by number, -1 for none."""
    found = np.full((len(given.rows), K), -1, np.int64)
    group, rank = given.group(), _ranks(given, scores)
    first = (rank < K) & (scores > -np.inf)
    found[group[first], rank[first]] = given.listings[first]
    return found


def _trial(
    given: Pools,
    positive: Bools,
    single: Bools,
    inside: Bools,
    outside: Bools,
    *,
    seed: int,
) -> dict[tuple[float, float], Floats]:
    """By penalty and mix, scores of the candidates `outside`, learned from those `inside`."""
    teaching, asked = given.where(inside), given.where(outside)
    marks = positive[inside]
    wide = choice_model.fit(teaching, marks, penalty=_PENALTIES[0])
    near = _narrowed(teaching, wide(teaching), single[inside])
    far = _narrowed(asked, wide(asked), single[outside])
    narrow, others = teaching.where(near), asked.where(far)
    boosted = trees.fit(narrow, wide(narrow), marks[near], seed=seed)(others, wide(others))
    found: dict[tuple[float, float], Floats] = {}
    for penalty in _PENALTIES:
        head = choice_model.fit(narrow, marks[near], penalty=penalty, start=wide, most=_ASKED)
        first = head(others)
        for mix in _TREES:
            scores = np.full(int(outside.sum()), -np.inf, np.float32)
            scores[far] = _mixed(others, first, boosted, mix)
            found[penalty, mix] = scores
    return found


def _choose_shares(
    given: Pools, learned: Floats, positive: Bools, anchor: str
) -> tuple[float, ...]:
    """By bucket, from what was learned without the buyers that it is tried on: the share that is
    best for all, but where another one is surely better for histories of a bucket's length."""
    bucket = _bucket(_lengths(given))
    kept = learned > -np.inf
    narrow, marks = given.where(kept), positive[kept]
    alone = _ndcg(narrow, narrow.column(anchor), marks)
    gains = np.stack(
        [
            _ndcg(
                narrow,
                _shared(narrow, learned[kept], anchor, [share] * len(BUCKETS)),
                marks,
            )
            - alone
            for share in _SHARES
        ]
    )
    usual = int(np.argmax(gains.mean(axis=1)))
    found = []
    for number in range(len(BUCKETS)):
        ahead = gains[:, bucket == number] - gains[usual, bucket == number]
        n = ahead.shape[1]
        if not n:
            found.append(_SHARES[usual])
            continue
        error = ahead.std(axis=1) / np.sqrt(n)
        sure = np.where(error > 0, ahead.mean(axis=1) - _SURE * error, 0.0)
        best = int(np.argmax(sure))
        found.append(_SHARES[best if sure[best] > 0 else usual])
    return tuple(found)


def _shared(given: Pools, learned: Floats, anchor: str, shares: Sequence[float]) -> Floats:
    share = np.asarray(shares, np.float32)[_bucket(given.lengths)]
    single = _scaled(given, given.column(anchor))
    return np.asarray(share * _scaled(given, learned) + (1 - share) * single, np.float32)


def _mixed(given: Pools, first: Floats, boosted: Floats, mix: float) -> Floats:
    mixed = (1 - mix) * _scaled(given, first) + mix * _scaled(given, boosted)
    return np.asarray(mixed, np.float32)


def _scaled(given: Pools, scores: Floats) -> Floats:
    """To mean 0 and deviation 1 within each buyer's candidates."""
    group, n = given.group(), len(given.rows)
    counts = np.maximum(np.bincount(group, minlength=n), 1)
    away = scores - (np.bincount(group, scores, n) / counts)[group]
    deviation = np.sqrt(np.bincount(group, away**2, n) / counts)
    return np.asarray(away / np.maximum(deviation, 1e-9)[group], np.float32)


def _narrowed(given: Pools, scores: Floats, single: Bools) -> Bools:
    """The best candidates by `wide`, and those in `single`."""
    return np.asarray((_ranks(given, scores) < _NARROW) | single)


def _first_of_single(given: Pools) -> Bools:
    """The first of each single signal: what a share of it may want."""
    firsts = [_ranks(given, given.column(name)) < K for name in _SINGLE]
    return np.asarray(np.logical_or.reduce(firsts))


def _ranks(given: Pools, scores: Floats) -> Ints:
    """From 0 within each buyer's candidates, equal scores by listing."""
    group = given.group()
    order = np.lexsort((given.listings, -scores, group))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order)) - given.ends[:-1][group[order]]
    return ranks


def _ndcg(given: Pools, scores: Floats, positive: Bools) -> Doubles:
    """NDCG@10 of each buyer (rows,)."""
    rank = _ranks(given, scores)[positive]
    value = np.where((rank < K) & (scores[positive] > -np.inf), 1 / np.log2(rank + 2.0), 0.0)
    return np.bincount(given.group()[positive], value, len(given.rows)).astype(np.float64)


def _positive(given: Pools, listings: Ints) -> Bools:
    return np.asarray(given.listings == listings[given.group()])


def _bucket(lengths: Ints) -> Ints:
    starts = np.array([low for low, _ in BUCKETS[1:]])
    return np.searchsorted(starts, lengths, "right").astype(np.int64)


def _lengths(given: Pools) -> Ints:
    """Of each buyer's history, (rows,)."""
    found = np.zeros(len(given.rows), np.int64)
    found[given.group()] = given.lengths
    return found


def _folds(rows: Ints, seed: int) -> Ints:
    """One for each row; a buyer who teaches several times has one fold."""
    dealt = np.random.default_rng(seed).integers(0, _FOLDS, int(rows.max(initial=0)) + 1)
    return dealt[rows]


def _parts(given: Pools, fold: Ints, number: int) -> tuple[Bools, Bools]:
    outside = (fold == number)[given.group()]
    return ~outside, outside


def _joined(some: Sequence[Pools]) -> Pools:
    sizes = np.concatenate([np.diff(one.ends) for one in some])
    return Pools(
        np.concatenate([one.rows for one in some]),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate([one.listings for one in some]),
        np.concatenate([one.features for one in some]),
        some[0].names,
        np.concatenate([one.lengths for one in some]),
    )


def _weights(model: ChoiceModel, names: Sequence[str]) -> dict[str, float]:
    """Of each feature, over its deviation: for buyers with some ten events."""
    return {name: round(float(w), 3) for name, w in zip(names, model.weights, strict=False)}
