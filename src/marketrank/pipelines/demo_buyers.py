"""A few made-up buyers, so that a demo has somebody to look through the eyes of."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from marketrank.people import Buyer, EventId, Interaction, InteractionKind, Purpose
from marketrank.ports import BuyerStore, EventStore, ListingStore
from marketrank.types import BuyerId, Listing, Place, Seq

_DID = 6
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class DemoBuyer:
    """`label` is what the page calls them; `roots` are the categories that they turned to."""

    id: BuyerId
    label: str
    agrees: tuple[Purpose, ...]
    roots: tuple[str, ...] = ()
    place: Place | None = None


DEMO_BUYERS = (
    DemoBuyer(
        BuyerId("demo-1"),
        "Demo 1: sports and games, in Leeds",
        tuple(Purpose),
        ("Sports & Outdoors", "Gaming"),
        Place("Leeds", "West Yorkshire", "GB", 53.7965, -1.5478),
    ),
    DemoBuyer(
        BuyerId("demo-2"),
        "Demo 2: furnishes a home, in Bristol",
        (Purpose.HISTORY, Purpose.DEMOGRAPHICS),
        ("Home & Garden",),
        Place("Bristol", "Somerset", "GB", 51.4552, -2.5967),
    ),
    DemoBuyer(
        BuyerId("demo-3"),
        "Demo 3: books, music and old things",
        (Purpose.HISTORY,),
        ("Books, Music & Films", "Hobbies & Collectables"),
    ),
    DemoBuyer(BuyerId("demo-4"), "Demo 4: has agreed to nothing", ()),
)


def make_demo_buyers(
    buyers: BuyerStore, events: EventStore, listings: ListingStore, *, at: datetime
) -> int:
    """Put those who are not there yet, with what they did; returns how many. Whoever is there
    keeps what they chose on the page."""
    missing = [one for one in DEMO_BUYERS if buyers.get(one.id) is None]
    if not missing:
        return 0
    offered = list(_offered(listings))
    for one in missing:
        agreed = dict.fromkeys(one.agrees, at - timedelta(days=2))
        buyers.put(Buyer(one.id, place=one.place, consents=agreed), at=at)
        if Purpose.HISTORY in one.agrees:
            events.record(list(_did(one, offered, at)), at=at)
    return len(missing)


def _offered(listings: ListingStore) -> Iterator[Listing]:
    after = Seq(0)
    while batch := listings.changes(after, _BATCH):
        yield from (one.listing for one in batch if one.live)
        after = batch[-1].seq


def _did(who: DemoBuyer, offered: list[Listing], at: datetime) -> Iterator[Interaction]:
    liked = [one for one in offered if one.category and one.category[0] in who.roots]
    liked.sort(key=lambda one: one.id)
    for number, one in enumerate(liked[:_DID]):
        kind = InteractionKind.SAVE if number % 3 == 0 else InteractionKind.CLICK
        # Made anew after an erasure they are other events, or the store would know them.
        id = EventId(f"{who.id} {at.isoformat()} {one.id}")
        yield Interaction(id, who.id, one.id, kind, at - timedelta(hours=number + 1))
