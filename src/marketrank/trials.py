"""Experiments in the engine: the ranker of a request is that of its buyer's arm, or several at
once, interleaved.

What is interleaved is what each arm would have shown: after lifts, diversity and repeats, not
before. Reordered afterwards, the list would be neither arm's, and a click no vote for one (ADR
207).
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates, Item
from marketrank.errors import MarketrankError
from marketrank.feedback.experiments import Experiment, Kind, chosen
from marketrank.feedback.interleave import team_draft
from marketrank.ranking.ranker import Looked, Material, Ranker, head
from marketrank.ranking.rerank import Reranked
from marketrank.types import BuyerId

Keys = NDArray[np.int64]
Originals = Callable[[Keys], Keys]
"""The key of the listing that each of the keys (n,) repeats, or its own."""
USUAL = ""
"""Whose ranking is shown outside of experiments."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Trial:
    """What an experiment did to one request; collects while the request is answered. `buyer` is
    who takes part, None: nobody; `seed` is the same for all pages of an answer."""

    buyer: BuyerId | None
    seed: str
    experiment: str = ""
    arms: dict[int, str] = field(default_factory=dict)
    salt: str = ""

    def marked(
        self, items: Sequence[Item], key_of: Callable[[Item], int | None]
    ) -> tuple[Item, ...]:
        """Items with the arms that put them there."""
        if not self.experiment:
            return tuple(items)
        keys = [key_of(one) for one in items]
        arms = ["" if key is None else self.arms.get(key, "") for key in keys]
        return tuple(replace(one, arm=arm) for one, arm in zip(items, arms, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """One ranker's order, and the names of what it saw."""

    candidates: Candidates
    saw: frozenset[str] = frozenset()


def ranked_by(ranker: Ranker, candidates: Candidates, material: Material) -> Ranked:
    """Have candidates ranked, and note what of; `material` is told of it too."""
    looks: list[Looked] = []

    def saw(looked: Looked) -> None:
        looks.append(looked)
        material.saw(looked)

    ordered = ranker.rank(candidates, replace(material, saw=saw))
    return Ranked(ordered, frozenset(name for one in looks for name in one.names))


class Trials:
    """Ranks with whoever's turn it is."""

    def __init__(
        self,
        experiments: Callable[[], Sequence[Experiment]],
        ranker_of: Callable[[str], Ranker],
        depth: int,
    ) -> None:
        """`ranker_of` gives the ranker that an arm names, and raises MarketrankError for a name
        that is none; `depth` is how many of the first results of each arm are interleaved."""
        self._experiments = experiments
        self._ranker_of = ranker_of
        self._depth = depth
        self._told: set[str] = set()

    def rankings(
        self, usual: Ranker, candidates: Candidates, material: Material, trial: Trial
    ) -> dict[str, Ranked]:
        """By arm, for `joined` once each is as it would be shown: that of `usual` alone, as
        USUAL, unless the buyer of `trial` takes part in an experiment. One that names a ranker that
        there is not is logged once and left out: buyers get an answer anyway."""
        trial.experiment, trial.arms = "", {}
        experiment = chosen(self._experiments(), trial.buyer)
        if experiment is None or trial.buyer is None:
            return {USUAL: ranked_by(usual, candidates, material)}
        arms = experiment.arms
        if experiment.kind is Kind.AB:
            arm = experiment.arm_of(trial.buyer)
            arms = {arm: arms[arm]}
        try:
            found = {
                arm: ranked_by(self._ranker_of(name), candidates, material)
                for arm, name in arms.items()
            }
        except MarketrankError as error:
            if experiment.name not in self._told:
                self._told.add(experiment.name)
                _log.error("experiment %s does not take place: %s", experiment.name, error)
            return {USUAL: ranked_by(usual, candidates, material)}
        trial.experiment, trial.salt = experiment.name, experiment.salt or experiment.name
        return found

    def joined(self, shown: Mapping[str, Reranked], trial: Trial, originals: Originals) -> Reranked:
        """What is shown of the arms' own lists: the one that there is, or several in one by team
        draft, in which a listing and its repeats are one. `trial` is told whose each is."""
        if len(shown) == 1:
            arm, only = next(iter(shown.items()))
            if trial.experiment:
                trial.arms = dict.fromkeys(only.candidates.keys.tolist(), arm)
            return only
        own = {arm: head(one.candidates, self._depth).keys.tolist() for arm, one in shown.items()}
        same = _same(shown, originals)
        lists = {arm: [same.get(key, key) for key in keys] for arm, keys in own.items()}
        # Of the buyer too: else everybody who asks for the same would see the same draw.
        seed = "\0".join((trial.salt, trial.buyer or "", trial.seed))
        # Backwards: of repeats the best stands for all.
        key_of = {
            arm: dict(zip(lists[arm][::-1], keys[::-1], strict=True)) for arm, keys in own.items()
        }
        drafted, arms = team_draft(lists, seed)
        order = [(arm, key_of[arm][thing]) for thing, arm in zip(drafted, arms, strict=True)]
        trial.arms = {key: arm for arm, key in order}
        return _in_order(shown, same, order)


def _same(shown: Mapping[str, Reranked], originals: Originals) -> dict[int, int]:
    """What each listing that some arm puts behind or before its repeats has in common with them: a
    number that is no key."""
    repeats = [pair for one in shown.values() for pair in one.repeats.items()]
    keys = np.array(list({key for lead, others in repeats for key in (lead, *others)}), np.int64)
    return dict(zip(keys.tolist(), (-1 - originals(keys)).tolist(), strict=True))


def _in_order(
    shown: Mapping[str, Reranked], same: Mapping[int, int], order: Sequence[tuple[str, int]]
) -> Reranked:
    """Rows of these arms and keys, and behind them what is left of the first arm's list; scores
    are handed out again from the best down, as in `rerank`."""
    base = next(iter(shown))
    taken = {same.get(key, key) for _, key in order}
    rest = shown[base].candidates.keys.tolist()
    rows = [*order, *((base, key) for key in rest if same.get(key, key) not in taken)]
    places, start = {}, 0
    for arm, one in shown.items():
        for row, key in enumerate(one.candidates.keys.tolist(), start):
            places[arm, key] = row
        start += len(one.candidates.keys)
    wanted = np.array([places[row] for row in rows], np.int64)
    found = _stacked([one.candidates for one in shown.values()]).take(wanted)
    # Of the first arm's places: a repeat fewer there leaves the last without one of its own.
    scores = np.sort(shown[base].candidates.scores)[::-1]
    scores = np.pad(scores, (0, max(0, len(rows) - len(scores))), mode="edge")[: len(rows)]
    members: dict[int, list[int]] = {}
    for key, thing in same.items():
        members.setdefault(thing, []).append(key)
    behind = {
        key: tuple(other for other in members[same[key]] if other != key)
        for _, key in rows
        if key in same
    }
    return Reranked(Candidates(found.keys, scores, found.ranks, found.parts), behind)


def _stacked(lists: Sequence[Candidates]) -> Candidates:
    """One after another; all come from the same fusion."""
    first = lists[0]
    return Candidates(
        np.concatenate([one.keys for one in lists]),
        np.concatenate([one.scores for one in lists]),
        {name: np.concatenate([one.ranks[name] for one in lists]) for name in first.ranks},
        {name: np.concatenate([one.parts[name] for one in lists]) for name in first.parts},
    )
