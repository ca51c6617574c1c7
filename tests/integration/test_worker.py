"""A worker that indexes, and a server that only reads."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from test_serving import NOW, Server, wait_for, with_twenty_listings

from marketrank.config import load
from marketrank.types import Listing, ListingId
from marketrank.wiring import Marketplace


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def home(
    tmp_path: Path, database_url: str, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    monkeypatch.setenv("MARKETRANK_SERVE_INDEXES", "false")
    return with_twenty_listings(tmp_path, encoder_folder)


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    server = Server(home)
    wait_for(server.ready, seconds=60)
    yield server
    server.stop(signal.SIGKILL)


def answer(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as found:
            return str(found.read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


def test_only_the_worker_indexes_and_says_so(home: Path, server: Server) -> None:
    market = Marketplace(load(home))
    market.listings.apply([Listing(ListingId("late"), "quagga")], at=NOW)
    # Nobody indexes: the words of a new listing are not found, however often it polls.
    wait_for(lambda: 'lag_seconds{what="listings"} 0.0' in answer(server.port), seconds=20)
    assert "late" not in server.ids("quagga")
    port = free_port()
    command = [sys.executable, "-m", "marketrank", "worker", "--metrics-port", str(port)]
    worker = subprocess.Popen([*command, "--home", str(home)], env=os.environ)
    try:
        wait_for(lambda: server.ids("quagga") >= {"late"}, seconds=60)
        wait_for(lambda: "marketrank_indexer_leads 1.0" in answer(port), seconds=20)
        wait_for(lambda: 'lag_seconds{what="words"} 0.0' in answer(port), seconds=20)
        assert "marketrank_release_info" in answer(server.port)
        assert "marketrank_indexer_leads 1.0" not in answer(server.port)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    finally:
        worker.kill()
        worker.wait()
    market.database.dispose()


def test_workers_of_a_server_count_together(home: Path) -> None:
    server = Server(home, "--workers", "2")
    try:
        wait_for(server.ready, seconds=90)
        for _ in range(20):
            server.ids("oak")
        text = answer(server.port)
        name = 'http_request_seconds_count{method="GET",route="/v1/search",status="2xx"}'
        wait_for(partial(_at_least, server.port, name, 20), seconds=10)
        assert "marketrank_release_info{" in text
    finally:
        server.stop()


def _at_least(port: int, name: str, n: int) -> bool:
    found = [line for line in answer(port).splitlines() if name in line]
    return bool(found) and float(found[0].split()[-1]) >= n
