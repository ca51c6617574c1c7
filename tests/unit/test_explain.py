"""Reasons in plain words."""

import pytest

from marketrank.people import InteractionKind
from marketrank.ranking import features
from marketrank.ranking.explain import (
    CAUSES,
    Cause,
    Evidence,
    Fits,
    Liked,
    by_cause,
    cause_of,
    least,
    matched,
    why,
)

LAMPS = Liked("Lamps", InteractionKind.SAVE, 0.8)


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (Evidence(words=("oak", "table")), "matches 'oak table'"),
        (Evidence(photo=True), "looks like your photo"),
        (Evidence(like=True), "similar to this listing"),
        (Evidence(meaning=True), "close to what you described"),
        (Evidence(liked=LAMPS), "like the lamps you saved"),
        (Evidence(liked=Liked("", InteractionKind.VIEW, 0.9)), "like things you looked at"),
        (Evidence(people=0.4), "liked by people like you (from your data)"),
        (Evidence(km=6.4), "4 miles away"),
        (Evidence(km=1.7), "1 mile away"),
        (Evidence(km=0.2), "less than 1 mile away"),
        (Evidence(km=6.4, from_home=True), "4 miles away (from your data)"),
        (Evidence(popular=3), "popular now"),
        (Evidence(age_days=0.2), "new today"),
        (Evidence(age_days=3), "new this week"),
        (Evidence(cheap=True), "at a low price"),
    ],
)
def test_each_reason_is_said_in_words(evidence: Evidence, reason: str) -> None:
    assert why(evidence)[0] == reason


def test_what_is_popular_and_near_is_popular_nearby() -> None:
    assert why(Evidence(popular=0, km=3)) == ("2 miles away", "popular nearby")
    assert why(Evidence(km=6.4), miles=False) == ("6 km away",)


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(),
        Evidence(km=300),
        Evidence(liked=Liked("Lamps", InteractionKind.SAVE, 0.1)),
        Evidence(liked=Liked("Lamps", InteractionKind.HIDE, 0.9)),
        Evidence(popular=400),
        Evidence(age_days=30),
        Evidence(people=0.0),
    ],
)
def test_weak_evidence_is_no_reason(evidence: Evidence) -> None:
    assert why(evidence) == ()


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (
            Evidence(category="Lamps", fits=Fits.HISTORY, popular=40, age_days=30),
            "from Lamps, where you have looked before",
        ),
        (Evidence(fits=Fits.HISTORY, popular=40, age_days=30), "fits what you have looked at"),
        (
            Evidence(fits=Fits.DATA, popular=40, age_days=30),
            "suggested for people like you (from your data)",
        ),
        (Evidence(popular=40, age_days=30), "others have looked at it"),
        (Evidence(age_days=0.9), "listed today"),
        (Evidence(age_days=1), "listed 1 day ago"),
        (Evidence(age_days=30), "listed 30 days ago"),
        (Evidence(age_days=70), "listed 2 months ago"),
        (Evidence(age_days=400), "listed over a year ago"),
    ],
    ids=["category", "history", "data", "popular", "today", "day", "days", "months", "years"],
)
def test_the_least_reason_is_how_it_was_found(evidence: Evidence, reason: str) -> None:
    assert least(evidence) == (reason,)


def test_of_what_nothing_is_known_nothing_is_said() -> None:
    assert least(Evidence()) == ()


EVERYTHING = Evidence(words=("oak",), liked=LAMPS, km=3, popular=1, age_days=0.1, people=1.0)


def test_without_a_ranker_the_order_is_that_of_the_causes() -> None:
    assert why(EVERYTHING, most=2) == ("matches 'oak'", "like the lamps you saved")


def test_contributions_decide_the_order_and_what_is_no_reason() -> None:
    told = {"age_log": 0.5, "taste": 0.2, "title_coverage": -0.3, "bias": 9.0}
    assert why(EVERYTHING, told, most=2) == ("new today", "like the lamps you saved")
    assert "matches 'oak'" not in why(EVERYTHING, told, most=9)


def test_contributions_are_summed_by_what_they_are_about() -> None:
    told = {"vector": 0.1, "feedback_3": 0.2, "text": 1.0, "photos": 5.0, "taste": 0.5, "tower": 1}
    found = by_cause(told)
    assert found[Cause.MEANING] == pytest.approx(0.3)
    assert found[Cause.WORDS] == 1.0
    assert found[Cause.TASTE] == 1.5
    assert sum(found.values()) == pytest.approx(2.8)  # photos are no reason


def test_every_cause_has_words_and_every_word_feature_a_cause() -> None:
    assert set(CAUSES) == set(Cause)
    without = {name for name in features.NAMES if cause_of(name) is None}
    assert without == {
        name for name in features.NAMES if name.startswith(("prior", "fused", "query_length"))
    }


def test_matched_words_are_those_whose_stem_the_listing_has() -> None:
    assert matched(["Tables", "oak"], ["tabl", "oak"], frozenset({"tabl"})) == ("Tables",)
