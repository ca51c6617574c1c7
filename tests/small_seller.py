"""The small market with a seller, "s42", who has two listings, one of them ended; and buyers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from marketrank.access import Scope
from marketrank.audience import Match, Matched
from marketrank.errors import NotReady
from marketrank.feedback.intake import Taken
from marketrank.people import Counted, Interaction, InteractionKind, Recorded
from marketrank.types import ListingId, SellerId
from small_market import NOW, SmallMarket, small_market
from small_predictions import PRICE

SELLER = "s42"
LIVE, ENDED, OTHERS = ListingId("1001"), ListingId("1099"), ListingId("1002")


@dataclass
class SmallPeople:
    """Notes what it is given."""

    taken: list[Interaction] = field(default_factory=list)

    def take(self, interactions: Mapping[int, Interaction], at: datetime) -> Taken:
        self.taken += interactions.values()
        return Taken(Recorded(len(interactions)))


@dataclass
class SellerMarket(SmallMarket):
    people: SmallPeople = field(default_factory=SmallPeople)
    towers: bool = True
    consenting: int = 1840
    audiences: list[ListingId] = field(default_factory=list)

    def buyers_for(self, id: ListingId, seller: SellerId | None, k: int, at: datetime) -> Matched:
        if not self.towers:
            raise NotReady("there is no buyer tower; run `marketrank train buyers`")
        self.audiences.append(id)
        matches = (Match("9f86d081884c7d659a2f", 0.8), Match("1b4f0e9851971998e732", 0.4))
        return Matched(matches if self.consenting else (), 0.06, self.consenting)


def seller_market(*, padding: int = 5) -> SellerMarket:
    market = SellerMarket(**vars(small_market(padding=padding)))
    for id in (LIVE, ENDED):
        held = market.stored[id]
        market.stored[id] = replace(held, listing=replace(held.listing, seller=SellerId(SELLER)))
    other = market.stored[OTHERS]
    market.stored[OTHERS] = replace(other, listing=replace(other.listing, seller=SellerId("s7")))
    market.predictions.price = PRICE
    market.interest.hear([], [Counted(LIVE, InteractionKind.SAVE, date(2026, 3, 13))] * 3)
    return market


def key_of(market: SmallMarket, *scopes: Scope, seller: str | None = SELLER) -> str:
    """A new key, as its holder pastes it."""
    header = market.key_store.make(*(scopes or (Scope.SELLER,)), at=NOW, seller=seller)
    return header["Authorization"].removeprefix("Bearer ")
