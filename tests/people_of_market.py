"""Buyers of a small marketplace, over real stores: what wiring makes of the same parts."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

from sqlalchemy import Engine

from marketrank.feedback.intake import Intake, Taken
from marketrank.people import Buyer, Interaction
from marketrank.ports import ListingStore
from marketrank.storage.buyers import PostgresBuyers
from marketrank.storage.events import PostgresEvents
from marketrank.storage.keys import KeyFolder
from marketrank.types import BuyerId
from small_market import SmallMarket
from small_stores import SmallListings


class People:
    """Implements api.service.People."""

    def __init__(self, engine: Engine, keys: KeyFolder, market: SmallMarket) -> None:
        self.events = PostgresEvents(engine, keys)
        self.buyers = PostgresBuyers(engine, keys)
        listings = cast(ListingStore, SmallListings(market.stored))
        self._intake = Intake(events=self.events, buyers=self.buyers.find, listings=listings)
        self.get = self.buyers.get
        self.export = self.buyers.export
        self.erase = self.buyers.erase

    def take(self, interactions: Mapping[int, Interaction], at: datetime) -> Taken:
        return self._intake.take(interactions, at)

    def change(self, id: BuyerId, change: Callable[[Buyer], Buyer], at: datetime) -> Buyer:
        return self.buyers.change(id, change, at=at)
