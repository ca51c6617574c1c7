"""Load on a server: requests at times that were decided beforehand, or by clients that wait.

An open loop sends each request when it is due, whatever has become of the others, and counts its
time from then: a server that stalls is charged for all who came meanwhile ("coordinated omission",
Tene 2013). The client speaks just enough HTTP/1.1 to cost little beside the server.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import numpy as np
import orjson
from numpy.typing import NDArray

HOST = "127.0.0.1"
PATIENCE = 10.0  # seconds, after which a request counts as failed
_FAILED = 0
_SHED = 503
_IDLE = 3.0  # seconds
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_CALM, _MOST_CALMING = 1.0, 60.0  # seconds


@dataclass(slots=True)
class Answers:
    """Milliseconds and statuses (0: none came) of requests, in the order in which they ended, by
    the clock from the first to the last (seconds)."""

    ms: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def summary(self) -> dict[str, float]:
        """`errors` counts what was not answered with 2xx, `shed` those of them that were told at
        once to come again (503). Times are of all but these, or they would flatter."""
        kept = [ms for ms, status in zip(self.ms, self.statuses, strict=True) if status != _SHED]
        p50, p90, p99 = np.percentile(kept or self.ms, [50, 90, 99])
        good = sum(200 <= status < 300 for status in self.statuses)
        return {
            "requests": len(self.ms),
            "errors": len(self.ms) - good,
            "shed": len(self.ms) - len(kept),
            "requests_per_second": round(good / self.seconds, 2),
            "p50_ms": round(float(p50), 2),
            "p90_ms": round(float(p90), 2),
            "p99_ms": round(float(p99), 2),
            "max_ms": round(max(kept or self.ms), 2),
        }


def get(path: str, **parameters: str) -> bytes:
    """The bytes of a GET."""
    target = quote(path) + (f"?{urlencode(parameters)}" if parameters else "")
    return f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def send(method: str, path: str, body: object, token: str) -> bytes:
    """The bytes of a request with a JSON body and a key."""
    data = orjson.dumps(body)
    head = (
        f"{method} {quote(path)} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def arrivals(rate: float, seconds: float, seed: int) -> NDArray[np.float64]:
    """When people come who know nothing of each other: a Poisson process (seconds from now)."""
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(1 / rate, int(rate * seconds * 2) + 100)
    times = np.cumsum(gaps)
    return times[times < seconds]


def open_loop(port: int, requests: Sequence[bytes], due: NDArray[np.float64]) -> Answers:
    """One request at each time of `due` (ascending, seconds)."""
    return asyncio.run(_open(port, requests, due))


def closed_loop(port: int, requests: Sequence[bytes], *, clients: int, seconds: float) -> Answers:
    """So many clients, each of whom asks again as soon as it has its answer."""
    return asyncio.run(_closed(port, requests, clients, seconds))


def calm(port: int, request: bytes) -> None:
    """Wait until a server that was overloaded has done what nobody waits for any more."""
    asyncio.run(_calm(port, request))


async def _calm(port: int, request: bytes) -> None:
    clock, pool = asyncio.get_running_loop().time, _Pool(port)
    begin = clock()
    while clock() - begin < _MOST_CALMING:
        start = clock()
        if await pool.ask(request) != _FAILED and clock() - start < _CALM:
            break
    await pool.close()


async def _open(port: int, requests: Sequence[bytes], due: NDArray[np.float64]) -> Answers:
    clock, pool, answers = asyncio.get_running_loop().time, _Pool(port), Answers()
    begin = clock() + 0.1

    async def one(request: bytes, at: float) -> None:
        status = await pool.ask(request)
        answers.ms.append((clock() - at) * 1000)
        answers.statuses.append(status)

    async with asyncio.TaskGroup() as group:
        for request, offset in zip(requests, due.tolist(), strict=True):
            wait = begin + offset - clock()
            if wait > 0:
                await asyncio.sleep(wait)
            group.create_task(one(request, begin + offset))
    answers.seconds = clock() - begin
    await pool.close()
    return answers


async def _closed(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> Answers:
    clock, pool, answers = asyncio.get_running_loop().time, _Pool(port), Answers()
    begin, asked = clock(), 0

    async def client() -> None:
        nonlocal asked
        while clock() - begin < seconds:
            request, start = requests[asked % len(requests)], clock()
            asked += 1
            answers.statuses.append(await pool.ask(request))
            answers.ms.append((clock() - start) * 1000)

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
    answers.seconds = clock() - begin
    await pool.close()
    return answers


class _Pool:
    """Connections that stay open; as many as there are requests at a time. One that was idle for
    long is not used again: servers close them (uvicorn after 5 s), perhaps at this very moment."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[float, _Streams]] = []

    def _take(self) -> "_Streams | None":
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, opened = self._idle.pop()
            if now - since < _IDLE and not opened[0].at_eof():
                return opened
            opened[1].close()
        return None

    async def ask(self, request: bytes) -> int:
        """The status; 0 where no answer came."""
        opened = self._take()
        try:
            async with asyncio.timeout(PATIENCE):
                opened = opened or await asyncio.open_connection(HOST, self._port)
                opened[1].write(request)
                status = await _read(opened[0])
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            if opened is not None:
                opened[1].close()
            return _FAILED
        self._idle.append((asyncio.get_running_loop().time(), opened))
        return status

    async def close(self) -> None:
        for _, (_, writer) in self._idle:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(one[15:]) for one in lines if one.startswith(b"content-length:"))
    await reader.readexactly(length)
    return int(lines[0].split()[1])
