"""One of the systems that are compared, in a process of its own, and how it is told what to do."""

import importlib
import multiprocessing
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
import psutil
from numpy.typing import NDArray

from marketrank.types import Vectors

PRICES = 100  # prices are 0..99, evenly: one of them is a filter that passes 1 %
FILTER = 7
DEPTH = 100  # what each half of a hybrid search contributes before ranks are fused
RRF = 60

# A name, and where its class is. A peer's library is imported in its own process alone.
SIDES = {
    "marketrank": "benchmarks.side_marketrank:Marketrank",
    "lancedb": "benchmarks.side_lancedb:LanceDB",
    "milvus-lite": "benchmarks.side_milvus:Milvus",
    "pgvector": "benchmarks.side_pgvector:PgVector",
    "bm25s": "benchmarks.side_bm25s:BM25s",
}
KINDS = ("text", "vector", "hybrid", "filtered")


@dataclass(frozen=True, slots=True)
class Data:
    """What every side indexes, by row, and what it is asked. `prices` (n,) are 0..99."""

    titles: list[str]
    categories: list[str]
    descriptions: list[str]
    prices: NDArray[np.int64]
    vectors: Vectors
    queries: list[str]
    query_vectors: Vectors

    def texts(self) -> list[str]:
        """For sides with one text a row."""
        parts = zip(self.titles, self.categories, self.descriptions, strict=True)
        return [" ".join(each) for each in parts]

    def save(self, folder: Path) -> None:
        words = [self.titles, self.categories, self.descriptions, self.queries]
        (folder / "words.json").write_bytes(orjson.dumps(words))
        np.save(folder / "prices.npy", self.prices)
        np.save(folder / "vectors.npy", self.vectors)
        np.save(folder / "query_vectors.npy", self.query_vectors)

    @staticmethod
    def load(folder: Path) -> "Data":
        titles, categories, descriptions, queries = orjson.loads(
            (folder / "words.json").read_bytes()
        )
        prices, vectors = np.load(folder / "prices.npy"), np.load(folder / "vectors.npy")
        asked = np.load(folder / "query_vectors.npy")
        return Data(titles, categories, descriptions, prices, vectors, queries, asked)


class Side(Protocol):
    """A search system over Data. Rows are named by number; the best comes first. A kind of
    search that a system does not have raises NotImplementedError."""

    def build(self, data: Data, folder: Path) -> None: ...

    def text(self, query: str, k: int) -> Sequence[int]: ...

    def vector(self, vector: Vectors, k: int) -> Sequence[int]:
        """`vector` has shape (dim,)."""

    def filtered(self, vector: Vectors, k: int) -> Sequence[int]:
        """Among the rows whose price is FILTER."""

    def hybrid(self, query: str, vector: Vectors, k: int) -> Sequence[int]:
        """By reciprocal ranks."""

    def widen(self) -> bool:
        """Look at twice as much in a vector search; False where it does so by itself, or can
        look at no more."""

    def describe(self) -> str:
        """Version and settings."""

    def processes(self) -> list[psutil.Process]:
        """Servers outside of this process."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Answers:
    """Of each query: rows, and milliseconds by the clock; and the processor time of all of the
    side's processes, milliseconds a query."""

    rows: list[list[int]]
    times: list[float]
    cpu_ms: float


class Remote:
    """A side in its own process."""

    def __init__(self, name: str, data: Path, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, name, data, folder), daemon=False
        )
        self._process.start()
        theirs.close()

    def build(self) -> dict[str, Any]:
        built: dict[str, Any] = self._ask("build")
        return built

    def search(self, kind: str, k: int) -> Answers | None:
        """All queries, one after the other; None where the side has no such search."""
        found: Answers | None = self._ask(kind, k)
        return found

    def widen(self) -> bool:
        found: bool = self._ask("widen")
        return found

    def describe(self) -> str:
        found: str = self._ask("describe")
        return found

    def memory_mib(self) -> int:
        found: int = self._ask("memory")
        return found

    def close(self) -> None:
        """End the side, whatever state it is in."""
        try:
            self._ask("close")
        except (RuntimeError, OSError):
            self._process.terminate()
        self._process.join()

    def _ask(self, *request: object) -> Any:
        self._connection.send(request)
        try:
            answer = self._connection.recv()
        except EOFError as error:
            raise RuntimeError(f"{request[0]}: the side's process has died") from error
        if isinstance(answer, BaseException):
            raise answer
        return answer


def _serve(connection: Connection, name: str, data_folder: Path, folder: Path) -> None:
    module, _, attribute = SIDES[name].partition(":")
    data = Data.load(data_folder)
    side: Side = getattr(importlib.import_module(module), attribute)()
    while True:
        try:
            request = connection.recv()
        except EOFError:  # whoever asked has died
            side.close()
            return
        try:
            if request[0] == "build":
                answer: Any = _build(side, data, folder)
                # Else memory would count what only building needs.
                data = Data([], [], [], data.prices, np.empty((0, 0), np.float32), *_asked(data))
            elif request[0] == "memory":
                answer = round(sum(_pss(each) for each in _processes(side)) / 2**20)
            elif request[0] in ("widen", "describe"):
                answer = getattr(side, request[0])()
            elif request[0] == "close":
                side.close()
                connection.send(None)
                return
            else:
                answer = _search(side, data, *request)
        except NotImplementedError:
            answer = None
        except BaseException as error:
            answer = RuntimeError(f"{name} {request[0]}: {type(error).__name__}: {error}")
        connection.send(answer)


def _asked(data: Data) -> tuple[list[str], Vectors]:
    return data.queries, data.query_vectors


def _build(side: Side, data: Data, folder: Path) -> dict[str, Any]:
    start, began = time.perf_counter(), _cpu(side)
    side.build(data, folder)
    return {
        "build_s": round(time.perf_counter() - start, 1),
        "build_cpu_s": round(_cpu(side) - began, 1),
        "disk_mb": round(
            sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
        ),
    }


def _search(side: Side, data: Data, kind: str, k: int) -> Answers:
    calls: dict[str, Callable[[int], Sequence[int]]] = {
        "text": lambda i: side.text(data.queries[i], k),
        "vector": lambda i: side.vector(data.query_vectors[i], k),
        "filtered": lambda i: side.filtered(data.query_vectors[i], k),
        "hybrid": lambda i: side.hybrid(data.queries[i], data.query_vectors[i], k),
    }
    call, rows, times = calls[kind], [], []
    began = _cpu(side)
    for i in range(len(data.queries)):
        start = time.perf_counter()
        found = call(i)
        times.append((time.perf_counter() - start) * 1000)
        rows.append([int(row) for row in found])
    return Answers(rows, times, (_cpu(side) - began) * 1000 / len(data.queries))


def _processes(side: Side) -> list[psutil.Process]:
    me = psutil.Process()
    roots = [me, *side.processes()]
    return [one for root in roots for one in (root, *root.children(recursive=True))]


def _cpu(side: Side) -> float:
    """Seconds of processor time, ended children included."""
    total = 0.0
    for process in _processes(side):
        with suppress(psutil.NoSuchProcess):  # a server's helpers come and go
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _pss(process: psutil.Process) -> int:
    """Resident bytes; what processes share is counted once in all."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0
    except (psutil.AccessDenied, AttributeError):
        return int(process.memory_info().rss)
