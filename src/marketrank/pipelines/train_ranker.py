"""From sessions to a ranker: learn from earlier ones, judge on later ones, compare, promote."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.feedback import offline, propensity
from marketrank.feedback.offline import Judged, Policy
from marketrank.feedback.propensity import Propensity
from marketrank.feedback.sessions import Group, groups, split_by_time
from marketrank.people import Session
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.shelves import rankers
from marketrank.ranking import ltr, session_model
from marketrank.ranking.session_features import DISTANCE, FEATURES, Part, columns_of
from marketrank.ranking.session_model import SessionModel, unknown_features
from marketrank.ranking.unbiased import SessionGroup
from marketrank.types import ModelVersion

Floats = NDArray[np.float32]
NEW, CHAMPION, SHOWN, SHUFFLE = "new", "champion", "shown", "shuffle"
BASELINES: Mapping[str, tuple[str, float]] = {
    "unlearned": ("prior", 1.0),
    "newest": ("age_log", -1.0),
    "popular": ("popularity_log", 1.0),
    "taste": ("taste", 1.0),
}
"""Plain orders to beat: by name the feature and its sign; those whose feature is missing do not
take part."""
DECIDING = ("ndcg@10", "dr")
"""The estimates that the new one must not be worse in."""
FEWEST = 200
"""Later sessions in which somebody did something, below which nobody is promoted."""
TOLERANCE = 0.02
"""How much worse the mean may be, as a share, even where that may be chance."""
AUTO, HARVEST, EM, NONE, POWER = "auto", "harvest", "em", "none", "power"


@dataclass(frozen=True, slots=True)
class Recipe:
    """`bias` names where position bias comes from, see `position_bias`; `clip` is the highest
    weight of one interaction; `later` the share of sessions, the latest, that judge; `without` the
    parts of features that are left out."""

    bias: str = AUTO
    clip: float = 20.0
    later: float = 0.3
    without: tuple[Part, ...] = ()
    seed: int = 7


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A model and how it compares. `worse` says in what it is worse than whom, or why it cannot be
    judged; empty: it may be promoted."""

    model: SessionModel
    report: dict[str, Any]
    worse: list[str]


def learn(
    sessions: Iterable[Session],
    recipe: Recipe,
    champion: SessionModel | None = None,
    progress: Progress = silent,
) -> Learned:
    """Raises BadInput for sessions of different features, too few to split, or that show no
    preference."""
    early, late = split_by_time(groups(sessions), recipe.later)
    progress("position bias", 0, None)
    bias = position_bias(early, recipe.bias, recipe.seed)
    progress("learn", 0, None)
    features = _features(early[0].impression.names, recipe.without)
    trees = fit(early, features, bias, recipe)
    progress("judge", 0, None)
    new = policy(ltr.Trees(trees, len(features)), features)
    wanted = _wanted(early, late, bias, recipe.seed)
    names = early[0].impression.names
    judged = {
        name: offline.judge(late, one, bias, wanted, clip=recipe.clip)
        for name, one in _policies(names, new, champion, recipe.seed).items()
    }
    report = _report(judged) | {
        "propensity": {"method": bias.method, "examined": [round(p, 4) for p in bias.examined]},
        "sessions": {"early": _facts(early), "late": _facts(late)},
        "features": list(features),
    }
    surfaces = sorted({one.impression.surface for one in early})
    trained = {"seed": recipe.seed, "clip": recipe.clip, "propensity": report["propensity"]}
    metrics = {name: report["systems"][name] for name in (NEW, SHOWN)}
    model = SessionModel(
        trees, features, tuple(surfaces), trained | {"sessions": report["sessions"]}, metrics
    )
    return Learned(model, report, worse_than(judged, late) + _cannot_serve(model))


def position_bias(early: Sequence[Group], method: str, seed: int) -> Propensity:
    """By name: "harvest", "em", "auto" (the first, or the second where nothing has moved), "none",
    or "power:1.5" for p = 1 / (position + 1) ** 1.5. Raises BadInput for another."""
    deepest = max(int(one.impression.positions.max()) for one in early) + 1
    name, _, number = method.partition(":")

    def by_em() -> Propensity:
        return propensity.em(early, ltr.regress(seed))

    def automatic() -> Propensity:
        try:
            return propensity.harvest(early)
        except BadInput:
            return by_em()

    def by_power() -> Propensity:
        try:
            return propensity.power(float(number), deepest)
        except ValueError as error:
            raise BadInput(f"propensity {method!r}: give a number, as in power:1.0") from error

    methods: Mapping[str, Callable[[], Propensity]] = {
        AUTO: automatic,
        HARVEST: lambda: propensity.harvest(early),
        EM: by_em,
        NONE: lambda: propensity.power(0.0, deepest),
        POWER: by_power,
    }
    if name not in methods:
        raise BadInput(f"unknown propensity {method!r}; known are {', '.join(methods)}:EXPONENT")
    return methods[name]()


def fit(early: Sequence[Group], features: Sequence[str], bias: Propensity, recipe: Recipe) -> str:
    """Trees over the named features, as text."""
    columns = columns_of(early[0].impression.names, features)
    taught = [
        SessionGroup(
            one.impression.features[:, columns],
            one.grades,
            bias.weights(one.impression.positions, recipe.clip),
        )
        for one in early
    ]
    return ltr.fit_sessions(taught, seed=recipe.seed)


def promote(
    folder: Path, learned: Learned, *, at: datetime
) -> tuple[ModelVersion, ModelVersion | None]:
    """Publish a model and make it the one in use; returns its version and the one before. Raises
    BadInput for one that is worse, naming in what."""
    if learned.worse:
        raise BadInput(f"not promoted: {'; '.join(learned.worse)}")
    version = session_model.publish(folder, learned.model, at=at)
    return version, rankers(folder).promote(version, at=at, why="not worse on later sessions")


def worse_than(judged: Mapping[str, Judged], late: Sequence[Group]) -> list[str]:
    """In what the new ranker is worse than the champion or a baseline: significantly so (95 %,
    paired), or by more than TOLERANCE of the mean. Shuffling is no rival, but must be beaten."""
    met = sum(bool((one.grades > 0).any()) for one in late)
    if met < FEWEST:
        return [f"{met} later sessions with interactions are too few to judge by, {FEWEST} needed"]
    found = []
    for name, other in judged.items():
        if name == NEW:
            continue
        scores, gaps = offline.estimates(other), offline.differences(judged[NEW], other)
        for metric in DECIDING:
            gap, score = gaps[metric], scores[metric]
            lower = gap.high < 0 or gap.mean < -TOLERANCE * abs(score.mean)
            if lower or (name == SHUFFLE and gap.low <= 0):
                found.append(f"{metric} {gap.mean:+.4f} of {name}'s {score.mean:.4f}")
    return found


def policy(trees: ltr.Trees, features: Sequence[str]) -> Policy:
    """The order of a model."""

    def score(some: Sequence[Group]) -> list[Floats]:
        columns = columns_of(some[0].impression.names, features)
        found = trees(np.concatenate([one.impression.features[:, columns] for one in some]))
        return _by_group(found, some)

    return score


def _by_group(values: NDArray[Any], some: Sequence[Group]) -> list[NDArray[Any]]:
    return np.split(values, np.cumsum([len(one.grades) for one in some])[:-1])


def _features(names: Sequence[str], without: Collection[Part]) -> tuple[str, ...]:
    hidden = {feature.name for feature in FEATURES if feature.part in without}
    if Part.DEMOGRAPHICS in without:
        hidden.add(DISTANCE)  # from a buyer's own place where none was asked for
    return tuple(name for name in names if name not in hidden)


def _policies(
    names: Sequence[str], new: Policy, champion: SessionModel | None, seed: int
) -> dict[str, Policy]:
    """All that are compared, over features of these names."""
    policies: dict[str, Policy] = {NEW: new, SHOWN: offline.as_logged, SHUFFLE: _shuffled(seed)}
    if champion is not None and set(champion.features) <= set(names):
        trees = ltr.Trees(champion.trees, len(champion.features))
        policies[CHAMPION] = policy(trees, champion.features)
    for name, (feature, sign) in BASELINES.items():
        if feature in names:
            policies[name] = _by_feature(names.index(feature), sign)
    return policies


def _wanted(
    early: Sequence[Group], late: Sequence[Group], bias: Propensity, seed: int
) -> list[NDArray[np.float64]]:
    """What a model of earlier sessions guesses of later ones."""
    rows = [one.shown for one in early]
    pairs = list(zip(early, rows, strict=True))
    wanted = ltr.fit_wanted(
        np.concatenate([one.impression.features[some] for one, some in pairs]),
        np.concatenate([one.grades[some] > 0 for one, some in pairs]),
        np.concatenate([bias.at(one.impression.positions[some]) for one, some in pairs]),
        seed=seed,
    )
    return _by_group(wanted(np.concatenate([one.impression.features for one in late])), late)


def _by_feature(column: int, sign: float) -> Policy:
    def score(some: Sequence[Group]) -> list[Floats]:
        values = [np.float32(sign) * one.impression.features[:, column] for one in some]
        return [np.nan_to_num(each, nan=-np.inf) for each in values]

    return score


def _shuffled(seed: int) -> Policy:
    def score(some: Sequence[Group]) -> list[Floats]:
        random = np.random.default_rng(seed)
        return [random.random(len(one.grades)).astype(np.float32) for one in some]

    return score


def _report(judged: Mapping[str, Judged]) -> dict[str, Any]:
    others = [name for name in judged if name != NEW]
    return {
        "systems": {name: offline.as_json(offline.estimates(one)) for name, one in judged.items()},
        "new_minus": {
            name: offline.as_json(offline.differences(judged[NEW], judged[name])) for name in others
        },
    }


def _facts(some: Sequence[Group]) -> dict[str, Any]:
    return {
        "n": len(some),
        "with_interactions": sum(bool((one.grades != 0).any()) for one in some),
        "since": some[0].impression.at.isoformat(),
        "until": some[-1].impression.at.isoformat(),
    }


def _cannot_serve(model: SessionModel) -> list[str]:
    unknown = unknown_features(model)
    return [f"no engine gives the features {', '.join(unknown)}"] if unknown else []
