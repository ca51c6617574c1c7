"""Experiments in the engine: the ranker of a request is that of its buyer's arm, or several at
once, interleaved."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from marketrank.errors import MarketrankError
from marketrank.feedback.experiments import Experiment, Kind, chosen
from marketrank.feedback.interleave import team_draft
from marketrank.ranking.ranker import Material, Ranker, head
from marketrank.types import BuyerId, Candidates, Item

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Trial:
    """What an experiment did to one request; collects while the request is answered. `buyer` is
    who takes part, None: nobody; `seed` is the same for all pages of an answer."""

    buyer: BuyerId | None
    seed: str
    experiment: str = ""
    arms: dict[int, str] = field(default_factory=dict)

    def marked(
        self, items: Sequence[Item], key_of: Callable[[Item], int | None]
    ) -> tuple[Item, ...]:
        """Items with the arms that put them there."""
        if not self.experiment:
            return tuple(items)
        keys = [key_of(one) for one in items]
        arms = ["" if key is None else self.arms.get(key, "") for key in keys]
        return tuple(replace(one, arm=arm) for one, arm in zip(items, arms, strict=True))


class Trials:
    """Ranks with whoever's turn it is."""

    def __init__(
        self,
        experiments: Callable[[], Sequence[Experiment]],
        ranker_of: Callable[[str], Ranker],
        depth: int,
    ) -> None:
        """`ranker_of` gives the ranker that an arm names, and raises MarketrankError for a name
        that is none; `depth` is how many candidates rankers reorder."""
        self._experiments = experiments
        self._ranker_of = ranker_of
        self._depth = depth
        self._told: set[str] = set()

    def rank(
        self, usual: Ranker, candidates: Candidates, material: Material, trial: Trial
    ) -> Candidates:
        """By `usual`, unless the buyer of `trial` takes part in an experiment. One that names a
        ranker that there is not is logged once and left out: buyers get an answer anyway."""
        experiment = chosen(self._experiments(), trial.buyer)
        if experiment is None or trial.buyer is None:
            return usual.rank(candidates, material)
        try:
            if experiment.kind is Kind.AB:
                arm = experiment.arm_of(trial.buyer)
                ranked = self._ranker_of(experiment.arms[arm]).rank(candidates, material)
                arms = dict.fromkeys(ranked.keys.tolist(), arm)
            else:
                ranked, arms = self._interleaved(experiment, candidates, material, trial)
        except MarketrankError as error:
            if experiment.name not in self._told:
                self._told.add(experiment.name)
                _log.error("experiment %s does not take place: %s", experiment.name, error)
            return usual.rank(candidates, material)
        trial.experiment, trial.arms = experiment.name, arms
        return ranked

    def _interleaved(
        self, experiment: Experiment, candidates: Candidates, material: Material, trial: Trial
    ) -> tuple[Candidates, dict[int, str]]:
        ranked = {
            arm: self._ranker_of(name).rank(candidates, material)
            for arm, name in experiment.arms.items()
        }
        top: Mapping[str, list[int]] = {
            arm: head(one, self._depth).keys.tolist() for arm, one in ranked.items()
        }
        # Of the buyer too: else everybody who asks for the same would see the same draw.
        seed = "\0".join((experiment.salt or experiment.name, trial.buyer or "", trial.seed))
        order, arms = team_draft(top, seed)
        return _in_order(candidates, order), dict(zip(order, arms, strict=True))


def _in_order(candidates: Candidates, order: Sequence[int]) -> Candidates:
    """These first, the others behind them as they were; the places keep their scores."""
    places = {key: place for place, key in enumerate(candidates.keys.tolist())}
    first = [places[key] for key in order]
    taken = np.zeros(len(places), np.bool_)
    taken[first] = True
    rows = np.concatenate([np.array(first, np.int64), np.flatnonzero(~taken)])
    ordered = candidates.take(rows)
    return Candidates(ordered.keys, candidates.scores, ordered.ranks, ordered.parts)
