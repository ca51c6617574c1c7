"""`engine.answer` over a whole marketplace: PostgreSQL, tantivy, FAISS and the text tower."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.corpus import AT, Corpus, hashed_words
from marketrank.asking import Hits, Request
from marketrank.config import Settings
from marketrank.evaluation.sets.from_listings import known_item
from marketrank.models import artefact
from marketrank.models.towers import TextEncoder
from marketrank.pipelines.relevance import learn
from marketrank.pipelines.relevance_index import indexed
from marketrank.ports import Encoder, ListingStore, VectorStore
from marketrank.ranking import ltr
from marketrank.storage import embedded
from marketrank.types import ListingKey, ModelVersion, RequestId, Seq, Vectors
from marketrank.wiring import Marketplace

Report = Callable[[str], None]
_BATCH = 2_000
_K = 24
_TAUGHT_LISTINGS, _TAUGHT_QUERIES = 1_000, 100


class Tower:
    """The text tower alone as an Encoder; made-up vectors of words where there is no folder."""

    version = ModelVersion("benchmark")

    def __init__(self, folder: Path | None, dim: int) -> None:
        self.dim = dim
        self._encode: Callable[[Sequence[str]], Vectors] = hashed_words
        self._ask: Callable[[str], Vectors] = lambda text: hashed_words([text])
        if folder is not None:
            tower = TextEncoder(folder, artefact.read(folder).text, threads=1)
            self._encode, self._ask = tower.encode, lambda text: tower.ask(text)["vector"]

    def encode_listings(self, texts: Sequence[str], photos: Sequence[Sequence[bytes]]) -> Vectors:
        return self._encode(texts)

    def knows(self, word: str) -> bool:
        return False

    def encode_query(self, text: str, photo: bytes | None) -> Vectors:
        return self._ask(text)

    def encode_photos(self, photos: Sequence[bytes]) -> tuple[Vectors, list[bool]]:
        raise NotImplementedError


class _Measured(Marketplace):
    """What serves, with vectors that are there already: only the encoder is another."""

    def __init__(self, home: Path, encoder: Tower) -> None:
        # Never the database of a marketplace that the environment names.
        super().__init__(Settings(home=home, database_url="", photos_url=""))
        self._encoder = encoder

    def encoder_folder(self) -> Path:
        folder = self.settings.home / "encoder"
        folder.mkdir(exist_ok=True)
        return folder

    def open_encoder(self, folder: Path) -> Encoder:
        return self._encoder


@contextmanager
def running(corpus: Corpus, home: Path, report: Report) -> Iterator[Marketplace]:
    """A marketplace with the corpus, on an embedded server of its own, which ends with it."""
    market = _Measured(home, Tower(corpus.encoder, corpus.vectors.shape[1]))
    try:
        fill(corpus, market.listings, market.vectors, Tower.version, report)
        report("index")
        market.index(rebuild=False)
        market.follower.refresh()
        yield market
    finally:
        market.database.dispose()
        embedded.leave(home)
        embedded.stop(home)


def fill(
    corpus: Corpus,
    listings: ListingStore,
    vectors: VectorStore,
    version: ModelVersion,
    report: Report,
) -> None:
    count = len(corpus.listings)
    for start in range(0, count, _BATCH):
        listings.apply(corpus.listings[start : start + _BATCH], at=AT)
        if start % (10 * _BATCH) == 0:
            report(f"store {start}/{count}")
    row_of = {listing.id: row for row, listing in enumerate(corpus.listings)}
    after = Seq(0)
    while changes := listings.changes(after, _BATCH):
        rows = [row_of[one.listing.id] for one in changes]
        keys = [ListingKey(one.key) for one in changes]
        hashes = [one.listing.embed_hash() for one in changes]
        vectors.put_vectors(version, keys, hashes, np.ascontiguousarray(corpus.vectors[rows]))
        after = changes[-1].seq


def teach(market: Marketplace, corpus: Corpus) -> None:
    """Fit the ranker of the home, as `marketrank train fusion` does, to known items among the first
    listings. It need not be good, only as large as one that is."""
    listings = corpus.listings[:_TAUGHT_LISTINGS]
    encoder = market.open_encoder(market.encoder_folder())
    with indexed(
        known_item(listings, queries=_TAUGHT_QUERIES, seed=0),
        encoder,
        cache=market.relevance_cache,
        exact_below=market.settings.exact_below,
        synonyms=market.synonyms,
    ) as ready:
        ltr.save(market.ranker_file, learn(ready, market.searching, seed=0))


def measure(market: Marketplace, queries: Sequence[str], rounds: int) -> dict[str, Any]:
    """Milliseconds of `answer`, by the clock and of this thread's processor time, and of each of
    its stages."""
    requests = [Request(RequestId(str(i)), AT, text=text, k=_K) for i, text in enumerate(queries)]
    for request in requests[:20]:
        market.answer(request)
    clock, own = [], []
    stages: dict[str, list[float]] = {}
    for request in requests * rounds:
        start, began = time.perf_counter(), time.thread_time()
        ranking = market.answer(request)
        clock.append((time.perf_counter() - start) * 1000)
        own.append((time.thread_time() - began) * 1000)
        for name, spent in ranking.stages_ms.items():
            stages.setdefault(name, []).append(spent)
    return {
        **percentiles(clock),
        "cpu_p50_ms": percentiles(own)["p50_ms"],
        "cpu_p99_ms": percentiles(own)["p99_ms"],
        "stages": {name: percentiles(spent) for name, spent in stages.items()},
    }


def recall(market: Marketplace, corpus: Corpus) -> float:
    """Share of the exact 10 nearest that the engine's vector retriever returns."""
    view = market.follower.view()
    assert view is not None
    row_of = {listing.id: row for row, listing in enumerate(corpus.listings)}
    found = []
    for text, vector in zip(corpus.queries, corpus.query_vectors, strict=True):
        scores = corpus.vectors @ vector
        hits: Hits = view.vectors.search(view.encoder.encode_query(text, None), 10)
        rows = [row_of[one] for one in view.catalogue.ids(hits.keys)]
        # Repeated texts have equal vectors: what is as near as the 10th counts.
        border = np.partition(scores, -10)[-10] - 1e-5
        found.append(np.mean(scores[rows] >= border))
    return float(np.mean(found))


def percentiles(times: Sequence[float]) -> dict[str, float]:
    p50, p99 = np.percentile(times, [50, 99])
    return {"p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2)}
