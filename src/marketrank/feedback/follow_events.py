"""What one process knows of the buyers who ask, kept up to date by polling.

A buyer is read when they first ask and followed from then on, in commit order, so that several
processes agree within a poll: on what is hidden, on what was done last, on what is agreed to, and
that somebody is erased. Those who have not asked for long are let go.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from threading import Lock

from marketrank.people import (
    About,
    Buyer,
    BuyerChange,
    Counted,
    Interaction,
    InteractionKind,
    Pseudonym,
    Purpose,
)
from marketrank.ports import BuyerStore, EventStore
from marketrank.types import BuyerId, ListingId, Seq

_BATCH = 1_000

Listener = Callable[[Sequence[Interaction], Sequence[Counted]], None]
"""Told of everything that comes in, once and in commit order: by known buyers, and by nobody."""


class _State:
    """One buyer in memory. Its lock is held while it is read or changed."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.about: About | None = None
        self.pseudonym: Pseudonym | None = None
        self.seq = Seq(-1)
        """It is at least as new as this."""


class EventFollower:
    """Follows the events of a marketplace. `refresh` may be called from one thread at a time,
    `about` from any."""

    def __init__(
        self,
        *,
        events: EventStore,
        buyers: BuyerStore,
        recent: int = 200,
        most: int = 10_000,
        since: date | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        """Of each buyer the `recent` latest interactions are held, of `most` buyers at a time.
        `listeners` hear of what happened since a day; None: of what comes in from now on."""
        self._events = events
        self._buyers = buyers
        self._recent = recent
        self._most = most
        self._since = since
        self._listeners = tuple(listeners)
        self._states: OrderedDict[BuyerId, _State] = OrderedDict()
        self._ids: dict[Pseudonym, BuyerId] = {}
        self._lock = Lock()
        self._seen: Seq | None = None
        self._events_seq = self._counted_seq = self._buyers_seq = Seq(0)

    def about(self, buyer: BuyerId) -> About | None:
        """What is known of a buyer; None for one who is not. The first time it is read from the
        stores."""
        state = self._state(buyer)
        with state.lock:
            if state.about is None:
                state.about = self._read(buyer, state)
            if state.about is None:
                self._let_go(buyer)
            return state.about

    def refresh(self) -> None:
        """Catch up with everything that is committed now."""
        self._start()
        last = self._events.last_seq()
        if last == self._seen:
            return
        # First, so that what somebody does who has just agreed is not passed over. What they did
        # before they took an agreement back is no longer there to be read below.
        while changes := self._buyers.changes(self._buyers_seq, _BATCH):
            for change in changes:
                self._change(change)
            self._buyers_seq = changes[-1].seq
        while batch := self._events.after(self._events_seq, _BATCH):
            for seq, one in batch:
                self._add(seq, one)
            self._tell([one for _, one in batch], [])
            self._events_seq = batch[-1][0]
        while counted := self._events.counted(self._counted_seq, _BATCH):
            self._tell([], [one for _, one in counted])
            self._counted_seq = counted[-1][0]
        self._seen = last

    def hide(self, buyer: BuyerId, listing: ListingId) -> None:
        """What this process has just recorded is gone from the next answer already. It comes again
        by `refresh`, which changes nothing then."""
        state = self._held(buyer)
        if state is None:
            return
        with state.lock:
            about = state.about
            if about is not None:
                state.about = replace(about, hidden=about.hidden | {listing})

    def _start(self) -> None:
        """Whoever is first, a request or the poller, decides from where on news are followed: it
        must not be later than what any buyer is read at."""
        with self._lock:
            if self._seen is not None:
                return
            now = self._events.last_seq()
            start = now if self._since is None else self._events.seq_before(self._since)
            self._events_seq = self._counted_seq = start
            self._buyers_seq = now
            self._seen = Seq(-1)

    def _tell(self, interactions: Sequence[Interaction], counted: Sequence[Counted]) -> None:
        for listener in self._listeners:
            listener(interactions, counted)

    def _state(self, buyer: BuyerId) -> _State:
        with self._lock:
            state = self._states.setdefault(buyer, _State())
            self._states.move_to_end(buyer)
            if len(self._states) > self._most:
                _, oldest = self._states.popitem(last=False)
                if oldest.pseudonym is not None:
                    self._ids.pop(oldest.pseudonym, None)
            return state

    def _read(self, id: BuyerId, state: _State) -> About | None:
        self._start()
        # What is committed from here on comes by `refresh`; what was before is read below.
        seq = self._events.last_seq()
        pseudonym = self._buyers.pseudonym(id)
        if pseudonym is None:
            return None
        with self._lock:
            self._ids[pseudonym] = id
        buyer = self._buyers.get(id)
        if buyer is None:
            return None
        recent = self._events.of_buyer(id, self._recent) if buyer.allows(Purpose.HISTORY) else ()
        state.seq, state.pseudonym = seq, pseudonym
        return About(buyer, frozenset(self._events.hidden(id)), tuple(recent))

    def _held(self, buyer: BuyerId) -> _State | None:
        with self._lock:
            return self._states.get(buyer)

    def _let_go(self, buyer: BuyerId) -> None:
        with self._lock:
            state = self._states.pop(buyer, None)
            if state is not None and state.pseudonym is not None:
                self._ids.pop(state.pseudonym, None)

    def _add(self, seq: Seq, one: Interaction) -> None:
        state = self._held(one.buyer)
        if state is None:
            return
        with state.lock:
            # Not read yet: it will be, with this.
            if state.about is not None and seq > state.seq:
                state.about = added(state.about, one, self._recent)

    def _change(self, change: BuyerChange) -> None:
        with self._lock:
            id_ = self._ids.get(change.pseudonym)
        state = None if id_ is None else self._held(id_)
        if id_ is None or state is None:
            return
        if change.buyer is None:
            self._let_go(id_)
            return
        with state.lock:
            if state.about is not None and change.seq > state.seq:
                state.about = _changed(state.about, change.buyer)


def added(about: About, one: Interaction, most: int) -> About:
    """With one more interaction, at its place in time; the `most` latest stay."""
    hidden: frozenset[ListingId] = about.hidden
    if one.kind is InteractionKind.HIDE:
        hidden |= {one.listing}
    if not about.buyer.allows(Purpose.HISTORY):
        return About(about.buyer, hidden)
    others = [each for each in about.recent if each.id != one.id]
    recent = sorted([*others, one], key=lambda each: each.id)
    recent.sort(key=lambda each: each.at, reverse=True)
    return About(about.buyer, hidden, tuple(recent[:most]))


def _changed(about: About, buyer: Buyer) -> About:
    """What they did is forgotten once they no longer agree, also where they have agreed anew."""
    before, now = (one.consents.get(Purpose.HISTORY) for one in (about.buyer, buyer))
    recent = about.recent if before == now else ()
    return About(buyer, about.hidden, recent)
