"""What an audit reads: who was shown what, where it stood, and what they did with it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marketrank.people import Buyer, Impression, InteractionKind, Purpose, Session, Surface
from marketrank.types import BuyerId, ListingId

Numbers = NDArray[np.int64]
Doubles = NDArray[np.float64]
Score = Callable[[Impression], NDArray[np.float32]]
"""A score for each candidate of an impression, (n,), higher is better."""

GAINS: Mapping[InteractionKind, float] = {
    InteractionKind.VIEW: 1.0,
    InteractionKind.CLICK: 1.0,
    InteractionKind.SAVE: 2.0,
    InteractionKind.MESSAGE: 3.0,
    InteractionKind.OFFER: 4.0,
    InteractionKind.SOLD: 5.0,
}
"""What each kind says of having been wanted; whoever hides or reports wanted it not."""
_UNWANTED = frozenset({InteractionKind.HIDE, InteractionKind.REPORT})


@dataclass(frozen=True, slots=True)
class Fact:
    """What an audit asks of a listing."""

    category: tuple[str, ...] = ()
    seller: str = ""
    """The group that its seller is of, as "private"; "" where it is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class AuditTable:
    """Sessions of consenting buyers, (s,), and their rows, (r,): the listings of each session.

    Buyers, listings and strata are numbers here. A stratum is what was asked for: a surface and,
    where the log knows it, a query. `attributes` holds, for each attribute, every buyer's value,
    None where they gave none. `position` counts from 0 in the ranking that is audited and is -1 for
    a candidate that it did not show; `logged` is the position at which the buyer really saw it, -1
    where they did not. `of_candidates` says that the ranking chose among the rows alone.
    """

    attributes: Mapping[str, tuple[str | None, ...]]
    n_buyers: int
    facts: tuple[Fact, ...]
    listings: tuple[ListingId, ...]
    session_buyer: Numbers
    session_stratum: Numbers
    session_at: Numbers
    session_feed: NDArray[np.bool_]
    row_session: Numbers
    row_listing: Numbers
    position: Numbers
    logged: Numbers
    gain: Doubles
    of_candidates: bool = False

    @property
    def row_buyer(self) -> Numbers:
        return self.session_buyer[self.row_session]


def consenting(buyers: Iterable[Buyer]) -> dict[BuyerId, Mapping[str, str]]:
    """The attributes of those who agreed that they be used. An audit looks at nobody else's: that
    those may differ from the others is a limit of every figure."""
    return {one.id: one.attributes for one in buyers if one.allows(Purpose.DEMOGRAPHICS)}


def tabulate(
    sessions: Iterable[Session],
    attributes: Mapping[BuyerId, Mapping[str, str]],
    facts: Mapping[ListingId, Fact],
    *,
    of_candidates: bool = False,
) -> AuditTable:
    """The table of the sessions whose buyer is in `attributes`. A listing that `facts` lacks is
    there without category and seller. Without `of_candidates` what was not shown is left out."""
    buyers: dict[BuyerId, int] = {}
    listings: dict[ListingId, int] = {}
    strata: dict[tuple[Surface, str], int] = {}
    heads: list[tuple[int, int, int, bool]] = []
    rows: list[tuple[int, int, int, int, float]] = []
    for session in sessions:
        shown = session.impression
        if shown.buyer is None or shown.buyer not in attributes:
            continue
        gains = _gains(session)
        heads.append(
            (
                buyers.setdefault(shown.buyer, len(buyers)),
                strata.setdefault((shown.surface, shown.query), len(strata)),
                round(shown.at.timestamp() * 1e6),
                shown.surface is Surface.FEED,
            )
        )
        for listing, place in zip(shown.listings, shown.positions.tolist(), strict=True):
            if place >= 0 or of_candidates:
                number = listings.setdefault(listing, len(listings))
                rows.append((len(heads) - 1, number, place, place, gains.get(listing, 0.0)))
    head = np.array(heads, np.int64).reshape(-1, 4)
    row = np.array(rows, np.float64).reshape(-1, 5)
    names = sorted({name for buyer in buyers for name in attributes[buyer]})
    return AuditTable(
        attributes={name: tuple(attributes[one].get(name) for one in buyers) for name in names},
        n_buyers=len(buyers),
        facts=tuple(facts.get(listing, Fact()) for listing in listings),
        listings=tuple(listings),
        session_buyer=head[:, 0],
        session_stratum=head[:, 1],
        session_at=head[:, 2],
        session_feed=head[:, 3] > 0,
        row_session=row[:, 0].astype(np.int64),
        row_listing=row[:, 1].astype(np.int64),
        position=row[:, 2].astype(np.int64),
        logged=row[:, 3].astype(np.int64),
        gain=row[:, 4],
        of_candidates=of_candidates,
    )


def reranked(
    sessions: Iterable[Session],
    score: Score,
    attributes: Mapping[BuyerId, Mapping[str, str]],
    facts: Mapping[ListingId, Fact],
) -> AuditTable:
    """The table as it would be if the logged candidates, shown or sampled, stood in the order of
    another ranker, which would show as many of each session as were shown: how a ranker is audited
    that nobody has met yet. What the log's own retrieval and ranker never made a candidate stays
    unseen."""
    kept = [one for one in sessions if one.impression.buyer in attributes]
    table = tabulate(kept, attributes, facts, of_candidates=True)
    positions = [_order(session.impression, score) for session in kept]
    if not positions:
        return table
    return replace(table, position=np.concatenate(positions))


def _order(shown: Impression, score: Score) -> Numbers:
    """The new position of each candidate, -1 for those beyond the number that was shown."""
    scores = np.asarray(score(shown), np.float64)
    order = np.lexsort((np.array(shown.listings), -scores))  # ties by id
    position = np.full(len(order), -1, np.int64)
    k = int((shown.positions >= 0).sum())
    position[order[:k]] = np.arange(k)
    return position


def _gains(session: Session) -> dict[ListingId, float]:
    gains: dict[ListingId, float] = {}
    for one in session.interactions:
        gains[one.listing] = max(gains.get(one.listing, 0.0), GAINS.get(one.kind, 0.0))
    for one in session.interactions:
        if one.kind in _UNWANTED:
            gains[one.listing] = 0.0
    return gains
