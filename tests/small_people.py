"""Buyers in memory: the people of a small market."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from marketrank.errors import BadInput
from marketrank.feedback.intake import Refused, Taken
from marketrank.people import Buyer, Interaction, InteractionKind, Purpose, Recorded
from marketrank.types import BuyerId, ListingId


@dataclass
class SmallPeople:
    """Implements api.service.People. `missing` are listings that it does not know; `taken` is all
    that it was told."""

    held: dict[BuyerId, Buyer] = field(default_factory=dict)
    kept: dict[BuyerId, list[Interaction]] = field(default_factory=dict)
    taken: list[Interaction] = field(default_factory=list)
    missing: frozenset[ListingId] = frozenset({ListingId("nowhere")})

    def take(self, interactions: Mapping[int, Interaction], at: datetime) -> Taken:
        refused = tuple(
            Refused(index, "listing", one.listing, "there is no such listing")
            for index, one in interactions.items()
            if one.listing in self.missing
        )
        for one in interactions.values():
            if one.listing in self.missing:
                continue
            self.taken.append(one)
            buyer = self.held.get(one.buyer)
            agreed = buyer is not None and buyer.allows(Purpose.HISTORY)
            if agreed or one.kind is InteractionKind.HIDE:
                self.held.setdefault(one.buyer, Buyer(one.buyer))
                self.kept.setdefault(one.buyer, []).insert(0, one)
        return Taken(Recorded(new=len(interactions) - len(refused)), refused)

    def hidden(self, id: BuyerId | None) -> set[ListingId]:
        kept = [] if id is None else self.kept.get(id, [])
        return {one.listing for one in kept if one.kind is InteractionKind.HIDE}

    def get(self, id: BuyerId) -> Buyer | None:
        return self.held.get(id)

    def change(self, id: BuyerId, change: Callable[[Buyer], Buyer], at: datetime) -> Buyer:
        self.held[id] = replace(change(self.held.get(id, Buyer(id))), id=id)
        if not self.held[id].allows(Purpose.HISTORY):
            kept = self.kept.get(id, [])
            self.kept[id] = [one for one in kept if one.kind is InteractionKind.HIDE]
        return self.held[id]

    def export(self, id: BuyerId) -> Mapping[str, Any]:
        if id not in self.held:
            raise BadInput(f"buyer {id!r}: nothing is held of them")
        buyer, place = self.held[id], self.held[id].place
        return {
            "id": id,
            "attributes": dict(buyer.attributes),
            "place": place and {"town": place.town, "county": place.county},
            "seller": buyer.seller,
            "consents": {str(one): at.isoformat() for one, at in buyer.consents.items()},
            "interactions": [
                {"listing": one.listing, "kind": str(one.kind), "at": one.at.isoformat()}
                for one in self.kept.get(id, [])
            ],
            "impressions": [],
        }

    def erase(self, id: BuyerId) -> bool:
        self.kept.pop(id, None)
        return self.held.pop(id, None) is not None
