"""The socket that several processes take connections from."""

import asyncio
import multiprocessing
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from marketrank import listening, serving
from marketrank.config import Settings
from marketrank.listening import SharedSocket


@pytest.fixture
def shared() -> Iterator[SharedSocket]:
    config = uvicorn.Config("no:app", host="127.0.0.1", port=0)
    with listening.listening(config) as found:
        found.listen()
        yield found


def test_what_several_processes_answer_is_sent_at_once(shared: SharedSocket) -> None:
    with socket.create_connection(shared.getsockname()), shared.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_next_connection_is_left_to_others_for_a_moment(
    shared: SharedSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, naps = [100.0], list[float]()
    monkeypatch.setattr(listening, "monotonic", lambda: now[0])
    monkeypatch.setattr(listening, "sleep", naps.append)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection(shared.getsockname()))
        other = stack.enter_context(socket.socket(fileno=os.dup(shared.fileno())))
        stack.enter_context(shared.accept()[0])
        with pytest.raises(BlockingIOError):
            shared.accept()
        assert len(naps) == 1  # this core is free for others meanwhile
        stack.enter_context(other.accept()[0])
        now[0] += 0.003
        stack.enter_context(shared.accept()[0])  # nobody wanted it
        assert len(naps) == 1


def test_none_is_lost_by_that(shared: SharedSocket) -> None:
    """asyncio looks again after it was told that nobody waits."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async def ask(number: int) -> bytes:
        reader, writer = await asyncio.open_connection(*shared.getsockname())
        writer.write(b"%d\n" % number)
        found = await reader.read()
        writer.close()
        return found

    async def all_of_them() -> list[bytes]:
        async with await asyncio.start_server(answer, sock=shared):
            asked = asyncio.gather(*map(ask, range(20)))
            return await asyncio.wait_for(asked, 30)

    assert asyncio.run(all_of_them()) == [b"%d\n" % number for number in range(20)]


def test_another_process_gets_the_same_socket(shared: SharedSocket) -> None:
    spawning = multiprocessing.get_context("spawn")
    process = spawning.Process(target=_greet, args=(shared,))
    process.start()
    with socket.create_connection(shared.getsockname()) as client:
        client.settimeout(30)
        assert client.recv(100) == b"SharedSocket 1"
    process.join()
    assert process.exitcode == 0


def _greet(shared: Any) -> None:
    """In the other process."""
    accepted = shared.accept()[0]
    with accepted, shared:
        nodelay = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        accepted.sendall(f"{type(shared).__name__} {nodelay}".encode())


def test_several_processes_take_connections_from_that_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    class Multiprocess:
        def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
            self.sockets = sockets

        def run(self) -> None:
            for one in self.sockets:
                taken.append(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                one.close()

    class Market:
        def __init__(self, settings: Settings) -> None:
            self.database = self

        def dispose(self) -> None:
            pass

    monkeypatch.setattr("uvicorn.supervisors.Multiprocess", Multiprocess)
    monkeypatch.setattr(serving, "Marketplace", Market)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("os.environ", dict(os.environ))
    serving.run(Settings(home=tmp_path), host="127.0.0.1", port=0, workers=2)
    assert taken == [1]
