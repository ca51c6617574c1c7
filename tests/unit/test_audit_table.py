"""From sessions to columns: whose, what counts, and what another ranker would have shown."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from marketrank.buyers.audit_table import Fact, consenting, reranked, tabulate
from marketrank.people import (
    Buyer,
    EventId,
    Impression,
    Interaction,
    InteractionKind,
    Purpose,
    Session,
    Surface,
)
from marketrank.types import BuyerId, ListingId, ReleaseId, RequestId

AT = datetime(2026, 1, 5, tzinfo=UTC)
FACTS = {ListingId("a"): Fact(("Jobs",), "trade")}
WHO: Mapping[BuyerId, Mapping[str, str]] = {
    BuyerId("ann"): {"age": "old"},
    BuyerId("bob"): {"sex": "m"},
}


def session(
    buyer: str | None,
    positions: Mapping[str, int],
    *did: tuple[str, InteractionKind],
    surface: Surface = Surface.FEED,
    query: str = "",
) -> Session:
    shown = Impression(
        request=RequestId("r"),
        at=AT,
        surface=surface,
        release=ReleaseId("1"),
        listings=tuple(ListingId(one) for one in positions),
        positions=np.array(list(positions.values()), np.int32),
        features=np.arange(len(positions), dtype=np.float32).reshape(-1, 1),
        names=("score",),
        buyer=None if buyer is None else BuyerId(buyer),
        query=query,
    )
    return Session(
        shown,
        tuple(
            Interaction(EventId(f"e{n}"), BuyerId(buyer or ""), ListingId(listing), kind, AT)
            for n, (listing, kind) in enumerate(did)
        ),
    )


def test_only_attributes_that_were_agreed_to_are_looked_at() -> None:
    agreed = {Purpose.DEMOGRAPHICS: AT}
    others = {Purpose.HISTORY: AT, Purpose.OUTREACH: AT}
    buyers = [
        Buyer(BuyerId("ann"), {"age": "old"}, consents=agreed),
        Buyer(BuyerId("eve"), {"age": "old"}, consents=others),
    ]
    assert consenting(buyers) == {"ann": {"age": "old"}}


def test_sessions_of_others_are_left_out() -> None:
    table = tabulate(
        [session("eve", {"a": 0}), session(None, {"a": 0}), session("ann", {"b": 0, "a": 1})],
        WHO,
        FACTS,
    )
    assert (table.n_buyers, len(table.session_buyer)) == (1, 1)
    assert table.listings == ("b", "a")
    assert table.facts == (Fact(), Fact(("Jobs",), "trade"))
    assert table.attributes == {"age": ("old",)}


def test_what_was_not_shown_is_a_candidate_alone() -> None:
    one = session("ann", {"a": 0, "b": -1})
    assert tabulate([one], WHO, FACTS).position.tolist() == [0]
    assert tabulate([one], WHO, FACTS, of_candidates=True).position.tolist() == [0, -1]


def test_the_strongest_sign_counts_but_for_dislike() -> None:
    kind = InteractionKind
    one = session(
        "ann",
        {"a": 0, "b": 1, "c": 2},
        ("a", kind.CLICK),
        ("a", kind.SAVE),
        ("b", kind.MESSAGE),
        ("b", kind.HIDE),
        ("b", kind.CLICK),
    )
    assert tabulate([one], WHO, FACTS).gain.tolist() == [2.0, 0.0, 0.0]


def test_those_who_asked_for_the_same_are_one_stratum() -> None:
    search = Surface.SEARCH
    table = tabulate(
        [
            session("ann", {"a": 0}),
            session("bob", {"a": 0}, surface=search, query="q"),
            session("ann", {"a": 0}, surface=search, query="q"),
            session("ann", {"a": 0}, surface=search, query="p"),
        ],
        WHO,
        FACTS,
    )
    assert table.session_stratum.tolist() == [0, 1, 1, 2]
    assert table.session_feed.tolist() == [True, False, False, False]
    assert table.attributes == {"age": ("old", None), "sex": (None, "m")}


def test_another_ranker_shows_as_many_in_its_own_order() -> None:
    sessions = [
        session("eve", {"a": 0}),
        session("ann", {"a": 0, "b": 1, "c": -1}, ("a", InteractionKind.CLICK)),
    ]
    table = reranked(sessions, lambda shown: shown.features[:, 0], WHO, FACTS)
    assert table.of_candidates
    assert table.position.tolist() == [-1, 1, 0]
    assert table.logged.tolist() == [0, 1, -1]
    assert table.gain.tolist() == [1.0, 0.0, 0.0]
    tied = reranked(sessions, lambda shown: np.zeros(len(shown.listings), np.float32), WHO, FACTS)
    assert tied.position.tolist() == [0, 1, -1]  # by id
