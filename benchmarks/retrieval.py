"""marketrank's search beside what else pip installs, on the same listings, vectors and queries.

    python benchmarks/retrieval.py --n 100000 --out benchmarks/results/retrieval-100k.json

Peers that are not installed (extra [bench]) are left out. Each side runs in a process of its own;
sides take turns, so that whatever else the machine does meets all of them.
"""

import importlib.util
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

# Run as a script, Python looks for modules beside it and not in the folder above.
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import orjson
import typer
from numpy.typing import NDArray

from benchmarks import engine_side
from benchmarks.corpus import Corpus, make_corpus
from benchmarks.plot import write_plot
from benchmarks.side import FILTER, KINDS, PRICES, SIDES, Answers, Data, Remote

_K = 10
_ENOUGH = 0.95  # recall@10 of a vector search, from which times are compared
_NEEDS = {"lancedb": "lancedb", "milvus-lite": "milvus_lite", "pgvector": "pgvector"}


def run(
    n: Annotated[int, typer.Option(help="Listings")] = 100_000,
    distinct: Annotated[int, typer.Option(help="Of them composed and embedded")] = 20_000,
    queries: Annotated[int, typer.Option(help="Queries")] = 300,
    rounds: Annotated[int, typer.Option(help="Times that each side answers them all")] = 3,
    sides: Annotated[str, typer.Option(help="Which to compare, by commas")] = ",".join(SIDES),
    tower: Annotated[bool, typer.Option(help="Vectors of the text tower, not of words")] = True,
    engine: Annotated[bool, typer.Option(help="Measure engine.answer as well")] = True,
    cache: Annotated[Path, typer.Option(help="Keeps texts and vectors")] = Path(".benchmark-cache"),
    out: Annotated[Path | None, typer.Option(help="Where to write the JSON and its plot")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random")] = 7,
) -> None:
    """Compare search systems on a made-up marketplace of n listings."""
    corpus = make_corpus(
        n,
        distinct=distinct,
        queries=queries,
        seed=seed,
        cache=cache,
        report=_report,
        tower=tower,
    )
    result: dict[str, Any] = {
        "n": n,
        "distinct": min(distinct, n),
        "dim": corpus.vectors.shape[1],
        "vectors": "text tower" if tower else "hashed words",
        "queries": queries,
        "rounds": rounds,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "sides": _compare(corpus, _installed(sides.split(",")), rounds, seed),
    }
    if engine:
        result |= _measure_engine(corpus, rounds)
    result["machine"]["load_after"] = _load()
    print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
        write_plot(result, out.with_suffix(".svg"))


def _installed(wanted: list[str]) -> list[str]:
    for name in wanted:
        if name not in SIDES:
            raise typer.BadParameter(f"unknown side {name!r}; known are {', '.join(SIDES)}")
    found = [
        name for name in wanted if importlib.util.find_spec(_NEEDS.get(name, name)) is not None
    ]
    for name in wanted:
        if name not in found:
            _report(f"{name} is not installed and left out: pip install 'marketrank[bench]'")
    return found


def _compare(corpus: Corpus, names: list[str], rounds: int, seed: int) -> dict[str, Any]:
    prices = np.random.default_rng(seed).integers(0, PRICES, len(corpus.listings))
    data = Data(
        [one.title for one in corpus.listings],
        [" ".join(one.category) for one in corpus.listings],
        [one.description for one in corpus.listings],
        prices,
        corpus.vectors,
        corpus.queries,
        corpus.query_vectors,
    )
    exact = {"vector": _search_exactly(data), "filtered": _search_exactly(data, prices == FILTER)}
    result: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory(prefix="marketrank-benchmark-") as scratch,
        ExitStack() as stack,  # sides end before their folder goes
    ):
        folder = Path(scratch)
        folder.chmod(0o755)  # the embedded server runs as another user
        data.save(folder)
        remotes = {}
        for name in names:
            _report(f"build {name}")
            (folder / name).mkdir()
            remotes[name] = Remote(name, folder, folder / name)
            stack.callback(remotes[name].close)
            result[name] = remotes[name].build()
        for name, remote in remotes.items():
            result[name] |= {"searches": _first(remote, data, exact)}
            result[name]["what"] = remote.describe()
        _take_turns(remotes, result, rounds)
        for name, remote in remotes.items():
            result[name]["memory_mib"] = remote.memory_mib()
    return result


def _first(remote: Remote, data: Data, exact: dict[str, "_Exact"]) -> dict[str, dict[str, Any]]:
    """Warms the side up, has it look at more until it finds enough without a filter, and says how
    much of the exact 10 best it finds."""
    while (answers := remote.search("vector", _K)) is not None:
        if _recall(data, exact["vector"], answers) >= _ENOUGH or not remote.widen():
            break
    found: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        answers = remote.search(kind, _K)
        if answers is None:
            continue
        found[kind] = {}
        if kind in exact:
            found[kind]["recall@10"] = round(_recall(data, exact[kind], answers), 4)
    return found


def _recall(data: Data, exact: "_Exact", answers: Answers) -> float:
    shares = [
        (data.vectors[rows] @ data.query_vectors[i] >= exact.borders[i]).sum() / exact.due
        for i, rows in enumerate(answers.rows)
    ]
    return float(np.mean(shares))


def _take_turns(remotes: dict[str, Remote], result: dict[str, Any], rounds: int) -> None:
    times: dict[tuple[str, str], list[float]] = {}
    cpu: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds):
        _report(f"round {number + 1}/{rounds}")
        for kind in KINDS:
            for name, remote in remotes.items():
                if kind not in result[name]["searches"]:
                    continue
                answers = remote.search(kind, _K)
                assert answers is not None
                times.setdefault((name, kind), []).extend(answers.times)
                cpu.setdefault((name, kind), []).append(answers.cpu_ms)
    for (name, kind), spent in times.items():
        mean = round(float(np.median(cpu[name, kind])), 2)
        result[name]["searches"][kind] |= {
            **engine_side.percentiles(spent),
            "cpu_mean_ms": mean,
        }


@dataclass(frozen=True, slots=True)
class _Exact:
    """The score of each query's 10th best, or last; what reaches it counts as found. `due` is how
    many there are."""

    borders: NDArray[np.float32]
    due: int


def _search_exactly(data: Data, allowed: NDArray[np.bool_] | None = None) -> _Exact:
    vectors = data.vectors if allowed is None else data.vectors[allowed]
    due = min(_K, len(vectors))
    found = [np.partition(vectors @ one, -due)[-due] - 1e-5 for one in data.query_vectors]
    return _Exact(np.array(found, np.float32), due)


def _measure_engine(corpus: Corpus, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="marketrank-benchmark-") as scratch:
        Path(scratch).chmod(0o755)
        home = Path(scratch) / "home"
        with engine_side.running(corpus, home, _report) as market:
            _report("engine.answer")
            plain = engine_side.measure(market, corpus.queries, rounds)
            _report("fit a ranker")
            engine_side.teach(market, corpus)
            _report("engine.answer with it")
            learned = engine_side.measure(market, corpus.queries, rounds)
            learned["ranker"] = type(market.ranker()).__name__
            recall = round(engine_side.recall(market, corpus), 4)
            return {"engine": {**plain, "recall@10": recall}, "engine, learned ranker": learned}


def _machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "processor": platform.machine(), "load_before": _load()}


def _load() -> list[float]:
    return [round(each, 1) for each in os.getloadavg()]


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(run)
