"""A model is exchanged under a server that answers searches, and exchanged back.

    python benchmarks/swap.py --home HOME [--to VERSION] --out benchmarks/results/swap.json

HOME has an index and two published models or more, of which one is in use. The server is a process
of its own; its clients are threads here, each with a connection that stays open. Nothing in HOME
changes but CURRENT (there and back again), vectors of the other model and releases. Written: failed
and mixed answers (an answer is mixed where it names another model than its release was built
with), for how long the swap took, and latencies before, while all is embedded anew, and after.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import quote

import numpy as np

_PATIENCE = 1_800.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Seconds since the start, the time it took (ms), the status (0: no answer), and what it
    named."""

    at: float
    ms: float
    status: int
    release: str = ""
    model: str = ""


class Load:
    """Clients that search until they are told to stop."""

    def __init__(self, port: int, queries: Sequence[str], clients: int) -> None:
        self._port, self._queries = port, queries
        self._ended, self.start = Event(), time.monotonic()
        self.answers: list[Answer] = []
        self._threads = [Thread(target=self._client, args=(one,)) for one in range(clients)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    @property
    def now(self) -> float:
        return time.monotonic() - self.start

    def model(self) -> str:
        """Of the last answer."""
        return self.answers[-1].model if self.answers else ""

    def _client(self, seed: int) -> None:
        draw = np.random.default_rng(seed)
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._ended.is_set():
            query = self._queries[int(draw.integers(len(self._queries)))]
            start = time.perf_counter()
            try:
                connection.request("GET", f"/v1/search?q={quote(query)}&profiling=false")
                answer = connection.getresponse()
                body, status = json.loads(answer.read()), answer.status
            except (OSError, HTTPException, ValueError):
                body, status = {}, 0
                connection.close()
            ms = (time.perf_counter() - start) * 1000
            named = (body.get("release", ""), body.get("model", ""))
            self.answers.append(Answer(self.now, ms, status, *named))
            self._ended.wait(0.02)


def measure(home: Path, to: str, *, clients: int, seconds: float) -> dict[str, Any]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "marketrank"]
    server = subprocess.Popen(
        [*command, "serve", "--home", str(home), "--port", str(port)],
        start_new_session=True,
        env={**os.environ, "MARKETRANK_RATE_PER_ADDRESS": "0"},
    )
    try:
        wait(lambda: ready(port), "the server is not ready")
        load = Load(port, titles(port), clients)
        try:
            return _swaps(home, to, load, port, seconds=seconds, command=command)
        finally:
            load.stop()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def _swaps(
    home: Path, to: str, load: Load, port: int, *, seconds: float, command: list[str]
) -> dict[str, Any]:
    built: dict[str, str] = {}

    def look() -> None:
        for path in (home / "releases").glob("[0-9]*/release.json"):
            raw = json.loads(path.read_bytes())
            built[raw["id"]] = raw["model_version"]

    wait(lambda: bool(load.model()), "nobody answers")
    first = load.model()
    look()
    time.sleep(seconds)
    phases = {"before": (0.0, load.now)}
    swaps = {}
    for name, arguments in (
        ("promote", ["promote", to, "--why", "benchmarks/swap.py"]),
        ("rollback", ["rollback", "--why", "benchmarks/swap.py"]),
    ):
        old, start = load.model(), load.now
        subprocess.run(
            [*command, "models", *arguments, "--home", str(home)], check=True, capture_output=True
        )
        ran = load.now - start
        wait(lambda old=old: load.model() not in ("", old), f"no swap after {name}")
        look()
        time.sleep(1)
        new = load.model()
        swapped = min(one.at for one in load.answers if one.at > start and one.model == new)
        phases[f"{name}: embedding and loading"] = (start, swapped)
        begin = load.now
        time.sleep(seconds)
        phases[f"{name}: after"] = (begin, load.now)
        swaps[name] = {
            "from": old,
            "to": new,
            "command_seconds": round(ran, 1),
            "seconds": round(swapped - start, 1),
        }
    load.stop()
    look()
    return {
        "answers": len(load.answers),
        "failed": sum(one.status != 200 for one in load.answers),
        "mixed": sum(
            one.status == 200 and built.get(one.release) != one.model for one in load.answers
        ),
        "back_to_the_first": load.model() == first,
        "swaps": swaps,
        "latency_ms": {name: latency(load.answers, *span) for name, span in phases.items()},
        "refused": refused(port),
        "cores": os.cpu_count(),
    }


def latency(answers: Sequence[Answer], start: float, end: float) -> dict[str, float]:
    times = [one.ms for one in answers if start <= one.at <= end and one.status == 200]
    if not times:
        return {"n": 0}
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    found = {"n": len(times), "p50": p50, "p95": p95, "p99": p99, "max": max(times)}
    return {name: round(float(value), 1) for name, value in found.items()}


def refused(port: int) -> dict[str, float]:
    found = {}
    for line in ask(port, "/metrics")[1].decode().splitlines():
        if line.startswith("marketrank_refused_total{"):
            found[line.split('"')[1]] = float(line.split()[-1])
    return found


def titles(port: int) -> list[str]:
    body = json.loads(ask(port, "/v1/search?limit=100")[1])
    return [" ".join(item["title"].split()[:4]) for item in body["items"]]


def ready(port: int) -> bool:
    try:
        return ask(port, "/readyz")[0] == 200
    except OSError:
        return False


def ask(port: int, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)


def other_version(home: Path) -> str:
    """A published version that is not in use."""
    current = (home / "models" / "CURRENT").read_text().strip()
    names = sorted(path.parent.name for path in (home / "models").glob("*/manifest.json"))
    others = [one for one in names if one != current]
    if not others:
        raise SystemExit(f"{home}/models has no version beside {current}; publish another")
    return others[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--to", help="Version to promote (else the newest not in use)")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0, help="Of each quiet phase")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    to = given.to or other_version(given.home)
    found = measure(given.home, to, clients=given.clients, seconds=given.seconds)
    text = json.dumps(found, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
