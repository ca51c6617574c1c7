"""The socket that several processes take connections from."""

import os
import socket
from pathlib import Path

import pytest
import uvicorn

from marketrank import serving
from marketrank.config import Settings


def test_what_several_processes_answer_is_sent_at_once() -> None:
    with serving.listening(uvicorn.Config("no:app", host="127.0.0.1", port=0)) as shared:
        shared.listen()
        with socket.create_connection(shared.getsockname()), shared.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


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
