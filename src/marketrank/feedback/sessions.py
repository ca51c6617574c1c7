"""Sessions become training groups: what was shown, and how much a buyer wanted each of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.people import Impression, InteractionKind, Session

if TYPE_CHECKING:
    from marketrank.types import ListingId

Grades = NDArray[np.int64]
DISLIKED = -1
GRADES: Mapping[InteractionKind, int] = {
    InteractionKind.VIEW: 1,
    InteractionKind.CLICK: 2,
    InteractionKind.SAVE: 3,
    InteractionKind.MESSAGE: 4,
    InteractionKind.OFFER: 5,
    InteractionKind.SOLD: 6,
    InteractionKind.HIDE: DISLIKED,
    InteractionKind.REPORT: DISLIKED,
}
"""How much each shows that a listing was wanted. The strongest counts, but whoever hides or
reports a listing has had the last word on it. 0 is nothing done."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A session to learn from. `grades` (n,) go with the impression's listings."""

    impression: Impression
    grades: Grades

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Which candidates the buyer could see, (n,)."""
        return self.impression.positions >= 0

    @property
    def cluster(self) -> str:
        """Whose doing it was: sessions of one buyer are not independent."""
        return self.impression.buyer or f"request {self.impression.request}"


def group(session: Session) -> Group:
    """The grades of a session. What was not shown has 0: it could not be wanted. Interactions with
    listings that the impression does not name are left out."""
    shown = session.impression
    found: dict[ListingId, int] = {}
    for one in session.interactions:
        grade, before = GRADES[one.kind], found.get(one.listing, 0)
        disliked = DISLIKED in (grade, before)
        found[one.listing] = DISLIKED if disliked else max(grade, before)
    grades = np.array([found.get(listing, 0) for listing in shown.listings], np.int64)
    grades[shown.positions < 0] = 0
    return Group(shown, grades)


def groups(sessions: Iterable[Session]) -> list[Group]:
    """One of each session that showed something, in order of time; those of which no feature is
    known, as lists by price, are left out. Raises BadInput for impressions
    whose features are of different names: they cannot be one table."""
    shown = [one for one in sessions if (one.impression.positions >= 0).any()]
    found = [group(one) for one in shown if not np.isnan(one.impression.features).all()]
    names = {one.impression.names for one in found}
    if len(names) > 1:
        first, second = sorted(names)[:2]
        differ = sorted(set(first) ^ set(second))
        raise BadInput(
            f"sessions have different features ({', '.join(differ) or 'in different order'} are "
            "not in all): train on those since the last change of features, with --since"
        )
    return sorted(found, key=lambda one: (one.impression.at, one.impression.request))


def split_by_time(ordered: Sequence[Group], later: float) -> tuple[list[Group], list[Group]]:
    """The earlier groups and the share `later` of the latest, cut between two moments, so that no
    group is as old as one of the other side. Raises BadInput where a side would be empty."""
    cut = round(len(ordered) * (1 - later))
    if 0 < cut < len(ordered):
        moment = ordered[cut].impression.at
        early = [one for one in ordered if one.impression.at < moment]
        if early:
            return early, list(ordered[len(early) :])
    raise BadInput(
        f"{len(ordered)} sessions cannot be split into earlier and later ones; collect more"
    )
