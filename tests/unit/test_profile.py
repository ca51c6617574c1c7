"""A buyer's taste as sums that fade."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.buyers.profile import Facts, Profile, Weighting, profile_of
from marketrank.errors import BadInput
from marketrank.people import EventId, Interaction, InteractionKind
from marketrank.types import BuyerId, ListingId

NOW = datetime(2026, 1, 31, tzinfo=UTC)
WEIGHTING = Weighting(half_life_days=10)
LAMP, SOFA = ("Home", "Lamps"), ("Home", "Sofas")


def event(days_ago: float, kind: InteractionKind = InteractionKind.CLICK) -> Interaction:
    at = NOW - timedelta(days=days_ago)
    return Interaction(EventId(f"{kind}{days_ago}"), BuyerId("b"), ListingId("l"), kind, at)


def facts(*axes: int, prices: tuple[int, ...] = ()) -> Facts:
    return Facts(
        np.eye(3, dtype=np.float32)[list(axes)],
        [(LAMP, SOFA, ())[axis] for axis in axes],
        np.array(prices or [1000] * len(axes), np.int64),
        np.full((len(axes), 3), np.nan, np.float32),
    )


def test_recent_events_and_strong_ones_count_more() -> None:
    profile = profile_of([event(0), event(10)], facts(0, 1), at=NOW, weighting=WEIGHTING)
    assert profile.taste is not None
    assert profile.taste[0, 0] == pytest.approx(2 * profile.taste[0, 1])
    assert profile.strength == pytest.approx(1.5)
    saved = [event(0), event(0, InteractionKind.SAVE)]
    assert profile_of(saved, facts(0, 1), at=NOW, weighting=WEIGHTING).liked == (SOFA, LAMP)


def test_a_hidden_listing_turns_the_taste_away() -> None:
    profile = profile_of(
        [event(0), event(0, InteractionKind.HIDE)], facts(0, 1), at=NOW, weighting=WEIGHTING
    )
    assert profile.taste is not None
    assert profile.taste[0, 1] < 0 < profile.taste[0, 0]
    assert profile.liked == (LAMP,)


def test_nothing_known_or_only_disliked_is_no_taste() -> None:
    assert Profile.empty(3, NOW).taste is None
    assert Profile.empty(3, NOW).price_range is None
    only = profile_of([event(0, InteractionKind.HIDE)], facts(0), at=NOW, weighting=WEIGHTING)
    assert only.taste is None


def test_prices_lie_in_a_range_around_what_was_liked() -> None:
    profile = profile_of(
        [event(0), event(0), event(0)],
        facts(0, 0, 1, prices=(1000, 1200, -1)),
        at=NOW,
        weighting=WEIGHTING,
    )
    assert profile.price_range is not None
    low, high = profile.price_range
    assert low < 1000
    assert high > 1200
    assert low > 500
    assert high < 2200


KINDS = st.sampled_from(list(InteractionKind))


@given(st.lists(st.tuples(st.floats(0, 60), KINDS, st.integers(0, 2)), min_size=1, max_size=8))
def test_event_by_event_in_any_order_is_all_at_once(
    some: list[tuple[float, InteractionKind, int]],
) -> None:
    events = [event(days, kind) for days, kind, _ in some]
    whole = profile_of(events, facts(*(axis for *_, axis in some)), at=NOW, weighting=WEIGHTING)
    step = Profile.empty(3, NOW)
    for one, (*_, axis) in zip(events, some, strict=True):
        step = step.updated([one], facts(axis), WEIGHTING)
    assert np.allclose(step.total, whole.total)
    assert step.strength == pytest.approx(whole.strength)
    late = Profile.empty(3, NOW - timedelta(days=60))
    for one, (*_, axis) in zip(events, some, strict=True):
        late = late.updated([one], facts(axis), WEIGHTING)
    if late.taste is not None and whole.taste is not None:
        assert np.allclose(late.taste, whole.taste, atol=1e-4)


def test_counts_that_differ_are_refused() -> None:
    with pytest.raises(BadInput, match="1 events came with facts of 2"):
        profile_of([event(0)], facts(0, 1), at=NOW, weighting=WEIGHTING)
