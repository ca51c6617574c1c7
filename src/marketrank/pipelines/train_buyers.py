"""Train the buyer tower on what buyers did, and publish it: `marketrank train buyers`."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank import durable
from marketrank.buyers.listing_space import Space
from marketrank.buyers.profile import Weighting
from marketrank.buyers.tower import KINDS
from marketrank.errors import MissingExtra
from marketrank.models.buyer_signs import AGES
from marketrank.models.published_tower import (
    KIND,
    METRICS,
    PublishedTower,
    TowerFacts,
    TowerFolder,
)
from marketrank.pipelines.buyer_examples import FEWEST_BUYERS, History, Pairs, pairs_of
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.runs import finish_run, identify, open_run
from marketrank.pipelines.tower_gate import Auditing, Past, Turned, compare, worse_than
from marketrank.types import ModelVersion

if TYPE_CHECKING:
    from marketrank.models.buyer_tower import BuyerLearner, Recipe

DECISION = "decision.json"
_MOST_COMPARED = 2_000
EPOCHS, PATIENCE = 12, 3
_HELD_SHARE = 0.1
"""Of the pairs, the latest: what is watched, and says from which score on a buyer is interested."""


@dataclass(frozen=True)
class Trained:
    """A published tower, the run that made it, why it was not promoted ([] where it was), and what
    that was decided from, as the file DECISION beside the tower has it."""

    facts: TowerFacts
    run: Path
    objections: list[str]
    decision: Mapping[str, Any]


def train_buyers(
    history: History,
    home: Path,
    towers: TowerFolder,
    *,
    encoder: ModelVersion,
    at: datetime,
    seed: int = 7,
    epochs: int = EPOCHS,
    weighting: Weighting | None = None,
    fewest: int = FEWEST_BUYERS,
    recipe: "Recipe | None" = None,
    audit: Auditing | None = None,
    progress: Progress = silent,
) -> Trained:
    """Learn from these events, publish what is best on the latest of them, and promote it where it
    finds more of them than what is popular does, no less than the tower in use, and `audit` has
    nothing against it. A training that was killed goes on where it stopped. Raises BadInput where
    there is too little to learn from."""
    try:
        from marketrank.models import training_loop
        from marketrank.models.buyer_tower import Recipe
    except ImportError as error:
        raise MissingExtra("training buyers", "train") from error
    space = Space(history.facts.vectors.shape[1])
    weighting = weighting or Weighting()
    pairs = pairs_of(history, space, weighting=weighting, fewest=fewest)
    recipe = recipe or Recipe()
    learner = learner_of(pairs, space, recipe, epochs)
    data = data_hash(pairs)
    config = {"kind": KIND, "encoder": encoder, "data": data, "recipe": asdict(recipe)}
    identity = identify(**config, seed=seed, epochs=epochs)
    folder = open_run(home, KIND, identity)
    plan = training_loop.Plan(epochs, PATIENCE, "both")
    outcome = training_loop.train(
        learner, folder, plan, config=config, seed=seed, stage="train buyers", progress=progress
    )
    training_loop.settle(folder)
    held = held_rows(len(pairs))
    points = learner.vectors(held)
    own = learner.examples.listings[learner.examples.listing[held]]
    metrics = dict(outcome.scores) | {"popular_recall@50": _popular(learner, held)}
    numbers = {
        "space": asdict(space),
        "vocabulary": pairs.vocabulary,
        "interest": float(np.median((points * own).sum(axis=1))),
        "seed": seed,
        "trained_on": {"pairs": len(pairs), "data": data},
        "metrics": metrics,
    }
    facts = towers.publish(lambda draft: _fill(draft, learner, encoder, at, numbers))
    run = finish_run(folder, home, KIND, at=at)
    progress("judge", 0, None)
    decision = _decide(history, pairs, towers, facts, audit=audit, at=at, seed=seed)
    objections = decision["objections"]
    durable.write(
        towers.folder / facts.version / DECISION,
        orjson.dumps(decision, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY),
    )
    if not objections:
        why = "finds more of what followed than popularity, and no less than the tower in use"
        towers.promote(facts.version, at=at, why=why)
    return Trained(facts, run, objections, decision)


def _decide(
    history: History,
    pairs: Pairs,
    towers: TowerFolder,
    facts: TowerFacts,
    *,
    audit: Auditing | None,
    at: datetime,
    seed: int,
) -> dict[str, Any]:
    """What is known of a published tower, and what speaks against it."""
    past, new = Past(history), PublishedTower(towers.folder / facts.version)
    turned = _turned(history, pairs)
    decision: dict[str, Any] = {"at": at.astimezone(UTC).isoformat(), "against": None}
    objections = _object(facts.metrics)
    champion = towers()
    if champion is not None and champion.version != facts.version:
        decision["against"] = champion.version
        if champion.encoder == facts.encoder:
            decision["compared"] = compare(past, new, champion, turned, seed=seed)
            objections += worse_than(decision["compared"], champion.version)
        else:
            decision["not_compared"] = f"{champion.version} reads vectors of {champion.encoder}"
    if audit is not None:
        decision["audit"] = audit(past, new, turned[0].at, at)
        objections += decision["audit"]["reasons"]
    return {**decision, "objections": objections, "promoted": not objections}


def _turned(history: History, pairs: Pairs) -> list[Turned]:
    """The pairs that were held out, at most 2,000 of them, drawn evenly."""
    rows = held_rows(len(pairs))
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _MOST_COMPARED)).astype(np.int64)]
    columns = {name: pairs.columns[name][rows].tolist() for name in ("buyer", "listing", "day")}
    return [
        Turned(history.buyers[buyer].id, history.ids[row], pairs.start + timedelta(days=day))
        for buyer, row, day in zip(*columns.values(), strict=True)
    ]


def learner_of(pairs: Pairs, space: Space, recipe: "Recipe", epochs: int) -> "BuyerLearner":
    """What trains on the earlier pairs and is watched on the later ones."""
    from marketrank.models.buyer_tower import BuyerLearner, Examples, Shape

    examples = Examples(**pairs.columns)  # type: ignore[arg-type]
    values = tuple(1 + len(values) for values in pairs.vocabulary.values()) or (1,)
    shape = Shape(space.dim, space.width, space.place_width, len(KINDS) + AGES, values)
    held = held_rows(len(pairs))
    train = np.arange(len(pairs) - len(held))
    return BuyerLearner(examples, shape, recipe, train=train, held=held, epochs=epochs)


def held_rows(n: int) -> NDArray[np.int64]:
    """The latest of n pairs."""
    return np.arange(n - max(1, round(n * _HELD_SHARE)), n)


def data_hash(pairs: Pairs) -> str:
    """A digest of what is learned from."""
    digest = hashlib.sha256()
    for name in sorted(pairs.columns):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(pairs.columns[name]).tobytes())
    return digest.hexdigest()[:16]


def _popular(learner: "BuyerLearner", held: NDArray[np.int64]) -> float:
    """recall@50 of what was turned to most before."""
    examples = learner.examples
    before = np.setdiff1d(np.arange(len(examples)), held)
    counts = np.bincount(examples.listing[before], minlength=len(examples.listings))
    top = np.lexsort((np.arange(len(counts)), -counts))[:50]
    return float(np.isin(examples.listing[held], top).mean())


def _fill(
    draft: Path,
    learner: "BuyerLearner",
    encoder: ModelVersion,
    at: datetime,
    numbers: Mapping[str, Any],
) -> TowerFacts:
    from marketrank.models.export_tower import export_tower

    parity = export_tower(draft, learner.model)
    (draft / METRICS).write_bytes(orjson.dumps(numbers["metrics"], option=orjson.OPT_INDENT_2))
    return TowerFacts(
        encoder=encoder,
        kinds=[str(kind) for kind in KINDS],
        history=learner.recipe.history,
        temperature=learner.recipe.temperature,
        created_at=at.astimezone(UTC).isoformat(),
        parity=parity,
        **numbers,
    )


def _object(metrics: Mapping[str, float]) -> list[str]:
    popular = metrics["popular_recall@50"]
    return [
        f"{name} is {metrics[name]:.3f}, no more than the {popular:.3f} of what is popular"
        for name in ("recall@50", "cold_recall@50")
        if metrics[name] < popular
    ]
