"""`engine.answer` over a whole marketplace: PostgreSQL, tantivy, FAISS and the text tower."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.corpus import AT, Corpus, hashed_words
from marketrank.config import Settings
from marketrank.engine import Depths, Engine
from marketrank.models import artefact
from marketrank.models.towers import TextEncoder
from marketrank.pipelines.indexing import Indexer
from marketrank.retrieval.follow import Follower
from marketrank.retrieval.vector_index import limit_threads
from marketrank.storage import embedded
from marketrank.storage.blobs import open_blobs
from marketrank.storage.database import connect, migrate
from marketrank.storage.postgres import PostgresListings
from marketrank.storage.vectors import PostgresVectors
from marketrank.types import Hits, ListingKey, ModelVersion, Request, RequestId, Seq, Vectors

Report = Callable[[str], None]
_BATCH = 2_000
_K = 24


class Tower:
    """The text tower alone as an Encoder; made-up vectors of words where there is no folder."""

    version = ModelVersion("benchmark")

    def __init__(self, folder: Path | None, dim: int) -> None:
        self.dim = dim
        self._encode: Callable[[Sequence[str]], Vectors] = hashed_words
        if folder is not None:
            self._encode = TextEncoder(folder, artefact.read(folder).text, threads=1).encode

    def encode_listings(self, texts: Sequence[str], photos: Sequence[Sequence[bytes]]) -> Vectors:
        return self._encode(texts)

    def encode_query(self, text: str, photo: bytes | None) -> Vectors:
        return self._encode([text])

    def encode_photos(self, photos: Sequence[bytes]) -> tuple[Vectors, list[bool]]:
        raise NotImplementedError


@contextmanager
def running(corpus: Corpus, home: Path, report: Report) -> Iterator[tuple[Engine, Follower]]:
    """A marketplace with the corpus, on an embedded server of its own, which ends with it."""
    limit_threads(1)
    settings = Settings(home=home)
    database = connect(embedded.start(home))
    try:
        migrate(database)
        listings, vectors = PostgresListings(database), PostgresVectors(database)
        encoder = Tower(corpus.encoder, corpus.vectors.shape[1])
        _fill(corpus, listings, vectors, encoder.version, report)
        model = home / "encoder"
        model.mkdir()
        report("index")
        indexer = Indexer(
            listings=listings,
            vectors=vectors,
            blobs=open_blobs((home / "photos").as_uri()),
            text_folder=home / "text",
            release_folder=home / "releases",
            encoder_folder=lambda: model,
            open_encoder=lambda _: encoder,
            exact_below=settings.exact_below,
            rebuild_share=settings.rebuild_share,
        )
        indexer.catch_up(AT)
        indexer.close()
        follower = Follower(
            listings=listings,
            vectors=vectors,
            text_folder=home / "text",
            release_folder=home / "releases",
            open_encoder=lambda _: encoder,
        )
        follower.refresh()
        depths = Depths(
            text=settings.retrieve_depth,
            vector=settings.vector_depth,
            sort=settings.sort_depth,
            sort_floor=settings.sort_floor,
            fusion_k=settings.fusion_k,
            fusion=settings.fusion,
        )
        yield (
            Engine(view=follower.view, listings=listings, vectors=vectors, depths=depths),
            follower,
        )
    finally:
        database.dispose()
        embedded.leave(home)
        embedded.stop(home)


def _fill(
    corpus: Corpus,
    listings: PostgresListings,
    vectors: PostgresVectors,
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


def measure(engine: Engine, queries: Sequence[str], rounds: int) -> dict[str, Any]:
    """Milliseconds of `answer`, by the clock and of this thread's processor time, and of each of
    its stages."""
    requests = [Request(RequestId(str(i)), AT, text=text, k=_K) for i, text in enumerate(queries)]
    for request in requests[:20]:
        engine.answer(request)
    clock, own = [], []
    stages: dict[str, list[float]] = {}
    for request in requests * rounds:
        start, began = time.perf_counter(), time.thread_time()
        ranking = engine.answer(request)
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


def recall(follower: Follower, corpus: Corpus) -> float:
    """Share of the exact 10 nearest that the engine's vector retriever returns."""
    view = follower.view()
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
