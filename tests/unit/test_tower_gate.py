"""The gate of buyer towers, over a made-up crowd and towers of one line."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from marketrank.buyers.audit_table import Fact
from marketrank.buyers.fairness import Limits
from marketrank.buyers.sensitive import SensitiveCategories
from marketrank.buyers.tower import KINDS
from marketrank.errors import BadInput
from marketrank.people import EventId, Impression, Interaction, InteractionKind, Session, Surface
from marketrank.pipelines.tower_gate import Auditing, Past, Turned, compare, worse_than
from marketrank.types import BuyerId, ListingId, ModelVersion, ReleaseId, RequestId
from small_buyers import ALL, DIM, START, crowd

HISTORY = crowd(old=0)
LATER = START + timedelta(days=10)


class Tower:
    """Wants what somebody turned to, times `worth` of their age."""

    encoder = ModelVersion("small")
    space = {"dim": DIM, "bumps": 2, "scales_km": [20.0], "waves": 4}  # noqa: RUF012
    kinds = tuple(KINDS)
    history, temperature, interest = 12, 0.1, 0.5

    def __init__(self, worth: Mapping[str, float]) -> None:
        self._worth = worth

    def points(
        self,
        history: NDArray[np.float32],
        *,
        present: NDArray[np.bool_],
        attributes: Sequence[Mapping[str, str]],
        **others: object,
    ) -> NDArray[np.float32]:
        worth = np.array([self._worth.get(one.get("age", ""), 1.0) for one in attributes])
        out = (history * present[:, :, np.newaxis]).mean(axis=1) * worth[:, np.newaxis]
        out[:, DIM:] = 0
        return np.asarray(out, np.float32)


GOOD, BAD = Tower({}), Tower({"18-24": -1.0, "65+": -1.0, "": -1.0})
UNFAIR = Tower({"65+": -1.0})


def turned() -> list[Turned]:
    """The last event of each buyer."""
    last = {one.buyer: one for one in sorted(HISTORY.events, key=lambda event: event.at)}
    return [Turned(one.buyer, one.listing, one.at) for one in last.values()]


def test_a_tower_that_finds_less_is_named_with_its_interval() -> None:
    past = Past(HISTORY)
    found = compare(past, BAD, GOOD, turned(), seed=1)
    one = found["recall@50"]
    assert one["in_use"] > 0.3 > one["new"]
    assert one["low"] < one["difference"] < one["high"] < 0
    assert one["difference"] == pytest.approx(one["new"] - one["in_use"])
    assert one["buyers"] == 120
    assert found["cold_recall@50"]["difference"] == 0  # neither knows anything
    reasons = worse_than(found, "buyers-1")
    assert len(reasons) == 1
    assert reasons[0].startswith("recall@50 is 0.")
    assert reasons[0].endswith("against buyers-1 in use")
    assert worse_than(compare(past, GOOD, BAD, turned(), seed=1), "buyers-1") == []
    assert worse_than(compare(past, GOOD, GOOD, turned(), seed=1), "buyers-1") == []
    with pytest.raises(BadInput, match="collect more events"):
        compare(past, GOOD, BAD, [], seed=1)


def test_a_little_worse_is_tolerated_and_more_is_not() -> None:
    def one(difference: float) -> dict[str, dict[str, float]]:
        gap = {"difference": difference, "low": -0.1, "high": 0.1}
        return {"recall@50": {"new": 0.5 + difference, "in_use": 0.5, **gap}}

    assert worse_than(one(-0.009), "x") == []
    assert len(worse_than(one(-0.011), "x")) == 1


def test_a_buyer_is_known_as_they_were_before() -> None:
    past = Past(HISTORY)
    mine = sorted(
        (one for one in HISTORY.events if one.buyer == "buyer-3"), key=lambda event: event.at
    )
    known = past.known(BuyerId("buyer-3"), mine[4].at, None, 3)
    assert [one.id for one in known.interactions] == [mine[3].id, mine[2].id, mine[1].id]
    assert known.facts is not None
    assert np.array_equal(known.facts.vectors[0], HISTORY.facts.vectors[past.rows[mine[3].listing]])
    but = past.known(BuyerId("buyer-3"), mine[4].at, mine[3].listing, 9)
    assert mine[3].id not in {one.id for one in but.interactions}
    assert past.known(BuyerId("nobody"), LATER, None, 9).is_empty
    silent = replace(HISTORY, buyers=[replace(one, consents={}) for one in HISTORY.buyers])
    assert Past(silent).known(BuyerId("buyer-3"), LATER, None, 9).is_empty


def sessions(since: datetime, until: datetime) -> list[Session]:
    """Of each buyer, later, five feeds of ten things, one of which is like theirs and wanted."""
    rng = np.random.default_rng(3)
    vectors = HISTORY.facts.vectors
    past, found = Past(HISTORY), []
    for n, buyer in enumerate(HISTORY.buyers):
        facts = past.known(buyer.id, LATER, None, 12).facts
        assert facts is not None
        for turn in range(5):
            rows = rng.choice(len(vectors), 10, replace=False)
            wanted = int(rows[np.argmax(vectors[rows] @ facts.vectors.mean(axis=0))])
            at = LATER + timedelta(minutes=n + 200 * turn)
            listings = tuple(HISTORY.ids[row] for row in rows.tolist())
            request = RequestId(f"r{n}-{turn}")
            shown = Impression(
                request,
                at,
                Surface.FEED,
                ReleaseId("x"),
                listings,
                np.arange(10, dtype=np.int32),
                np.zeros((10, 1), np.float32),
                ("x",),
                buyer.id,
            )
            click = InteractionKind.CLICK
            did = Interaction(
                EventId(f"s{n}-{turn}"), buyer.id, HISTORY.ids[wanted], click, at, request
            )
            found.append(Session(shown, (did,)))
    return [one for one in found if since <= one.impression.at < until]


def audit(tower: Tower, *, since: datetime = START, rule: str = "") -> dict[str, object]:
    facts = {id: Fact(path) for id, path in zip(HISTORY.ids, HISTORY.facts.paths, strict=True)}
    auditing = Auditing(
        sessions=sessions,
        facts=lambda some: facts,
        buyers=lambda: HISTORY.buyers,
        categories=SensitiveCategories([rule] if rule else []),
        limits=Limits(),
        seed=1,
    )
    return auditing(Past(HISTORY), tower, since, LATER + timedelta(days=9))


def test_a_tower_that_serves_a_group_badly_is_objected_to() -> None:
    assert audit(GOOD)["reasons"] == []
    reasons = audit(UNFAIR)["reasons"]
    assert isinstance(reasons, list)
    assert any(one.startswith("age 65+: NDCG is") for one in reasons)


def test_sensitive_listings_stand_where_they_stand_without_demographics() -> None:
    """The same tower, where everything is sensitive, cannot treat ages differently."""
    assert audit(UNFAIR, rule="things")["reasons"] == []


def test_without_sessions_nothing_is_judged() -> None:
    told = audit(UNFAIR, since=LATER + timedelta(days=8))
    assert told["reasons"] == []
    assert "collect both before auditing" in str(told["unjudged"])


def test_the_crowd_agreed() -> None:
    assert HISTORY.buyers[0].consents == ALL
    assert ListingId("l0") in Past(HISTORY).rows
