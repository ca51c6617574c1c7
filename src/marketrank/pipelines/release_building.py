"""Building a release: the vectors of what is live, and all that is derived from them."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import Corrupt
from marketrank.pipelines.category_model import fit_categories, still_fits
from marketrank.pipelines.live import live, live_listings
from marketrank.pipelines.progress import Progress
from marketrank.ports import Encoder, ListingStore, VectorStore
from marketrank.ranking.prepared import row_of
from marketrank.retrieval import golden, typed, word_rows
from marketrank.retrieval import release as releases
from marketrank.retrieval.text_index import stemmer
from marketrank.retrieval.understand import categories
from marketrank.retrieval.understand.categories import CategoryModel
from marketrank.retrieval.vector_index import Base, build
from marketrank.retrieval.vocabulary_build import build as build_vocabulary
from marketrank.session_facts import see_stored
from marketrank.types import ListingKey, Seq, Vectors

_READ_BATCH = 10_000
_GOLDEN = 20  # listings that must find themselves before a release becomes current
_SEED = 7  # of the sample that teaches the classifier of queries, and of those queries


class ReleaseBuilder:
    """Builds releases of what is in the stores into one folder."""

    def __init__(
        self,
        *,
        listings: ListingStore,
        vectors: VectorStore,
        release_folder: Path,
        exact_below: int,
    ) -> None:
        self._listings = listings
        self._vectors = vectors
        self._release_folder = release_folder
        self._exact_below = exact_below

    def build(
        self,
        folder: Path,
        encoder: Encoder,
        embedded: Seq,
        at: datetime,
        progress: Progress,
        *,
        anew: bool,
    ) -> None:
        """Publish a release with the vectors of this encoder, whose folder is part of it.

        `embedded` is the change up to which all have such a vector. `anew` teaches the classifier
        of queries again although the one in use still fits. Raises Corrupt for vectors that are
        none, before the release can become current.
        """
        progress("build release", 0, 1)
        with TemporaryFile() as file:
            keys, vectors, seq = self._live_vectors(encoder, file)

            def build_index(index: Path) -> None:

                def asked() -> Vectors:
                    titles = self._titles(keys, typed.SAMPLE)
                    return typed.typed_vectors(encoder, list(titles.values()), seed=_SEED)

                build(index, keys, vectors, exact_below=self._exact_below, asked=asked)
                held = None if anew else still_fits(self._held_categories(), encoder, len(keys))
                model = held or fit_categories(
                    keys, vectors, encoder=encoder, listings=self._listings, seed=_SEED
                )
                categories.write(model, index)
                titles = self._titles(keys, _GOLDEN)
                golden.record(index, Base.open(index), encoder, titles, encoder.version)
                build_vocabulary(live_listings(self._listings)).save(index.parent / "words")
                word_rows.save(index.parent / "rows", self._rows())

            releases.publish(
                self._release_folder,
                encoder=folder,
                build_index=build_index,
                model_version=encoder.version,
                count=len(keys),
                vector_seq=seq,
                listing_seq=embedded,
                at=at,
                check=lambda release: golden.check_own(release / "index", keys, vectors, _GOLDEN),
            )
        progress("build release", 1, 1)

    def _rows(self) -> Iterator[word_rows.Row]:
        stems = stemmer()
        for stored in live(self._listings):
            yield row_of(stored, see_stored(stored, stems))

    def _titles(self, keys: NDArray[np.int64], n: int) -> dict[int, str]:
        """Of some n listings, to ask for: see retrieval.golden and retrieval.typed."""
        step = max(1, len(keys) // n)
        some = [ListingKey(key) for key in keys[::step].tolist()]
        found = self._listings.get_by_key(some)
        return {key: found[key].listing.title for key in some if key in found}

    def _held_categories(self) -> CategoryModel | None:
        """The classifier of the current release; None where there is none that can be read."""
        name = releases.current(self._release_folder)
        try:
            return None if name is None else categories.read(self._release_folder / name / "index")
        except Corrupt:
            return None

    def _live_vectors(
        self, encoder: Encoder, file: IO[bytes]
    ) -> tuple[NDArray[np.int64], Vectors, Seq]:
        """Keys, and vectors in the file, which are more than the memory should hold."""
        # What has ended, not what is live: a listing that comes while vectors are read is neither,
        # and readers do not look for its vector among those that came since.
        ended: set[int] = set()
        after = Seq(0)
        while rows := self._listings.attributes(after, _READ_BATCH):
            ended.update(row.key for row in rows if not row.live)
            after = rows[-1].seq
        parts, seq = [np.empty(0, np.int64)], Seq(0)
        while len((batch := self._vectors.vectors_after(encoder.version, seq, _READ_BATCH)).keys):
            keep = np.array([key not in ended for key in batch.keys.tolist()], dtype=bool)
            parts.append(batch.keys[keep])
            file.write(batch.vectors[keep].tobytes())
            seq = batch.seq
        file.flush()
        keys = np.concatenate(parts)
        if not len(keys):  # a file of no bytes cannot be mapped
            return keys, np.empty((0, encoder.dim), np.float32), seq
        shape = (len(keys), encoder.dim)
        return keys, np.memmap(file, np.float32, mode="r", shape=shape), seq
