"""A vector index that leaves nothing on the disk: for vectors that tell of people."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marketrank.ports import VectorIndex
from marketrank.retrieval.exact_index import ExactSegment
from marketrank.retrieval.vector_index import Base, build
from marketrank.types import Vectors

_MEMORY = Path("/dev/shm")


def private_index(
    keys: NDArray[np.int64], vectors: Vectors, *, exact_below: int, folder: Path | None = None
) -> VectorIndex:
    """An index of unit rows (n, dim) by key. Fewer than `exact_below` are compared exactly, from
    memory. More are built in a folder of a file system in memory, which is removed at once: what is
    mapped stays readable. `folder` is where (None: /dev/shm, where there is one)."""
    if len(keys) < max(exact_below, 1):
        segment = ExactSegment(vectors.shape[1])
        segment.put(keys, vectors)
        return segment
    parent = folder or (_MEMORY if _MEMORY.is_dir() else None)
    with tempfile.TemporaryDirectory(prefix="marketrank-", dir=parent) as temporary:
        at = Path(temporary) / "index"
        build(at, keys, vectors, exact_below=0)
        return Base.open(at)
