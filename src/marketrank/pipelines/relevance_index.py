"""A relevance set, indexed by the code that serves: words, vectors, and what a ranker looks at."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from marketrank.evaluation.sets.relevance_set import Document, RelevanceSet
from marketrank.models.feature_cache import Spec, cached
from marketrank.pipelines.progress import Progress, silent
from marketrank.ports import Encoder
from marketrank.ranking import features
from marketrank.ranking.ranker import Material
from marketrank.ranking.seen import Seen, SeenTable, see
from marketrank.retrieval.hybrid import Asked, Indexes, text_ceiling
from marketrank.retrieval.spelling import correct
from marketrank.retrieval.synonyms import Synonyms, compounds
from marketrank.retrieval.text_index import TextReader, TextWriter
from marketrank.retrieval.typed import SAMPLE, typed_vectors
from marketrank.retrieval.vector_index import Base, build, limit_threads
from marketrank.retrieval.vocabulary_build import build as build_vocabulary
from marketrank.types import Listing, ListingId, ListingKey, Seq, Vectors

Keys = NDArray[np.int64]
_EMBED_BATCH = 256
_WRITE_BATCH = 2_000
_KEEP_BYTES = 4 * 1024**3  # of other sets' vectors; a million of width 1,024 take as much
NO_SYNONYMS = Synonyms()


@dataclass(frozen=True)
class IndexedSet:
    """A set with its indexes. Keys are places of `documents`, which are in an order that says
    nothing of their grades: ties are settled by key, and files are often sorted by grade."""

    given: RelevanceSet
    documents: tuple[Document, ...]
    texts: tuple[str, ...]
    """Of the queries, as they are searched for: with their spelling corrected."""
    indexes: Indexes
    vectors: Vectors
    queries: Vectors
    ceiling: float
    keys: Mapping[ListingId, int]
    _seen: dict[int, Seen] = field(default_factory=dict)

    def asked(self, row: int) -> Asked:
        """The query of a row of `given.queries`."""
        return Asked(self.texts[row], self.queries[row : row + 1], self.ceiling)

    def material(self, row: int) -> Material:
        """What a ranker may look at for that query."""
        asked, stems = self.asked(row), self.indexes.text.stems
        assert asked.vector is not None
        return Material(
            query=asked.vector,
            vectors_of=lambda keys: self.vectors[keys],
            near=lambda vector, keys: self.indexes.near(vector, keys) / np.float32(self.ceiling),
            asked=lambda: features.ask(asked.text, self.indexes.text.weights(asked.text), stems),
            seen=self._look_at,
        )

    def judged(self, row: int) -> Keys:
        """The keys that were judged for that query, ascending."""
        grades = self.given.grades[self.given.queries[row].id]
        return np.sort(np.array([self.keys[id] for id in grades], np.int64))

    def grades(self, row: int, keys: Keys) -> NDArray[np.int64]:
        """Shape (n,); 0 for what was not judged."""
        grades = self.given.grades[self.given.queries[row].id]
        return np.array([grades.get(self.documents[key].id, 0) for key in keys], np.int64)

    def ids(self, keys: Keys) -> list[ListingId]:
        return [self.documents[key].id for key in keys.tolist()]

    def _look_at(self, keys: Keys) -> SeenTable:
        stems = self.indexes.text.stems
        for key in keys.tolist():
            if key not in self._seen:
                one = self.documents[key]
                self._seen[key] = see(one.title, one.words_of_category, one.description, stems)
        return SeenTable.of([self._seen[key] for key in keys.tolist()])


@contextmanager
def indexed(
    given: RelevanceSet,
    encoder: Encoder,
    *,
    cache: Path,
    exact_below: int,
    synonyms: Synonyms = NO_SYNONYMS,
    progress: Progress = silent,
) -> Iterator[IndexedSet]:
    """Index a set for as long as the block lasts, with its own vocabulary for spelling and
    compounds, as a home has; `synonyms` are those that the home knows besides. Vectors are kept in
    `cache`, by the texts and the encoder's version: a second run does not embed again, nor a set
    that shares its listings; those of sets that were not used for long go."""
    documents = tuple(sorted(given.documents, key=lambda one: _digest(one.id)))
    vectors = _embed_listings(encoder, [one.text for one in documents], cache, progress)
    with TemporaryDirectory(prefix="marketrank-relevance-") as folder:
        _write_words(Path(folder) / "text", documents, progress)
        words = TextReader(Path(folder) / "text")
        vocabulary = build_vocabulary(map(_listing, documents))
        words.use_synonyms(synonyms.joined(compounds(vocabulary)))
        texts = tuple(
            correct(query.text, vocabulary, words.occurs, is_common=encoder.knows).searched
            for query in given.queries
        )
        queries = _embed_queries(encoder, texts, cache, progress)
        progress("build vector index", 0, 1)
        keys = np.arange(len(documents), dtype=np.int64)
        build(
            Path(folder) / "vectors",
            keys,
            vectors,
            exact_below=exact_below,
            # Made up: an index that was fitted to the set's own queries would score better.
            asked=lambda: typed_vectors(encoder, _some_titles(documents), seed=0),
        )
        progress("build vector index", 1, 1)
        limit_threads(1)  # as where requests are answered
        yield IndexedSet(
            given,
            documents,
            texts,
            Indexes(words, Base.open(Path(folder) / "vectors")),
            vectors,
            queries,
            text_ceiling(encoder),
            {one.id: key for key, one in enumerate(documents)},
        )


def _some_titles(documents: Sequence[Document]) -> list[str]:
    return [one.title for one in documents[:: max(1, len(documents) // SAMPLE)]]


def _listing(document: Document) -> Listing:
    """As the vocabulary reads it."""
    return Listing(document.id, document.title, document.description, document.path)


def _write_words(folder: Path, documents: Sequence[Document], progress: Progress) -> None:
    writer = TextWriter(folder)
    try:
        for key, one in enumerate(documents):
            writer.upsert(ListingKey(key), one.title, one.words_of_category, one.description)
            if key % _WRITE_BATCH == 0:
                progress("index texts", key, len(documents))
        writer.commit(Seq(1))
        progress("index texts", len(documents), len(documents))
    finally:
        writer.close()


def _embed_listings(
    encoder: Encoder, texts: Sequence[str], cache: Path, progress: Progress
) -> Vectors:
    # By length, so that a batch is not padded to one long text, and each text once.
    distinct = sorted(set(texts), key=lambda text: (len(text), text))
    found = cached(
        cache,
        distinct,
        {"vector": Spec((encoder.dim,), "float32")},
        lambda some: {"vector": encoder.encode_listings(some, [()] * len(some))},
        kind="listings",
        identity=encoder.version,
        batch=_EMBED_BATCH,
        keep_bytes=_KEEP_BYTES,
        stage="embed listings",
        progress=progress,
    )["vector"]
    row_of = {text: row for row, text in enumerate(distinct)}
    vectors: Vectors = np.ascontiguousarray(found[[row_of[text] for text in texts]])
    return vectors


def _embed_queries(
    encoder: Encoder, texts: Sequence[str], cache: Path, progress: Progress
) -> Vectors:
    found = cached(
        cache,
        texts,
        {"vector": Spec((encoder.dim,), "float32")},
        lambda some: {"vector": np.concatenate([encoder.encode_query(t, None) for t in some])},
        kind="queries",
        identity=encoder.version,
        batch=_EMBED_BATCH,
        keep_bytes=_KEEP_BYTES,
        stage="embed queries",
        progress=progress,
    )["vector"]
    return np.asarray(found, np.float32)


def _digest(id: str) -> bytes:
    return hashlib.sha256(id.encode()).digest()
