"""LanceDB: its own full-text index, IVF with product quantisation and refinement, hybrid search
by reciprocal ranks."""

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("LANCE_LOG", "error")  # else a warning for every hybrid search

import lancedb
import psutil
import pyarrow as pa
from lancedb.index import FTS, BTree, IvfPq
from lancedb.rerankers import RRFReranker

from benchmarks.side import FILTER, RRF, Data
from marketrank.types import Vectors

_REFINE = 20


class LanceDB:
    def build(self, data: Data, folder: Path) -> None:
        count, dim = data.vectors.shape
        rows = pa.table(
            {
                "id": list(range(count)),
                "text": data.texts(),
                "price": data.prices,
                "vector": pa.FixedSizeListArray.from_arrays(pa.array(data.vectors.ravel()), dim),
            }
        )
        self._table = lancedb.connect(folder).create_table("listings", rows)
        self._table.create_index("text", config=FTS())
        self._table.create_index("price", config=BTree())
        self._lists = max(1, int(count**0.5))
        config = IvfPq(
            distance_type="dot", num_partitions=self._lists, num_sub_vectors=max(1, dim // 4)
        )
        self._table.create_index("vector", config=config)
        self._probes = max(1, self._lists // 8)
        self._reranker = RRFReranker(K=RRF)

    def text(self, query: str, k: int) -> Sequence[int]:
        return _ids(self._table.search(query, query_type="fts").select(["id", "_score"]), k)

    def vector(self, vector: Vectors, k: int) -> Sequence[int]:
        return _ids(self._near(vector), k)

    def filtered(self, vector: Vectors, k: int) -> Sequence[int]:
        return _ids(self._near(vector).where(f"price = {FILTER}", prefilter=True), k)

    def hybrid(self, query: str, vector: Vectors, k: int) -> Sequence[int]:
        search = (
            self._table.search(query_type="hybrid")
            .vector(vector)
            .text(query)
            .distance_type("dot")
            .nprobes(self._probes)
            .refine_factor(_REFINE)
            .rerank(reranker=self._reranker)
        )
        return _ids(search.select(["id"]), k)

    def widen(self) -> bool:
        self._probes *= 2
        return self._probes <= self._lists

    def describe(self) -> str:
        return (
            f"lancedb {version('lancedb')}, IVF{self._lists} PQ, {self._probes} lists probed, "
            f"refine {_REFINE}, its own threads"
        )

    def processes(self) -> list[psutil.Process]:
        return []

    def close(self) -> None:
        pass

    def _near(self, vector: Vectors):  # type: ignore[no-untyped-def]
        search = self._table.search(vector).distance_type("dot").nprobes(self._probes)
        return search.refine_factor(_REFINE).select(["id", "_distance"])


def _ids(search, k: int) -> Sequence[int]:  # type: ignore[no-untyped-def]
    return search.limit(k).to_arrow()["id"].to_pylist()
