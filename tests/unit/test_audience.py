"""The audience of a small marketplace."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from test_personal import Tower

from marketrank.audience import AudienceFinder
from marketrank.errors import BadInput, NotReady
from marketrank.people import Buyer, EventId, Interaction, InteractionKind, Purpose
from marketrank.retrieval.private_index import private_index
from marketrank.types import BuyerId, ListingId, ModelVersion, SellerId
from small_engine import NOW, Store, engine_over
from small_outreach import SmallOutreach

OPEN = dict.fromkeys([Purpose.OUTREACH, Purpose.HISTORY, Purpose.DEMOGRAPHICS], NOW)


def saved(buyer: str, n: int) -> Interaction:
    id = EventId(f"{buyer}{n}")
    return Interaction(id, BuyerId(buyer), ListingId(f"id{n}"), InteractionKind.SAVE, NOW)


class People:
    """`ann` saved the oak table, `ben` the pine table; `old` and `eve` are old, `eve` keeps to
    herself."""

    def __init__(self) -> None:
        self.held = {
            name: Buyer(BuyerId(name), attributes, consents=OPEN)
            for name, attributes in {
                "ann": {},
                "ben": {},
                "old": {"age": "65+"},
                "eve": {"age": "65+"},
            }.items()
        }
        self.held["eve"] = replace(self.held["eve"], consents={Purpose.DEMOGRAPHICS: NOW})
        self.events = {"ann": [saved("ann", 0)], "ben": [saved("ben", 1)]}

    def agreed(self, purposes: Sequence[Purpose]) -> list[Buyer]:
        return [one for one in self.held.values() if all(one.allows(p) for p in purposes)]

    def get(self, id: BuyerId) -> Buyer | None:
        return self.held.get(id)

    def recent(self, id: BuyerId) -> list[Interaction]:
        return self.events.get(id, [])


def finder(
    people: People,
    *,
    tower: Tower | None = None,
    cap: int = 5,
    sensitive: str = "",
    log: SmallOutreach | None = None,
) -> AudienceFinder:
    def flags(paths: Sequence[tuple[str, ...]]) -> NDArray[np.bool_]:
        return np.array([bool(path) and path[0] == sensitive for path in paths], np.bool_)

    found = AudienceFinder(
        view=engine_over(Store())._view,
        agreed=people.agreed,
        buyer=people.get,
        recent=people.recent,
        tower=lambda: tower or Tower(),
        make_index=partial(private_index, exact_below=100),
        secret=lambda: b"secret",
        log=log or SmallOutreach(),
        cap=cap,
        sensitive=flags,
    )
    found.refresh(NOW)
    return found


def names(found: AudienceFinder, n: int, k: int = 9, seller: str | None = None) -> list[str]:
    """Who is offered, in order, by their pseudonyms."""
    from marketrank.buyers.reverse import pseudonym

    listing = ListingId(f"id{n}")
    known = {
        pseudonym(b"secret", listing, BuyerId(name)): name for name in ("ann", "ben", "old", "eve")
    }
    matched = found.buyers_for(listing, None if seller is None else SellerId(seller), k, NOW)
    return [known[one.id] for one in matched.buyers]


def test_who_agreed_and_does_not_know_it_best_first() -> None:
    found = finder(People())
    assert names(found, 3) == ["old", "ann", "ben"]
    assert names(found, 0) == ["ben", "old"]  # ann saved it herself
    assert names(found, 3, k=1) == ["old"]
    assert found.buyers_for(ListingId("id3"), None, 9, NOW).consenting == 3


def test_reach_counts_those_who_are_interested() -> None:
    assert finder(People()).buyers_for(ListingId("id3"), None, 1, NOW).reach == pytest.approx(1 / 3)


def test_demographics_have_no_part_in_sensitive_categories() -> None:
    found = finder(People(), sensitive="Sports")
    assert names(found, 3)[-1] == "old"
    assert found.buyers_for(ListingId("id3"), None, 1, NOW).reach == 0


def test_who_changed_their_mind_is_not_offered_even_before_the_index_is_built_anew() -> None:
    people = People()
    found = finder(people)
    people.held["old"] = replace(people.held["old"], consents={})
    assert names(found, 3) == ["ann", "ben"]
    del people.held["ann"]
    assert names(found, 3) == ["ben"]


def test_a_buyer_is_offered_for_so_many_listings_a_day() -> None:
    found = finder(People(), cap=1)
    assert "old" in names(found, 3)
    assert names(found, 2) == []
    assert "old" in names(found, 3)
    assert "old" in names(finder(People(), cap=2), 3)


def test_all_processes_count_together() -> None:
    log = SmallOutreach()
    first, second = (finder(People(), cap=1, log=log) for _ in range(2))
    assert names(first, 3, k=1) == ["old"]
    assert names(second, 2) == ["ann", "ben"]
    assert names(first, 3) == ["old"]  # the others were told of
    with pytest.raises(BadInput, match="audience_per_day=0"):
        finder(People(), cap=0)


def test_behind_many_who_were_offered_enough_others_are_found() -> None:
    people, log = People(), SmallOutreach()
    crowd = [f"c{n}" for n in range(300)]
    people.held |= {
        name: Buyer(BuyerId(name), {"age": "65+"}, consents=OPEN) for name in [*crowd, "free"]
    }
    people.held["free"] = replace(people.held["free"], attributes={})
    log.tell(ListingId("id2"), [BuyerId(name) for name in ["old", *crowd]], at=NOW, cap=1)
    found = finder(people, cap=1, log=log)
    matched = found.buyers_for(ListingId("id3"), None, 3, NOW)
    assert len(matched.buyers) == 3  # ann, ben and free, whom 301 fit better
    assert matched.consenting == 304


def test_one_who_was_told_of_meanwhile_is_not_told_of_again() -> None:
    class Late(SmallOutreach):
        """Another process was faster."""

        def tell(
            self, listing: ListingId, buyers: Sequence[BuyerId], *, at: datetime, cap: int
        ) -> set[BuyerId]:
            super().tell(ListingId("id1"), buyers[:1], at=at, cap=cap)
            return super().tell(listing, buyers, at=at, cap=cap)

    assert names(finder(People(), cap=1, log=Late()), 3) == ["ann", "ben"]


def test_ones_own_listing_is_not_offered_to_its_seller() -> None:
    people = People()
    people.held["old"] = replace(people.held["old"], seller=SellerId("s"))
    found = finder(people)
    assert names(found, 3, seller="s") == ["ann", "ben"]
    assert names(found, 3, seller="t")[0] == "old"


def test_without_a_tower_of_this_encoder_the_remedy_is_named() -> None:
    other = Tower()
    other.encoder = ModelVersion("other")
    with pytest.raises(NotReady, match="train buyers"):
        finder(People(), tower=other).buyers_for(ListingId("id3"), None, 1, NOW)
    with pytest.raises(BadInput, match="listing id9 is not in the index"):
        finder(People()).buyers_for(ListingId("id9"), None, 1, NOW)
