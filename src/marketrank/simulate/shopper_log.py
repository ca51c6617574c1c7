"""What a simulation gives: lists as they were logged, what was done, and what is true of both."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from marketrank.people import EventId, Impression, Interaction, Session, Surface
from marketrank.simulate.shopper_clicks import CLICK, KINDS
from marketrank.simulate.shopper_features import NAMES
from marketrank.simulate.shopper_past import Events
from marketrank.simulate.shopper_stock import Floats, Ints
from marketrank.simulate.truth import Truth, Wants
from marketrank.types import ListingId, ReleaseId, RequestId

RELEASE = ReleaseId("simulated")


@dataclass(frozen=True)
class SimulatedLog:
    """r requests in order of time, each with n listings: `params.shown` in the order they were
    shown, then `params.unshown` that were not. Rows of all arrays belong to requests.

    Logged: `buyers` (r,) and `at` (r,) seconds, `queries` (r,) "" on the feed, `listings` (r, n),
    `features` (r, n, len(NAMES)), `swapped` (r, 2) the two ranks that changed places by chance
    (-1: none did), and `events` in order of time.
    True: `relevance` (r, n), the chance of a click once looked at (with the whim of the moment);
    `examination` (r, shown), the chance of being looked at; `wants`; `gone` (all listings,)
    seconds when each was sold, inf for those that were not.
    """

    truth: Truth
    seed: int
    buyers: Ints
    at: NDArray[np.float64]
    queries: tuple[str, ...]
    wants: Wants
    listings: Ints
    features: Floats
    swapped: Ints
    relevance: Floats
    examination: Floats
    events: Events
    gone: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.buyers)

    @property
    def positions(self) -> NDArray[np.int32]:
        """(n,), the same for every request; -1 for what was not shown."""
        shown = self.truth.params.shown
        ranks = np.arange(self.listings.shape[1], dtype=np.int32)
        return np.where(ranks < shown, ranks, -1).astype(np.int32)

    @cached_property
    def clicked(self) -> NDArray[np.bool_]:
        """Shape (r, n)."""
        clicks = self.events.take(self.events.kind == CLICK)
        out = np.zeros(self.listings.shape, bool)
        same = self.listings[clicks.request] == clicks.listing[:, None]
        out[clicks.request, same.argmax(axis=1)] = True
        return out

    def request_id(self, request: int) -> RequestId:
        return RequestId(f"r{self.seed}-{request:07d}")

    def sessions(self) -> Iterator[Session]:
        """All of them in order of time; the i-th belongs to row i of the arrays."""
        events = self.events
        order = np.argsort(events.request, kind="stable")
        starts = np.searchsorted(events.request[order], np.arange(len(self) + 1))
        for row in range(len(self)):
            numbers = order[starts[row] : starts[row + 1]].tolist()
            yield Session(self.impression(row), tuple(map(self.interaction, numbers)))

    def impression(self, row: int) -> Impression:
        return Impression(
            request=self.request_id(row),
            at=moment(self.at[row]),
            surface=Surface.SEARCH if self.wants.search[row] else Surface.FEED,
            release=RELEASE,
            listings=tuple(ListingId(self.truth.stock.ids[i]) for i in self.listings[row].tolist()),
            positions=self.positions,
            features=self.features[row],
            names=NAMES,
            buyer=self.truth.shoppers.ids[self.buyers[row]],
            query=self.queries[row],
        )

    def interaction(self, number: int) -> Interaction:
        events = self.events
        return Interaction(
            id=EventId(f"e{self.seed}-{number:08d}"),
            buyer=self.truth.shoppers.ids[events.buyer[number]],
            listing=self.truth.stock.ids[events.listing[number]],
            kind=KINDS[events.kind[number]],
            at=moment(events.at[number]),
            request=self.request_id(int(events.request[number])),
        )


def moment(seconds: float) -> datetime:
    """To the millisecond, as feeds have it."""
    return datetime.fromtimestamp(round(float(seconds), 3), UTC)
