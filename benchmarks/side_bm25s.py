"""bm25s: BM25 alone, in NumPy, with English stop words left out and no stemming."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import bm25s
import psutil

from benchmarks.side import Data
from marketrank.types import Vectors


class BM25s:
    def build(self, data: Data, folder: Path) -> None:
        self._index = bm25s.BM25()
        self._index.index(
            bm25s.tokenize(data.texts(), stopwords="en", show_progress=False), show_progress=False
        )
        self._index.save(str(folder))

    def text(self, query: str, k: int) -> Sequence[int]:
        words = bm25s.tokenize(query, stopwords="en", show_progress=False, return_ids=False)
        if not words[0]:
            return []
        rows, _ = self._index.retrieve(words, k=k, show_progress=False, n_threads=0)
        return rows[0].tolist()

    def vector(self, vector: Vectors, k: int) -> Sequence[int]:
        raise NotImplementedError

    def filtered(self, vector: Vectors, k: int) -> Sequence[int]:
        raise NotImplementedError

    def hybrid(self, query: str, vector: Vectors, k: int) -> Sequence[int]:
        raise NotImplementedError

    def widen(self) -> bool:
        return False

    def describe(self) -> str:
        return f"bm25s {version('bm25s')}, 1 thread"

    def processes(self) -> list[psutil.Process]:
        return []

    def close(self) -> None:
        pass
