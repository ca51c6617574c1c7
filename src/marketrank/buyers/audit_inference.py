"""Whether a buyer's group can be read off what they are shown.

A feed that tells who somebody is treats them by it, whether or not a model was given the attribute,
and shows it to whoever looks over their shoulder. So an adversary is trained: from the shares of
categories among what a buyer was shown (and their mean vector, where there are vectors) it guesses
the group, of buyers that it has not seen. What buyers themselves did tells of them too; the same
adversary on their own actions says how much the feed adds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.audit_groups import Groups
from marketrank.buyers.audit_table import AuditTable
from marketrank.buyers.audit_values import Interval, around

Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]
_FOLDS = 5
_PENALTIES = (3.0, 30.0, 300.0)
_NEWTON_STEPS = 12
_LEVELS = (1, 2)  # of the category path
_MOST_COLUMNS = 150
_VECTOR_PARTS = 32


@dataclass(frozen=True, slots=True)
class Inferred:
    """How well the adversary does on buyers it has not seen, 0.5 being chance in both: `auc`, the
    chance that one of the group is taken for it sooner than one who is not, and balanced
    `accuracy`, the mean share of the two sides that is guessed right."""

    auc: Interval
    accuracy: Interval


def shown_to(
    table: AuditTable, vectors: NDArray[np.float32] | None = None, *, feed_only: bool
) -> tuple[Doubles, Bools]:
    """What each buyer was shown: features (buyers, columns), and who was shown anything (buyers,).
    `vectors` (listings, dim) are the listings', zeros where there is none."""
    rows = table.position >= 0
    if feed_only:
        rows &= table.session_feed[table.row_session]
    return _shares(table, rows, 1 / np.log2(2.0 + table.position.clip(0)), vectors)


def done_by(table: AuditTable) -> tuple[Doubles, Bools]:
    """The like of what each buyer did: the listings that they acted on, by gain."""
    return _shares(table, table.gain > 0, table.gain, None)


def inferred(features: Doubles, who: Bools, groups: Groups, *, seed: int) -> Mapping[str, Inferred]:
    """Of each group against all others of known value, cross-validated over the buyers `who`."""
    chosen = who & groups.known
    code, rows = groups.code[chosen], features[chosen]
    found = {}
    for number, value in enumerate(groups.values):
        inside = code == number
        if min(inside.sum(), (~inside).sum()) >= 2 * _FOLDS:
            found[value] = _cross_validated(rows, inside, seed)
    return found


def _shares(
    table: AuditTable, rows: Bools, weights: Doubles, vectors: NDArray[np.float32] | None
) -> tuple[Doubles, Bools]:
    n, who, listing = table.n_buyers, table.row_buyer[rows], table.row_listing[rows]
    weight = weights[rows]
    whole = np.bincount(who, weight, n).astype(np.float64)
    columns = []
    for level in _LEVELS:
        names: dict[tuple[str, ...], int] = {}
        number = np.array(
            [names.setdefault(fact.category[:level], len(names)) for fact in table.facts], np.int64
        )
        at = who * max(1, len(names)) + number[listing]
        columns.append(np.bincount(at, weight, n * len(names)).reshape(n, -1))
    table_ = np.concatenate(columns, axis=1).astype(np.float64)
    biggest = np.argsort(-table_.sum(axis=0), kind="stable")[:_MOST_COLUMNS]
    table_ = np.sqrt(table_[:, biggest] / np.maximum(whole, 1e-12)[:, np.newaxis])
    if vectors is not None and len(listing):
        table_ = np.concatenate([table_, _mean_vectors(vectors, who, listing, weight, n)], axis=1)
    return table_, np.asarray(whole > 0)


def _mean_vectors(
    vectors: NDArray[np.float32],
    who: NDArray[np.int64],
    listing: NDArray[np.int64],
    weight: Doubles,
    n: int,
) -> Doubles:
    """Each buyer's weighted mean in the space's first principal directions."""
    centred = vectors - vectors.mean(axis=0)
    directions = np.linalg.svd(centred.T @ centred, hermitian=True)[0][:, :_VECTOR_PARTS]
    parts = (centred @ directions).astype(np.float64)
    whole = np.maximum(np.bincount(who, weight, n), 1e-12)
    sums = [np.bincount(who, weight * parts[listing, one], n) for one in range(parts.shape[1])]
    return np.stack(sums, axis=1) / whole[:, np.newaxis]


def _cross_validated(features: Doubles, inside: Bools, seed: int) -> Inferred:
    """Folds hold equal shares of both sides. AUC is the folds' mean, not that of their pooled
    scores, which are of different models; its error is DeLong's (Biometrics 1988)."""
    fold = _folds(inside, _FOLDS, seed)
    aucs, variances, right = [], [], np.zeros(len(inside))
    for number in range(_FOLDS):
        tested = fold == number
        scores = _fit_and_score(features, inside, tested, seed)
        auc, spread = _auc(scores[inside[tested]], scores[~inside[tested]])
        aucs.append(auc)
        variances.append(spread)
        right[tested] = (scores > 0) == inside[tested]
    error = np.sqrt(np.sum(variances)) / _FOLDS
    sides = [right[inside], right[~inside]]
    balanced = float(np.mean([side.mean() for side in sides]))
    spread = sum(float(side.var(ddof=1)) / len(side) for side in sides) / 4
    return Inferred(
        around(float(np.mean(aucs)), float(error), 0.0, 1.0),
        around(balanced, spread**0.5, 0.0, 1.0),
    )


def _fit_and_score(features: Doubles, inside: Bools, tested: Bools, seed: int) -> Doubles:
    """Of the tested rows: log odds beyond those that half of each side would have. How strongly
    weights are held back is chosen on a part of the others."""
    rows, sides = features[~tested], inside[~tested]
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    scale[scale < 1e-9] = np.inf  # a constant tells nothing
    rows, asked = (rows - mean) / scale, (features[tested] - mean) / scale
    held = _folds(sides, 4, seed + 1) == 0
    tried = []
    for penalty in _PENALTIES:
        scores = _scores(_logistic(rows[~held], sides[~held], penalty), rows[held])
        tried.append(_auc(scores[sides[held]], scores[~sides[held]])[0])
    best = _PENALTIES[len(tried) - 1 - int(np.argmax(tried[::-1]))]
    return _scores(_logistic(rows, sides, best), asked)


def _logistic(rows: Doubles, sides: Bools, penalty: float) -> Doubles:
    """Weights (columns + 1,), the constant last, of ridge logistic regression with both sides
    weighing the same, by Newton's method."""
    table = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    weigh = np.where(sides, 0.5 / sides.mean(), 0.5 / (1 - sides.mean()))
    ridge = np.full(table.shape[1], penalty)
    ridge[-1] = 1e-6
    weights = np.zeros(table.shape[1])
    for _ in range(_NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(table @ weights, -30, 30)))
        slope = table.T @ (weigh * (sides - chance)) - ridge * weights
        curve = (table * (weigh * chance * (1 - chance))[:, np.newaxis]).T @ table + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        weights += step
        if float(np.abs(step).max()) < 1e-6:
            break
    return weights


def _scores(weights: Doubles, rows: Doubles) -> Doubles:
    found: Doubles = rows @ weights[:-1] + weights[-1]
    return found


def _folds(inside: Bools, n: int, seed: int) -> NDArray[np.int64]:
    fold = np.empty(len(inside), np.int64)
    random = np.random.default_rng(seed)
    for side in (inside, ~inside):
        rows = np.flatnonzero(side)
        fold[random.permutation(rows)] = np.arange(len(rows)) % n
    return fold


def _auc(own: Doubles, others: Doubles) -> tuple[float, float]:
    """Area under the ROC curve and its variance by DeLong, DeLong and Clarke-Pearson (1988)."""
    above = (own[:, np.newaxis] > others) + 0.5 * (own[:, np.newaxis] == others)
    by_own, by_others = above.mean(axis=1), above.mean(axis=0)
    variance = 0.0
    for part in (by_own, by_others):
        variance += float(part.var(ddof=1)) / len(part) if len(part) > 1 else 0.25
    return float(above.mean()), variance
