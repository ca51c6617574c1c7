"""What of real searches is kept, and when a new release is refused on them."""

import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from marketrank.asking import Item, Ranking, Request
from marketrank.config import Settings
from marketrank.errors import BadInput, Corrupt
from marketrank.retrieval.follow import View
from marketrank.shadow import Answers, Shadow, compare, limits_of
from marketrank.types import BuyerId, Listing, ListingId, ModelVersion, ReleaseId, RequestId
from small_engine import NOW

DEFAULT = limits_of(Settings(home=Path("unused")))
ASKED = [Request(RequestId(f"r{n}"), NOW, text=f"words {n}") for n in range(12)]


class Fixed:
    """Answers everything with these listings, after so many seconds; words in `gone` with an
    error."""

    def __init__(self, *ids: str, seconds: float = 0.0, gone: str = "-") -> None:
        self._ids, self._seconds, self._gone = ids, seconds, gone

    def answer(self, request: Request) -> Ranking:
        if request.text == self._gone:
            raise BadInput("gone")
        time.sleep(self._seconds)
        items = tuple(Item(Listing(ListingId(one), one), 1.0) for one in self._ids)
        return Ranking(
            request.id, ReleaseId("r"), items, len(items), {}, {}, model=ModelVersion("m")
        )


class NamedView:
    def __init__(self, release: str, engine: Answers) -> None:
        self.release, self.engine = release, engine


def shadow(limits: object = DEFAULT) -> Shadow:
    return Shadow(lambda view: cast(NamedView, view).engine, limits, lambda: NOW)  # type: ignore[arg-type]


def compared(of: Shadow, old: Answers, new: Answers) -> None:
    of.compare(cast(View, NamedView("a", old)), cast(View, NamedView("b", new)))


def test_only_the_last_searches_are_kept_and_nobody_with_them() -> None:
    kept = shadow(replace(DEFAULT, queries=3))
    for one in ASKED:
        kept.keep(replace(one, buyer=BuyerId("somebody"), k=50))
    kept.keep(replace(ASKED[0], photo=b"jpeg"))
    kept.keep(replace(ASKED[0], offset=24))
    assert [one.text for one in kept.kept()] == ["words 9", "words 10", "words 11"]
    assert {(one.buyer, one.profiling, one.k) for one in kept.kept()} == {(None, False, 10)}
    none = shadow(replace(DEFAULT, queries=0))
    none.keep(ASKED[0])
    assert none.kept() == []


def test_a_release_that_answers_otherwise_is_refused() -> None:
    of = shadow()
    for one in ASKED:
        of.keep(one)
    compared(of, Fixed("a", "b", "c", "d"), Fixed("d", "x", "y", "z"))  # one in four
    assert of.compared is not None
    assert (of.compared.n, of.compared.overlap) == (12, 0.25)
    with pytest.raises(
        Corrupt, match=r"release b on the last 12.*0% of the first 10.*overlap = 0.2"
    ):
        compared(of, Fixed("a", "b"), Fixed("x", "y"))
    of._limits = replace(DEFAULT, overlap=0.0)
    compared(of, Fixed("a", "b"), Fixed("x", "y"))


def test_a_release_that_is_slow_is_refused() -> None:
    of = shadow()
    for one in ASKED:
        of.keep(one)
    compared(of, Fixed("a"), Fixed("a", seconds=0.005))  # many times slower, and fast
    with pytest.raises(Corrupt, match="shadow_slower = 3 times"):
        compared(of, Fixed("a"), Fixed("a", seconds=0.06))
    of._limits = replace(DEFAULT, slower=1000.0)
    compared(of, Fixed("a"), Fixed("a", seconds=0.06))


def test_few_searches_judge_nothing_and_what_is_gone_is_left_out() -> None:
    of = shadow()
    compared(of, Fixed("a"), Fixed("b"))
    assert of.compared is None
    for one in ASKED[:9]:
        of.keep(one)
    compared(of, Fixed("a"), Fixed("b"))
    found = compare(Fixed("a"), Fixed("a", gone="words 3"), ASKED)
    assert found.n == 11
    assert compare(Fixed(), Fixed("a"), ASKED).overlap == 1.0
