"""What the vector index costs and finds: build time, search time, memory, recall under filters.

    python benchmarks/vectors.py --n 1000000 --out benchmarks/results/vectors-1m.json

Vectors are made up (nested clusters with the spectrum of a sentence encoder) or, with `--like`,
moved copies of the rows of a .npy file of one's own, by its first `--dim` components.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import typer
from numpy.typing import NDArray

from marketrank.retrieval.vector_index import Base, build, limit_threads
from marketrank.types import Mask, Vectors

# Clusters of clusters: (how many, how far from their centre), and the last step to each vector.
# Chosen so that spectrum and distances are those of MiniLM on 5,788 real listings: the share of
# the i-th direction falls as i^-0.9, the 10th nearest is at a cosine of .5 to .55.
_LEVELS = ((13, 0.5), (400, 0.6), (20_000, 0.7))
_OWN, _COMMON, _SLOPE = 0.6, 0.5, -0.9
_MOVED = 0.35
_BLOCK = 20_000
_K = 10


def made_up(n: int, dim: int, seed: int) -> Vectors:
    """Nested clusters, shape (n, dim), unit rows; few clusters hold many, as kinds of things do."""
    rng = np.random.default_rng(seed)
    spectrum = np.arange(1, dim + 1, dtype=np.float32) ** (_SLOPE / 2)
    spectrum /= np.linalg.norm(spectrum)

    def draw(rows: int) -> Vectors:
        return rng.normal(size=(rows, dim)).astype(np.float32) * spectrum

    centres = _COMMON * draw(1)
    for count, far in _LEVELS:
        centres = centres[rng.integers(0, len(centres), count)] + np.float32(far) * draw(count)
    weights = 1 / np.arange(1, len(centres) + 1) ** 0.7
    out = np.empty((n, dim), np.float32)
    for start in range(0, n, _BLOCK):
        part = out[start : start + _BLOCK]
        chosen = rng.choice(len(centres), len(part), p=weights / weights.sum())
        part[:] = _unit(centres[chosen] + np.float32(_OWN) * draw(len(part)))
    return out


def moved(path: Path, n: int, dim: int, seed: int) -> Vectors:
    """The rows of a file, then copies moved by a part of the difference of two others."""
    base = _unit(np.load(path)[:, :dim].astype(np.float32))
    rng = np.random.default_rng(seed)
    out = np.empty((n, dim), np.float32)
    for start in range(0, n, len(base)):
        part = out[start : start + len(base)]
        one, other = rng.integers(0, len(base), (2, len(part)))
        by = _MOVED if start else 0.0
        part[:] = _unit(base[: len(part)] + np.float32(by) * (base[one] - base[other]))
    return out


def masks(vectors: Vectors, seed: int) -> dict[str, Mask | None]:
    """Filters: none, random shares (as a price band is), and a slice of things alike (as one
    category is): all that lies nearest to one point."""
    rng = np.random.default_rng(seed)
    found: dict[str, Mask | None] = {"none": None}
    for share in (0.5, 0.1, 0.01, 0.001):
        found[f"random {share:.1%}"] = rng.random(len(vectors)) < share
    near = vectors @ vectors[int(rng.integers(len(vectors)))]
    for share in (0.1, 0.01):
        found[f"alike {share:.1%}"] = near >= np.quantile(near, 1 - share)
    return found


def queries_for(vectors: Vectors, allowed: Mask | None, count: int, seed: int) -> Vectors:
    """Points between two rows; under a filter of things alike they are mostly far from it."""
    rng = np.random.default_rng(seed)
    pick = rng.integers(0, len(vectors), (2, count))
    return _unit(vectors[pick[0]] + vectors[pick[1]])


def measure(base: Base, vectors: Vectors, queries: Vectors, allowed: Mask | None) -> dict[str, Any]:
    """Recall of the 10 best, and milliseconds of each search."""
    truths = nearest(vectors, queries, allowed)
    found = [
        np.isin(truth, base.search(queries[row : row + 1], _K, allowed).keys).mean()
        for row, truth in enumerate(truths)
    ]
    return {
        "recall@10": round(float(np.mean(found)), 4),
        "lowest_recall@10": round(float(np.min(found)), 2),
        "k10": timed(lambda row: base.search(queries[row : row + 1], _K, allowed), len(queries)),
        "k200": timed(lambda row: base.search(queries[row : row + 1], 200, allowed), len(queries)),
    }


def nearest(vectors: Vectors, queries: Vectors, allowed: Mask | None) -> NDArray[np.int64]:
    """Rows of the 10 best allowed, exactly; shape (q, 10)."""
    rows = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
    kept = [np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)]
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        scores = np.concatenate([kept[0], queries @ vectors[part].T], axis=1)
        numbers = np.concatenate([kept[1], np.broadcast_to(part, (len(queries), len(part)))], 1)
        top = np.argsort(-scores, axis=1, kind="stable")[:, :_K]
        kept = [np.take_along_axis(scores, top, 1), np.take_along_axis(numbers, top, 1)]
    return kept[1]


def timed(step: Callable[[int], object], count: int) -> dict[str, float]:
    """Milliseconds of each step by the clock, and of this thread's own processor time, which is
    what a machine without other work takes."""
    clock, own = [], []
    for row in range(count):
        start, began = time.perf_counter(), time.thread_time()
        step(row)
        clock.append((time.perf_counter() - start) * 1000)
        own.append((time.thread_time() - began) * 1000)
    return {**percentiles(clock), **percentiles(own, "cpu_")}


def percentiles(times: list[float], prefix: str = "") -> dict[str, float]:
    p50, p99 = np.percentile(times, [50, 99])
    return {f"{prefix}p50_ms": round(float(p50), 3), f"{prefix}p99_ms": round(float(p99), 3)}


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "load": [round(each, 1) for each in os.getloadavg()],
    }


# Run in a process of its own: what it holds is the index, a catalogue and what they import.
_RESIDENT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
import psutil
from marketrank.retrieval.catalogue import Catalogue
from marketrank.retrieval.vector_index import Base, limit_threads
from marketrank.asking import Filters
from marketrank.types import Attributes, ListingId, ListingKey, Seq

limit_threads(1)
mib = lambda: round(psutil.Process().memory_info().rss / 2**20)
seen = {"imports": mib()}
base = Base.open(Path(sys.argv[1]))
count, dim = len(base.keys), base.dim
rng = np.random.default_rng(0)
for number in range(int(sys.argv[2])):
    query = rng.normal(size=(1, dim)).astype(np.float32)
    base.search(query / np.linalg.norm(query), 200)
seen["with random queries"] = mib()
if base.lists is not None:  # whatever queries have not touched yet
    for start in range(0, count, 10_000):
        rows = np.arange(start, min(start + 10_000, count))
        base.lists.near.scores(query[0], rows)
seen["with every vector touched"] = mib()
at = datetime(2026, 1, 1, tzinfo=UTC)
catalogue = Catalogue()
for start in range(0, count, 10_000):
    catalogue.apply([
        Attributes(ListingKey(key), ListingId(f"{key:010d}"), Seq(key + 1), True,
                   ("root", f"leaf {key % 400}"), key % 5_000, 51.0, 0.1, at)
        for key in range(start, min(start + 10_000, count))
    ])
catalogue.snapshot().mask(Filters())
seen["with the catalogue"] = mib()
import json
print(json.dumps(seen))
"""


def resident(folder: Path, queries: int) -> dict[str, int]:
    """MiB of a process that has opened the index, step by step; mapped pages that were touched
    count."""
    command = [sys.executable, "-c", _RESIDENT, str(folder), str(queries)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, int] = orjson.loads(done.stdout)
    return found


def run(
    n: Annotated[int, typer.Option(help="Vectors")] = 100_000,
    dim: Annotated[int, typer.Option(help="Width")] = 384,
    queries: Annotated[int, typer.Option(help="Searches of each kind")] = 200,
    like: Annotated[Path | None, typer.Option(help="A .npy file to move the rows of")] = None,
    exact_below: Annotated[int, typer.Option(help="As the setting of this name")] = 1,
    out: Annotated[Path | None, typer.Option(help="Where to write the JSON")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random")] = 7,
) -> None:
    """Build an index over n vectors and measure it, with one thread."""
    limit_threads(1)
    vectors = moved(like, n, dim, seed) if like else made_up(n, dim, seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "index"
        start, began = time.perf_counter(), time.process_time()
        build(folder, np.arange(n), vectors, exact_below=exact_below)
        seconds, own = time.perf_counter() - start, time.process_time() - began
        base = Base.open(folder)
        filters = masks(vectors, seed)
        results = {
            "n": n,
            "dim": dim,
            "vectors": "moved copies of a file's rows" if like else "made up",
            "threads": 1,
            "machine": machine(),
            "build_s": round(seconds, 1),
            "build_cpu_s": round(own, 1),
            "disk_mb": round(sum(file.stat().st_size for file in folder.iterdir()) / 1e6),
            "probes": None if base.lists is None else base.lists.probes,
            "lists": None if base.lists is None else len(base.lists.sizes),
            "searches": {
                name: measure(base, vectors, queries_for(vectors, mask, queries, seed), mask)
                for name, mask in filters.items()
            },
        }
        del vectors
        results["resident_mib"] = resident(folder, 5_000)
    print(orjson.dumps(results, option=orjson.OPT_INDENT_2).decode())
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2) + b"\n")


def _unit(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


if __name__ == "__main__":
    typer.run(run)
