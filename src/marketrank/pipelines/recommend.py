"""How well recommenders foretell what buyers turn to: ours beside its peers, on an interaction set.

    with a history   the last event of each buyer is held out; all else, of all buyers, is the
                     training part; every listing is ranked but what the buyer had to do with
    unseen           buyers are dealt into five parts; each is left out whole once, and ranked for
                     by what was learned from the others; all their listings are the truth

What is chosen, of peers and of ours alike, is chosen within the training part.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np

from marketrank.buyers.recommend import cold_start, recommender
from marketrank.buyers.recommend.attributes import Attributes, encode
from marketrank.buyers.recommend.cold_start import ColdStart
from marketrank.buyers.recommend.content import describe
from marketrank.buyers.recommend.ease import Ease
from marketrank.buyers.recommend.histories import Histories, Ints, histories
from marketrank.buyers.recommend.peers import (
    EASE,
    PEERS,
    POPULARITY,
    K,
    Tuned,
    fitted,
    ranked,
    tune,
)
from marketrank.buyers.recommend.popularity import popularity
from marketrank.buyers.recommend.recommender import Knowledge
from marketrank.evaluation.recommend_metrics import BUCKETS, Lists, score, summarise
from marketrank.evaluation.sets.interaction_set import InteractionSet
from marketrank.pipelines.progress import Progress, silent

OURS, WITHOUT = "ours", "ours_no_demographics"
SYSTEMS = (*PEERS, OURS, WITHOUT)
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Outcome:
    """`scores` is `{system: {bucket: {metric: value}}}`, see `recommend_metrics.summarise`; `about`
    says what was read, left out, chosen and how long it took."""

    scores: Mapping[str, Mapping[str, Mapping[str, Any]]]
    about: Mapping[str, Any]


def evaluate(given: InteractionSet, *, seed: int, progress: Progress = silent) -> Outcome:
    """Score all SYSTEMS in all buckets."""
    start = perf_counter()
    about: dict[str, Any] = {"set": describe_set(given), "seed": seed}
    events = histories(len(given.buyers), len(given.listings), given.buyer, given.listing, given.at)
    if not len(given.buyer):
        nothing = {system: {bucket: {"n": 0} for bucket in BUCKETS} for system in SYSTEMS}
        return Outcome(nothing, about | {"ease_left_out": 0, "seconds": 0.0})
    attributes = encode(given.attributes)
    about["attribute_columns"] = attributes.single.shape[1] + attributes.pairs.shape[1]
    known = _known(given, events, attributes, about, seed=seed, progress=progress)
    unseen = _unseen(events, attributes, about, seed=seed, progress=progress)
    told = np.array([any(one.values()) for one in given.attributes], np.bool_)
    about["unseen_with_attributes"] = {
        name: float(one.ndcg[told].mean()) for name, one in unseen.items() if told.any()
    }
    scores = summarise(known, unseen, peers=PEERS, listings=len(given.listings), seed=seed)
    about["seconds"] = round(perf_counter() - start, 1)
    return Outcome(scores, about)


def describe_set(given: InteractionSet) -> dict[str, Any]:
    """What a set holds, as reports name it."""
    return {
        "name": given.name,
        "buyers": len(given.buyers),
        "with_attributes": sum(any(one.values()) for one in given.attributes),
        "listings": len(given.listings),
        "events_read": given.read,
        "pairs": len(given.buyer),
        "dropped": asdict(given.dropped),
    }


def _known(
    given: InteractionSet,
    events: Histories,
    attributes: Attributes,
    about: dict[str, Any],
    *,
    seed: int,
    progress: Progress,
) -> dict[str, Lists]:
    """Lists of buyers with a history."""
    last = events.from_end == 0
    train = events.where(~last)
    asked = train.lengths[events.buyer[last]] > 0
    rows, truth = events.buyer[last][asked], events.listing[last][asked]
    tuned = tune(train, seed=seed, told=lambda done, all_: progress("tune peers", done, all_))
    about["peers"] = tuned.as_dict()
    shown: dict[str, Ints] = {}
    for place, (name, signal) in enumerate(fitted(train, tuned, seed=seed).items()):
        progress("rank by peers", place, len(PEERS))
        shown[name] = ranked(train, signal, rows)
        if name == EASE and isinstance(signal, Ease):
            about["ease_left_out"] = signal.left_out
    progress("rank by peers", len(PEERS), len(PEERS))
    ours = _ours(given, train, rows, tuned, attributes, about=about, seed=seed, progress=progress)
    # With nothing to learn an order from, ours is what it starts from.
    shown |= ours or {OURS: shown[POPULARITY], WITHOUT: shown[POPULARITY]}
    lengths = train.lengths[rows]
    return {name: score(some, truth[:, np.newaxis], lengths) for name, some in shown.items()}


def _ours(
    given: InteractionSet,
    train: Histories,
    rows: Ints,
    tuned: Tuned,
    attributes: Attributes,
    *,
    about: dict[str, Any],
    seed: int,
    progress: Progress,
) -> dict[str, Ints]:
    """What ours shows, with and without demographics; nothing where nobody has two events."""
    everybody = np.ones(train.buyers, np.bool_)
    choices, told = cold_start.choose(train, attributes, everybody, seed=seed)
    about["demographics"] = {"choices": [asdict(one) for one in choices], **told}
    knowledge = Knowledge(describe(given.titles, given.categories), attributes, choices)
    examples = recommender.examples(train, tuned, knowledge, seed=seed, told=progress)
    if examples is None:
        return {}
    signals = recommender.signals(train, tuned, knowledge, seed=seed)
    pools = recommender.candidates(
        train, signals, rows, lambda done, total: progress("rank by ours", done, total)
    )
    shown = {}
    for name, without in ((OURS, frozenset[str]()), (WITHOUT, recommender.DEMOGRAPHIC)):
        made, positive = examples
        model = recommender.learn(made.without(without), positive, seed=seed, told=progress)
        shown[name] = model(pools.without(without))
        about[name] = dict(model.told)
    return shown


def _unseen(
    events: Histories,
    attributes: Attributes,
    about: dict[str, Any],
    *,
    seed: int,
    progress: Progress,
) -> dict[str, Lists]:
    """Lists of buyers as if they had none. Peers that need a history score all listings alike, so
    that these come in the order of their ids."""
    rows = np.flatnonzero(events.lengths > 0).astype(np.int64)
    fold = np.random.default_rng(seed).permutation(len(rows)) % FOLDS
    by_ids = np.where(np.arange(K) < events.listings, np.arange(K), -1)
    shown = {name: np.tile(by_ids, (len(rows), 1)) for name in SYSTEMS}
    chosen = []
    nobody = Attributes(attributes.single[:, :0], attributes.pairs[:, :0], ())
    for number in range(FOLDS):
        progress("unseen buyers", number, FOLDS)
        asked = rows[fold == number]
        if not len(asked):
            continue
        taught = np.ones(events.buyers, np.bool_)
        taught[asked] = False
        others = events.where(taught[events.buyer])
        for name, known in ((OURS, attributes), (WITHOUT, nobody)):
            choices, told = cold_start.choose(others, known, taught, seed=seed)
            model = cold_start.fit(others, known, choices, taught)
            shown[name][fold == number] = ranked(others, _Gains(model), asked)
            chosen.append({"system": name, "choice": asdict(choices[0]), **told})
        shown[POPULARITY][fold == number] = ranked(others, popularity(others), asked)
    progress("unseen buyers", FOLDS, FOLDS)
    about["unseen"] = chosen
    ends = np.concatenate([[0], np.cumsum(events.lengths)])
    truth = [events.listing[ends[row] : ends[row + 1]] for row in rows]
    lengths = np.zeros(len(rows), np.int64)
    return {name: score(some, truth, lengths) for name, some in shown.items()}


@dataclass(frozen=True, eq=False)
class _Gains:
    """A cold start as a signal of its gains."""

    model: ColdStart

    def __call__(self, rows: Ints) -> Mapping[str, Any]:
        return {"gains": self.model.gains(rows)}
