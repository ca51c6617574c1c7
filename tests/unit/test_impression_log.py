"""The queue between answers and the log of what was shown."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event
from time import sleep

import numpy as np
import pytest

from marketrank.asking import Request
from marketrank.feedback.impression_log import ImpressionLog, rememberable
from marketrank.people import About, Buyer, Impression, Purpose, Surface
from marketrank.types import BuyerId, ListingId, ReleaseId, RequestId

NOW = datetime(2026, 3, 14, tzinfo=UTC)
ANN = BuyerId("ann")


def impression(n: int) -> Impression:
    empty = np.zeros((1, 0), np.float32)
    places = np.zeros(1, np.int32)
    return Impression(
        RequestId(f"r{n}"),
        NOW,
        Surface.FEED,
        ReleaseId("rel"),
        (ListingId("l"),),
        places,
        empty,
        (),
    )


class Written:
    """A store that can be held up, and that can fail."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.go_on = Event()
        self.go_on.set()
        self.begun = Event()
        self.error: Exception | None = None

    def __call__(self, shown: Sequence[Impression]) -> None:
        self.begun.set()
        assert self.go_on.wait(20)
        if self.error is not None:
            raise self.error
        self.requests.extend(one.request for one in shown)


@pytest.fixture
def written() -> Written:
    return Written()


def log_to(written: Written, size: int = 100) -> ImpressionLog[int]:
    return ImpressionLog(make=lambda n: None if n < 0 else impression(n), write=written, size=size)


def test_what_is_shown_is_written_in_order(written: Written) -> None:
    log = log_to(written)
    log.start()
    for n in (1, 2, -1, 3):
        log.put(n)
    log.stop()
    assert written.requests == ["r1", "r2", "r3"]
    assert (log.written, log.dropped) == (3, 0)


def test_before_the_start_nothing_is_taken(written: Written) -> None:
    log = log_to(written, size=1)
    log.put(1)
    log.put(2)
    assert log.dropped == 0
    log.start()
    log.stop()
    assert written.requests == []


def test_what_does_not_fit_is_counted_and_nobody_waits(
    written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    written.go_on.clear()
    log = log_to(written, size=3)
    log.start()
    log.put(0)
    assert written.begun.wait(20)  # the writer holds one, three wait, the others do not fit
    for n in range(1, 10):
        log.put(n)
    assert log.dropped == 6
    written.go_on.set()
    log.stop()
    assert written.requests == ["r0", "r1", "r2", "r3"]
    assert log.written == 4
    assert [record.message for record in caplog.records] == [
        "impressions are dropped: the store is slower than the answers"
    ]


def test_what_cannot_be_written_is_counted_and_the_next_is_tried(
    written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    log = log_to(written)
    log.start()
    written.error = OSError("buyer ann")
    log.put(1)
    log.stop()
    assert log.dropped == 1
    assert "ann" not in caplog.text
    written.error = None
    log.start()
    log.put(2)
    log.stop()
    assert written.requests == ["r2"]


def test_only_who_agreed_and_did_not_refuse_is_remembered() -> None:
    agreed = About(Buyer(ANN, consents={Purpose.HISTORY: NOW}))
    other = About(Buyer(ANN, consents={Purpose.DEMOGRAPHICS: NOW}))
    request = Request(RequestId("r"), NOW, buyer=ANN)
    assert rememberable(request, lambda buyer: agreed) == ANN
    assert rememberable(request, lambda buyer: other) is None
    assert rememberable(request, lambda buyer: None) is None
    assert rememberable(replace(request, profiling=False), lambda buyer: agreed) is None
    assert rememberable(replace(request, buyer=None), lambda buyer: agreed) is None


def test_impressions_are_made_between_answers(written: Written) -> None:
    resting = Event()

    def rest(seconds: float) -> bool:
        assert 0 < seconds <= 1
        return resting.wait(20)

    log = ImpressionLog(make=impression, write=written, size=9, rest=rest)
    log.start()
    log.put(1)
    assert not written.begun.wait(0.5)
    resting.set()
    assert written.begun.wait(20)
    log.stop()
    assert written.requests == ["r1"]


def test_a_batch_does_not_wait_for_ever(written: Written) -> None:
    waits: list[float] = []

    def rest(seconds: float) -> bool:
        waits.append(seconds)
        sleep(seconds)
        return False

    log = ImpressionLog(make=impression, write=written, size=9, rest=rest)
    log.start()
    for n in (1, 2, 3):
        log.put(n)
    assert written.begun.wait(20)
    log.stop()
    assert written.requests == ["r1", "r2", "r3"]
    assert len(waits) == 1  # the others of its batch have waited with it
