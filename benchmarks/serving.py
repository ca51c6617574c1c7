"""Load on `marketrank serve`: what 40 requests a second take, where it saturates, how that compares
with a plain handler, how long the page takes, and, with --mixed, how it bears writing for long.

    python benchmarks/serving.py --n 100000 --out benchmarks/results/serving-100k.json
    python benchmarks/serving.py --n 100000 --mixed --seconds 600 --out …/serving-mixed-100k.json

There is no cache of answers. The home is made once and kept in the folder `--cache`.
"""

import os
import platform
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, Any

# Run as a script, Python looks for modules beside it and not in the folder above.
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import orjson
import typer

from benchmarks import load, served
from benchmarks.corpus import Corpus, make_corpus
from benchmarks.load import Answers
from benchmarks.served import Server
from benchmarks.served_home import make_home, make_key, write_plain
from benchmarks.serving_mix import agreements, mixture
from benchmarks.serving_plot import write_plot

_LIMIT_MS = 80.0
_STEP = 1.3
_STEP_SECONDS = 10.0
_STEPS = 12
_PLAIN_RATE = 8.0  # the plain handler's first
_WARM = 100
_CLIENTS = 8
_SIDES = {"default": "feedback", "with_ranker": "learned"}
"""What is measured, and the setting `ranker` that makes it of one home: as `marketrank index`
leaves it, and after `marketrank train fusion`."""
_BLOCK_SECONDS = 6.0
_K = 24


def run(
    n: Annotated[int, typer.Option(help="Listings")] = 100_000,
    distinct: Annotated[int, typer.Option(help="Of them composed and embedded")] = 20_000,
    queries: Annotated[int, typer.Option(help="Different queries")] = 1_000,
    rate: Annotated[float, typer.Option(help="Requests a second of the open loop")] = 40,
    seconds: Annotated[float, typer.Option(help="How long at that rate")] = 60,
    rounds: Annotated[int, typer.Option(help="Turns of each server in the comparison")] = 3,
    workers: Annotated[int, typer.Option(help="Processes of marketrank serve")] = 1,
    settle: Annotated[
        float, typer.Option(help="Seconds that a server runs first: it prepares listings")
    ] = 300,
    mixed: Annotated[
        bool, typer.Option("--mixed", help="90 % searches, 8 % events, 2 % writes instead")
    ] = False,
    cache: Annotated[Path, typer.Option(help="Keeps texts, vectors and homes")] = Path(
        ".benchmark-cache"
    ),
    out: Annotated[Path | None, typer.Option(help="Where to write the JSON and its plot")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random")] = 7,
) -> None:
    """Measure a server of n made-up listings under load."""
    corpus = make_corpus(
        n, distinct=distinct, queries=queries, seed=seed, cache=cache, report=_report, tower=True
    )
    home = (cache / f"home-{seed}-{n}-{min(distinct, n)}").resolve()
    make_home(home, corpus, _report)
    result: dict[str, Any] = {
        "n": n,
        "workers": workers,
        "rate": rate,
        "seconds": seconds,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.machine(),
            "load_before": _load(),
        },
    }
    if mixed:
        result["mixed"] = _mixed(corpus, home, workers, rate, seconds, seed)
    else:
        load_of = _Load(rate, seconds, rounds, settle, seed)
        result |= _searches(corpus, home, cache, workers, load_of)
    result["machine"]["load_after"] = _load()
    print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
        write_plot(result, out.with_suffix(".svg"))


@dataclass(frozen=True, slots=True)
class _Load:
    """The options of `run` of the same names."""

    rate: float
    seconds: float
    rounds: int
    settle: float
    seed: int


def _searches(
    corpus: Corpus, home: Path, cache: Path, workers: int, wanted: _Load
) -> dict[str, Any]:
    """By the name of each side, and `plain`."""
    theirs = [load.get("/search", q=text, k=str(_K)) for text in corpus.queries]
    folder = cache / f"plain-{wanted.seed}-{len(corpus.listings)}"
    write_plain(folder, corpus)
    found: dict[str, Any] = {}
    for name, ranker in _SIDES.items():
        with ExitStack() as stack:
            _report(f"{name}: start the servers")
            # One of ours at a time: what one does beside its requests would cost the other.
            server = stack.enter_context(served.marketrank(home, workers, ranker))
            peer = stack.enter_context(served.plain(folder))
            load.closed_loop(peer.port, theirs, clients=2, seconds=_WARM / 50)
            found[name] = _side(server, (peer, theirs), corpus.queries, wanted)
            if "plain" not in found:
                steps = _saturate(peer, theirs, _PLAIN_RATE, wanted.seed)
                found["plain"] = {"steps": steps, "saturates_at": _most(steps)}
    return found


def _side(
    server: Server, plain: tuple[Server, list[bytes]], queries: list[str], wanted: _Load
) -> dict[str, Any]:
    requests = [load.get("/v1/search", q=text, limit=str(_K)) for text in queries]
    pages = [load.get("/", q=text) for text in queries]
    load.closed_loop(server.port, requests, clients=2, seconds=_WARM / 50)
    time.sleep(wanted.settle)
    _report(f"{wanted.rate:g} requests a second for {wanted.seconds:g} s")
    steady = _at_rate(server, requests, wanted.rate, wanted.seconds, wanted.seed)
    _report("take turns with the plain handler")
    turns = _compare({"marketrank": (server, requests), "plain": plain}, wanted.rounds)
    _report("raise the rate")
    steps = _saturate(server, requests, wanted.rate / 2, wanted.seed)
    load.calm(server.port, requests[0])
    _report("one visitor of the page")
    page = load.closed_loop(server.port, pages, clients=1, seconds=_STEP_SECONDS).summary()
    return {
        "steady": steady,
        "closed_loop": turns,
        "steps": steps,
        "saturates_at": _most(steps),
        "first_paint": page,
    }


def _most(steps: list[dict[str, Any]]) -> float | None:
    """The highest rate that held; None where none did."""
    return max((one["rate"] for one in steps if _holds(one)), default=None)


def _at_rate(
    server: Server, requests: list[bytes], rate: float, seconds: float, seed: int
) -> dict[str, Any]:
    due = load.arrivals(rate, seconds, seed)
    chosen = np.random.default_rng(seed).integers(0, len(requests), len(due))
    before = server.cpu_seconds()
    answers = load.open_loop(server.port, [requests[row] for row in chosen], due)
    spent = server.cpu_seconds() - before
    return {
        "rate": round(rate, 1),
        **answers.summary(),
        "cpu_ms_a_request": round(spent * 1000 / len(due), 2),
    }


def _holds(step: dict[str, Any]) -> bool:
    return bool(step["p99_ms"] <= _LIMIT_MS and not step["errors"])


def _saturate(
    server: Server, requests: list[bytes], rate: float, seed: int
) -> list[dict[str, Any]]:
    """Steps of rising rates, until one is too much."""
    steps: list[dict[str, Any]] = []
    for number in range(_STEPS):
        load.calm(server.port, requests[0])
        steps.append(_at_rate(server, requests, rate * _STEP**number, _STEP_SECONDS, seed + number))
        _report(f"{steps[-1]['rate']:g} a second: p99 {steps[-1]['p99_ms']:g} ms")
        if not _holds(steps[-1]):
            break
    return steps


def _compare(sides: dict[str, tuple[Server, list[bytes]]], rounds: int) -> dict[str, Any]:
    """As much as each can, turn by turn, so that whatever else the machine does meets both."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, (server, requests) in sides.items():
            load.calm(server.port, requests[0])
            answers = load.closed_loop(
                server.port, requests, clients=_CLIENTS, seconds=_BLOCK_SECONDS
            )
            found[name].append(answers.summary()["requests_per_second"])
    medians = {name: float(np.median(each)) for name, each in found.items()}
    return {
        "clients": _CLIENTS,
        "requests_per_second": found,
        "median": medians,
        "ratio": round(medians["marketrank"] / medians["plain"], 2),
    }


def _mixed(
    corpus: Corpus, home: Path, workers: int, rate: float, seconds: float, seed: int
) -> dict[str, Any]:
    with served.marketrank(home, workers) as server:
        token = make_key(home)
        due = load.arrivals(rate, seconds, seed)
        kinds, requests = mixture(corpus, len(due), token=token, k=_K, seed=seed)
        warm = [load.get("/v1/search", q=text, limit=str(_K)) for text in corpus.queries[:_WARM]]
        load.closed_loop(server.port, warm, clients=2, seconds=_WARM / 50)
        agreed = agreements(token=token)
        load.open_loop(server.port, agreed, np.linspace(0, len(agreed) / rate, len(agreed)))
        memory: list[tuple[float, float]] = []
        over = Event()
        watch = Thread(target=_watch, args=(server, memory, over, seconds), daemon=True)
        watch.start()
        answers = load.open_loop(server.port, requests, due)
        over.set()
        watch.join()
    return {
        **answers.summary(),
        "kinds": {name: kinds.count(name) for name in sorted(set(kinds))},
        "statuses": _count(answers),
        "memory": _memory(memory),
    }


def _watch(server: Server, memory: list[tuple[float, float]], over: Event, seconds: float) -> None:
    start = time.monotonic()
    while not over.wait(max(0.5, seconds / 200)):
        memory.append((time.monotonic() - start, server.resident_mib()))


def _memory(seen: list[tuple[float, float]]) -> dict[str, Any]:
    """`growth` is the slope of the second half, in MiB an hour."""
    at, mib = (np.array(column) for column in zip(*seen, strict=True))
    late = at >= at[-1] / 2
    slope = float(np.polyfit(at[late], mib[late], 1)[0]) * 3600 if late.sum() > 2 else None
    return {
        "start_mib": round(float(mib[0]), 1),
        "end_mib": round(float(mib[-1]), 1),
        "most_mib": round(float(mib.max()), 1),
        "growth": None if slope is None else round(slope, 1),
        "seconds": at.round(1).tolist(),
        "mib": mib.round(1).tolist(),
    }


def _count(answers: Answers) -> dict[str, int]:
    return {str(one): answers.statuses.count(one) for one in sorted(set(answers.statuses))}


def _load() -> list[float]:
    return [round(each, 1) for each in os.getloadavg()]


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(run)
