"""The slowest requests of an hour: few, without who asked, and without their words."""

from dataclasses import replace
from datetime import timedelta

from marketrank.asking import Filters, Ranking, Request
from marketrank.monitoring.slow import SlowQueries
from marketrank.types import BuyerId, RequestId
from small_market import NOW, small_market

ASKED = Request(
    RequestId("r"),
    NOW,
    text="grey corner sofa",
    buyer=BuyerId("ann"),
    filters=Filters(category=("Home",), price_high=5000),
)


def took(ms: float) -> Ranking:
    return replace(
        small_market(padding=0).answer(ASKED), stages_ms={"rank": ms / 2, "fill": ms / 2}
    )


def test_the_slowest_come_first_and_only_they_are_kept() -> None:
    slow = SlowQueries(most=3)
    for ms in (10, 50, 20, 40, 30):
        slow.note(ASKED, took(ms))
    found = slow.slowest(NOW)
    assert [one.ms for one in found] == [50, 40, 30]
    assert found[0].stages_ms == {"rank": 25, "fill": 25}
    assert (found[0].kind, found[0].words, found[0].filters) == (
        "words",
        3,
        ("category", "price"),
    )


def test_an_hour_later_they_are_gone() -> None:
    slow = SlowQueries(most=2)
    for ms in (90, 80):
        slow.note(ASKED, took(ms))
    later = NOW + timedelta(minutes=61)
    slow.note(replace(ASKED, at=NOW + timedelta(minutes=59)), took(1))  # too fast to be kept
    assert [one.ms for one in slow.slowest(NOW + timedelta(minutes=60))] == [90, 80]
    slow.note(replace(ASKED, at=later), took(5))
    assert [one.ms for one in slow.slowest(later)] == [5]


def test_who_asked_is_never_kept_and_words_only_where_they_may_be() -> None:
    for keep in (False, True):
        slow = SlowQueries(keep_words=keep)
        slow.note(ASKED, took(10))
        said = repr(slow.slowest(NOW))
        assert "ann" not in said
        assert ("sofa" in said) is keep
