"""Golden queries: what a release answers to a few titles, written down when it is built.

    <release>/index/golden.json   {"model_version", "queries": [{"text", "own", "keys"}]}

The builder asks whether the encoder finds listings by their titles at all; each reader asks the
same again, with the files that it has opened: a query tower that does not belong to the index, or
numbers that come out differently on its machine, show before anybody is answered.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank.errors import Corrupt
from marketrank.ports import Encoder, VectorIndex
from marketrank.retrieval.vector_index import Base
from marketrank.types import ModelVersion, Vectors

FILE = "golden.json"
DEPTH = 100
"""A title should find its listing among so many nearest ones …"""
FOUND = 0.5
"""… for this share of the titles. (Chance finds one in a hundred of 10,000 listings; a learned
encoder found 20 of 20 titles of 1,000 among the ten nearest.)"""
_KEPT = 10
_SAME = 0.8  # of the kept nearest; int8 graphs differ a little from machine to machine
_LENGTH = 1e-2  # float16 and int16 rows are unit length up to this


def check_vectors(vectors: Vectors, *, dim: int, of: str) -> None:
    """Raise Corrupt, naming `of`, unless these are finite unit vectors, shape (n, dim)."""
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise Corrupt(f"{of}: vectors of shape {vectors.shape}, not (n, {dim})")
    if not np.isfinite(vectors).all():
        raise Corrupt(f"{of}: a vector has numbers that are not finite")
    lengths = np.linalg.norm(vectors, axis=1)
    if len(lengths) and float(np.abs(lengths - 1).max()) > _LENGTH:
        worst = float(lengths[np.abs(lengths - 1).argmax()])
        raise Corrupt(f"{of}: a vector has length {worst:.3g}, not 1")


def record(
    folder: Path, index: VectorIndex, encoder: Encoder, titles: Mapping[int, str], version: str
) -> None:
    """Write down what the index in `folder` answers to the titles of some of its listings, by key.
    Raises Corrupt where too few titles find their listing (FOUND of them within DEPTH)."""
    queries, found = [], 0
    for key, title in titles.items():
        if not title.strip():
            continue
        vector = encoder.encode_query(title, None)
        check_vectors(vector, dim=encoder.dim, of=f"{version}, query {title!r}")
        hits = index.search(vector, DEPTH)
        # Many listings may have the same title: as near as the last is near enough.
        own = float(vector[0] @ index.vectors_of(np.array([key], np.int64))[0])
        found += bool(key in hits.keys or own >= float(hits.scores[-1]) - 1e-4)
        queries.append({"text": title, "own": key, "keys": hits.keys[:_KEPT].tolist()})
    if queries and found / len(queries) < FOUND:
        raise Corrupt(
            f"{version}: {found} of {len(queries)} titles find their listing among the {DEPTH} "
            f"nearest, fewer than {FOUND:.0%}; go back with `marketrank models rollback`"
        )
    content = {"model_version": version, "queries": queries}
    (folder / FILE).write_bytes(orjson.dumps(content))


def check(
    folder: Path,
    index: VectorIndex,
    encoder: Encoder,
    version: ModelVersion,
    keys: NDArray[np.int64],
) -> None:
    """Raise Corrupt where the index and the encoder, as they were opened, do not answer as was
    written down when the release of `version` was built, or a vector of `keys` is none."""
    held = index.vectors_of(keys)
    check_vectors(held, dim=encoder.dim, of=f"the index in {folder}")
    path = folder / FILE
    if not path.exists():  # of an earlier version
        return
    try:
        content = orjson.loads(path.read_bytes())
        written, queries = content["model_version"], content["queries"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Corrupt(f"{path} cannot be read ({error!r})") from error
    if written != version:
        raise Corrupt(f"{path} is of {written}, the release of {version}")
    shares = []
    for one in queries:
        vector = encoder.encode_query(one["text"], None)
        check_vectors(vector, dim=encoder.dim, of=f"{version}, query {one['text']!r}")
        near = set(index.search(vector, _KEPT).keys.tolist())
        shares.append(len(near & set(one["keys"])) / max(1, len(one["keys"])))
    if shares and float(np.mean(shares)) < _SAME:
        raise Corrupt(
            f"golden queries of {folder}: {np.mean(shares):.0%} of the nearest are those of the "
            f"build, less than {_SAME:.0%}; encoder and index do not belong together"
        )


def check_own(folder: Path, keys: NDArray[np.int64], vectors: Vectors, n: int) -> None:
    """Raise Corrupt where the index in `folder` does not give back what was put into it: for each
    of some n keys, its own vector's nearest listing is itself."""
    base = Base.open(folder)
    step = max(1, len(keys) // n)
    for row in range(0, len(keys), step):
        hits = base.search(vectors[row : row + 1], 10)
        if int(keys[row]) not in hits.keys and hits.scores[-1] < 1 - 1e-4:
            raise Corrupt(
                f"the new index in {folder} does not find listing key {keys[row]} by its own "
                "vector; the old release stays"
            )
