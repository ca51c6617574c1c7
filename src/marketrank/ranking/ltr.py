"""Learning to rank: LightGBM's LambdaMART (Burges, MSR-TR-2010-82) beside the prior order.

A model is one JSON file: its trees as text, the features that it reads by name, and what it was
fitted to. Where judgments are few the trees know less than the prior, so the two are added, each
scaled to the candidates of its query: this never fell below the prior on the development sets.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank.durable import write
from marketrank.errors import BadInput, Corrupt
from marketrank.ranking.features import NAMES
from marketrank.ranking.unbiased import Lambdas, SessionGroup, wanted_gradient

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
FORMAT = 1
MIX = 0.7
"""How much the trees count beside the prior, docs/adr/0127."""
_PRIOR = NAMES.index("prior")
_ROUNDS = 100
SESSION_ROUNDS = 150
_PREDICTOR_ROUNDS = 60
_WORD = re.compile(r"\w+")
_FLAT = 1e-12
_HIGHEST_LABEL = 30  # LightGBM's gains are a list by label


@dataclass(frozen=True)
class Group:
    """One query to learn from: its candidates' features (n, len(NAMES)) and grades (n,)."""

    features: Floats
    grades: NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """A model, and what it was fitted to: the set's name, and its `n` queries by their digests, as
    they were written and as they were searched for."""

    trees: str
    name: str
    n: int
    queries: tuple[str, ...]
    mix: float = MIX
    features: tuple[str, ...] = NAMES
    format: int = FORMAT

    @property
    def version(self) -> str:
        """Named by its content."""
        return f"fusion-{hashlib.sha256(_as_json(self)).hexdigest()[:12]}"

    def has_seen(self, text: str) -> bool:
        return query_digest(text) in self._seen

    @cached_property
    def _seen(self) -> frozenset[str]:
        return frozenset(self.queries)


class Judge:
    """What a model says of features. May be called from several threads."""

    def __init__(self, fitted: Fitted) -> None:
        """Raises Corrupt for features that this version does not know, or trees that cannot be
        read."""
        unknown = set(fitted.features) - set(NAMES)
        if unknown:
            raise Corrupt(
                f"ranker {fitted.version} reads {', '.join(sorted(unknown))}, which this version "
                "does not know; fit it again with `marketrank train fusion`"
            )
        self._columns = [NAMES.index(name) for name in fitted.features]
        self._mix = fitted.mix
        import lightgbm  # half a second, which a process without a learned ranker need not wait

        try:
            self._booster = lightgbm.Booster(model_str=fitted.trees)
        except lightgbm.basic.LightGBMError as error:
            raise Corrupt(
                f"the trees of ranker {fitted.version} cannot be read ({error}); fit it again with "
                "`marketrank train fusion`"
            ) from error

    def __call__(self, features: Floats) -> Floats:
        """Scores (n,) of the candidates of one query (n, len(NAMES)), best highest."""
        if len(features) == 0:
            return np.empty(0, np.float32)
        # One thread: a pool costs more than a few hundred rows do.
        trees = self._booster.predict(features[:, self._columns], num_threads=1)
        mixed = self._mix * _scaled(np.asarray(trees, np.float64))
        mixed += (1 - self._mix) * _scaled(features[:, _PRIOR].astype(np.float64))
        return np.asarray(mixed, np.float32)

    def contributions(
        self, features: Floats, rows: NDArray[np.int64]
    ) -> tuple[Doubles, tuple[str, ...]]:
        """What each feature adds to the scores of some of the candidates of one query, exactly, and
        last "bias", which all share: shape (len(rows), len(NAMES) + 1), rows sum to the scores."""
        names = (*NAMES, "bias")
        out = np.zeros((len(rows), len(names)), np.float64)
        if len(rows) == 0:
            return out, names
        read = features[:, self._columns]
        # Of all candidates the scores alone, to scale by: what features add takes ten times as
        # long.
        scores = np.asarray(self._booster.predict(read, num_threads=1), np.float64)
        found = self._booster.predict(read[rows], num_threads=1, pred_contrib=True)
        deviation = float(scores.std())
        if deviation > _FLAT:
            scaled = self._mix * np.asarray(found, np.float64) / deviation
            out[:, [*self._columns, len(NAMES)]] = scaled
            out[:, -1] -= self._mix * scores.mean() / deviation
        prior = _scaled(features[:, _PRIOR].astype(np.float64))
        out[:, _PRIOR] += (1 - self._mix) * prior[rows]
        return out, names


def fit(groups: Sequence[Group], *, seed: int) -> str:
    """Trees of LambdaMART with linear gain, as text. Raises BadInput where no group has two
    grades: there is no order to learn."""
    import lightgbm

    useful = [one for one in groups if len(np.unique(one.grades)) > 1]
    if not useful:
        raise BadInput(
            "no query has listings of two different grades; a ranker needs judgments of good and "
            "less good listings for the same query"
        )
    features = np.concatenate([one.features for one in useful])
    grades = np.concatenate([np.minimum(one.grades, _HIGHEST_LABEL) for one in useful])
    data = lightgbm.Dataset(features, grades, group=[len(one.grades) for one in useful])
    booster = lightgbm.train(_parameters(len(features), seed), data, _ROUNDS)
    return str(booster.model_to_string())


def fit_sessions(groups: Sequence[SessionGroup], *, seed: int, rounds: int = SESSION_ROUNDS) -> str:
    """Trees of LambdaMART that learned from what buyers did, see `unbiased`, as text. Raises
    BadInput where nothing was wanted more than anything else."""
    import lightgbm

    useful = [one for one in groups if len(np.unique(one.grades)) > 1]
    gradient = Lambdas(useful)
    features = np.concatenate([one.features for one in useful])
    data = lightgbm.Dataset(features, np.zeros(len(features)))
    parameters = _parameters(len(features), seed) | {
        "objective": lambda scores, _: gradient(np.asarray(scores, np.float64)),
        # Second derivatives here are of pairs, not of rows.
        "min_sum_hessian_in_leaf": 0.0,
    }
    return str(lightgbm.train(parameters, data, rounds).model_to_string())


def regress(seed: int) -> Callable[[Floats, Doubles], Doubles]:
    """What tells targets in [0, 1] from features, by trees with cross-entropy; see
    `feedback.propensity.Regress`."""

    def learn(features: Floats, targets: Doubles) -> Doubles:
        import lightgbm

        parameters = _parameters(len(features), seed) | {"objective": "cross_entropy"}
        data = lightgbm.Dataset(features, targets)
        booster = lightgbm.train(parameters, data, _PREDICTOR_ROUNDS)
        return np.asarray(booster.predict(features, num_threads=1), np.float64)

    return learn


def fit_wanted(
    features: Floats, clicked: NDArray[np.bool_], examined: Doubles, *, seed: int
) -> Callable[[Floats], Doubles]:
    """Trees that tell how likely a listing is wanted once it is looked at, from rows that were
    looked at with the probabilities `examined`; see `unbiased.wanted_gradient`."""
    import lightgbm

    # Trees start from 0: from what all have in common there is less to learn.
    start = float(np.clip(clicked.sum() / max(examined.sum(), 1e-9), 1e-4, 1 - 1e-4))
    base = float(np.log(start / (1 - start)))
    parameters = _parameters(len(features), seed) | {
        "objective": lambda scores, _: wanted_gradient(
            np.asarray(scores, np.float64) + base, clicked, examined
        ),
        "min_sum_hessian_in_leaf": 0.0,
    }
    data = lightgbm.Dataset(features, clicked.astype(np.float64))
    booster = lightgbm.train(parameters, data, _PREDICTOR_ROUNDS)

    def wanted(rows: Floats) -> Doubles:
        scores = np.asarray(booster.predict(rows, num_threads=1), np.float64) + base
        return np.asarray(1 / (1 + np.exp(-scores)), np.float64)

    return wanted


class Trees:
    """Trees as a function of features. May be called from several threads."""

    def __init__(self, text: str, width: int) -> None:
        """Raises Corrupt for a text that holds no trees over so many features."""
        import lightgbm

        try:
            self._booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise Corrupt(f"its trees cannot be read ({error})") from error
        if self._booster.num_feature() != width:
            raise Corrupt(f"its trees read {self._booster.num_feature()} features, not {width}")

    def __call__(self, features: Floats) -> Floats:
        """Scores (n,), best highest."""
        if len(features) == 0:
            return np.empty(0, np.float32)
        return np.asarray(self._booster.predict(features, num_threads=1), np.float32)

    def contributions(self, features: Floats) -> Doubles:
        """What each feature adds to a candidate's score, exactly, and last what all candidates
        start from: shape (n, f + 1), rows sum to the scores (TreeSHAP: Lundberg, Erion and Lee,
        2018, arXiv:1802.03888)."""
        width = self._booster.num_feature() + 1
        if len(features) == 0:
            return np.empty((0, width), np.float64)
        found = self._booster.predict(features, num_threads=1, pred_contrib=True)
        return np.asarray(found, np.float64)


def _parameters(rows: int, seed: int) -> dict[str, Any]:
    return {
        "objective": "lambdarank",
        "learning_rate": 0.05,
        "num_leaves": 7 if rows < 100_000 else 15,
        "min_data_in_leaf": 100 if rows >= 2_000 else max(1, rows // 20),
        "lambda_l2": 10.0,
        "label_gain": list(range(_HIGHEST_LABEL + 1)),
        "lambdarank_truncation_level": 20,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }


def save(path: Path, fitted: Fitted) -> None:
    """Write a model, whole and durable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, _as_json(fitted))


def load(path: Path) -> Fitted | None:
    """The model of a file, None where there is none. Raises Corrupt where it cannot be read."""
    try:
        raw = orjson.loads(path.read_bytes())
        if raw["format"] != FORMAT:
            raise ValueError(f"it has format {raw['format']}, this version reads {FORMAT}")
        raw |= {name: tuple(raw[name]) for name in ("queries", "features")}
        return Fitted(**raw)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Corrupt(
            f"{path} cannot be read ({error}); delete it, or fit it again with "
            "`marketrank train fusion`"
        ) from error


def query_digest(text: str) -> str:
    """What is kept of a query that a model was fitted to: enough to know its words again, not to
    read them."""
    words = " ".join(_WORD.findall(text.lower()))
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _as_json(fitted: Fitted) -> bytes:
    return orjson.dumps(asdict(fitted), option=orjson.OPT_SORT_KEYS)


def _scaled(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """To mean 0 and deviation 1; zeros where all are equal."""
    deviation = float(scores.std())
    return (scores - scores.mean()) / deviation if deviation > _FLAT else np.zeros_like(scores)
