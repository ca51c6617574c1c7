"""marketrank's own indexes, as the engine uses them, with its filter for prices."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil

from benchmarks.side import DEPTH, FILTER, RRF, Data
from marketrank.asking import Filters
from marketrank.retrieval.catalogue import Catalogue
from marketrank.retrieval.fusion import reciprocal_rank
from marketrank.retrieval.text_index import TextReader, TextWriter
from marketrank.retrieval.vector_index import Base, build, limit_threads
from marketrank.types import Attributes, ListingId, ListingKey, Mask, Seq, Vectors

_AT = datetime(2026, 1, 1, tzinfo=UTC)


class Marketrank:
    def build(self, data: Data, folder: Path) -> None:
        limit_threads(1)
        writer = TextWriter(folder / "text")
        for row, title in enumerate(data.titles):
            writer.upsert(ListingKey(row), title, data.categories[row], data.descriptions[row])
        writer.commit(Seq(1))
        writer.close()
        build(folder / "index", np.arange(len(data.titles)), data.vectors, exact_below=10_000)
        catalogue = Catalogue()
        catalogue.apply([_attributes(row, price) for row, price in enumerate(data.prices.tolist())])
        self._catalogue = catalogue.snapshot()
        self._text = TextReader(folder / "text")
        self._base = Base.open(folder / "index")

    def text(self, query: str, k: int) -> Sequence[int]:
        return self._text.search(query, k, self._live()).keys.tolist()

    def vector(self, vector: Vectors, k: int) -> Sequence[int]:
        return self._base.search(vector[None], k, self._live()).keys.tolist()

    def filtered(self, vector: Vectors, k: int) -> Sequence[int]:
        allowed = self._catalogue.mask(Filters(price_low=FILTER, price_high=FILTER))
        return self._base.search(vector[None], k, allowed).keys.tolist()

    def hybrid(self, query: str, vector: Vectors, k: int) -> Sequence[int]:
        live = self._live()
        hits = {
            "text": self._text.search(query, DEPTH, live),
            "vector": self._base.search(vector[None], DEPTH, live),
        }
        return reciprocal_rank(hits, k=RRF).keys[:k].tolist()

    def widen(self) -> bool:
        return False

    def describe(self) -> str:
        kind = "exact" if self._base.lists is None else f"{self._base.lists.probes} lists probed"
        return f"tantivy + FAISS ({kind}), 1 thread"

    def processes(self) -> list[psutil.Process]:
        return []

    def close(self) -> None:
        pass

    def _live(self) -> Mask:
        return self._catalogue.mask(Filters())


def _attributes(row: int, price: int) -> Attributes:
    key = ListingKey(row)
    return Attributes(key, ListingId(str(row)), Seq(row + 1), True, (), price, None, None, _AT)
