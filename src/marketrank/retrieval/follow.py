"""What one process sees of the marketplace, kept up to date by polling.

Readers never write: they follow the listings and vectors by sequence number, reload the text
index and swap to a new release when CURRENT changes. A request takes one `View` and keeps it, so
it never mixes an encoder of one release with an index of another.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread

from marketrank.background import in_thread
from marketrank.errors import MarketrankError, NotReady
from marketrank.ports import Encoder, ListingStore, TextIndex, VectorIndex, VectorStore
from marketrank.retrieval import golden, word_rows
from marketrank.retrieval import release as releases
from marketrank.retrieval import vocabulary as words
from marketrank.retrieval.catalogue import Catalogue, Snapshot
from marketrank.retrieval.completion import Completer
from marketrank.retrieval.exact_index import ExactSegment
from marketrank.retrieval.layered_index import LayeredIndex
from marketrank.retrieval.synonyms import Synonyms, compounds
from marketrank.retrieval.text_index import TextReader
from marketrank.retrieval.understand import categories
from marketrank.retrieval.understand.categories import CategoryModel
from marketrank.retrieval.vector_index import Base
from marketrank.retrieval.vocabulary import Vocabulary
from marketrank.retrieval.word_rows import WordRows
from marketrank.types import ReleaseId, Seq

_BATCH = 10_000
_LOOKED_AT = 1_000  # vectors of a new index that are looked at before it answers
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """One release with everything that has changed since it was built."""

    release: ReleaseId
    encoder: Encoder
    catalogue: Snapshot
    text: TextIndex
    vectors: VectorIndex
    categories: CategoryModel | None = None
    vocabulary: Vocabulary = field(default_factory=words.empty)
    completer: Completer = field(default_factory=lambda: Completer(words.empty()))
    rows: WordRows | None = None
    """Of the listings that were there when it was built."""


@dataclass(slots=True)
class _Loaded:
    """A release in memory, and how far its fresh segment has followed."""

    release: ReleaseId
    encoder: Encoder
    segment: ExactSegment
    vectors: LayeredIndex
    seq: Seq
    categories: CategoryModel | None
    vocabulary: Vocabulary
    completer: Completer
    rows: WordRows | None


class Follower:
    """Keeps a View current. `refresh` may be called from one thread at a time; `view` from any."""

    def __init__(
        self,
        *,
        listings: ListingStore,
        vectors: VectorStore,
        text_folder: Path,
        release_folder: Path,
        open_encoder: Callable[[Path], Encoder],
        synonyms: Synonyms | None = None,
        compare: Callable[[View, View], None] = lambda old, new: None,
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`compare` looks at the view that answers and the one that would follow it, and raises a
        MarketrankError to keep the old one; `on_refused` hears of each release that is refused."""
        self._listings = listings
        self._vectors = vectors
        self._release_folder = release_folder
        self._open_encoder = open_encoder
        self._synonyms = synonyms or Synonyms()
        self._catalogue = Catalogue()
        self._text = TextReader(text_folder)
        self._loaded: _Loaded | None = None
        self._compare = compare
        self._on_refused = on_refused
        self._coming: tuple[ReleaseId, Future[_Loaded]] | None = None
        self._refused: ReleaseId | None = None
        self._seq = Seq(0)
        self._followed = Seq(-1)
        self._view: View | None = None
        self._lock = Lock()

    def view(self) -> View | None:
        """The newest view, or None until a release is loaded."""
        return self._view

    @property
    def seen(self) -> Seq:
        """The newest change of a listing that views know."""
        return self._seq

    @property
    def followed(self) -> Seq:
        """Up to here everything that took a number of the listings' counter, their vectors and
        estimates, too, was committed before the last `refresh`."""
        return self._followed

    @property
    def refused(self) -> ReleaseId | None:
        """The last release that was broken; it still is current where `view` has another."""
        return self._refused

    def refresh(self, *, in_background: bool = False) -> None:
        """Catch up with everything that is committed now. With `in_background` a new release is
        loaded and checked by a thread while the old one goes on following, and a later call swaps;
        a first one is waited for."""
        with self._lock:
            self._follow_release(in_background)
            last = self._listings.last_seq()
            if last != self._followed:  # one question five times a second, and not three
                self._follow_vectors()
                self._follow_listings()
                self._followed = last
            self._follow_words()
            loaded = self._loaded
            if loaded is not None:
                self._view = self._view_of(loaded)

    def _view_of(self, loaded: _Loaded) -> View:
        return View(
            loaded.release,
            loaded.encoder,
            self._catalogue.snapshot(),
            self._text,
            loaded.vectors,
            loaded.categories,
            loaded.vocabulary,
            loaded.completer,
            loaded.rows,
        )

    def _follow_release(self, in_background: bool) -> None:
        current, held = releases.current(self._release_folder), self._loaded
        if self._coming is not None:
            self._take_over(*self._coming)
        elif current is None or current == self._refused:
            return
        elif held is None:
            self._use(self._first(current))
        elif current != held.release:
            step = in_thread if in_background else _at_once
            self._coming = current, step("release", lambda: self._checked(current, held))
            if not in_background:
                self._take_over(*self._coming)

    def _take_over(self, name: ReleaseId, coming: "Future[_Loaded]") -> None:
        """Swap where the new release has been loaded and found good."""
        if not coming.done():
            return
        self._coming = None
        try:
            self._use(coming.result())
        except MarketrankError as error:
            self._refuse(name, error)

    def _use(self, loaded: _Loaded) -> None:
        self._text.use_synonyms(self._synonyms.joined(compounds(loaded.vocabulary)))
        self._loaded = loaded
        self._followed = Seq(-1)  # it has followed by itself, and may have missed the last ones

    def _refuse(self, name: ReleaseId, error: MarketrankError) -> None:
        """The old release keeps answering; the broken one is not tried again and again."""
        self._refused = name
        self._on_refused()
        _log.error("release %s refused, the one before it answers: %s", name, error)

    def _checked(self, name: ReleaseId, held: _Loaded) -> _Loaded:
        loaded = self._load(name)
        self._compare(self._view_of(held), self._view_of(loaded))
        self._catch_up(loaded)  # comparing takes a while
        return loaded

    def _first(self, current: ReleaseId) -> _Loaded:
        """The current release or, where that is broken, the newest other one that is whole."""
        try:
            return self._load(current)
        except MarketrankError as error:
            for name in releases.others(self._release_folder, current):
                try:
                    older = self._load(name)
                except MarketrankError as worse:
                    _log.warning("nor can release %s answer: %s", name, worse)
                    continue
                self._refuse(current, error)
                return older
            raise

    def _load(self, name: ReleaseId) -> _Loaded:
        manifest = releases.read_manifest(self._release_folder, name)
        folder = self._release_folder / name
        held = self._loaded
        if held is not None and held.encoder.version == manifest.model_version:
            encoder = held.encoder
        else:
            encoder = self._open_encoder(folder / "encoder")
            if encoder.version != manifest.model_version:
                raise NotReady(
                    f"release {name} was built with {manifest.model_version}, but the settings "
                    f"now ask for {encoder.version}; run `marketrank index`"
                )
        segment = ExactSegment(encoder.dim)
        base = Base.open(folder / "index")
        every = max(1, len(base.keys) // _LOOKED_AT)
        golden.check(folder / "index", base, encoder, encoder.version, base.keys[::every])
        vocabulary = _vocabulary(folder / "words")
        loaded = _Loaded(
            name,
            encoder,
            segment,
            LayeredIndex(base, segment),
            manifest.vector_seq,
            categories.read(folder / "index"),
            vocabulary,
            Completer(vocabulary),
            word_rows.read(folder / "rows"),
        )
        self._catch_up(loaded)  # complete before it becomes visible
        return loaded

    def _follow_words(self) -> None:
        try:
            self._text.reload()
        except MarketrankError as error:
            # Prices and places go on; the indexer rebuilds words that cannot be read.
            _log.error("the text index stays as it was: %s", error)

    def _follow_vectors(self) -> None:
        if self._loaded is not None:
            self._catch_up(self._loaded)

    def _catch_up(self, loaded: _Loaded) -> None:
        while True:
            batch = self._vectors.vectors_after(loaded.encoder.version, loaded.seq, _BATCH)
            if len(batch.keys) == 0:
                return
            loaded.segment.put(batch.keys, batch.vectors)
            loaded.seq = batch.seq

    def _follow_listings(self) -> None:
        while batch := self._listings.attributes(self._seq, _BATCH):
            self._catalogue.apply(batch)
            self._seq = batch[-1].seq


def _at_once(name: str, step: Callable[[], _Loaded]) -> "Future[_Loaded]":
    """Like `in_thread`, in this one."""
    future: Future[_Loaded] = Future()
    try:
        future.set_result(step())
    except MarketrankError as error:
        future.set_exception(error)
    return future


def _vocabulary(folder: Path) -> Vocabulary:
    """Releases of earlier versions have none."""
    return Vocabulary.open(folder) if folder.is_dir() else words.empty()


class Poller:
    """Runs a step again and again in a thread; a step that fails is logged and tried again."""

    def __init__(self, name: str, step: Callable[[], object], *, seconds: float) -> None:
        self._name = name
        self._step = step
        self._seconds = seconds
        self._stop = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> None:
        """No further step; waits for the one that runs, up to `timeout` seconds."""
        self._stop.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        failing = ""
        while not self._stop.is_set():
            try:
                self._step()
                failing = ""
            except Exception as error:
                # Once a fault, not five times a second.
                kind = type(error).__name__
                if failing != kind:
                    _log.error("%s failed and tries again: %s: %s", self._name, kind, error)
                    _log.debug("%s failed", self._name, exc_info=error)
                failing = kind
            self._stop.wait(self._seconds)
