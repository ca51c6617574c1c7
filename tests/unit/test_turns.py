"""A few threads at a time, in the order in which they came."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread
from time import sleep

import pytest

from marketrank.turns import Turns


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_than_may_are_at_work(most: int) -> None:
    turns, lock, inside, seen = Turns(most), Lock(), [0], []

    def work() -> None:
        with turns:
            with lock:
                inside[0] += 1
                seen.append(inside[0])
            sleep(0.001)
            with lock:
                inside[0] -= 1

    with ThreadPoolExecutor(12) as pool:
        for done in [pool.submit(work) for _ in range(60)]:
            done.result()
    assert len(seen) == 60
    assert max(seen) == most


def test_turns_go_round_in_order() -> None:
    turns, order = Turns(1), list[int]()

    def work(number: int) -> None:
        with turns:
            order.append(number)

    threads = [Thread(target=work, args=(number,)) for number in range(20)]
    with turns:
        for number, thread in enumerate(threads, start=1):
            thread.start()
            while len(turns._waiting) < number:
                sleep(0.0001)
    for thread in threads:
        thread.join()
    assert order == list(range(20))


def test_a_turn_that_fails_goes_on_to_the_next() -> None:
    turns = Turns(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="no"), turns:
            raise ValueError("no")
    with turns:
        pass


def test_zero_is_no_limit() -> None:
    turns, go = Turns(0), Event()

    def work() -> bool:
        with turns:
            return go.wait(10)

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(work) for _ in range(8)]
        with turns:
            go.set()
        assert all(one.result() for one in waiting)


@pytest.mark.parametrize("most", [0, 1])
def test_there_is_rest_when_nobody_is_inside(most: int) -> None:
    turns, go = Turns(most), Event()

    def work() -> None:
        with turns:
            go.wait(10)

    assert turns.rest(0)
    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    while turns.rest(0):
        sleep(0.0001)
    assert not turns.rest(0.01)
    go.set()
    assert turns.rest(10)
    for thread in threads:
        thread.join()
