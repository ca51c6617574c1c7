"""What buyers like of whom only demographics are known: ridge regression from attributes to
listings.

The target of a buyer is what each of their listings would add to their NDCG@10, so that a score is
the gain expected of showing it, and the order by it is the best one (Robertson's probability
ranking principle, 1977). How strong to shrink, how much pairs of attributes count, and to how many
directions of taste the coefficients are confined (reduced-rank regression, Izenman 1975) is chosen
by cross-validation over buyers, and the best few choices are averaged.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from marketrank.buyers.recommend.attributes import Attributes
from marketrank.buyers.recommend.histories import Bools, Floats, Histories, Ints, Matrix
from marketrank.buyers.recommend.signals import Scores, dense

Doubles = NDArray[np.float64]
K = 10
FOLDS = 4
_LISTINGS = 1_000  # the most popular ones, which demographics can reorder
_AVERAGED = 6
_NEAR = 0.997  # of the best choice's NDCG, or a choice is not averaged with it
_ASKED = 2_000  # buyers of a fold who choose, at most
_PENALTIES = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
_PAIRS = (0.0, 0.5)
_RANKS = (0, 6)  # 0: no limit
_BY_GAIN = (False, True)


@dataclass(frozen=True, slots=True)
class Choice:
    """Of a model. `pairs` multiplies the columns of pairs, 0 leaves them out; `rank` 0 is none;
    `by_gain` divides a buyer's listings by the best DCG they allow. No `penalty` leaves attributes
    out."""

    penalty: float | None
    pairs: float
    rank: int
    by_gain: bool


@dataclass(frozen=True, eq=False)
class ColdStart:
    """Fitted; see `fit`. Scores are expected gains; listings beyond the popular ones have that of
    their popularity."""

    base: Floats
    columns: Ints
    features: Floats
    coefficients: Floats

    def gains(self, rows: Ints) -> Floats:
        """(rows, listings)."""
        found = np.tile(self.base, (len(rows), 1))
        if self.coefficients.size:
            found[:, self.columns] += self.features[rows] @ self.coefficients
        return found

    def __call__(self, rows: Ints) -> Scores:
        """The logarithm of gain over what all buyers gain."""
        floor = self.base + np.float32(1e-5)
        gains = np.maximum(self.gains(rows) + np.float32(1e-5), 0.1 * floor)
        return {"demographics": np.log(gains / floor)}


def fit(
    histories: Histories, attributes: Attributes, choices: Sequence[Choice], taught: Bools
) -> ColdStart:
    """The average of models of all `choices`, fitted to the buyers in `taught` (buyers,). Others,
    too, have attributes, and can be scored."""
    return _average(_models(histories, attributes, choices, taught))


def choose(
    histories: Histories, attributes: Attributes, taught: Bools, *, seed: int
) -> tuple[tuple[Choice, ...], dict[str, float]]:
    """The choices that rank best for buyers in `taught` who were left out, and NDCG@10 of the best
    one and of popularity."""
    rows = np.flatnonzero(taught & (histories.lengths > 0))
    grid = [Choice(None, 0.0, 0, by_gain) for by_gain in _BY_GAIN]
    if attributes.known:
        strengths = _PAIRS if attributes.pairs.shape[1] else (0.0,)
        grid += [Choice(*each) for each in product(_PENALTIES, strengths, _RANKS, _BY_GAIN)]
    values = _tried(histories, attributes, grid, rows, seed=seed)
    means = values.sum(axis=1) / max(values.shape[1], 1)
    told = {"popularity": float(means[0]), "best": float(means.max())}
    order = sorted(range(len(grid)), key=lambda place: -means[place])
    if grid[order[0]].penalty is None:
        return (grid[order[0]],), told
    near = [place for place in order[:_AVERAGED] if means[place] >= _NEAR * means[order[0]]]
    return tuple(grid[place] for place in near), told


def _tried(
    histories: Histories, attributes: Attributes, grid: Sequence[Choice], rows: Ints, *, seed: int
) -> Doubles:
    """NDCG@10 of each choice for buyers whom it was not fitted to, (choices, buyers)."""
    random = np.random.default_rng(seed)
    fold = random.integers(0, FOLDS, len(rows))
    found: list[Doubles] = [np.zeros((len(grid), 0))]
    for number in range(FOLDS):
        kept, asked = rows[fold != number], rows[fold == number]
        if not len(kept) or not len(asked):
            continue
        if len(asked) > _ASKED:
            asked = np.sort(random.choice(asked, _ASKED, replace=False))
        inside = np.zeros(histories.buyers, np.bool_)
        inside[kept] = True
        columns = _popular(histories, inside)
        truth = dense(histories.matrix[asked][:, columns])
        ideal = IDEAL[np.minimum(histories.lengths[asked], K)]
        models = _models(histories, attributes, grid, inside)
        found.append(np.stack([_dcg(one, asked, columns, truth) / ideal for one in models]))
    return np.concatenate(found, axis=1)


def _models(
    histories: Histories, attributes: Attributes, choices: Sequence[Choice], taught: Bools
) -> Iterator[ColdStart]:
    """One for each choice, in their order."""
    columns = _popular(histories, taught)
    features = np.concatenate([attributes.single, attributes.pairs], axis=1)
    singles = attributes.single.shape[1]
    mean = features[taught].mean(axis=0) if taught.any() else np.zeros(features.shape[1])
    centred = np.asarray(features - mean, np.float32)
    targets = {by_gain: _target(histories, by_gain)[taught] for by_gain in _BY_GAIN}
    shared: dict[tuple[float, bool], _Moments] = {}
    ridges: dict[tuple[tuple[float, bool], float], Doubles] = {}
    for choice in choices:
        target = targets[choice.by_gain]
        base = np.asarray(target.sum(axis=0), np.float32).ravel() / max(target.shape[0], 1)
        if choice.penalty is None or not features.shape[1]:
            nothing = np.zeros((features.shape[1], 0), np.float32)
            yield ColdStart(base, columns[:0], centred, nothing)
            continue
        key = (choice.pairs, choice.by_gain)
        if key not in shared:
            shared[key] = _moments(features[taught], target[:, columns], choice.pairs, singles)
        if (key, choice.penalty) not in ridges:  # each is confined to several ranks
            ridges[key, choice.penalty] = shared[key].ridge(choice.penalty)
        coefficients = shared[key].coefficients(ridges[key, choice.penalty], choice.rank)
        yield ColdStart(base, columns, centred, coefficients)


def _popular(histories: Histories, taught: Bools) -> Ints:
    taken = np.asarray(histories.matrix[taught].sum(axis=0)).ravel()
    order = np.lexsort((np.arange(histories.listings), -taken))[:_LISTINGS]
    return np.sort(order).astype(np.int64)


def _average(models: Iterable[ColdStart]) -> ColdStart:
    """All models that read attributes know the same listings."""
    some = list(models)
    n = np.float32(len(some))
    base = np.sum([one.base for one in some], axis=0) / n
    reading = [one for one in some if one.coefficients.size]
    if not reading:
        return ColdStart(base, some[0].columns, some[0].features, some[0].coefficients)
    total = np.sum([one.coefficients for one in reading], axis=0) / n
    return ColdStart(base, reading[0].columns, reading[0].features, total)


def _dcg(model: ColdStart, rows: Ints, columns: Ints, truth: Floats) -> Doubles:
    """DCG@10 of each buyer (rows,), only some listings (columns,) being ranked: the popular ones,
    which fill every list. `truth` (rows, columns) is 1 for theirs."""
    effect = model.features[rows] @ model.coefficients if model.coefficients.size else 0.0
    scores = np.atleast_2d(model.base[columns] + effect)
    k = min(K, len(columns))
    # The whole order of a thousand listings would take most of the time.
    near = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    within = np.argsort(-np.take_along_axis(scores, near, axis=1), axis=1, kind="stable")
    tops = np.broadcast_to(np.take_along_axis(near, within, axis=1), (len(rows), k))
    found: Doubles = np.take_along_axis(truth, tops, axis=1) @ DISCOUNTS[:k]
    return found


DISCOUNTS = 1 / np.log2(np.arange(K) + 2)
IDEAL = np.concatenate([[1.0], np.cumsum(DISCOUNTS)])
"""The best DCG@10 of so many relevant listings; 1 for none, which divides nothing."""


def _target(histories: Histories, by_gain: bool) -> Matrix:
    if not by_gain:
        return histories.matrix / np.float32(IDEAL[K])
    gain = 1 / IDEAL[np.minimum(histories.lengths, K)]
    return histories.weighted(gain[histories.buyer].astype(np.float32))


@dataclass(frozen=True, eq=False)
class _Moments:
    """What ridges of the same columns and targets share: columns centred and scaled, so that what
    the intercept takes is gone from both sides."""

    scale: Floats
    gram: Doubles
    covariance: Doubles

    def ridge(self, penalty: float) -> Doubles:
        """Of columns that have a scale."""
        inner = self.gram.copy()
        inner[np.diag_indices_from(inner)] += penalty
        return np.asarray(linalg.solve(inner, self.covariance, assume_a="pos"))

    def coefficients(self, ridge: Doubles, rank: int) -> Floats:
        """(columns of attributes, listings)."""
        found = ridge
        if rank and rank < len(found):
            found = _confined(found, self.gram, rank)
        whole = np.zeros((len(self.scale), found.shape[1]), np.float32)
        used = self.scale > 0
        whole[used] = self.scale[used][:, np.newaxis] * found
        return whole


def _moments(features: Floats, target: Matrix, pairs: float, singles: int) -> _Moments:
    scale = np.ones(features.shape[1], np.float32)
    scale[singles:] = pairs
    used = scale > 0
    own = ((features - features.mean(axis=0)) * scale)[:, used].astype(np.float64)
    gram = own.T @ own
    return _Moments(scale, gram, np.asarray((target.T @ own).T, np.float64))


def _confined(coefficients: Doubles, gram: Doubles, rank: int) -> Doubles:
    """The nearest coefficients whose predictions have so few directions."""
    own = gram.copy()
    own[np.diag_indices_from(own)] += 1e-5 * max(float(np.trace(gram)) / len(gram), 1e-9)
    fitted = linalg.cholesky(own) @ coefficients
    n = len(fitted)
    _, sides = linalg.eigh(fitted @ fitted.T, subset_by_index=[n - rank, n - 1])
    basis, _ = linalg.qr(fitted.T @ sides, mode="economic")
    return np.asarray((coefficients @ basis) @ basis.T)
