"""The nouns of people: who buys, what they agreed to, what they were shown and what they did.

They follow the conventions of `types`. Nothing here is ever logged or shown to others: a BuyerId
is personal data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NewType

import numpy as np
from numpy.typing import NDArray

from marketrank.types import BuyerId, ListingId, Place, ReleaseId, RequestId, SellerId, Seq

EventId = NewType("EventId", str)
"""The sender's own id of an event: the same id twice is the same event."""
Pseudonym = NewType("Pseudonym", str)
"""A random name of a buyer, which lasts until they are erased; nothing leads from it to them once
their key is gone."""


class InteractionKind(StrEnum):
    """What a buyer did with a listing, from the weakest sign of interest to the strongest, then the
    two signs of the opposite."""

    VIEW = "view"
    CLICK = "click"
    SAVE = "save"
    MESSAGE = "message"
    OFFER = "offer"
    SOLD = "sold"
    HIDE = "hide"
    REPORT = "report"


class Surface(StrEnum):
    """Where listings were shown."""

    SEARCH = "search"
    PHOTO = "photo"
    SIMILAR = "similar"
    FEED = "feed"


class Purpose(StrEnum):
    """What a buyer can agree to, each by itself; nothing is agreed to until they say so."""

    HISTORY = "history"
    """What they did shapes what they are shown."""
    DEMOGRAPHICS = "demographics"
    """So do their attributes and their place."""
    OUTREACH = "outreach"
    """Sellers may be told that such a buyer could want their listing; never who it is."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody who looks for things. `attributes` are demographics, as `{"age": "25-34"}`, of
    names and values that the operator chooses; `seller` is who they are where they sell;
    `consents` holds when each purpose in force was agreed to."""

    id: BuyerId
    attributes: Mapping[str, str] = field(default_factory=dict)
    place: Place | None = None
    seller: SellerId | None = None
    consents: Mapping[Purpose, datetime] = field(default_factory=dict)

    def allows(self, purpose: Purpose) -> bool:
        """Whether they have agreed to it, and not taken it back."""
        return purpose in self.consents


@dataclass(frozen=True, slots=True)
class Interaction:
    """Something that a buyer did. `request` names the ranking that it followed from, if any."""

    id: EventId
    buyer: BuyerId
    listing: ListingId
    kind: InteractionKind
    at: datetime
    request: RequestId | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Impression:
    """A ranking as it was shown, with what it was computed from; a training group once joined
    with interactions.

    `positions` (n,) counts from 0 on the page's list as a whole, and is -1 for a candidate that was
    sampled and not shown. `features` is (n, len(names)), float32. `buyer` is None for a request
    that named none or asked for no profile. `query` is the same for requests that ask for the same
    thing, a digest that says nothing by itself; "" where nobody needs to know. `experiment` and
    `arms` (n,) name an experiment that the ranking was part of, and for each listing the arm that
    put it there.
    """

    request: RequestId
    at: datetime
    surface: Surface
    release: ReleaseId
    listings: tuple[ListingId, ...]
    positions: NDArray[np.int32]
    features: NDArray[np.float32]
    names: tuple[str, ...]
    buyer: BuyerId | None = None
    query: str = ""
    experiment: str = ""
    arms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """An impression and the interactions that point at it, in the order of their time."""

    impression: Impression
    interactions: tuple[Interaction, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a write of events did: counts."""

    new: int = 0
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """Something that was done with a listing, by nobody in particular."""

    listing: ListingId
    kind: InteractionKind
    day: date


@dataclass(frozen=True, slots=True)
class BuyerChange:
    """That a buyer, or what they agree to, has changed. `buyer` is None once they are erased."""

    seq: Seq
    pseudonym: Pseudonym
    buyer: Buyer | None


@dataclass(frozen=True, slots=True)
class About:
    """What an engine may know of the buyer who asks. `recent` are their latest interactions, the
    latest first; () where they have not agreed to Purpose.HISTORY. `hidden` is what they never want
    to see again, which they said themselves: it needs no agreement and is no profile."""

    buyer: Buyer
    hidden: frozenset[ListingId] = frozenset()
    recent: tuple[Interaction, ...] = ()
