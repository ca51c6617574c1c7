from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from made_up_sessions import START, click, impression
from marketrank.errors import BadInput
from marketrank.feedback.sessions import DISLIKED, GRADES, group, groups, split_by_time
from marketrank.people import InteractionKind, Session
from marketrank.types import ListingId

K = InteractionKind


def test_what_says_more_of_wanting_has_the_higher_grade() -> None:
    order = [K.VIEW, K.CLICK, K.SAVE, K.MESSAGE, K.OFFER, K.SOLD]
    assert [GRADES[kind] for kind in order] == sorted({GRADES[kind] for kind in order})
    assert GRADES[K.VIEW] > 0 > GRADES[K.HIDE] == GRADES[K.REPORT]
    assert set(GRADES) == set(K)


def test_the_strongest_counts_and_a_dislike_has_the_last_word() -> None:
    shown = impression(4)
    did = (
        click(shown, 0, K.SAVE),
        click(shown, 0, K.CLICK),
        click(shown, 1, K.REPORT),
        click(shown, 1, K.SOLD),
        click(shown, 2, K.CLICK),
        click(shown, 2, K.HIDE),
    )
    assert group(Session(shown, did)).grades.tolist() == [3, DISLIKED, DISLIKED, 0]


def test_what_was_not_shown_or_is_of_another_ranking_does_not_count() -> None:
    shown = replace(impression(3), positions=np.array([0, -1, 1], np.int32))
    stray = replace(click(shown, 0), listing=ListingId("elsewhere"))
    found = group(Session(shown, (click(shown, 1), click(shown, 2), stray)))
    assert found.grades.tolist() == [0, 0, 2]
    assert found.shown.tolist() == [True, False, True]


def test_sessions_are_clustered_by_buyer_and_else_stand_alone() -> None:
    one, other = impression(request="a"), impression(request="b")
    assert group(Session(one)).cluster == group(Session(other)).cluster
    nobody = [group(Session(replace(each, buyer=None))).cluster for each in (one, other)]
    assert len(set(nobody)) == 2


def test_groups_are_in_order_of_time_and_show_something() -> None:
    late = replace(impression(request="late"), at=START + timedelta(days=1))
    empty = replace(impression(request="none"), positions=np.full(4, -1, np.int32))
    by_price = replace(late, features=np.full((4, 1), np.nan, np.float32), names=("other",))
    early = impression(request="early")
    found = groups(map(Session, [late, empty, by_price, early]))
    assert [one.impression.request for one in found] == ["early", "late"]


def test_one_table_has_one_set_of_features() -> None:
    other = replace(impression(), names=("tower",))
    with pytest.raises(BadInput, match="taste, tower"):
        groups([Session(impression()), Session(other)])


def test_no_moment_is_on_both_sides_of_a_split() -> None:
    minutes = [0, 1, 2, 2, 2, 3, 4]
    every = groups(
        Session(replace(impression(request=f"{n}"), at=START + timedelta(minutes=m)))
        for n, m in enumerate(minutes)
    )
    early, late = split_by_time(every, 0.5)
    assert [int(one.impression.request) for one in early] == [0, 1]
    assert len(late) == 5
    for few in ([], every[2:5]):
        with pytest.raises(BadInput, match="cannot be split"):
            split_by_time(few, 0.5)
