"""Milvus Lite after a flush: IVF_FLAT, its own BM25, hybrid search by reciprocal ranks."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from pymilvus import AnnSearchRequest, DataType, Function, FunctionType, MilvusClient, RRFRanker

from benchmarks.side import DEPTH, FILTER, RRF, Data
from marketrank.types import Vectors

_NAME = "listings"
_BATCH = 2_000
_MAX_BYTES = 65_000


class Milvus:
    def build(self, data: Data, folder: Path) -> None:
        count, dim = data.vectors.shape
        folder.mkdir(parents=True, exist_ok=True)
        self._client = MilvusClient(str(folder / "milvus.db"))
        schema = self._client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("text", DataType.VARCHAR, max_length=_MAX_BYTES, enable_analyzer=True)
        schema.add_field("price", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(
            Function(
                name="bm25",
                input_field_names=["text"],
                output_field_names=["words"],
                function_type=FunctionType.BM25,
            )
        )
        self._lists = max(1, int(4 * count**0.5))
        self._probes = max(1, self._lists // 16)
        index = self._client.prepare_index_params()
        index.add_index(
            "vector", index_type="IVF_FLAT", metric_type="IP", params={"nlist": self._lists}
        )
        index.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
        self._client.create_collection(_NAME, schema=schema, index_params=index)
        texts = data.texts()
        for start in range(0, count, _BATCH):
            rows = range(start, min(start + _BATCH, count))
            self._client.insert(_NAME, [_row(data, texts, row) for row in rows])
        self._client.flush(_NAME)
        self._client.load_collection(_NAME)

    def text(self, query: str, k: int) -> Sequence[int]:
        return _ids(self._client.search(_NAME, [query], anns_field="words", limit=k, **_LEAN))

    def vector(self, vector: Vectors, k: int) -> Sequence[int]:
        return _ids(self._near(vector, k))

    def filtered(self, vector: Vectors, k: int) -> Sequence[int]:
        return _ids(self._near(vector, k, filter=f"price == {FILTER}"))

    def hybrid(self, query: str, vector: Vectors, k: int) -> Sequence[int]:
        near = AnnSearchRequest([vector.tolist()], "vector", self._params(), limit=DEPTH)
        words = AnnSearchRequest([query], "words", {"metric_type": "BM25"}, limit=DEPTH)
        return _ids(
            self._client.hybrid_search(_NAME, [near, words], RRFRanker(RRF), limit=k, **_LEAN)
        )

    def widen(self) -> bool:
        self._probes *= 2
        return self._probes <= self._lists

    def describe(self) -> str:
        return (
            f"milvus-lite {version('milvus-lite')}, IVF_FLAT of {self._lists} lists, "
            f"{self._probes} probed, its own threads"
        )

    def processes(self) -> list[psutil.Process]:
        return []

    def close(self) -> None:
        self._client.close()

    def _near(self, vector: Vectors, k: int, **options: Any) -> Any:
        return self._client.search(
            _NAME,
            [vector.tolist()],
            anns_field="vector",
            limit=k,
            search_params=self._params(),
            **_LEAN,
            **options,
        )

    def _params(self) -> dict[str, Any]:
        return {"metric_type": "IP", "params": {"nprobe": self._probes}}


_LEAN: dict[str, Any] = {"output_fields": ["id"]}


def _row(data: Data, texts: Sequence[str], row: int) -> dict[str, Any]:
    return {
        "id": row,
        "text": texts[row][: _MAX_BYTES // 4],
        "price": int(data.prices[row]),
        "vector": data.vectors[row].tolist(),
    }


def _ids(found: Any) -> Sequence[int]:
    return [hit["id"] for hit in found[0]]
