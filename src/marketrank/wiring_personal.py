"""The part of the composition root that is about what buyers like: the tower in use, what is
popular, the Person of a request, and who could want a listing."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Request
from marketrank.audience import AudienceFinder, Matched
from marketrank.buyers.popularity import SAVES, Popularity
from marketrank.buyers.profile import Weighting
from marketrank.buyers.sensitive import SensitiveCategories
from marketrank.config import Settings
from marketrank.durable import write
from marketrank.models.published_tower import TowerFolder
from marketrank.people import Counted, Interaction
from marketrank.personal import Personal
from marketrank.ports import BuyerStore, EventStore, OutreachLog
from marketrank.retrieval.feed import POPULAR, popular_retriever
from marketrank.retrieval.follow import Poller, View
from marketrank.retrieval.private_index import private_index
from marketrank.tuning import Tuning
from marketrank.types import ListingId, SellerId

Keys = NDArray[np.int64]
_AUDIENCE_SECONDS = 60.0
_MOST_EVENTS = 100
_SECRET_BYTES = 32


class PersonalParts:
    """What one process needs to be personal; parts are opened when first used."""

    def __init__(
        self,
        settings: Settings,
        *,
        view: Callable[[], View | None],
        events: Callable[[], EventStore],
        buyers: Callable[[], BuyerStore],
        outreach: Callable[[], OutreachLog],
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._view = view
        self._events = events
        self._buyers = buyers
        self._outreach = outreach
        self._clock = clock

    @cached_property
    def towers(self) -> TowerFolder:
        """The versions that `marketrank train buyers` publishes and promotes."""
        return TowerFolder(self._settings.home / "towers")

    @cached_property
    def weighting(self) -> Weighting:
        return Weighting(half_life_days=self._settings.taste_half_life_days)

    @cached_property
    def sensitive(self) -> SensitiveCategories:
        return SensitiveCategories(self._settings.sensitive_categories)

    @cached_property
    def personal(self) -> Personal:
        return Personal(
            tower=self.towers,
            sensitive=self.sensitive.flags,
            weighting=self.weighting,
        )

    @cached_property
    def popularity(self) -> Popularity:
        return Popularity(self._settings.popular_half_life_days)

    @cached_property
    def saves(self) -> Popularity:
        """As popular, of saves alone."""
        return Popularity(self._settings.popular_half_life_days, SAVES)

    def more_facts(self, view: View, request: Request, keys: Keys) -> dict[str, Any]:
        """What the ranker of sessions sees of how popular candidates are: see session_facts."""
        return {
            "popularity": self.popularity.scores(keys, request.at),
            "saves": self.saves.scores(keys, request.at),
        }

    def count(self, interactions: Sequence[Interaction], counted: Sequence[Counted]) -> None:
        """Hear of what came in: see feedback.follow_events.Listener. What the view does not know
        yet is not counted."""
        view = self._view()
        if view is None:
            return
        done = [(one.listing, one.kind, one.at) for one in interactions]
        done += [(one.listing, one.kind, _midday(one.day)) for one in counted]
        for listing, kind, at in done:
            key = view.catalogue.key_of(listing)
            if key is not None:
                self.popularity.add(key, kind, at)
                self.saves.add(key, kind, at)

    def tuned(self, tuning: Tuning) -> Tuning:
        """With what is popular in the feed."""
        return replace(tuning, feed={**tuning.feed, POPULAR: popular_retriever(self.popularity)})

    @cached_property
    def audience(self) -> AudienceFinder:
        return AudienceFinder(
            view=self._view,
            agreed=lambda purposes: self._buyers().agreed(purposes),
            buyer=lambda id: self._buyers().get(id),
            recent=lambda id: self._events().of_buyer(id, _MOST_EVENTS),
            tower=self.towers,
            make_index=partial(private_index, exact_below=self._settings.exact_below),
            secret=lambda: _secret(self._settings.home / "audience.key"),
            log=self._outreach(),
            cap=self._settings.audience_per_day,
            sensitive=self.sensitive.flags,
            weighting=self.weighting,
        )

    def buyers_for(self, id: ListingId, seller: SellerId | None, k: int, at: datetime) -> Matched:
        return self.audience.buyers_for(id, seller, k, at)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the audience current until the block ends."""
        poller = Poller(
            "audience", lambda: self.audience.refresh(self._clock()), seconds=_AUDIENCE_SECONDS
        )
        poller.start()
        try:
            yield
        finally:
            poller.stop()


def _midday(day: date) -> datetime:
    """When an event was of which only the day is kept."""
    return datetime.combine(day, time(12), UTC)


def _secret(path: Path) -> bytes:
    """What keys the pseudonyms of this home; made when first needed."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, secrets.token_bytes(_SECRET_BYTES))
        path.chmod(0o600)
    return path.read_bytes()
