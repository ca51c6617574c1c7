"""Events as they come in: which are taken, what is remembered of whom, and what they change.

Of buyers who have not agreed to Purpose.HISTORY an event only counts (listing, kind, day). What
they hide is kept all the same, and used for nothing else: they asked not to see it again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from marketrank.people import Buyer, EventId, Interaction, InteractionKind, Purpose, Recorded
from marketrank.ports import EventStore, ListingStore
from marketrank.types import BuyerId, ListingId

AHEAD = timedelta(minutes=5)
"""How far a sender's clock may be before ours."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the event at this place of a batch was not taken: what of it, its value, the remedy."""

    index: int
    parameter: str
    value: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch. `ended` counts listings that were live and are sold now."""

    recorded: Recorded
    refused: tuple[Refused, ...] = ()
    ended: int = 0


class Intake:
    """Takes batches of events. May be called from several threads and processes."""

    def __init__(
        self,
        *,
        events: EventStore,
        buyers: Callable[[Collection[BuyerId]], Mapping[BuyerId, Buyer]],
        listings: ListingStore,
    ) -> None:
        self._events = events
        self._buyers = buyers
        self._listings = listings

    def take(self, interactions: Mapping[int, Interaction], at: datetime) -> Taken:
        """Keep those that can be taken, by their place in the batch; the others are refused one by
        one. All that is kept is on the disk when this returns. Raises BadInput for ids that no
        database can hold; then nothing is taken."""
        refused = self._refused(interactions, at)
        places = {one.index for one in refused}
        good = [one for index, one in interactions.items() if index not in places]
        # Before they are recorded: if we die in between, they are sent again and are still new.
        ended = self._end(good, at)
        recorded = self._events.record(good, at=at, anonymous=self._anonymous(good))
        return Taken(recorded, tuple(refused), ended)

    def _refused(self, interactions: Mapping[int, Interaction], at: datetime) -> list[Refused]:
        known = self._listings.get(sorted({one.listing for one in interactions.values()}))
        refused = []
        for index, one in interactions.items():
            if one.listing not in known:
                remedy = "there is no such listing; give the id that the feed has for it"
                refused.append(Refused(index, "listing", one.listing, remedy))
            elif one.at > at + AHEAD:
                remedy = "it lies in the future; send it once it has happened, in UTC"
                refused.append(Refused(index, "at", one.at.isoformat(), remedy))
        return refused

    def _end(self, interactions: Sequence[Interaction], at: datetime) -> int:
        sold = [one for one in interactions if one.kind is InteractionKind.SOLD]
        if not sold:
            return 0
        # A repeated event must not end a listing that was offered again since.
        known = self._events.known([one.id for one in sold])
        ids: set[ListingId] = {one.listing for one in sold if one.id not in known}
        return self._listings.end(sorted(ids), at=at) if ids else 0

    def _anonymous(self, interactions: Sequence[Interaction]) -> set[EventId]:
        buyers = self._buyers({one.buyer for one in interactions})
        return {
            one.id
            for one in interactions
            if one.kind is not InteractionKind.HIDE
            and not (one.buyer in buyers and buyers[one.buyer].allows(Purpose.HISTORY))
        }
