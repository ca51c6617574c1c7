"""Servers that are measured: processes of their own, and what they hold and spend."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.load import HOST

_START_SECONDS = 180.0
_STOP_SECONDS = 30.0
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    process: psutil.Process

    def resident_mib(self) -> float:
        """Of it and its workers. The embedded PostgreSQL is no child of it."""
        return sum(one.memory_info().rss for one in self._all()) / 2**20

    def cpu_seconds(self) -> float:
        found = [one.cpu_times() for one in self._all()]
        return sum(one.user + one.system for one in found)

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def marketrank(home: Path, workers: int, ranker: str = "learned") -> Iterator[Server]:
    """`marketrank serve` without limits on rates, which are per address: all here is one.
    `ranker` is the setting; with "feedback" it serves as a home does where none was trained."""
    command = ["-m", "marketrank", "serve", "--home", str(home), "--workers", str(workers)]
    free = {"MARKETRANK_RATE_PER_ADDRESS": "0", "MARKETRANK_RATE_PER_KEY": "0"}
    free["MARKETRANK_RANKER"] = ranker
    port = _free_port()
    with _running([*command, "--port", str(port)], port, "/readyz", free) as server:
        yield server


@contextmanager
def plain(folder: Path) -> Iterator[Server]:
    port = _free_port()
    script = str(_HERE / "plain_handler.py")
    with _running([script, str(folder), str(port)], port, "/search?q=oak", {}) as server:
        yield server


@contextmanager
def _running(
    command: list[str], port: int, ready: str, environment: Mapping[str, str]
) -> Iterator[Server]:
    # Each side uses its own number of threads.
    kept = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    process = subprocess.Popen([sys.executable, *command], env={**kept, **environment})
    try:
        _wait(process, f"http://{HOST}:{port}{ready}")
        yield Server(port, psutil.Process(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", url: str) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server for {url} ended with {process.returncode}")
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=10):
            return
        time.sleep(0.2)
    raise RuntimeError(f"{url} was not ready within {_START_SECONDS:.0f} s")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
    return port
