"""Writing the text index."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tantivy

from marketrank.errors import Corrupt
from marketrank.retrieval import text_folder
from marketrank.retrieval.text_folder import State
from marketrank.retrieval.text_index.schema import KEY, is_tantivys, open_index
from marketrank.retrieval.understand.sizes import with_sizes
from marketrank.types import ListingKey, Seq

_log = logging.getLogger(__name__)
_HEAP_BYTES = 50_000_000


class TextWriter:
    """Writes the text index of a folder; the only one to do so at a time.

    Raises NotReady where another process writes to the folder.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = text_folder.take_lock(folder)
        self._state, self._index = _open_for_writing(folder)
        self._writer: Any = self._index.writer(_HEAP_BYTES, num_threads=1)

    def applied(self) -> Seq:
        """The change up to which the index is complete; 0 for a new or rebuilt one."""
        return Seq(self._state.seq)

    def upsert(self, key: ListingKey, title: str, category: str, description: str) -> None:
        """Add a listing, or replace it; visible after `commit`."""
        document = tantivy.Document()
        document.add_integer(KEY, int(key))
        document.add_text("title", with_sizes(title))
        document.add_text("category", category)
        document.add_text("description", with_sizes(description))
        try:
            self._writer.delete_documents_by_term(KEY, int(key))
            self._writer.add_document(document)
        except BaseException as error:
            if not is_tantivys(error):
                raise
            raise self._broken(error) from error

    def delete(self, keys: Sequence[ListingKey]) -> None:
        """Remove listings; those that are not there are ignored. Visible after `commit`."""
        for key in keys:
            self._writer.delete_documents_by_term(KEY, int(key))

    def commit(self, seq: Seq) -> None:
        """Make everything since the last commit durable and visible, as complete up to `seq`."""
        try:
            self._writer.commit()
        except BaseException as error:
            if not is_tantivys(error):
                raise
            raise self._broken(error) from error
        self._state = replace(self._state, seq=int(seq))
        text_folder.write_state(self._folder, self._state)

    def close(self) -> None:
        """Give the folder back; what was not committed is dropped."""
        self._writer = None
        self._lock.close()

    def _broken(self, error: BaseException) -> Corrupt:
        """tantivy's writer does not survive an error: go back to the last commit."""
        self._writer = None
        self._state, self._index = _open_for_writing(self._folder)
        self._writer = self._index.writer(_HEAP_BYTES, num_threads=1)
        return Corrupt(
            f"the text index in {self._folder} could not be written ({error}); changes after "
            f"{self._state.seq} must be applied again: is the disk full?"
        )


def _open_for_writing(folder: Path) -> tuple[State, Any]:
    state = text_folder.usable(folder)
    if state is not None:
        try:
            index = open_index(folder / state.index)
        except BaseException as error:
            if not is_tantivys(error):
                raise
            _log.warning("text index %s is rebuilt: %s", folder / state.index, error)
        else:
            text_folder.remove_others(folder, state)
            return state, index
    fresh = text_folder.start(folder)
    return fresh, open_index(folder / fresh.index)
