"""The indexer: the one process that embeds listings and writes the indexes.

The database is the truth and everything here is derived from it, so each step can be killed and
done again: vectors are rows keyed by what they were made from, the text index remembers the
change up to which it is complete, and a release appears whole or not at all.
"""

import logging
from collections.abc import Callable, Sequence, Set
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import compress
from pathlib import Path
from threading import Event

import numpy as np

from marketrank.background import in_thread
from marketrank.errors import Corrupt
from marketrank.pipelines.chosen_encoder import ChosenEncoder
from marketrank.pipelines.estimating import Estimating
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.release_building import ReleaseBuilder
from marketrank.ports import BlobStore, Encoder, ListingStore, VectorStore
from marketrank.retrieval import golden
from marketrank.retrieval import release as releases
from marketrank.retrieval.text_folder import applied
from marketrank.retrieval.text_index import TextWriter
from marketrank.retrieval.vector_index import is_readable, read_keys
from marketrank.types import ListingKey, ReleaseId, Seq, Stored, Vectors

_log = logging.getLogger(__name__)
_TEXT_BATCH = 2_000
# Each commit begins another segment, and each segment takes its part of every search: 100,000
# listings that were committed by the 2,000 stood in eight, and a search took a third longer.
_TEXT_COMMIT = 50_000
_EMBED_BATCH = 64
_PATIENCE = 5.0  # seconds
_LOOK = timedelta(seconds=1)
_MIN_FRESH = 1_000  # fresh vectors below this are searched exactly at no cost worth a rebuild


@dataclass(frozen=True, slots=True)
class Indexed:
    """What one catching-up did. `release` is the current one afterwards, None where there is
    nothing to index yet."""

    texts: int
    embedded: int
    released: bool
    release: ReleaseId | None


class Indexer:
    """Brings text index, vectors and release up to date. Only one may run: see `storage.locks`."""

    def __init__(
        self,
        *,
        listings: ListingStore,
        vectors: VectorStore,
        blobs: BlobStore,
        text_folder: Path,
        release_folder: Path,
        encoder_folder: Callable[[], Path],
        open_encoder: Callable[[Path], Encoder],
        exact_below: int,
        rebuild_share: float,
        estimating: Estimating | None = None,
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`encoder_folder` is the encoder to use; where it is broken, that of the release stays in
        use and `on_refused` hears of it. `estimating` follows the listings beside words and
        vectors."""
        self._listings = listings
        self._vectors = vectors
        self._blobs = blobs
        self._text_folder = text_folder
        self._release_folder = release_folder
        self._chosen = ChosenEncoder(encoder_folder, open_encoder, release_folder, on_refused)
        self._releases = ReleaseBuilder(
            listings=listings,
            vectors=vectors,
            release_folder=release_folder,
            exact_below=exact_below,
        )
        self._rebuild_share = rebuild_share
        self._estimating = estimating
        self._encoder: tuple[Path, Encoder] | None = None
        self._embedded = Seq(0)
        self._ended = 0  # changes since the release that ended a listing
        self._writer: TextWriter | None = None
        self._builder: tuple[Path, Future[None]] | None = None
        self._kept_up = Seq(0)  # changes up to it have a vector of the release that answers, too
        self._stopping = Event()
        self._idle: tuple[Seq, datetime] | None = None

    @property
    def embedded(self) -> Seq:
        """The change up to which everything has its vector."""
        return self._embedded

    def stop(self) -> None:
        """End a `catch_up` of another thread after the batch that it is at. What it has done
        stays, and a process may end: one that ends under a running tower is aborted by it."""
        self._stopping.set()

    def close(self) -> None:
        """Give a release that is being built a moment to end, and the text index back."""
        if self._builder is not None:
            wait([self._builder[1]], timeout=_PATIENCE)
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def catch_up(
        self,
        at: datetime,
        *,
        progress: Progress = silent,
        rebuild: bool = False,
        in_background: bool = False,
    ) -> Indexed:
        """Index everything that is committed now. `rebuild` builds a new release in any case.

        With `in_background` a release that has become stale is built by a thread, while later
        calls go on with words and vectors; one of those raises what the thread did, and `released`
        tells that a build has begun. A first release is waited for: nothing answers without it.
        """
        last = self._listings.last_seq()
        if in_background and self._is_idle(last, at):
            return Indexed(0, 0, False, releases.current(self._release_folder))
        texts = self._index_texts(progress)
        if last == 0 and self._listings.last_seq() == 0:
            return Indexed(texts, 0, False, None)
        self._keep_up()
        try:
            embedded = self._embed(progress)
        except Corrupt as error:
            self._chosen.refuse(self._current_encoder()[0], error)
            embedded = self._embed(progress)
        if self._stopping.is_set():
            return Indexed(texts, embedded, False, releases.current(self._release_folder))
        if self._estimating is not None:
            self._estimating.catch_up(progress)
        released = self._is_free() and (rebuild or self._release_is_stale())
        if released:
            folder, encoder = self._current_encoder()
            step = partial(
                self._releases.build, folder, encoder, self._embedded, at, progress, anew=rebuild
            )
            self._ended = 0
            if in_background and self._manifest() is not None:
                self._builder = folder, in_thread("release", step)
            else:
                step()
        done = texts or embedded or released or self._builder is not None
        self._idle = None if done else (last, at)
        return Indexed(texts, embedded, released, releases.current(self._release_folder))

    def _is_idle(self, last: Seq, at: datetime) -> bool:
        """Whether nothing has come since a look that found nothing to do: it asks the database four
        or five questions. A promoted model, or what became of the files, is for the next one."""
        if self._idle is None or self._idle[0] != last:
            return False
        return timedelta(0) <= at - self._idle[1] < _LOOK

    def _is_free(self) -> bool:
        """Whether no release is being built. Raises what a finished build did, unless another
        encoder can be used from now on."""
        if self._builder is None:
            return True
        folder, builder = self._builder
        if not builder.done():
            return False
        self._builder = None
        try:
            builder.result()
        except Corrupt as error:
            self._chosen.refuse(folder, error)
        return True

    def is_current(self) -> bool:
        """Whether everything that is committed now is indexed, by whomever; writes nothing."""
        if self._listings.changes(applied(self._text_folder), 1):
            return False
        held, encoder = self._manifest(), self._open_current_encoder()
        if held is None or held.model_version != encoder.version:
            return self._listings.last_seq() == 0
        after = held.listing_seq
        while changes := self._listings.changes(after, _TEXT_BATCH):
            if self._missing(encoder, changes):
                return False
            after = changes[-1].seq
        return True

    def _index_texts(self, progress: Progress) -> int:
        if self._writer is None:
            self._writer = TextWriter(self._text_folder)
        done, waiting, after = 0, 0, self._writer.applied()
        while changes := self._changes(after, _TEXT_BATCH):
            for change in changes:
                if change.live:
                    listing = change.listing
                    self._writer.upsert(
                        change.key, listing.title, " ".join(listing.category), listing.description
                    )
            self._writer.delete([change.key for change in changes if not change.live])
            after = changes[-1].seq
            waiting += len(changes)
            if waiting >= _TEXT_COMMIT:
                self._writer.commit(after)
                waiting = 0
            done += len(changes)
            progress("index texts", done, None if len(changes) == _TEXT_BATCH else done)
        if waiting:
            self._writer.commit(after)
        return done

    def _embed(self, progress: Progress) -> int:
        encoder = self._open_current_encoder()
        done = 0
        total = None if self._embedded else self._count_missing(encoder)
        while changes := self._changes(self._embedded, _EMBED_BATCH):
            missing = self._put_missing(encoder, changes)
            self._bring_back(encoder, changes, {stored.key for stored in missing})
            self._embedded = changes[-1].seq
            self._ended += sum(not change.live for change in changes)
            done += len(missing)
            if missing:
                progress("embed listings", done, total)
                # A long embedding must not hold up the words, nor those who search meanwhile.
                self._index_texts(silent)
                self._keep_up()
        return done

    def _keep_up(self) -> None:
        """While all is embedded anew, what comes in gets a vector of the release that answers,
        too: it could not be found by meaning until the new one takes over."""
        held = self._manifest()
        if held is None or held.model_version == self._open_current_encoder().version:
            return
        answering = self._chosen.answering()
        if answering is None or answering[1].version != held.model_version:
            return
        encoder, after = answering[1], max(self._kept_up, held.listing_seq)
        while changes := self._changes(after, _EMBED_BATCH):
            self._put_missing(encoder, changes)
            after = self._kept_up = changes[-1].seq

    def _put_missing(self, encoder: Encoder, changes: Sequence[Stored]) -> list[Stored]:
        """Embed those that lack a vector, and return them. Raises Corrupt for vectors that are
        none."""
        missing = self._missing(encoder, changes)
        if missing:
            vectors = self._encode(encoder, missing)
            golden.check_vectors(vectors, dim=encoder.dim, of=encoder.version)
            self._vectors.put_vectors(
                encoder.version,
                [stored.key for stored in missing],
                [stored.listing.embed_hash() for stored in missing],
                vectors,
            )
        return missing

    def _changes(self, after: Seq, limit: int) -> Sequence[Stored]:
        """None once it is to stop."""
        return () if self._stopping.is_set() else self._listings.changes(after, limit)

    def _bring_back(
        self, encoder: Encoder, changes: Sequence[Stored], embedded: Set[ListingKey]
    ) -> None:
        """A listing that comes back as it was has its vector, but a release that was built while
        it had ended, or that is being built, is without it: give it a new number, for readers."""
        held = self._manifest()
        if held is None or held.model_version != encoder.version:
            return  # the next release will have all
        hashes = {
            stored.key: stored.listing.embed_hash()
            for stored in changes
            if stored.live and stored.key not in embedded
        }
        if self._builder is None and hashes:
            released = read_keys(self._release_folder / held.id / "index")
            known = np.isin(np.array(list(hashes), np.int64), released)
            hashes = dict(compress(hashes.items(), ~known))
        vectors = self._vectors.vectors_of(encoder.version, list(hashes)) if hashes else None
        if vectors is not None:
            self._vectors.put_vectors(encoder.version, list(hashes), list(hashes.values()), vectors)

    def _count_missing(self, encoder: Encoder) -> int:
        """How much there is to embed, for the progress bar of a first run."""
        missing, after = 0, Seq(0)
        while changes := self._changes(after, _TEXT_BATCH):
            missing += len(self._missing(encoder, changes))
            after = changes[-1].seq
        return missing

    def _missing(self, encoder: Encoder, changes: Sequence[Stored]) -> list[Stored]:
        live = [stored for stored in changes if stored.live]
        known = self._vectors.known(encoder.version, [stored.key for stored in live])
        return [stored for stored in live if known.get(stored.key) != stored.listing.embed_hash()]

    def _encode(self, encoder: Encoder, missing: Sequence[Stored]) -> Vectors:
        return encoder.encode_listings(
            [stored.listing.text for stored in missing],
            [self._photos(stored) for stored in missing],
        )

    def _photos(self, stored: Stored) -> list[bytes]:
        photos = []
        for photo in stored.listing.photos:
            try:
                photos.append(self._blobs.get(photo.blob))
            except KeyError:
                _log.warning("photo %s of listing %s is gone", photo.id, stored.listing.id)
        return photos

    def _open_current_encoder(self) -> Encoder:
        return self._current_encoder()[1]

    def _current_encoder(self) -> tuple[Path, Encoder]:
        folder, encoder = self._chosen.current()
        if self._encoder is None or self._encoder != (folder, encoder):
            self._encoder = (folder, encoder)
            held = self._manifest()
            fits = held is not None and held.model_version == encoder.version
            self._embedded = held.listing_seq if held is not None and fits else Seq(0)
            self._ended = 0
        return self._encoder

    def _manifest(self) -> releases.Manifest | None:
        """The current release's manifest; None where there is none that can be read."""
        name = releases.current(self._release_folder)
        try:
            return (
                None
                if name is None
                else releases.read_manifest(self._release_folder, name, verify=False)
            )
        except Corrupt:
            return None

    def _release_is_stale(self) -> bool:
        held = self._manifest()
        encoder = self._open_current_encoder()
        if held is None or held.model_version != encoder.version:
            return True
        if not is_readable(self._release_folder / held.id / "index"):  # of an older version
            return True
        limit = max(_MIN_FRESH, int(self._rebuild_share * held.count))
        fresh = self._vectors.count_after(encoder.version, held.vector_seq)
        return fresh + self._ended > limit
