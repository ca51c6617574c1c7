"""A new ranker from the home's own sessions, judged and audited before anybody meets it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from marketrank.buyers.fairness import Limits
from marketrank.buyers.sensitive import SensitiveCategories
from marketrank.errors import BadInput
from marketrank.people import Purpose
from marketrank.pipelines.audit import facts_of
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.ranker_gate import audited
from marketrank.pipelines.train_ranker import Recipe, learn
from marketrank.ports import BuyerStore, EventStore, ListingStore
from marketrank.ranking import session_model
from marketrank.types import ModelVersion


@dataclass(frozen=True)
class RankerWork:
    """What it is learned from, and where its versions lie. `days` is how far back sessions
    count."""

    events: EventStore
    buyers: BuyerStore
    listings: ListingStore
    folder: Path
    categories: SensitiveCategories
    limits: Limits
    days: int = 90


@dataclass(frozen=True, slots=True)
class RankerFound:
    """A published version that may be promoted, or None and why not."""

    version: ModelVersion | None
    reasons: tuple[str, ...]
    report: Mapping[str, Any] = field(default_factory=dict)


def retrain_ranker(
    work: RankerWork, *, at: datetime, seed: int, progress: Progress = silent
) -> RankerFound:
    """Learn from the sessions of the last days. What is worse than the one in use or the plain
    orders, or exceeds a limit of the audit, is not published."""
    sessions = list(work.events.sessions(at - timedelta(days=work.days), at))
    if not sessions:
        return RankerFound(None, ("no session to learn a ranker from",))
    recipe = Recipe(seed=seed)
    champion = session_model.current(work.folder)
    present = None if champion is None else session_model.read(work.folder, champion.version)
    try:
        learned = learn(sessions, recipe, present, progress)
    except BadInput as error:
        return RankerFound(None, (f"no ranker was learned: {error}",))
    progress("audit", 0, 1)
    learned = audited(
        learned,
        sessions,
        work.buyers.agreed([Purpose.DEMOGRAPHICS]),
        facts_of(sessions, work.listings),
        later=recipe.later,
        categories=work.categories,
        limits=work.limits,
        seed=seed,
    )
    progress("audit", 1, 1)
    if learned.worse:
        return RankerFound(None, tuple(learned.worse), learned.report)
    return RankerFound(session_model.publish(work.folder, learned.model, at=at), (), learned.report)
