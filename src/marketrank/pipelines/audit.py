"""From sessions to an audit: of what was shown, or of a ranker before anybody meets it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.audit_judgement import judge, too_few, unjudged, verdict
from marketrank.buyers.audit_table import Fact, Score, consenting, reranked, tabulate
from marketrank.buyers.fairness import Audit, Limits, audit
from marketrank.buyers.sensitive import SensitiveCategories
from marketrank.config import Settings
from marketrank.errors import BadInput
from marketrank.feedback import propensity
from marketrank.feedback.sessions import groups
from marketrank.people import Buyer, Session
from marketrank.ports import ListingStore
from marketrank.types import ListingId

Doubles = NDArray[np.float64]
AUTO, NONE, POWER = "auto", "none", "power"
LOG = "the log"
_BATCH = 1_000
_DIGITS = 6


def limits_of(settings: Settings) -> Limits:
    return Limits(
        min_buyers=settings.audit_min_buyers,
        min_audience=settings.audit_min_audience,
        reach_variance=settings.audit_reach_variance,
        reach_share=settings.audit_reach_share,
        ndcg_gap=settings.audit_ndcg_gap,
    )


def audit_sessions(
    sessions: Sequence[Session],
    buyers: Iterable[Buyer],
    facts: Mapping[ListingId, Fact],
    *,
    categories: SensitiveCategories,
    limits: Limits,
    seed: int,
    score: Score | None = None,
    of: str = LOG,
    bias: str = AUTO,
) -> Audit:
    """Audit what was shown or, with `score`, what a ranker would have shown of the logged
    candidates, which `of` names. `bias` says where the chances of positions to be looked at come
    from, see `examined`. Buyers who did not agree to Purpose.DEMOGRAPHICS are left out.

    Raises BadInput where no session is left, or for an unknown `bias`."""
    attributes = consenting(buyers)
    chances = examined(sessions, bias)
    if score is None:
        table = tabulate(sessions, attributes, facts)
    else:
        table = reranked(sessions, score, attributes, facts)
    if not len(table.session_buyer):
        raise BadInput(
            f"none of {len(sessions):,} sessions is of one of {len(attributes):,} buyers who "
            "agreed that their demographics be used; collect both before auditing"
        )
    return audit(table, categories=categories, limits=limits, seed=seed, of=of, examined=chances)


def examined(sessions: Sequence[Session], bias: str) -> Doubles | None:
    """The chance of each position to be looked at: by intervention harvesting, or None where
    nothing has moved ("auto"); None ("none"); 1 / (position + 1) ** e ("power:e")."""
    name, _, number = bias.partition(":")
    if name == NONE:
        return None
    if name == AUTO:
        try:
            return np.array(propensity.harvest(groups(sessions)).examined)
        except BadInput:
            return None
    try:
        if name != POWER:
            raise ValueError(name)
        deepest = max(int(one.impression.positions.max(initial=0)) for one in sessions) + 1
        return np.array(propensity.power(float(number), deepest).examined)
    except ValueError as error:
        raise BadInput(f"propensity {bias!r}: use {AUTO}, {NONE} or {POWER}:1.0") from error


def facts_of(sessions: Iterable[Session], listings: ListingStore) -> dict[ListingId, Fact]:
    """The facts of all that was shown, ended or not, from the store."""
    ids = sorted({listing for one in sessions for listing in one.impression.listings})
    found = {}
    for start in range(0, len(ids), _BATCH):
        for id_, stored in listings.get(ids[start : start + _BATCH]).items():
            listing = stored.listing
            found[id_] = Fact(listing.category, listing.seller_type or "")
    return found


def as_dict(found: Audit, limits: Limits) -> dict[str, Any]:
    """Ready for JSON, with what the limits say of it: every comparison (`judged`), `reasons`
    against a promotion, where there are `too_few` to tell and what is `unjudged`. It is what a
    registry keeps beside the decision."""
    rounded: dict[str, Any] = _rounded(asdict(found))
    return rounded | {
        "judged": [_rounded(asdict(one)) for one in judge(found, limits)],
        "reasons": verdict(found, limits),
        "too_few": too_few(found, limits),
        "unjudged": unjudged(found),
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(one) for one in value]
    return value
