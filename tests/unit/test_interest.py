"""Counts of what was done with listings."""

from datetime import UTC, date, datetime

from marketrank.feedback.interest import Interest
from marketrank.people import Counted, EventId, Interaction, InteractionKind
from marketrank.types import BuyerId, ListingId

SAVE, VIEW = InteractionKind.SAVE, InteractionKind.VIEW
A, B = ListingId("a"), ListingId("b")


def test_counts_by_kind_since_a_day() -> None:
    interest = Interest(date(2026, 3, 2))

    def done(listing: ListingId, kind: InteractionKind, day: int) -> Interaction:
        at = datetime(2026, 3, day, tzinfo=UTC)
        return Interaction(EventId("e"), BuyerId("ann"), listing, kind, at)

    interest.hear([done(A, SAVE, 2), done(A, SAVE, 1)], [Counted(A, VIEW, date(2026, 3, 1))])
    interest.hear([done(A, SAVE, 3), done(B, VIEW, 3)], [Counted(A, VIEW, date(2026, 3, 2))])
    assert interest.of(A) == {SAVE: 2, VIEW: 1}
    assert interest.of(B) == {VIEW: 1}
    assert interest.of(ListingId("c")) == {}
