"""The load of the benchmarks: when requests are due, and what they are charged."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from benchmarks import load

_STALL = 0.3


@contextmanager
def serving(status: int = 200, *, stall_at: int = -1) -> Iterator[int]:
    """A server that answers one at a time and stalls once; gives its port."""
    loop, ready, ports = asyncio.new_event_loop(), threading.Event(), []
    answered = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            answered += 1
            if answered == stall_at:
                threading.Event().wait(_STALL)  # the whole server, not this connection
            writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 2\r\n\r\nok".encode())

    async def start() -> None:
        server = await asyncio.start_server(answer, load.HOST, 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()

    def run() -> None:
        loop.create_task(start())
        loop.run_forever()

    def stop() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.call_later(0.05, loop.stop)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(5)
    yield ports[0]
    loop.call_soon_threadsafe(stop)
    thread.join(5)
    loop.close()


def test_who_is_due_during_a_stall_is_charged_for_it() -> None:
    due = np.linspace(0, 0.5, 51)
    with serving(stall_at=10) as port:
        answers = load.open_loop(port, [load.get("/search", q="oak")] * len(due), due)
    late = sum(ms > 100 for ms in answers.ms)
    assert late >= 15  # those of a fifth of a second, of whom a closed loop would have sent none
    assert answers.summary()["errors"] == 0
    assert answers.summary()["max_ms"] >= 250


def test_a_closed_loop_asks_again_when_it_is_answered() -> None:
    with serving() as port:
        answers = load.closed_loop(port, [load.get("/")], clients=2, seconds=0.2)
    assert len(answers.ms) > 20
    assert set(answers.statuses) == {200}


def test_what_is_not_answered_well_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "PATIENCE", 0.1)
    with serving(503, stall_at=1) as port:
        answers = load.open_loop(port, [load.get("/")] * 2, np.array([0.0, 0.5]))
    assert answers.statuses == [0, 503]
    assert answers.summary()["errors"] == 2


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = []
    original = asyncio.open_connection

    async def count(*arguments: object) -> object:
        opened.append(arguments)
        return await original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "open_connection", count)
    monkeypatch.setattr(load, "_IDLE", 0.2)
    with serving() as port:
        answers = load.open_loop(port, [load.get("/")] * 3, np.array([0.0, 0.05, 0.6]))
    assert answers.statuses == [200] * 3
    assert len(opened) == 2


def test_arrivals_are_random_at_their_rate_and_the_same_for_a_seed() -> None:
    due = load.arrivals(40, 200, seed=1)
    assert len(due) == pytest.approx(8_000, rel=0.05)
    assert np.std(np.diff(due)) == pytest.approx(1 / 40, rel=0.1)  # of an exponential
    assert (np.diff(due) > 0).all()
    assert due[-1] < 200
    assert (load.arrivals(40, 200, seed=1) == due).all()
    assert not np.array_equal(load.arrivals(40, 200, seed=2)[:10], due[:10])
