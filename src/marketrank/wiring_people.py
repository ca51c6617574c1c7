"""The part of the composition root that is about buyers: who they are, what they did and were
shown, and what this process knows of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import Engine as Database

from marketrank.config import Settings
from marketrank.feedback.follow_events import EventFollower, Listener
from marketrank.feedback.impression_log import ImpressionLog, rememberable
from marketrank.feedback.intake import Intake, Taken
from marketrank.people import Buyer, Impression, Interaction, InteractionKind
from marketrank.ports import BuyerStore, EventStore, ListingStore, OutreachLog
from marketrank.retrieval.follow import Poller
from marketrank.shown import Shown, impression_of, light
from marketrank.storage.buyers import PostgresBuyers
from marketrank.storage.events import PostgresEvents
from marketrank.storage.keys import KeyFolder
from marketrank.storage.outreach import PostgresOutreach
from marketrank.types import BuyerId

_IMPRESSIONS_WAITING = 1_000  # of some 50 kB each
_FORGETTING_SECONDS = 3_600
HEARD = timedelta(days=14)
"""Listeners hear of what happened so long before the start."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How many erasures were finished, and how many days of impressions were dropped."""

    erasures: int
    days: int


class People:
    """Everything about buyers that one process needs; parts are opened when first used. The public
    methods are what the API asks for (api.service.People)."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Callable[[], Database],
        listings: Callable[[], ListingStore],
        clock: Callable[[], datetime],
        listeners: Sequence[Listener] = (),
        rest: Callable[[float], bool] = lambda seconds: True,
    ) -> None:
        """`listeners` hear of what buyers did in the last weeks, and from now on; for `rest` see
        ImpressionLog."""
        self._settings = settings
        self._database = database
        self._listings = listings
        self._clock = clock
        self._listeners = listeners
        self._rest = rest

    @cached_property
    def keys(self) -> KeyFolder:
        """The keys of buyers: never part of the database or its backups."""
        return KeyFolder(self._settings.keys_folder or self._settings.home / "keys")

    @cached_property
    def events(self) -> EventStore:
        return PostgresEvents(self._database(), self.keys)

    @cached_property
    def buyers(self) -> BuyerStore:
        return PostgresBuyers(self._database(), self.keys)

    @cached_property
    def outreach(self) -> OutreachLog:
        return PostgresOutreach(self._database(), self.keys)

    @cached_property
    def follower(self) -> EventFollower:
        """What this process knows of the buyers who ask."""
        return EventFollower(
            events=self.events,
            buyers=self.buyers,
            since=(self._clock() - HEARD).date(),
            listeners=self._listeners,
        )

    @cached_property
    def intake(self) -> Intake:
        return Intake(events=self.events, buyers=self.buyers.find, listings=self._listings())

    @cached_property
    def impression_log(self) -> ImpressionLog[Shown]:
        """Takes what the engine has shown while this process is `running`."""
        return ImpressionLog(
            make=self._impression,
            write=self.events.log,
            size=_IMPRESSIONS_WAITING,
            rest=self._rest,
        )

    def on_shown(self, shown: Shown) -> None:
        """For the engine."""
        self.impression_log.put(light(shown))

    def take(self, interactions: Mapping[int, Interaction], at: datetime) -> Taken:
        taken = self.intake.take(interactions, at)
        refused = {one.index for one in taken.refused}
        for index, one in interactions.items():
            if one.kind is InteractionKind.HIDE and index not in refused:
                self.follower.hide(one.buyer, one.listing)
        return taken

    def get(self, id: BuyerId) -> Buyer | None:
        return self.buyers.get(id)

    def change(self, id: BuyerId, change: Callable[[Buyer], Buyer], at: datetime) -> Buyer:
        return self.buyers.change(id, change, at=at)

    def export(self, id: BuyerId) -> Mapping[str, Any]:
        return self.buyers.export(id)

    def erase(self, id: BuyerId) -> bool:
        return self.buyers.erase(id)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Follow what buyers do and log what they are shown until the block ends."""
        pollers = [
            Poller("events", self.follower.refresh, seconds=self._settings.poll_seconds),
            Poller("forgetting", self.sweep, seconds=_FORGETTING_SECONDS),
        ]
        for poller in pollers:
            poller.start()
        self.impression_log.start()
        try:
            yield
        finally:
            self.impression_log.stop()
            for poller in pollers:
                poller.stop()

    def _impression(self, shown: Shown) -> Impression | None:
        buyer = rememberable(shown.request, self.follower.about)
        return impression_of(shown, buyer=buyer, digest=self._query_digest)

    def _query_digest(self, query: str) -> str:
        return self.keys.digest("query", query).hex()

    def sweep(self) -> Swept:
        """Finish erasures that were cut short, and forget what was done and shown too long ago."""
        now = self._clock()
        finished = self.buyers.finish_erasing()
        self.outreach.drop_before(now)
        self.events.mix(now.astimezone(UTC).date())
        before = now - timedelta(days=self._settings.impression_days)
        return Swept(finished, self.events.drop_before(before))
