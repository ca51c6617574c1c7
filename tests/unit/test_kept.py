"""A memory of bounded size."""

import sys
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from marketrank.kept import Kept


@given(st.lists(st.integers(0, 9)), st.integers(0, 5))
def test_the_newest_are_kept(keys: list[int], most: int) -> None:
    kept: Kept[int, int] = Kept(most)
    for place, key in enumerate(keys):
        kept.put(key, place)
    last = {key: place for place, key in enumerate(keys)}
    newest = sorted(last, key=lambda key: last[key])[len(last) - min(len(last), most) :]
    assert {key for key in range(10) if key in kept} == set(newest)
    assert [kept.get(key) for key in newest] == [last[key] for key in newest]
    assert len(kept) == len(newest)
    assert kept.room == most - len(newest)


def test_threads_that_let_go_of_the_oldest_do_not_meet() -> None:
    kept: Kept[int, int] = Kept(10)

    def fill(start: int) -> None:
        for key in range(start, start + 3_000):
            kept.put(key, key)

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads meet in each step then: without the lock this fails
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(fill, range(0, 12_000, 3_000)))
    finally:
        sys.setswitchinterval(usual)
    assert len(kept) == 10
