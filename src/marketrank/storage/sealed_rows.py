"""Buyers and interactions as sealed texts and back."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import orjson

from marketrank.people import Buyer, EventId, Interaction, InteractionKind, Purpose
from marketrank.storage.keys import Keys
from marketrank.storage.sealing import digest, seal, unseal
from marketrank.types import BuyerId, ListingId, Place, RequestId, SellerId

LASTING = frozenset({InteractionKind.HIDE})
"""What a buyer said and not only did: it is kept with who they are."""


@dataclass(frozen=True, slots=True)
class Held:
    """A buyer, and every agreement that they gave or took back, in order: what, whether, when."""

    buyer: Buyer
    agreements: tuple[tuple[Purpose, bool, datetime], ...] = field(default=())

    def replaced_by(self, buyer: Buyer, at: datetime) -> "Held":
        """The agreements that differ are added; one that is given has its own time."""
        old, new = self.buyer.consents, buyer.consents
        given = [(p, True, new[p]) for p in Purpose if p in new and old.get(p) != new[p]]
        taken = [(p, False, at) for p in Purpose if p in old and p not in new]
        return Held(buyer, (*self.agreements, *taken, *given))


def seal_buyer(held: Held, keys: Keys) -> bytes:
    buyer = held.buyer
    content = {
        "id": buyer.id,
        "attributes": dict(buyer.attributes),
        "place": None if buyer.place is None else asdict(buyer.place),
        "seller": buyer.seller,
        "consents": {str(purpose): at for purpose, at in buyer.consents.items()},
        "agreements": held.agreements,
    }
    return seal(keys.profile, orjson.dumps(content), _about("buyers", keys))


def unseal_buyer(sealed: bytes, keys: Keys) -> Held | None:
    """None where the keys do not fit."""
    content = unseal(keys.profile, sealed, _about("buyers", keys))
    if content is None:
        return None
    found: Mapping[str, Any] = orjson.loads(content)
    place = found["place"]
    buyer = Buyer(
        BuyerId(found["id"]),
        found["attributes"],
        None if place is None else Place(**place),
        None if found["seller"] is None else SellerId(found["seller"]),
        {Purpose(name): _time(at) for name, at in found["consents"].items()},
    )
    agreements = tuple((Purpose(p), given, _time(at)) for p, given, at in found["agreements"])
    return Held(buyer, agreements)


def seal_interaction(one: Interaction, keys: Keys) -> bytes:
    content = orjson.dumps([one.id, one.buyer, one.listing, one.kind, one.at, one.request])
    return seal(_key_of(one.kind in LASTING, keys), content, _about("events", keys))


def unseal_interaction(sealed: bytes, *, lasting: bool, keys: Keys) -> Interaction | None:
    """None where the keys do not fit."""
    content = unseal(_key_of(lasting, keys), sealed, _about("events", keys))
    if content is None:
        return None
    id_, buyer, listing, kind, at, request = orjson.loads(content)
    return Interaction(
        EventId(id_),
        BuyerId(buyer),
        ListingId(listing),
        InteractionKind(kind),
        _time(at),
        None if request is None else RequestId(request),
    )


def request_digest(request: RequestId | None, keys: Keys) -> bytes | None:
    """What joins an interaction with an impression of the same buyer, and with nobody else's."""
    return None if request is None else digest(keys.history, "request", request)


def latest(interactions: Iterable[Interaction], limit: int) -> list[Interaction]:
    """The latest first, ties by id."""
    ordered = sorted(interactions, key=lambda one: one.id)
    ordered.sort(key=lambda one: one.at, reverse=True)
    return ordered[:limit]


def _key_of(lasting: bool, keys: Keys) -> bytes:
    return keys.profile if lasting else keys.history


def _about(table: str, keys: Keys) -> bytes:
    return table.encode() + b"\0" + keys.raw_pseudonym


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
